from http import HTTPStatus

import numpy as np
import pytest

from index.base.choices import FaceChoice, Linkage
from index.base.errors import RequestError
from index.base.settings import Settings
from index.counting.answer import answer_question
from index.counting.question import Question, build_question, decode_text, parse_threshold
from tests.index.builders import DIM, SPACE, choose_faces, face_row, image

THE_FILE = {"filepath": ["a.jpg"]}


@pytest.fixture
def small_limits(settings: Settings) -> Settings:
    return settings.model_copy(update={"max_request_files": 3, "max_request_faces": 2})


def refused(given: dict[str, list[str]], settings: Settings) -> tuple[int, str]:
    with pytest.raises(RequestError) as caught:
        build_question(given, settings)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert len(sentence) < 200
    return caught.value.status, sentence


class TestThreshold:
    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("0.2", 0.2),
            ("0", 0.0),
            ("0.0", 0.0),
            ("1", 1.0),
            (".2", 0.2),
            ("2.", 2.0),
            ("+0.2", 0.2),
            ("00.20", 0.2),
            ("1e-3", 0.001),
            ("2E-1", 0.2),
            ("1e+1", 10.0),
            ("1e-999", 0.0),
            ("1e300", 1e300),
            ("-0", 0.0),
            ("-0.00e5", 0.0),
        ],
    )
    def test_decimal_numbers_are_taken_in_any_usual_spelling(self, text: str, value: float) -> None:
        assert parse_threshold(text) == value

    @pytest.mark.parametrize(
        "text",
        [
            "",
            " ",
            " 0.2",
            "0.2 ",
            "0.2\n",
            "nan",
            "NaN",
            "inf",
            "Infinity",
            "-inf",
            "1e999",
            "-0.1",
            "-1e-9",
            "-1e-400",  # nearer to zero than any float
            "-.01e-999",
            "1_0",
            "\uff10.2",  # a full-width zero
            "\u0660.\u0662",  # Arabic-Indic digits
            "0x1",
            "0,2",
            ".",
            "e5",
            "1e",
            "--1",
            "0.2.3",
            "1/5",
            "true",
            "None",
            "½",
            "9" * 400,
        ],
    )
    def test_anything_else_is_refused_by_name(self, settings: Settings, text: str) -> None:
        status, sentence = refused({**THE_FILE, "threshold": [text]}, settings)
        assert status == HTTPStatus.BAD_REQUEST
        assert sentence.startswith("threshold must be a")
        assert text[:40].strip() in sentence

    def test_a_missing_one_is_the_documented_default(self, settings: Settings) -> None:
        question = build_question(THE_FILE, settings)
        assert (question.threshold_text, question.threshold) == ("0.2", 0.2)

    @pytest.mark.parametrize("text", ["0.20", "2e-1", "+.2"])
    def test_the_callers_own_text_is_kept(self, settings: Settings, text: str) -> None:
        question = build_question({**THE_FILE, "threshold": [text]}, settings)
        assert (question.threshold_text, question.threshold) == (text, 0.2)


class TestFilepaths:
    def test_order_and_duplicates_are_kept_and_names_are_not_repeated(
        self, settings: Settings
    ) -> None:
        given = ["b.jpg", "a.jpg", "b.jpg", "人 +.jpg"]
        question = build_question({"filepath": given}, settings)
        assert question.filepaths == tuple(given)
        assert question.names == ["b.jpg", "a.jpg", "人 +.jpg"]

    @pytest.mark.parametrize("given", [{}, {"filepath": []}, {"threshold": ["0.2"]}])
    def test_without_any_the_question_is_refused(
        self, settings: Settings, given: dict[str, list[str]]
    ) -> None:
        assert refused(given, settings) == (
            400,
            "filepath is missing; give it once for each image",
        )

    @pytest.mark.parametrize(
        ("name", "sentence"),
        [
            ("", "filepath is empty"),
            ("a\x00b", "filepath contains a control character"),
            ("a\nb", "filepath contains a control character; a JSON body may name such a file"),
            ("a\x7f", "filepath contains a control character; a JSON body may name such a file"),
            ("\ud800.jpg", "filepath is not valid Unicode"),
            ("x" * 4097, "filepath is longer than 4096 bytes"),
            ("人" * 1366, "filepath is longer than 4096 bytes"),
        ],
    )
    def test_a_text_that_can_be_no_path_is_refused(
        self, settings: Settings, name: str, sentence: str
    ) -> None:
        assert refused({"filepath": ["a.jpg", name]}, settings) == (400, sentence)

    @pytest.mark.parametrize("name", ["a\nb.jpg", "a\tb.jpg", "Icon\r", "\x7f"])
    def test_a_json_body_may_name_any_file(self, settings: Settings, name: str) -> None:
        question = build_question({"filepath": [name]}, settings, in_json=True)
        assert question.filepaths == (name,)

    def test_no_body_names_what_can_be_no_path(self, settings: Settings) -> None:
        for name in ("", "a\0b", "\ud800.jpg", "x" * 4097):
            with pytest.raises(RequestError, match="filepath"):
                build_question({"filepath": [name]}, settings, in_json=True)

    def test_a_path_may_have_4096_bytes(self, settings: Settings) -> None:
        assert build_question({"filepath": ["人" * 1365 + "x"]}, settings).filepaths

    def test_bytes_that_are_no_utf8_are_refused_by_name(self) -> None:
        assert decode_text("人.jpg".encode(), "filepath") == "人.jpg"
        for raw in (b"\xff.jpg", b"\xc0\xaf", b"\xed\xa0\x80", b"\xe4\xba"):
            with pytest.raises(RequestError, match=r"^filepath is not valid UTF-8$") as caught:
                decode_text(raw, "filepath")
            assert caught.value.status == HTTPStatus.BAD_REQUEST

    def test_more_files_than_allowed_are_too_many_duplicates_included(
        self, small_limits: Settings
    ) -> None:
        assert build_question({"filepath": ["a", "b", "c"]}, small_limits)
        assert refused({"filepath": ["a"] * 4}, small_limits) == (
            413,
            "4 files are more than the 3 allowed",
        )


class TestOtherParameters:
    @pytest.mark.parametrize("name", ["filepaths", "Threshold", "", "files", "x" * 500, "a\nb"])
    def test_unknown_names_are_refused_by_name(self, settings: Settings, name: str) -> None:
        status, sentence = refused({**THE_FILE, name: ["1"]}, settings)
        assert status == HTTPStatus.BAD_REQUEST
        assert sentence.startswith(f"unknown parameter {name[:40]!r}")
        assert sentence.endswith(
            "known are filepath, threshold, faces, linkage, min_photos, unreadable"
        )

    def test_choices_come_from_the_caller_or_else_from_the_settings(
        self, settings: Settings
    ) -> None:
        question = build_question(THE_FILE, settings)
        assert (question.faces, question.linkage) == (settings.counted_faces, settings.linkage)
        other = settings.model_copy(
            update={"counted_faces": FaceChoice.ALL, "linkage": Linkage.SINGLE}
        )
        question = build_question(THE_FILE, other)
        assert (question.faces, question.linkage) == (FaceChoice.ALL, Linkage.SINGLE)
        given = {**THE_FILE, "faces": ["one"], "linkage": ["supported"]}
        question = build_question(given, other)
        assert (question.faces, question.linkage) == (FaceChoice.ONE, Linkage.SUPPORTED)

    @pytest.mark.parametrize(
        ("name", "value", "sentence"),
        [
            ("faces", "two", "faces must be one of key, all, one, not 'two'"),
            ("faces", "", "faces must be one of key, all, one, not ''"),
            ("faces", "KEY", "faces must be one of key, all, one, not 'KEY'"),
            ("linkage", "full", f"linkage must be one of {', '.join(Linkage)}, not 'full'"),
        ],
    )
    def test_an_unknown_choice_is_refused_with_the_known_ones(
        self, settings: Settings, name: str, value: str, sentence: str
    ) -> None:
        assert refused({**THE_FILE, name: [value]}, settings) == (400, sentence)

    @pytest.mark.parametrize("name", ["threshold", "faces", "linkage"])
    def test_a_parameter_given_twice_is_refused_even_with_one_value(
        self, settings: Settings, name: str
    ) -> None:
        assert refused({**THE_FILE, name: ["0.2", "0.2"]}, settings) == (
            400,
            f"{name} is given 2 times",
        )


class TestAnswering:
    def question(self, faces: FaceChoice = FaceChoice.KEY) -> Question:
        return Question(("a.jpg",), "0.2", 0.2, faces, Linkage.SUPPORTED)

    def test_more_counted_faces_than_allowed_are_too_many(self) -> None:
        faces = [face_row(number, image_id=number) for number in (1, 2, 3)]
        counted, left_out = choose_faces(faces, self.question(), 3)
        assert (counted, left_out) == (faces, [])
        with pytest.raises(RequestError) as caught:
            choose_faces(faces, self.question(), 2)
        assert caught.value.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        expected = "3 faces are more than the 2 allowed; ask about fewer files"
        assert str(caught.value) == expected

    def test_faces_that_do_not_count_do_not_count_towards_the_limit(self) -> None:
        faces = [face_row(1), face_row(2, probability=0.5), face_row(3, box=(0, 0, 9, 9))]
        counted, left_out = choose_faces(faces, self.question(), 1)
        assert [face.id for face in counted] == [1]
        assert [(face.id, why) for face, why in left_out] == [(2, "improbable"), (3, "small")]

    def test_faces_of_one_person_are_grouped_in_the_order_of_appearance(self) -> None:
        raw = [image(name).faces[0].embedding for name in ("ann", "ben", "ann")]
        vectors = SPACE.unit(np.stack(raw))
        faces = [face_row(number) for number in (4, 5, 9)]
        answer = answer_question(self.question(), faces, [], vectors, SPACE)
        assert answer.person_num == 2
        groups = [[face.id for face in person] for person in answer.persons()]
        assert groups == [[4, 9], [5]]

    def test_no_faces_are_no_persons(self) -> None:
        answer = answer_question(self.question(), [], [], np.empty((0, DIM), np.float32), SPACE)
        assert (answer.person_num, answer.persons()) == (0, [])
