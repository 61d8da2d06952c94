import pytest

from index.base.plurals import counted


@pytest.mark.parametrize(
    ("number", "said"), [(0, "0 faces"), (1, "1 face"), (2, "2 faces"), (61377, "61377 faces")]
)
def test_one_thing_alone_is_singular(number: int, said: str) -> None:
    assert counted(number, "face") == said


def test_a_verb_agrees_and_a_plural_may_be_irregular() -> None:
    assert counted(1, "photo is", "photos are") == "1 photo is"
    assert counted(2, "person", "people") == "2 people"
