import os
import unicodedata
from pathlib import Path

import pytest

from index.base.ignoring import Ignored
from index.base.paths import Finder, Roots, display, is_utf8, on_one_line, refusal

COMPOSED = unicodedata.normalize("NFC", "Zoé.jpg")
DECOMPOSED = unicodedata.normalize("NFD", "Zoé.jpg")
FORMS = (COMPOSED, DECOMPOSED)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """inbox/ with files, a second root beside it, and things outside that nobody may ask about."""
    for name in ("inbox/a.jpg", "inbox/sub/b.jpg", "inbox2/c.jpg", "more/d.jpg", "secret.jpg"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return tmp_path


@pytest.fixture
def roots(tree: Path) -> Roots:
    return Roots([tree / "inbox", tree / "more"])


def look(roots: Roots, name: str) -> str | None:
    found = Finder(roots).look(name)
    return None if found is None else found[0]


class TestLocating:
    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("a.jpg", "inbox/a.jpg"),
            ("./a.jpg", "inbox/a.jpg"),
            ("sub/../a.jpg", "inbox/a.jpg"),
            ("nowhere/../a.jpg", "inbox/a.jpg"),
            ("sub//b.jpg", "inbox/sub/b.jpg"),
            ("sub/./b.jpg", "inbox/sub/b.jpg"),
            ("../inbox/a.jpg", "inbox/a.jpg"),
            ("../more/d.jpg", "more/d.jpg"),
            ("~/a.jpg", "inbox/~/a.jpg"),
            ("$HOME/a.jpg", "inbox/$HOME/a.jpg"),
            ("%2e%2e/a.jpg", "inbox/%2e%2e/a.jpg"),
            ("..\\secret.jpg", "inbox/..\\secret.jpg"),
            ("C:\\a.jpg", "inbox/C:\\a.jpg"),
            ("...", "inbox/..."),
        ],
    )
    def test_relative_names_start_from_the_first_root(
        self, tree: Path, roots: Roots, name: str, expected: str
    ) -> None:
        assert roots.locate(name) == str(tree / expected)

    @pytest.mark.parametrize(
        "name",
        [
            "",
            ".",
            "./",
            "..",
            "../",
            "../secret.jpg",
            "sub/../../secret.jpg",
            "./.././secret.jpg",
            "sub//..//..//secret.jpg",
            "../inbox2/c.jpg",
            "../inbox",
            "../inbox/",
            "../../../../../../../../etc/passwd",
            "/etc/passwd",
            "//etc/passwd",
            "///etc/passwd",
            "/",
            "/proc/self/root/etc/passwd",
        ],
    )
    def test_nothing_outside_the_roots_is_located(self, roots: Roots, name: str) -> None:
        assert roots.locate(name) is None

    def test_absolute_names_must_lie_below_a_root_once_normalised(
        self, tree: Path, roots: Roots
    ) -> None:
        assert roots.locate(f"{tree}/more/d.jpg") == f"{tree}/more/d.jpg"
        assert roots.locate(f"{tree}/more/x/../d.jpg") == f"{tree}/more/d.jpg"
        assert roots.locate(f"{tree}/./inbox///a.jpg") == f"{tree}/inbox/a.jpg"
        assert roots.locate(f"{tree}/inbox/../secret.jpg") is None
        assert roots.locate(f"{tree}/inbox2/c.jpg") is None
        assert roots.locate(f"{tree}/inbox") is None
        assert roots.locate(str(tree)) is None

    def test_more_slashes_in_front_are_as_good_as_one(self, tree: Path, roots: Roots) -> None:
        assert roots.locate(f"///{tree}/inbox/a.jpg") == f"{tree}/inbox/a.jpg"
        assert roots.locate(f"/{tree}/inbox/a.jpg") == f"{tree}/inbox/a.jpg"

    def test_a_root_may_be_spelt_through_a_link(self, tree: Path) -> None:
        (tree / "link").symlink_to(tree / "inbox")
        linked = Roots([tree / "link"])
        assert linked.real == [f"{tree}/inbox"]
        for name in ("a.jpg", f"{tree}/link/a.jpg", f"{tree}/inbox/a.jpg"):
            assert linked.locate(name) == f"{tree}/inbox/a.jpg"
        assert linked.locate(f"{tree}/link/../secret.jpg") is None
        assert look(linked, "a.jpg") == f"{tree}/inbox/a.jpg"

    def test_a_root_may_be_spelt_in_a_roundabout_way(self, tree: Path) -> None:
        odd = Roots([Path(f"{tree}/more/../inbox/.")])
        assert odd.locate("a.jpg") == f"{tree}/inbox/a.jpg"
        assert odd.locate(f"{tree}/more/../inbox/a.jpg") == f"{tree}/inbox/a.jpg"

    def test_the_whole_file_system_can_be_a_root(self) -> None:
        everything = Roots([Path("/")])
        assert everything.locate("etc/passwd") == "/etc/passwd"
        assert everything.locate("../etc/passwd") == "/etc/passwd"
        assert look(everything, "/") is None
        assert everything.holds("/etc/passwd")
        assert everything.root_of("/etc/passwd") == "/"

    def test_real_paths_are_held_by_their_root_only(self, tree: Path, roots: Roots) -> None:
        assert roots.holds(f"{tree}/more/d.jpg")
        assert roots.root_of(f"{tree}/more/d.jpg") == f"{tree}/more"
        for outside in (f"{tree}/inbox2/c.jpg", f"{tree}/inbox", "/etc/passwd"):
            assert not roots.holds(outside)
            with pytest.raises(FileNotFoundError):
                roots.root_of(outside)
            with pytest.raises(FileNotFoundError):
                roots.stat(outside)

    def test_stat_knows_only_gone_and_there(self, tree: Path, roots: Roots) -> None:
        assert roots.stat(f"{tree}/inbox/a.jpg").st_size == 1
        for gone in ("inbox/none.jpg", "inbox/a.jpg/deeper.jpg"):
            with pytest.raises(FileNotFoundError):
                roots.stat(f"{tree}/{gone}")


class TestLooking:
    def test_finds_files_by_any_spelling(self, tree: Path, roots: Roots) -> None:
        for name in ("a.jpg", "./sub/../a.jpg", f"{tree}/inbox/a.jpg", "../more/../inbox/a.jpg"):
            found = Finder(roots).look(name)
            assert found is not None
            assert found[0] == f"{tree}/inbox/a.jpg"
            assert found[1].st_size == 1

    @pytest.mark.parametrize(
        "name",
        [
            "none.jpg",
            "A.JPG",
            "sub",
            "sub/",
            ".",
            "../secret.jpg",
            "a.jpg/b.jpg",
            "a.jpg\x00.png",
            "x" * 300,
            "x/" * 3000,
            "\ud800.jpg",
        ],
    )
    def test_finds_nothing_but_files_that_are_there(self, roots: Roots, name: str) -> None:
        assert look(roots, name) is None

    def test_a_link_to_a_file_is_found_as_a_link(self, tree: Path, roots: Roots) -> None:
        (tree / "inbox" / "link.jpg").symlink_to(tree / "secret.jpg")
        found = Finder(roots).look("link.jpg")
        assert found is not None
        reason = refusal(*found)
        assert reason is not None
        assert "symbolic link" in reason

    def test_nothing_is_found_through_a_linked_folder(self, tree: Path, roots: Roots) -> None:
        (tree / "inbox" / "out").symlink_to(tree)
        (tree / "inbox" / "in").symlink_to(tree / "inbox" / "sub")
        for name in ("out/secret.jpg", "out/inbox/a.jpg", "in/b.jpg", f"{tree}/inbox/in/b.jpg"):
            assert look(roots, name) is None

    def test_the_composed_form_is_tried_when_the_given_one_is_not_there(
        self, tree: Path, roots: Roots
    ) -> None:
        (tree / "inbox" / COMPOSED).touch()
        for name in (COMPOSED, DECOMPOSED):
            assert look(roots, name) == f"{tree}/inbox/{COMPOSED}"

    def test_a_decomposed_name_on_disk_is_found_by_both_forms(
        self, tree: Path, roots: Roots
    ) -> None:
        (tree / "inbox" / DECOMPOSED).touch()
        for name in (COMPOSED, DECOMPOSED):
            assert look(roots, name) == f"{tree}/inbox/{DECOMPOSED}"
            assert look(roots, f"{tree}/inbox/{name}") == f"{tree}/inbox/{DECOMPOSED}"

    @pytest.mark.parametrize("folder", [COMPOSED, DECOMPOSED])
    @pytest.mark.parametrize("name", [COMPOSED, DECOMPOSED])
    def test_folders_may_be_of_another_form_than_files(
        self, tree: Path, roots: Roots, folder: str, name: str
    ) -> None:
        there = tree / "inbox" / folder / "sub" / name
        there.parent.mkdir(parents=True)
        there.touch()
        for asked in (f"{one}/sub/{two}" for one in FORMS for two in FORMS):
            assert look(roots, asked) == str(there)

    def test_where_both_forms_are_folders_the_file_is_found_in_either(
        self, tree: Path, roots: Roots
    ) -> None:
        for folder, name in ((COMPOSED, "a.jpg"), (DECOMPOSED, "b.jpg")):
            (tree / "inbox" / folder).mkdir()
            (tree / "inbox" / folder / name).touch()
            (tree / "inbox" / folder / "both.jpg").touch()
        for folder in FORMS:
            assert look(roots, f"{folder}/a.jpg") == f"{tree}/inbox/{COMPOSED}/a.jpg"
            assert look(roots, f"{folder}/b.jpg") == f"{tree}/inbox/{DECOMPOSED}/b.jpg"
            assert look(roots, f"{folder}/both.jpg") == f"{tree}/inbox/{folder}/both.jpg"

    def test_a_root_may_be_of_the_other_form(self, tree: Path) -> None:
        for folder in FORMS:
            (tree / "homes" / folder).mkdir(parents=True)
            (tree / "homes" / folder / "a.jpg").touch()
        (tree / "homes" / DECOMPOSED / "b.jpg").touch()
        decomposed = Roots([tree / "homes" / DECOMPOSED])
        for folder in FORMS:
            found = look(decomposed, f"{tree}/homes/{folder}/b.jpg")
            assert found == f"{tree}/homes/{DECOMPOSED}/b.jpg"
        both = Roots([tree / "homes" / DECOMPOSED, tree / "homes" / COMPOSED])
        for folder in FORMS:
            asked = f"{tree}/homes/{folder}/a.jpg"
            assert look(both, asked) == asked

    def test_no_form_opens_a_way_through_links_or_into_what_is_ignored(
        self, tree: Path, roots: Roots
    ) -> None:
        (tree / "inbox" / DECOMPOSED).symlink_to(tree / "more")
        hidden = "." + DECOMPOSED
        (tree / "inbox" / hidden).mkdir()
        (tree / "inbox" / hidden / "a.jpg").touch()
        assert look(roots, f"{COMPOSED}/d.jpg") is None
        assert look(roots, f".{COMPOSED}/a.jpg") is None
        assert look(roots, "é/" * 1000 + "a.jpg") is None

    def test_bytes_that_are_no_utf8_are_found_as_they_are_shown(
        self, tree: Path, roots: Roots
    ) -> None:
        folder, name = "照片".encode("gbk"), "全家福.jpg".encode("gbk")
        path = os.path.join(os.fsencode(tree / "inbox"), folder, name)
        os.mkdir(os.path.dirname(path))
        with open(path, "wb"):
            pass
        shown = display(os.fsdecode(path))
        assert look(roots, shown) == os.fsdecode(path)
        assert look(roots, shown.removeprefix(f"{tree}/inbox/")) == os.fsdecode(path)

    def test_a_name_that_only_looks_like_such_bytes_comes_first(
        self, tree: Path, roots: Roots
    ) -> None:
        with open(os.fsencode(tree / "inbox") + b"/\xff.jpg", "wb"):
            pass
        assert look(roots, r"\xff.jpg") == os.fsdecode(os.fsencode(tree / "inbox") + b"/\xff.jpg")
        (tree / "inbox" / r"\xff.jpg").touch()
        assert look(roots, r"\xff.jpg") == str(tree / "inbox" / r"\xff.jpg")

    @pytest.mark.parametrize("name", [r"\x2e\x2e/secret.jpg", r"sub\x2fb.jpg", r"\x00.jpg"])
    def test_no_other_byte_is_spelt_out(self, roots: Roots, name: str) -> None:
        assert look(roots, name) is None

    def test_both_forms_side_by_side_are_two_files(self, tree: Path, roots: Roots) -> None:
        for name in (COMPOSED, DECOMPOSED):
            (tree / "inbox" / name).touch()
        for name in (COMPOSED, DECOMPOSED):
            assert look(roots, name) == f"{tree}/inbox/{name}"

    @pytest.mark.parametrize(
        "name", ["人物 照片+1.jpg", "a%20b.jpg", "q?x=1&y.jpg", "-rf.jpg", " "]
    )
    def test_unusual_names_are_names_like_any_other(
        self, tree: Path, roots: Roots, name: str
    ) -> None:
        (tree / "inbox" / name).touch()
        assert look(roots, name) == f"{tree}/inbox/{name}"

    @pytest.mark.parametrize(
        "name", [".hidden.jpg", "a.jpg.tmp", "a.jpg.part", "a.crdownload", "a~"]
    )
    def test_files_that_ingest_ignores_are_not_found(
        self, tree: Path, roots: Roots, name: str
    ) -> None:
        (tree / "inbox" / name).touch()
        assert look(roots, name) is None

    @pytest.mark.parametrize("folder", [".thumbnails", "upload.tmp", "sub/.git"])
    def test_files_in_folders_that_ingest_ignores_are_not_found(
        self, tree: Path, roots: Roots, folder: str
    ) -> None:
        (tree / "inbox" / folder).mkdir(parents=True)
        (tree / "inbox" / folder / "e.jpg").touch()
        assert look(roots, f"{folder}/e.jpg") is None

    def test_files_that_the_setting_names_are_not_found(self, tree: Path) -> None:
        chosen = Roots([tree / "inbox"], Ignored(["private/", "/sub/b.jpg", "*.jpg", "!a.jpg"]))
        for name in ("private/a.jpg", "sub/a.jpg", "private.jpg/a.jpg"):
            (tree / "inbox" / name).parent.mkdir(exist_ok=True)
            (tree / "inbox" / name).touch()
        assert look(chosen, "private/a.jpg") is None
        assert look(chosen, "sub/b.jpg") is None
        assert look(chosen, "private.jpg/a.jpg") is None
        assert look(chosen, "sub/a.jpg") == f"{tree}/inbox/sub/a.jpg"
        assert chosen.ignores(f"{tree}/inbox/private/a.jpg")
        assert not chosen.ignores(f"{tree}/inbox/sub/a.jpg")
        assert chosen.ignores(f"{tree}/elsewhere.jpg")

    def test_a_root_below_a_hidden_folder_is_a_root_like_any_other(self, tree: Path) -> None:
        hidden = tree / ".cache" / "inbox.tmp"
        hidden.mkdir(parents=True)
        (hidden / "a.jpg").touch()
        assert look(Roots([hidden]), "a.jpg") == f"{hidden}/a.jpg"


class TestShowing:
    def test_a_name_stays_on_its_line(self) -> None:
        assert on_one_line("a\nb\tc\r\x7f人 é.jpg") == r"a\nb\tc\r\x7f人 é.jpg"

    def test_text_is_shown_as_it_is(self) -> None:
        for path in ("/a b/人.jpg", "/Zoé", "/back\\slash"):
            assert display(path) == path
            assert is_utf8(path)

    def test_bytes_that_are_no_text_are_spelt_out(self) -> None:
        path = os.fsdecode(b"/in/\xff\xe4\xba\xba.jpg")
        assert display(path) == "/in/\\xff人.jpg"
        assert not is_utf8(path)
        display(path).encode("utf-8")
