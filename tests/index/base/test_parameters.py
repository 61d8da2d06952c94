"""Parameters of requests: what a declaration makes of a request's texts, and its schema."""

from enum import StrEnum

import pytest

from index.base.errors import RequestError
from index.base.parameters import (
    JsonNumber,
    Kind,
    Parameter,
    check_known,
    choice,
    parse_all,
    whole_number,
)
from index.base.settings import FaceChoice, Settings


class Fruit(StrEnum):
    APPLE = "apple"
    PEAR = "pear"


NUMBER = Parameter("number", whole_number(1, 20), english="How many.", chinese="数量", default="7")
FRUIT = Parameter("fruit", choice(Fruit), english="Which.", chinese="水果")
FACES = Parameter(
    "faces", choice(FaceChoice), english="Faces.", chinese="脸", setting="counted_faces"
)
SHARE = Parameter(
    "share",
    Kind({"type": "string"}, lambda _, text: float(text), is_number=True),
    english="How much.",
    chinese="份额",
)
ALL = (NUMBER, FRUIT, FACES)


def refused(given: dict[str, list[str]], settings: Settings) -> str:
    with pytest.raises(RequestError) as caught:
        parse_all(ALL, given, settings)
    assert caught.value.status == 400
    return str(caught.value)


def test_given_texts_become_values_and_the_others_have_their_defaults(settings: Settings) -> None:
    assert parse_all(ALL, {"fruit": ["pear"]}, settings) == {
        "number": 7,
        "fruit": Fruit.PEAR,
        "faces": settings.counted_faces,
    }
    other = settings.model_copy(update={"counted_faces": FaceChoice.ALL})
    assert parse_all(ALL, {"number": ["20"]}, other) == {
        "number": 20,
        "fruit": None,
        "faces": FaceChoice.ALL,
    }


@pytest.mark.parametrize("text", ["", "0", "21", "-1", "1.0", " 1", "\u0661", "9" * 30])
def test_only_whole_numbers_in_the_range_are_taken(text: str, settings: Settings) -> None:
    found = refused({"number": [text]}, settings)
    assert found.startswith("number must be a number from 1 to 20, not ")


def test_refusals_name_the_parameter_and_what_it_takes(settings: Settings) -> None:
    assert refused({"fruit": ["x"]}, settings) == "fruit must be one of apple, pear, not 'x'"
    assert refused({"fruit": ["pear", "pear"]}, settings) == "fruit is given 2 times"
    with pytest.raises(RequestError, match="unknown parameter 'x'; known are number, fruit"):
        check_known({"x": ["1"]}, ("number", "fruit"))


def test_a_schema_says_type_default_and_meaning(settings: Settings) -> None:
    assert NUMBER.schema(settings) == {
        "type": "integer",
        "minimum": 1,
        "maximum": 20,
        "default": 7,
        "description": "How many.",
    }
    assert FRUIT.schema(settings) == {
        "type": "string",
        "enum": ["apple", "pear"],
        "description": "Which.",
    }
    assert FACES.schema(settings)["default"] == settings.counted_faces
    assert SHARE.schema(settings)["type"] == "string"
    assert SHARE.json_schema(settings)["type"] == ["string", "number"]
    assert FRUIT.json_schema(settings) == FRUIT.schema(settings)


def test_members_of_a_body_have_the_type_that_the_schema_says() -> None:
    assert NUMBER.text_of(JsonNumber("5")) == "5"
    assert SHARE.text_of(JsonNumber("0.50")) == SHARE.text_of("0.50") == "0.50"
    assert FRUIT.text_of("pear") == "pear"
    for parameter, value, wanted in (
        (NUMBER, "5", "an integer"),
        (NUMBER, True, "an integer"),
        (FRUIT, JsonNumber("5"), "a string"),
        (SHARE, None, "a number"),
        (FRUIT, None, "a string"),
    ):
        with pytest.raises(RequestError, match=f"'{parameter.name}' must be {wanted}"):
            parameter.text_of(value)
