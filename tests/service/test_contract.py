"""Every sentence of the API contract, asked over TLS from outside."""

import json
import os
import threading
import unicodedata
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as effort
from hypothesis import strategies as st
from PIL import Image
from sqlalchemy import delete, update

from index.paths import Roots
from index.schema import Analysis, Face
from index.settings import Linkage
from index.store import queue
from ingest.scan import Scanner
from tests.fakes import picture, save_picture
from tests.service.running import NOT_THERE, Answer, Service
from tests.waiting import wait_until

MIB = 1 << 20


def refusal(answer: Answer, status: int) -> str:
    """The sentence of an error whose shape has been checked to the letter."""
    assert answer.status == status
    document = answer.json
    assert list(document) == ["cord", "error"]
    assert document["cord"] == status
    assert isinstance(document["error"], str)
    assert document["error"]
    assert answer.body == json.dumps(document, ensure_ascii=False).encode()
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-store"
    return str(document["error"])


# --- success -------------------------------------------------------------------------------------


def test_the_answer_is_the_promised_document_byte_for_byte(library: Service) -> None:
    answer = library.ask("b.png", "a.png", threshold="0.20")
    assert answer.status == 200
    assert answer.body == (
        b'{"errcode": 1, "filepaths": ["b.png", "a.png"], "threshold": "0.20", "person_num": 2}'
    )
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"


def test_a_missing_threshold_is_the_text_of_the_default(library: Service) -> None:
    assert library.ask("a.png").body == (
        b'{"errcode": 1, "filepaths": ["a.png"], "threshold": "0.2", "person_num": 1}'
    )


@pytest.mark.parametrize(
    "text", ["0.2", ".2", "2e-1", "+0.2", "0.20000", "0", "1", "7.5", "1e-400"]
)
def test_the_threshold_comes_back_as_the_caller_wrote_it(library: Service, text: str) -> None:
    assert library.ask("a.png", threshold=text).json["threshold"] == text


def test_duplicates_and_order_are_kept(library: Service) -> None:
    names = ["both.png", "a.png", "both.png", "folder/../a.png", "a.png"]
    answer = library.ask(*names)
    assert answer.json["filepaths"] == names
    assert answer.json["person_num"] == 2


def test_the_same_file_twice_counts_once(library: Service) -> None:
    assert library.ask("a.png", "a.png").json["person_num"] == 1
    assert library.ask("a.png", "./a.png", "folder/../a.png").json["person_num"] == 1


def test_the_same_file_twice_counts_once_even_where_nothing_is_linked(library: Service) -> None:
    # at threshold 0 nothing is closer than the threshold, not even a face to itself
    assert library.ask("a.png", "a.png", threshold="0").json["person_num"] == 1
    assert library.ask("a.png", "copy.png", threshold="0").json["person_num"] == 1
    for linkage in Linkage:
        answer = library.ask("a.png", "a again.png", threshold="0", linkage=linkage)
        assert answer.json["person_num"] == 2, linkage


def test_one_person_in_two_photos_counts_once(library: Service) -> None:
    assert library.ask("a.png", "a again.png").json["person_num"] == 1


def test_a_file_without_a_face_counts_nobody(library: Service) -> None:
    assert library.ask("wall.png").json["person_num"] == 0
    assert library.ask("wall.png", "a.png").json["person_num"] == 1


def test_one_file_with_several_key_faces_counts_several(library: Service) -> None:
    assert library.ask("crowd.png").json["person_num"] == 3
    assert library.ask("both.png", "a.png", "b.png").json["person_num"] == 2


def test_everybody_is_one_person_when_the_threshold_covers_every_distance(library: Service) -> None:
    answer = library.ask("crowd.png", "both.png", threshold="1.1", linkage="single")
    assert answer.json["person_num"] == 1


def test_neither_order_nor_duplicates_nor_company_change_the_count(library: Service) -> None:
    names = ["a.png", "b.png", "crowd.png", "both.png", "wall.png", "copy.png"]
    forwards = library.ask(*names).json["person_num"]
    assert forwards == library.ask(*reversed(names)).json["person_num"] == 5
    assert forwards == library.ask(*names, *names).json["person_num"]


def test_small_faces_beside_a_large_one_are_no_key_faces(service: Service) -> None:
    picture(1, 2, square_px=(120, 50)).save(service.settings.inbox / "passer-by.png")
    assert service.ask("passer-by.png").json["person_num"] == 1
    assert service.ask("passer-by.png", faces="all").json["person_num"] == 2
    assert service.ask("passer-by.png", faces="one").json["person_num"] == 1


# --- names ---------------------------------------------------------------------------------------


def test_an_absolute_name_below_a_root_works(library: Service) -> None:
    name = str(library.settings.inbox / "a.png")
    answer = library.ask(name)
    assert answer.json == {
        "errcode": 1,
        "filepaths": [name],
        "threshold": "0.2",
        "person_num": 1,
    }
    assert library.ask(name, "a.png").json["person_num"] == 1


def test_an_absolute_name_below_a_further_root_works(
    make_service: Callable[..., Service], tmp_path: Path
) -> None:
    more = tmp_path / "more"
    more.mkdir()
    service = make_service(roots=(more,))
    save_picture(more / "x.png", 1)
    service.drop("y.png", 1)
    assert service.ask(str(more / "x.png"), "y.png").json["person_num"] == 1
    assert service.ask("x.png").body == NOT_THERE  # relative names start from the drop folder


def test_a_drop_folder_that_is_itself_a_link_works_by_both_its_names(
    make_service: Callable[..., Service], tmp_path: Path
) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    real.mkdir()
    link.symlink_to(real)
    service = make_service(inbox=link)
    service.drop("a.png", 1)
    names = ["a.png", str(link / "a.png"), str(real / "a.png")]
    answer = service.ask(*names)
    assert (answer.json["filepaths"], answer.json["person_num"]) == (names, 1)
    assert service.models.detector.images_seen == 1


def test_names_in_chinese_with_spaces_and_signs_work(library: Service) -> None:
    names = ["张三/合影 一.png", "one+one = two.png", "José.png", " padded .png"]
    answer = library.ask(*names)
    assert answer.json["filepaths"] == names
    assert answer.json["person_num"] == 4


def test_a_plus_sign_means_a_space_and_its_code_a_plus(library: Service) -> None:
    right = library.send("GET", "/person_count?filepath=one%2Bone+%3D%20two.png")
    assert right.json["filepaths"] == ["one+one = two.png"]
    wrong = library.send("GET", "/person_count?filepath=one+one+%3D+two.png")
    assert (wrong.status, wrong.body) == (404, NOT_THERE)


def test_a_name_in_bare_utf8_works(library: Service) -> None:
    target = "/person_count?filepath=张三/合影%20一.png"
    head = f"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
    assert "200 OK" in library.exchange(head).decode().splitlines()[0]


def test_blanks_around_a_name_belong_to_it(library: Service) -> None:
    assert library.ask(" padded .png").status == 200
    assert library.ask("padded .png").body == NOT_THERE
    assert library.ask("a.png ").body == NOT_THERE


def test_a_decomposed_name_finds_the_composed_file(library: Service) -> None:
    decomposed = unicodedata.normalize("NFD", "José.png")
    answer = library.ask(decomposed, "José.png")
    assert answer.json["filepaths"] == [decomposed, "José.png"]
    assert answer.json["person_num"] == 1


def test_a_decomposed_file_is_found_by_its_own_name_only(service: Service) -> None:
    decomposed = unicodedata.normalize("NFD", "José.png")
    service.drop(decomposed, 1)
    assert service.ask(decomposed).json["person_num"] == 1
    assert service.ask("José.png").body == NOT_THERE


# --- 404 -----------------------------------------------------------------------------------------


def test_a_missing_file_gets_the_promised_bytes(library: Service) -> None:
    answer = library.ask("nobody.png")
    assert (answer.status, answer.body) == (404, NOT_THERE)
    assert refusal(answer, 404) == "File does not exist"


def test_one_missing_file_among_others_is_enough(library: Service) -> None:
    answer = library.ask("a.png", "broken.jpg", "nobody.png")
    assert (answer.status, answer.body) == (404, NOT_THERE)


def test_files_on_a_disk_that_dropped_out_are_missing_until_it_is_back(
    make_service: Callable[..., Service],
) -> None:
    """Their removal is held, but an answer never counts what is not there."""
    service = make_service()
    service.drop("a.png", 1)
    assert service.ask("a.png").json["person_num"] == 1
    inbox = service.settings.inbox
    scanner = Scanner(service.database, Roots(service.settings.all_roots), 0.0)
    scanner.scan()
    inbox.rename(inbox.with_name("away"))
    inbox.mkdir()
    scanner.scan()
    assert scanner.held.removals_held == 1
    answer = service.ask("a.png")
    assert (answer.status, answer.body) == (404, NOT_THERE)
    inbox.rmdir()
    inbox.with_name("away").rename(inbox)
    scanner.scan()
    assert service.ask("a.png").json["person_num"] == 1
    assert service.models.detector.images_seen == 1  # it was not forgotten


OUTSIDE = [
    "../secret.png",
    "folder/../../secret.png",
    "./.././secret.png",
    "/etc/passwd",
    "/etc/nothing-here",
    "//etc/passwd",
    "/",
    ".",
    "..",
    "folder",
    "folder/",
    "a.png/x.png",
    "....//secret.png",
    "..\\secret.png",
    "file:///etc/passwd",
    "~/secret.png",
    "x" * 300,
    "x/" * 2000 + "a.png",
]


@pytest.mark.parametrize("name", OUTSIDE, ids=lambda name: name[:24])
def test_whatever_lies_outside_looks_like_nothing(library: Service, name: str) -> None:
    save_picture(library.settings.inbox.parent / "secret.png", 1)
    answer = library.ask(name)
    assert (answer.status, answer.body) == (404, NOT_THERE)


@pytest.mark.parametrize(
    "encoded",
    [
        "%2e%2e%2fsecret.png",
        "..%2fsecret.png",
        "%2e%2e/secret.png",
        "folder%2F..%2F..%2Fsecret.png",
        "%2Fetc%2Fpasswd",
        "..%252fsecret.png",
        "%c0%ae%c0%ae%2fsecret.png",
        "..%5csecret.png",
    ],
)
def test_percent_encoding_opens_no_way_out(library: Service, encoded: str) -> None:
    save_picture(library.settings.inbox.parent / "secret.png", 1)
    answer = library.send("GET", f"/person_count?filepath={encoded}")
    if "%c0" in encoded:  # overlong UTF-8 is no UTF-8
        assert "filepath" in refusal(answer, 400)
    else:
        assert (answer.status, answer.body) == (404, NOT_THERE)


def test_an_absolute_name_outside_looks_like_nothing_whether_it_exists_or_not(
    library: Service,
) -> None:
    outside = library.settings.inbox.parent
    save_picture(outside / "secret.png", 1)
    there, not_there = (library.ask(str(outside / name)) for name in ("secret.png", "none.png"))
    assert there.status == not_there.status == 404
    assert there.body == not_there.body == NOT_THERE
    kept = {"Content-Type", "Content-Length", "Cache-Control", "X-Content-Type-Options", "Date"}
    kept.add("X-Request-Id")  # random
    assert set(there.headers) == set(not_there.headers) <= kept


def test_a_folder_that_shares_the_roots_beginning_is_outside(library: Service) -> None:
    beside = library.settings.inbox.with_name("inbox2")
    beside.mkdir()
    save_picture(beside / "x.png", 1)
    assert library.ask(str(beside / "x.png")).body == NOT_THERE
    assert library.ask("../inbox2/x.png").body == NOT_THERE


def test_a_linked_folder_is_no_way_out(service: Service) -> None:
    outside = service.settings.inbox.parent / "outside"
    outside.mkdir()
    save_picture(outside / "x.png", 1)
    (service.settings.inbox / "link").symlink_to(outside)
    assert service.ask("link/x.png").body == service.ask("link/none.png").body == NOT_THERE


def test_a_link_says_nothing_of_what_it_points_to(service: Service) -> None:
    outside = service.settings.inbox.parent
    save_picture(outside / "secret.png", 1)
    (service.settings.inbox / "link.png").symlink_to(outside / "secret.png")
    (service.settings.inbox / "none.png").symlink_to(outside / "none.png")
    there, not_there = service.ask("link.png"), service.ask("none.png")
    assert "symbolic link" in refusal(there, 422)
    assert there.body.replace(b"link.png", b"none.png") == not_there.body


@pytest.mark.parametrize("name", ["x.png.tmp", ".x.png", "x.part", "x.png~", ".folder/x.png"])
def test_files_that_the_watcher_ignores_do_not_exist(service: Service, name: str) -> None:
    service.drop(name, 1)
    assert service.ask(name).body == NOT_THERE


def test_a_file_that_was_deleted_is_missing_at_once(service: Service) -> None:
    service.drop("a.png", 1)
    assert service.ask("a.png").status == 200
    (service.settings.inbox / "a.png").unlink()
    assert service.ask("a.png").body == NOT_THERE


# --- 400 -----------------------------------------------------------------------------------------


BAD_QUERIES = [
    ("", "filepath"),
    ("threshold=0.2", "filepath"),
    ("filepath=", "filepath"),
    ("filepath", "filepath"),
    ("filepath=a.png&filepath=", "filepath"),
    ("filepath=a.png&threshold=", "threshold"),
    ("filepath=a.png&threshold", "threshold"),
    ("filepath=a.png&threshold=abc", "threshold"),
    ("filepath=a.png&threshold=0,2", "threshold"),
    ("filepath=a.png&threshold=0x1", "threshold"),
    ("filepath=a.png&threshold=1_0", "threshold"),
    ("filepath=a.png&threshold=%20", "threshold"),
    ("filepath=a.png&threshold=0.2%20", "threshold"),
    ("filepath=a.png&threshold=+0.2", "threshold"),
    ("filepath=a.png&threshold=0.2%00", "threshold"),
    ("filepath=a.png&threshold=%D9%A2", "threshold"),
    ("filepath=a.png&threshold=NaN", "threshold"),
    ("filepath=a.png&threshold=-nan", "threshold"),
    ("filepath=a.png&threshold=inf", "threshold"),
    ("filepath=a.png&threshold=Infinity", "threshold"),
    ("filepath=a.png&threshold=-Infinity", "threshold"),
    ("filepath=a.png&threshold=1e999", "threshold"),
    ("filepath=a.png&threshold=-0.1", "threshold"),
    ("filepath=a.png&threshold=%ff", "threshold"),
    ("filepath=a.png&threshold=0.2&threshold=0.2", "threshold"),
    ("filepath=a.png&threshold=0.2&threshold=", "threshold"),
    ("filepath=%ff", "filepath"),
    ("filepath=a.png&filepath=%C3%28", "filepath"),
    ("filepath=%ED%A0%80", "filepath"),
    ("filepath=a.png%00", "filepath"),
    ("filepath=a%0D%0Ab.png", "filepath"),
    ("filepath=a%7F.png", "filepath"),
    ("filepath=" + "a" * 4097, "filepath"),
    ("filepath=" + "%E5%BC%A0" * 1366, "filepath"),
    ("filepath=a.png&filepaths=b.png", "filepaths"),
    ("filepath=a.png&Threshold=0.2", "Threshold"),
    ("filepath=a.png&=x", "parameter"),
    ("filepath=a.png&%ff=x", "parameter"),
    ("filepath=a.png&faces=some", "faces"),
    ("filepath=a.png&linkage=", "linkage"),
]


@pytest.mark.parametrize(("query", "named"), BAD_QUERIES, ids=lambda text: text[:40])
def test_a_bad_request_is_told_what_is_wrong(library: Service, query: str, named: str) -> None:
    for path in ("/person_count", "/persons"):
        assert named in refusal(library.send("GET", f"{path}?{query}"), 400)


def test_a_bad_request_is_400_even_when_its_files_are_missing(library: Service) -> None:
    assert library.ask("nobody.png", threshold="x").status == 400


def test_a_name_of_the_greatest_length_is_only_missing(library: Service) -> None:
    assert library.ask("a" * 4096).body == NOT_THERE


query_parts = st.tuples(
    st.one_of(st.sampled_from([b"filepath", b"threshold", b"faces"]), st.binary(max_size=6)),
    st.one_of(st.sampled_from([b"a.png", b"0.2", b"", b"\xff"]), st.binary(max_size=20)),
)


@given(st.lists(query_parts, max_size=5))
@effort(
    max_examples=150,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_any_query_gets_an_answer_of_the_promised_shape(
    library: Service, parts: list[tuple[bytes, bytes]]
) -> None:
    query = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in parts)
    answer = library.send("GET", f"/person_count?{query}")
    if answer.status == 200:
        assert list(answer.json) == ["errcode", "filepaths", "threshold", "person_num"]
    else:
        assert answer.status in {400, 404}
        refusal(answer, answer.status)


# --- other refusals ------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
@pytest.mark.parametrize(
    ("path", "allowed"),
    [("/person_count", "GET, POST"), ("/persons", "GET, POST"), ("/healthz", "GET")],
)
def test_other_methods_are_refused_with_those_allowed(
    library: Service, method: str, path: str, allowed: str
) -> None:
    answer = library.send(method, f"{path}?filepath=a.png")
    assert "method" in refusal(answer, 405)
    assert answer.headers["Allow"] == allowed


def test_an_invented_method_is_refused_in_the_same_shape(library: Service) -> None:
    answer = library.send("BREW", "/person_count?filepath=a.png")
    assert "method" in refusal(answer, 405)
    assert answer.headers["Allow"] == "GET, POST"


def test_posting_to_an_address_that_only_answers_get_is_refused(library: Service) -> None:
    assert library.post({}, path="/status").headers["Allow"] == "GET"


def test_head_gets_a_head_and_leaves_the_connection_usable(library: Service) -> None:
    connection = library.connect()
    try:
        connection.request("HEAD", "/person_count?filepath=a.png")
        head = connection.getresponse()
        assert (head.status, head.read()) == (405, b"")
        assert head.headers["Allow"] == "GET, POST"
        connection.request("GET", "/person_count?filepath=a.png")
        assert json.loads(connection.getresponse().read())["person_num"] == 1
    finally:
        connection.close()


def test_too_many_files_are_refused(make_service: Callable[..., Service]) -> None:
    service = make_service(max_request_files=3)
    service.drop("a.png", 1)
    assert service.ask(*["a.png"] * 3).status == 200
    for answer in (service.ask(*["a.png"] * 4), service.post({"filepaths": ["a.png"] * 4})):
        sentence = refusal(answer, 413)
        assert "4" in sentence
        assert "3" in sentence


def test_far_too_many_files_are_refused_in_the_same_shape(
    make_service: Callable[..., Service],
) -> None:
    service = make_service(max_request_files=3)
    answer = service.ask(*["a.png"] * 1000)
    assert "1000 files" in refusal(answer, 413)


def test_too_many_faces_are_refused(make_service: Callable[..., Service]) -> None:
    service = make_service(max_request_faces=3)
    service.drop("three.png", 1, 2, 3)
    service.drop("four.png", 4)
    assert service.ask("three.png").json["person_num"] == 3
    assert "4 faces" in refusal(service.ask("three.png", "four.png"), 413)
    assert "4 faces" in refusal(service.ask("three.png", "four.png", path="/persons"), 413)


def test_a_body_that_is_too_large_is_refused_in_the_same_shape(service: Service) -> None:
    head = (
        "POST /person_count HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Content-Length: {100 * MIB}\r\nConnection: close\r\n\r\n"
    )
    answer = service.exchange(head.encode())
    top, _, body = answer.partition(b"\r\n\r\n")
    assert top.startswith(b"HTTP/1.1 413 ")
    assert json.loads(body)["cord"] == 413


def test_an_unreadable_file_is_named(library: Service) -> None:
    sentence = refusal(library.ask("a.png", "broken.jpg"), 422)
    assert "broken.jpg" in sentence
    assert "no JPEG" in sentence


def test_an_unreadable_file_in_chinese_is_named(service: Service) -> None:
    (service.settings.inbox / "照片.jpg").write_bytes(b"nothing")
    assert "照片.jpg" in refusal(service.ask("照片.jpg"), 422)


@pytest.mark.parametrize("kind", ["fifo", "socket-like device"])
def test_what_is_no_regular_file_is_named_at_once(service: Service, kind: str) -> None:
    path = service.settings.inbox / "x.png"
    if kind == "fifo":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")
    assert "x.png" in refusal(service.ask("x.png"), 422)


def test_files_still_being_indexed_are_counted_and_a_time_to_return_is_given(
    make_service: Callable[..., Service],
) -> None:
    service = make_service(wait_seconds=0.3)
    service.drop("done.png", 1)
    wait_until(lambda: service.ask("done.png").status == 200, "the first file is indexed")
    service.worker.hold()
    service.drop("x.png", 2)
    service.drop("y.png", 3)
    answer = service.ask("done.png", "x.png", "y.png", "x.png")
    assert "2 of 3 files" in refusal(answer, 503)
    assert int(answer.headers["Retry-After"]) > 0
    service.worker.let_go()
    wait_until(lambda: service.ask("x.png", "y.png").status == 200, "the held files are indexed")


def test_no_wait_at_all_still_answers_what_is_known(make_service: Callable[..., Service]) -> None:
    service = make_service(wait_seconds=0)
    service.drop("a.png", 1)
    wait_until(lambda: service.ask("a.png").status == 200, "the file is indexed")
    service.worker.hold()
    service.drop("b.png", 1)
    assert "1 of 1 files" in refusal(service.ask("b.png"), 503)


# --- half-indexed lists --------------------------------------------------------------------------


def test_a_file_dropped_just_now_is_waited_for(service: Service) -> None:
    service.worker.hold()
    service.drop("a.png", 1)
    service.drop("b.png", 2)
    threading.Timer(0.2, service.worker.let_go).start()
    assert service.ask("a.png", "b.png").json["person_num"] == 2


def test_a_file_is_left_to_settle_before_it_is_counted(
    make_service: Callable[..., Service],
) -> None:
    service = make_service(settle_seconds=0.4)
    service.drop("a.png", 1)
    seen: list[bytes] = []

    def overwrite() -> None:
        service.drop("a.png", 1, 2)
        seen.append(b"overwritten")

    timer = threading.Timer(0.1, overwrite)
    timer.start()
    answer = service.ask("a.png")
    timer.join()
    assert seen
    assert answer.json["person_num"] == 2


def test_an_overwritten_file_is_read_again_before_it_is_counted(service: Service) -> None:
    service.drop("a.png", 1)
    assert service.ask("a.png").json["person_num"] == 1
    service.drop("a.png", 2, 3)
    assert service.ask("a.png").json["person_num"] == 2


def test_a_file_rewritten_in_place_with_the_same_size_is_read_again(service: Service) -> None:
    path = service.settings.inbox / "a.bmp"
    other = service.settings.inbox / "b.bmp"
    picture(1, 1).save(path)
    picture(1, 1).save(other)
    assert service.ask("a.bmp").json["person_num"] == 1
    size = path.stat().st_size
    with path.open("r+b") as stream:
        picture(1, 2).save(stream, format="BMP")
    assert path.stat().st_size == size
    assert service.ask("a.bmp").json["person_num"] == 2
    assert service.ask("b.bmp").json["person_num"] == 1


def test_a_file_that_became_unreadable_no_longer_counts(service: Service) -> None:
    service.drop("a.png", 1)
    assert service.ask("a.png").status == 200
    (service.settings.inbox / "a.png").write_text("no image")
    assert "a.png" in refusal(service.ask("a.png"), 422)
    service.drop("a.png", 1, 2)
    assert service.ask("a.png").json["person_num"] == 2


def test_two_files_with_the_same_unreadable_content_are_both_named(service: Service) -> None:
    for name in ("x.jpg", "y.jpg"):
        (service.settings.inbox / name).write_text("no image")
    assert "x.jpg" in refusal(service.ask("x.jpg", "y.jpg"), 422)
    assert "y.jpg" in refusal(service.ask("y.jpg"), 422)


@pytest.mark.parametrize("damage", ["face", "analysis", "all faces"])
def test_rows_that_were_damaged_by_hand_are_made_again_and_answered_right(
    service: Service, damage: str
) -> None:
    service.drop("a.png", 1, 2)
    service.drop("b.png", 3)
    assert service.ask("a.png", "b.png").json["person_num"] == 3
    with service.database.write() as connection:
        if damage == "face":
            connection.execute(delete(Face).where(Face.id == 1))
        elif damage == "analysis":
            connection.execute(delete(Analysis))
        else:
            connection.execute(delete(Face))
    seen = service.models.detector.images_seen
    assert service.ask("a.png", "b.png").json["person_num"] == 3
    assert service.models.detector.images_seen > seen
    assert service.ask("b.png", "a.png").json["person_num"] == 3


def test_a_vector_that_was_damaged_by_hand_never_gives_a_wrong_count(service: Service) -> None:
    service.drop("a.png", 1)
    service.drop("b.png", 1, seed=1)
    assert service.ask("a.png", "b.png").json["person_num"] == 1
    with service.database.write() as connection:
        connection.execute(update(Face).where(Face.id == 1).values(embedding=b"\x01" * 2048))
    answer = service.ask("a.png", "b.png")
    assert (answer.status == 503) or answer.json["person_num"] == 1


# --- addresses and methods beside the first ------------------------------------------------------


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
    refusal(library.post({"filepaths": ["a.png"]}, content_type=kind), 400)


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
    (b'{"filepaths": ["a.png"], "threshold": 0.2}', "threshold"),
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


# --- long lists ----------------------------------------------------------------------------------


def pending(service: Service) -> int:
    with service.database.read() as connection:
        return queue.counts(connection)["pending"]


def test_five_thousand_files_are_answered_by_get_and_by_post(
    make_service: Callable[..., Service],
) -> None:
    service = make_service(batch_files=1024)
    folder = service.settings.inbox / ("a rather long folder name " * 4)
    folder.mkdir()
    originals = [save_picture(folder / f"person {n}.png", n) for n in range(10)]
    names = [f"{folder.name}/照片 {n:04d}.png" for n in range(5_000)]
    for n, name in enumerate(names):
        os.link(originals[n % 10], service.settings.inbox / name)
    roots = Roots(service.settings.all_roots)
    assert Scanner(service.database, roots, 0.0).scan() == (5_010, 0)
    wait_until(lambda: pending(service) == 0, "all files are indexed", seconds=60.0)
    expected = {"errcode": 1, "filepaths": names, "threshold": "0.2", "person_num": 10}
    posted = service.post({"filepaths": names})
    assert posted.json == expected
    asked = service.ask(*names)
    assert asked.body == posted.body
    assert service.models.detector.images_seen == 10


# --- what every answer carries -------------------------------------------------------------------


def test_every_answer_forbids_keeping_and_guessing(library: Service) -> None:
    for answer in (
        library.ask("a.png"),
        library.ask("a.png", path="/persons"),
        library.ask("nobody.png"),
        library.ask("broken.jpg"),
        library.ask(""),
        library.send("DELETE", "/person_count"),
        library.send("GET", "/nowhere"),
        library.send("GET", "/status"),
        library.send("GET", "/healthz"),
        library.send("GET", "/readyz"),
        library.post({"filepaths": ["a.png"]}),
    ):
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
        assert "Server" not in answer.headers


# --- /persons ------------------------------------------------------------------------------------


def test_persons_explains_the_same_count(library: Service) -> None:
    answer = library.ask("both.png", "a.png", "copy.png", path="/persons")
    found = answer.json
    assert answer.status == 200
    assert list(found)[:4] == ["errcode", "filepaths", "threshold", "person_num"]
    assert found["person_num"] == len(found["persons"]) == 2
    assert found["complete"] is True
    assert found["model"] == "fake-1"
    assert found["cosine_cut"] == pytest.approx(0.6)
    sizes = sorted(len(person["faces"]) for person in found["persons"])
    assert sizes == [1, 2]
    named = [face["filepaths"] for person in found["persons"] for face in person["faces"]]
    assert sorted(named) == [["a.png", "copy.png"], ["both.png"], ["both.png"]]
    for person in found["persons"]:
        for face in person["faces"]:
            assert face["id"] > 0
            assert 0.9 <= face["probability"] <= 1
            assert len(face["box"]) == 4


def test_persons_answers_to_all_its_spellings(library: Service) -> None:
    expected = library.ask("a.png", path="/persons").body
    for path in ("/persons/", "/person_count/persons", "/person_count/persons/"):
        assert library.ask("a.png", path=path).body == expected
    assert library.post({"filepaths": ["a.png"]}, path="/persons").body == expected


def test_persons_tells_each_file_apart_and_says_it_is_incomplete(library: Service) -> None:
    names = ["a.png", "wall.png", "broken.jpg", "nobody.png", "../secret.png", "/etc/passwd"]
    found = library.ask(*names, path="/persons").json
    assert found["person_num"] == 1
    assert found["complete"] is False
    states = {file["filepath"]: file["status"] for file in found["files"]}
    assert states == {
        "a.png": "counted",
        "wall.png": "no_face",
        "broken.jpg": "failed",
        "nobody.png": "unknown",
        "../secret.png": "unknown",
        "/etc/passwd": "unknown",
    }
    reasons = {file["filepath"]: file.get("reason") for file in found["files"]}
    assert "no JPEG" in reasons.pop("broken.jpg")
    assert set(reasons.values()) == {None}


def test_persons_is_complete_without_a_single_face(library: Service) -> None:
    found = library.ask("wall.png", path="/persons").json
    assert (found["person_num"], found["persons"], found["complete"]) == (0, [], True)


def test_persons_answers_with_what_is_there_after_the_wait(
    make_service: Callable[..., Service],
) -> None:
    service = make_service(wait_seconds=0.2)
    service.drop("a.png", 1)
    wait_until(lambda: service.ask("a.png").status == 200, "the first file is indexed")
    service.worker.hold()
    service.drop("late.png", 2)
    found = service.ask("a.png", "late.png", path="/persons").json
    assert (found["person_num"], found["complete"]) == (1, False)
    assert [file["status"] for file in found["files"]] == ["counted", "pending"]


def test_persons_says_why_a_face_does_not_count(service: Service) -> None:
    picture(1, 2, square_px=(120, 50)).save(service.settings.inbox / "x.png")
    found = service.ask("x.png", path="/persons").json
    assert [face["reason"] for face in found["left_out"]] == ["small"]


def test_the_files_of_a_photo_format_are_all_read(service: Service) -> None:
    for suffix in ("png", "bmp", "webp"):
        options = {"lossless": True} if suffix == "webp" else {}
        picture(1).save(service.settings.inbox / f"a.{suffix}", **options)
    Image.new("RGB", (64, 64), "white").save(service.settings.inbox / "white.jpg")
    names = ["a.png", "a.bmp", "a.webp", "white.jpg"]
    assert service.ask(*names).json["person_num"] == 1
