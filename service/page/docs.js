// Adds a button to every piece of code that copies it. Without scripts the page lacks only that.

const COPIED_MILLISECONDS = 1500;
const { copy, copied } = document.body.dataset;

for (const box of document.querySelectorAll(".code")) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "quiet copy";
  button.textContent = copy;
  button.setAttribute("aria-live", "polite");
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(box.querySelector("code").textContent);
    button.textContent = copied;
    setTimeout(() => { button.textContent = copy; }, COPIED_MILLISECONDS);
  });
  if (navigator.clipboard) box.append(button); // only where the connection is trusted
}
