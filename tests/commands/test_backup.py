"""backup of a library of fake models, and back."""

import stat
from pathlib import Path

from tests.commands.conftest import Run


def test_a_backup_says_what_it_holds_and_can_be_restored(
    run: Run, library: Path, config: Path, tmp_path: Path
) -> None:
    file = tmp_path / "monday.db"
    made = run("backup", file, "--config", config)
    assert (made.code, made.out, made.err) == (0, f"{file}: checked, 4 images, 5 faces\n", "")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    forgotten = run("forget", library / "one.png", "--config", config)
    assert forgotten.code == 0
    back = run("restore", file, "--config", config)
    assert (back.code, back.err) == (0, "")
    assert "3 images, 4 faces" in back.out
    assert "forgotten again: 1 image, 1 face" in back.out
    assert "person_count.db.before-restore" in back.out
    assert run("verify", "--config", config).out == "all is well: 4 faces\n"


def test_a_backup_is_never_overwritten(run: Run, library: Path, config: Path) -> None:
    file = library.parent / "monday.db"
    file.write_text("precious")
    refused = run("backup", file, "--config", config)
    assert (refused.code, refused.out) == (1, "")
    assert f"there is a {file} already" in refused.err
    assert file.read_text() == "precious"
