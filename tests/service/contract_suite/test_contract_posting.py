"""The API contract: addresses and methods beside the first."""

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as effort
from hypothesis import strategies as st

from tests.service.running import Service, refusal


@pytest.mark.parametrize(
    "path",
    [
        "/person_count",
        "/person_count/",
        "/person_count/person_count",
        "/person_count/person_count/",
    ],
)
def test_every_spelling_of_the_address_gives_the_same_bytes(library: Service, path: str) -> None:
    expected = library.ask("a.png", "b.png", threshold="0.3").body
    assert library.ask("a.png", "b.png", threshold="0.3", path=path).body == expected
    posted = library.post({"filepaths": ["a.png", "b.png"], "threshold": "0.3"}, path=path)
    assert posted.body == expected


@pytest.mark.parametrize(
    "target",
    [
        "/person",
        "/person_counts",
        "/person_count/x",
        "/person_count.json",
        "/Person_Count",
        "/person_count/person_count/person_count",
        "/static/../person_count",
        "/favicon.ico",
        "/admin?filepath=a.png",
    ],
)
def test_any_other_address_gets_a_404_of_the_same_shape(library: Service, target: str) -> None:
    for method in ("GET", "POST", "DELETE"):
        assert "address" in refusal(library.send(method, target), 404)


def test_posting_gives_the_same_bytes_as_getting(library: Service) -> None:
    names = ["both.png", "a.png", "张三/合影 一.png", "both.png"]
    posted = library.post({"filepaths": names, "threshold": "0.2"})
    assert posted.body == library.ask(*names, threshold="0.2").body
    assert posted.headers["Content-Type"] == "application/json; charset=utf-8"
    assert library.post({"filepaths": names}).body == library.ask(*names).body


def test_posting_has_the_same_errors(library: Service) -> None:
    for names, threshold in [
        (["nobody.png"], "0.2"),
        (["a.png", "broken.jpg"], "0.2"),
        (["a.png"], "NaN"),
        (["a.png"], ""),
        (["../secret.png"], "0.2"),
        ([""], "0.2"),
        ([], "0.2"),
    ]:
        posted = library.post({"filepaths": names, "threshold": threshold})
        asked = library.ask(*names, threshold=threshold)
        assert (posted.status, posted.body) == (asked.status, asked.body)


def test_the_other_choices_can_be_posted(library: Service) -> None:
    document = {"filepaths": ["both.png"], "faces": "one", "linkage": "single"}
    assert library.post(document).json["person_num"] == 1


@pytest.mark.parametrize(
    "kind", ["application/json", "application/json; charset=utf-8", "Application/JSON;x=y"]
)
def test_json_is_recognised_by_its_type(library: Service, kind: str) -> None:
    assert library.post({"filepaths": ["a.png"]}, content_type=kind).status == 200


@pytest.mark.parametrize(
    "kind",
    [
        None,
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "multipart/form-data",
        "application/jsonx",
    ],
)
def test_another_content_type_is_refused(library: Service, kind: str | None) -> None:
    sentence = refusal(library.post({"filepaths": ["a.png"]}, content_type=kind), 400)
    assert '{"filepaths": ["a.jpg"]}' in sentence
    assert "application/json" in sentence
    assert ("PUT /files/NAME" in sentence) == (kind or "").startswith("multipart")


@pytest.mark.parametrize(
    "written", ["0.3", "0.30", "3e-1", "0", "1", "-0", "1.50000000000000000001"]
)
def test_a_threshold_may_be_a_json_number_and_is_repeated_as_written(
    library: Service, written: str
) -> None:
    body = f'{{"filepaths": ["a.png", "b.png"], "threshold": {written}}}'.encode()
    expected = library.ask("a.png", "b.png", threshold=written)
    assert library.post(body).body == expected.body
    assert expected.json["threshold"] == written


def test_the_list_may_be_called_filepath(library: Service) -> None:
    names = ["both.png", "a.png", "both.png"]
    for path in ("/person_count", "/persons"):
        expected = library.post({"filepaths": names}, path=path).body
        assert library.post({"filepath": names}, path=path).body == expected


BAD_BODIES = [
    (b"", "JSON"),
    (b"{", "JSON"),
    (b"filepath=a.png", "JSON"),
    (b'{"filepaths": ["a.png"]', "JSON"),
    (b'{"filepaths": ["\xff"]}', "JSON"),
    (b"[" * 100_000, "JSON"),
    (b"9" * 5_000, "JSON"),
    (b"null", "object"),
    (b"1", "object"),
    (b'["a.png"]', "object"),
    (b'"a.png"', "object"),
    (b"{}", "filepath"),
    (b'{"threshold": "0.2"}', "filepath"),
    (b'{"filepaths": null}', "filepaths"),
    (b'{"filepaths": "a.png"}', "filepaths"),
    (b'{"filepaths": {"a.png": 1}}', "filepaths"),
    (b'{"filepaths": ["a.png", 1]}', "filepaths"),
    (b'{"filepaths": ["a.png", null]}', "filepaths"),
    (b'{"filepaths": [["a.png"]]}', "filepaths"),
    (b'{"filepaths": ["a\\u0000.png"]}', "filepath"),
    (b'{"filepaths": ["\\ud800.png"]}', "filepath"),
    (b'{"filepaths": ["a.png"], "threshold": -0.2}', "threshold"),
    (b'{"filepaths": ["a.png"], "threshold": 1e999}', "threshold"),
    (b'{"filepaths": ["a.png"], "threshold": NaN}', "threshold"),
    (b'{"filepaths": ["a.png"], "threshold": Infinity}', "threshold"),
    (b'{"filepaths": ["a.png"], "threshold": true}', "threshold"),
    (b'{"filepath": "a.png"}', "filepath must be a list"),
    (b'{"filepath": [1]}', "filepath must be a list"),
    (b'{"filepaths": ["a.png"], "threshold": null}', "threshold"),
    (b'{"filepaths": ["a.png"], "threshold": ["0.2"]}', "threshold"),
    (b'{"filepaths": ["a.png"], "threshold": "\\ud800"}', "threshold"),
    (b'{"filepaths": ["a.png"], "faces": 1}', "faces"),
    (b'{"filepaths": ["a.png"], "faces": "\\udfff"}', "faces"),
    (b'{"filepaths": ["a.png"], "unknown": "x"}', "unknown"),
    (b'{"filepaths": ["a.png"], "filepath": "b.png"}', "filepath"),
    (b'{"filepaths": ["a.png"], "filepath": ["b.png"]}', "filepath"),
    (b'{"filepaths": ["a.png"], "\\ud800": "x"}', "parameter"),
    (b'{"filepaths": ["a.png"], "": "x"}', "parameter"),
    (b'{"filepaths": ["a.png"], "filepaths": ["b.png"]}', "'filepaths' is given 2 times"),
    (b'{"filepaths": ["a.png"], "file\\u0070aths": ["a.png"]}', "'filepaths' is given 2 times"),
    (b'{"threshold": "1", "filepaths": ["a.png"], "threshold": "2"}', "'threshold' is given 2"),
    (b'{"filepaths": ["a.png"], "faces": {"a": 1, "a": 1}}', "'a' is given 2 times"),
]


@pytest.mark.parametrize(("body", "named"), BAD_BODIES, ids=lambda value: repr(value[:40]))
def test_a_bad_body_is_told_what_is_wrong(library: Service, body: bytes, named: str) -> None:
    assert named in refusal(library.post(body), 400)


def test_a_member_whose_name_is_no_text_is_told_so(library: Service) -> None:
    refusal(library.post(b'{"filepaths": ["a.png"], "\\ud800": 1}'), 400)


def test_a_body_and_a_query_at_once_are_refused(library: Service) -> None:
    answer = library.post({"filepaths": ["a.png"]}, path="/person_count?threshold=0.2")
    assert "URL" in refusal(answer, 400)


def test_a_body_on_a_get_is_not_read_as_a_question(library: Service) -> None:
    answer = library.send(
        "GET", "/person_count", b'{"filepaths": ["a.png"]}', {"Content-Type": "application/json"}
    )
    assert "filepath" in refusal(answer, 400)


json_values = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.just("a.png")
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(
    st.dictionaries(
        st.one_of(st.sampled_from(["filepaths", "threshold", "faces"]), st.text(max_size=5)),
        json_values,
        max_size=4,
    )
)
@effort(
    max_examples=100,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_any_json_body_gets_an_answer_of_the_promised_shape(
    library: Service, document: dict[str, object]
) -> None:
    answer = library.post(document)
    if answer.status == 200:
        assert list(answer.json) == ["errcode", "filepaths", "threshold", "person_num"]
    else:
        assert answer.status in {400, 404, 422}
        refusal(answer, answer.status)
