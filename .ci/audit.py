"""Checks the installed packages for known holes: fails if an upgrade closes one, reports others.

Without a network nothing is checked. The output says so, so that it does not look like a clean
result; it is no failure, so that work offline can go on. Arguments go to pip-audit.
"""

import json
import subprocess
import sys
from typing import Any

SECONDS = 300  # for a slow advisory service; without a network it fails at once


def audit(arguments: list[str]) -> list[dict[str, Any]] | str:
    """The results of pip-audit for every package, or the reason why there are none."""
    command = [sys.executable, "-m", "pip_audit", "--vulnerability-service", "osv"]
    command += ["--skip-editable", "--progress-spinner", "off", "--timeout", "10", "-f", "json"]
    try:
        done = subprocess.run(  # noqa: S603 - our own arguments
            [*command, *arguments], capture_output=True, check=False, text=True, timeout=SECONDS
        )
    except subprocess.TimeoutExpired:
        return f"the advisory service took longer than {SECONDS} s"
    try:
        found: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except ValueError:
        return (done.stderr.strip().splitlines() or ["pip-audit said nothing"])[-1]
    return found


def report(packages: list[dict[str, Any]]) -> int:
    """Print the known holes. Returns the exit code."""
    curable = 0
    for package in packages:
        for hole in package.get("vulns", ()):
            name = f"{package['name']} {package['version']}: {hole['id']}"
            if hole["fix_versions"]:
                curable += 1
                print(f"audit: {name}, fixed in {', '.join(hole['fix_versions'])}")
            else:
                print(f"audit: {name}, not fixed in any version yet")
    skipped = [package["name"] for package in packages if "skip_reason" in package]
    print(f"audit: {len(packages) - len(skipped)} packages checked, {len(skipped)} not")
    return int(curable > 0)


if __name__ == "__main__":
    answer = audit(sys.argv[1:])
    if isinstance(answer, str):
        print(f"audit: not checked: {answer}")
    sys.exit(0 if isinstance(answer, str) else report(answer))
