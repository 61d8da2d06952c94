"""Descriptions of recognisers: what they may say, and what is told of a wrong one."""

from collections.abc import Callable
from pathlib import Path

import pytest

from index.base.errors import ConfigError
from ingest.interfaces import STANDARD, Framing
from ingest.networks.recogniser import SHIPPED, Recogniser, describe

GOOD = {
    "name": '"own"',
    "file": '"own.onnx"',
    "sha256": f'"{"0" * 64}"',
    "input_px": "112",
    "channels": '"BGR"',
    "mean": "[1, 2.5, 3]",
    "scale": "127.5",
    "crop": '"landmarks"',
}

Write = Callable[..., str]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a description with changes; None leaves a field out. Returns its path."""

    def make(**changes: str | None) -> str:
        fields = {name: value for name, value in (GOOD | changes).items() if value is not None}
        path = tmp_path / "own.toml"
        path.write_text("".join(f"{name} = {value}\n" for name, value in fields.items()))
        return str(path)

    return make


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_descriptions_are_valid_and_bear_their_names(name: str) -> None:
    found = describe(name)
    assert (found.name, found.folder) == (name, None)
    assert found.model_id.startswith(f"{name}-")
    assert found.licence


def test_facenet_is_known_by_its_file() -> None:
    for name in ("facenet", "facenet-vggface2"):
        found = describe(name)
        assert found.model_id == f"{name}-{found.sha256[:16]}"
        assert found.framing == STANDARD


def test_mobilefacenet_is_aligned() -> None:
    assert describe("mobilefacenet").framing == Framing(112, None)


def test_a_description_of_ones_own(write: Write, tmp_path: Path) -> None:
    found = describe(write())
    assert (found.mean, found.scale, found.folder) == ((1, 2.5, 3), 127.5, tmp_path)
    boxed = describe(write(crop='"box"', margin_px="20"))
    assert boxed.framing == Framing(112, 20)


@pytest.mark.parametrize(
    "change",
    [
        {"sha256": f'"{"1" * 64}"'},
        {"input_px": "128"},
        {"channels": '"RGB"'},
        {"mean": "2"},
        {"scale": "128"},
        {"crop": '"box"'},
        {"crop": '"box"', "margin_px": "1"},
    ],
)
def test_whatever_changes_vectors_changes_the_id(write: Write, change: dict[str, str]) -> None:
    assert describe(write(**change)).model_id != describe(write()).model_id


def test_words_for_people_do_not_change_the_id(write: Write) -> None:
    assert describe(write(licence='"MIT"')).model_id == describe(write()).model_id


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": None}, "name: Field required"),
        ({"name": '"../x"'}, "name: "),
        ({"file": '"../own.onnx"'}, "file: "),
        ({"sha256": '"0123"'}, "sha256: "),
        ({"input_px": "0"}, "input_px: "),
        ({"channels": '"GBR"'}, "channels: "),
        ({"mean": "[1, 2]"}, "mean"),
        ({"scale": "0"}, "scale"),
        ({"crop": '"circle"'}, "crop: "),
        ({"margin_px": "5"}, "belongs to crop"),
        ({"crop": '"box"', "margin_px": "112"}, "smaller than input_px"),
        ({"colour": "1"}, "colour: "),
        ({"architecture": '"resnet"'}, "architecture: "),
        ({"architecture": '"inception-resnet-v1"'}, "as facenet.toml says"),
        ({"source": '{ url = "http://a/b" }'}, "source.url: "),
        ({"source": '{ npm = "a@1" }'}, "npm and member belong together"),
        ({"source": '{ npm = "a", member = "b" }'}, "source.npm: "),
        ({"source": '{ npm = "--x@1", member = "b" }'}, "source.npm: "),
        ({"source": '{ url = "https://a/b", package = "c" }'}, "one of package, url and npm"),
        ({"name": "own"}, "is no description"),
    ],
)
def test_a_wrong_description_names_the_field(
    write: Write, change: dict[str, str | None], said: str
) -> None:
    with pytest.raises(ConfigError) as told:
        describe(write(**change))
    assert said in str(told.value)
    assert "own.toml" in str(told.value)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("name", ["nonsense", "/no/such.toml", "", "FACENET", ".", "~no-such/x"])
def test_a_model_that_there_is_not_is_a_clear_error(name: str) -> None:
    with pytest.raises(ConfigError, match=r"is neither facenet, .* nor the path of a description"):
        describe(name)


@pytest.mark.parametrize("content", [b"\xff\xfe", b"#" * 70_000])
def test_a_file_that_is_none_is_a_clear_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"photo\.jpg is (no|too large for a) description"):
        describe(str(path))


def test_a_description_may_not_say_where_it_lies(write: Write) -> None:
    found: Recogniser = describe(write(folder='"/etc"'))
    assert str(found.folder) != "/etc"
