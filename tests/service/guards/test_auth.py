"""Tokens, the names the service goes by, and where it may listen."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tornado import httputil

from index.base.errors import ConfigError, RequestError
from index.base.settings import Settings
from index.base.tokens import Scope, add_token, read_tokens, remove_token
from service.guards.auth import Guard, Tokens, check_exposure
from tests.service.running import NOT_THERE, Answer, Service

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tokens"


@pytest.fixture
def guarded(make_service: Callable[..., Service], path: Path) -> tuple[Service, str]:
    """A service that asks for tokens, and the secret of one that may read."""
    secret = add_token(path, "reader", Scope.READ)
    return make_service(tokens=path), secret


def ask(service: Service, header: str | None, target: str = "/person_count?filepath=a") -> Answer:
    return service.send("GET", target, headers={"Authorization": header} if header else {})


def check_refused(answer: Answer) -> str:
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert list(answer.json) == ["cord", "error"]
    assert answer.json["cord"] == 401
    return str(answer.json["error"])


class TestRequests:
    def test_a_token_lets_its_holder_ask(self, guarded: tuple[Service, str]) -> None:
        service, secret = guarded
        service.drop("a.png", 1)
        assert ask(service, f"Bearer {secret}", "/person_count?filepath=a.png").status == 200
        assert ask(service, f"bearer  {secret} ").body == NOT_THERE
        assert ask(service, f"Bearer {secret}", "/status").status == 200

    @pytest.mark.parametrize(
        "header",
        [
            "Bearer",
            "Bearer ",
            "Bearer wrong",
            "Basic cmVhZGVyOng=",
            "Bearer \xe9\xff",
            "Bearer " + "x" * 20_000,
        ],
        ids=lambda text: text[:16],
    )
    def test_a_wrong_token_is_refused(self, guarded: tuple[Service, str], header: str) -> None:
        service, secret = guarded
        assert check_refused(ask(service, header)) == "the token is not valid"
        for almost in (secret[:-1], secret + "x", secret.swapcase(), secret + ", Bearer x"):
            check_refused(ask(service, f"Bearer {almost}"))

    def test_without_a_token_nothing_is_told_of_any_file(
        self, guarded: tuple[Service, str]
    ) -> None:
        service, _ = guarded
        service.drop("a.png", 1)
        targets = ["filepath=a.png", "filepath=none", "filepath=../x", "threshold=x", ""]
        answers = [ask(service, None, f"/person_count?{query}") for query in targets]
        answers += [service.send("GET", t) for t in ("/persons", "/status", "/files", "/nowhere")]
        assert len({answer.body for answer in answers}) == 1
        assert "Bearer" in check_refused(answers[0])
        posted = service.post({"filepaths": ["a.png"]})
        assert posted.body == answers[0].body

    @pytest.mark.parametrize("target", ["/healthz", "/readyz", "/person_count/healthz"])
    def test_probes_need_none(self, guarded: tuple[Service, str], target: str) -> None:
        assert guarded[0].send("GET", target).status in {200, 503}

    @pytest.mark.usefixtures("brief_linger")
    def test_a_body_is_not_even_received_without_a_token(
        self, guarded: tuple[Service, str]
    ) -> None:
        service, _ = guarded
        head = "POST /person_count HTTP/1.1\r\nHost: x\r\nContent-Length: 8000000\r\n\r\n"
        assert service.exchange(head.encode()).startswith(b"HTTP/1.1 401 ")

    def test_a_long_query_is_not_even_parsed_without_a_token(
        self, guarded: tuple[Service, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def parse(*_: object, **__: object) -> None:
            pytest.fail("it was parsed")

        monkeypatch.setattr(httputil, "parse_qs_bytes", parse)
        check_refused(ask(guarded[0], None, "/person_count?" + "filepath=a&" * 20_000))

    def test_tokens_are_exchanged_while_it_runs(
        self, guarded: tuple[Service, str], path: Path
    ) -> None:
        service, old = guarded
        new = add_token(path, "reader-2", Scope.READ)
        assert {ask(service, f"Bearer {s}").status for s in (old, new)} == {404}
        remove_token(path, "reader")
        assert ask(service, f"Bearer {new}").status == 404
        check_refused(ask(service, f"Bearer {old}"))

    def test_a_file_that_was_spoilt_lets_nobody_in_until_it_is_mended(
        self, guarded: tuple[Service, str], path: Path
    ) -> None:
        service, secret = guarded
        path.chmod(0o644)
        check_refused(ask(service, f"Bearer {secret}"))
        path.chmod(0o600)
        assert ask(service, f"Bearer {secret}").status == 404
        path.unlink()
        check_refused(ask(service, f"Bearer {secret}"))

    def test_secrets_reach_no_log(
        self, guarded: tuple[Service, str], caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level("DEBUG")
        service, secret = guarded
        for header in (f"Bearer {secret}", f"Bearer {secret}x", f"Basic {secret}"):
            ask(service, header)
        assert caplog.text
        assert secret not in caplog.text


class TestFile:
    def test_only_the_hash_is_stored_and_only_the_owner_can_read_it(self, path: Path) -> None:
        secret = add_token(path, "a", Scope.ADMIN)
        assert len(secret) >= 43
        assert secret not in path.read_text()
        assert path.stat().st_mode & 0o777 == 0o600
        assert [(t.name, t.scope) for t in read_tokens(path)] == [("a", Scope.ADMIN)]

    def test_what_each_scope_may(self, path: Path) -> None:
        secrets = {scope: add_token(path, f"the-{scope}", scope) for scope in Scope}
        tokens = Tokens(path)
        allowed = {}
        for held in Scope:
            for needed in Scope:
                try:
                    found = tokens.check(f"Bearer {secrets[held]}", needed)
                except RequestError as error:
                    found = f"{error.status}: {error}"
                allowed[held, needed] = found
        read, judge, admin = Scope
        assert allowed == {
            (read, read): "the-read",
            (read, judge): "401: the token's scope is read, and this needs judge",
            (read, admin): "401: the token's scope is read, and this needs admin",
            (judge, read): "the-judge",
            (judge, judge): "the-judge",
            (judge, admin): "401: the token's scope is judge, and this needs admin",
            (admin, read): "the-admin",
            (admin, judge): "the-admin",
            (admin, admin): "the-admin",
        }

    @pytest.mark.parametrize("mode", [0o644, 0o640, 0o660, 0o606])
    def test_a_file_that_others_may_open_is_refused_at_the_start(
        self, path: Path, settings: Settings, mode: int
    ) -> None:
        add_token(path, "a", Scope.READ)
        path.chmod(mode)
        with pytest.raises(ConfigError, match=f"chmod 600 {path}"):
            Guard(settings.model_copy(update={"tokens": path}))

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
    def test_a_file_of_somebody_elses_is_refused(self, path: Path) -> None:
        add_token(path, "a", Scope.READ)
        os.chown(path, 12345, 12345)
        with pytest.raises(ConfigError, match="another user"):
            read_tokens(path)

    @pytest.mark.parametrize("kind", ["missing", "link", "folder", "fifo"])
    def test_what_is_no_file_is_refused(self, path: Path, kind: str) -> None:
        if kind == "link":
            add_token(path.with_name("other"), "a", Scope.READ)
            path.symlink_to(path.with_name("other"))
        elif kind == "folder":
            path.mkdir()
        elif kind == "fifo":
            os.mkfifo(path, 0o600)
        with pytest.raises(ConfigError, match=str(path)):
            read_tokens(path)

    @pytest.mark.parametrize(
        "line",
        ["a read", "a read x", f"a root {'0' * 64}", f"ä read {'0' * 64}", f"a read {'0' * 64} x"],
    )
    def test_a_malformed_line_is_named_but_not_shown(self, path: Path, line: str) -> None:
        path.touch(0o600)
        path.write_text(f"# heading\n\n{line}\n")
        with pytest.raises(ConfigError, match="line 3") as refused:
            read_tokens(path)
        assert line not in str(refused.value)

    def test_names_are_unique_and_plain(self, path: Path) -> None:
        add_token(path, "a", Scope.READ)
        with pytest.raises(ConfigError, match="already"):
            add_token(path, "a", Scope.READ)
        for name in ("", "a b", "a\nb", "x" * 65):
            with pytest.raises(ConfigError, match="token name"):
                add_token(path, name, Scope.READ)
        with pytest.raises(ConfigError, match="no token b"):
            remove_token(path, "b")


class TestCommands:
    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "person_count", *arguments]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        return subprocess.run(
            command, capture_output=True, check=False, text=True, timeout=60, env=environment
        )

    def test_add_list_and_remove(self, path: Path) -> None:
        path = path.parent / "not yet there" / "tokens"
        Path("config.yaml").write_text(f"tokens: {path}\n")
        added = self.run("token", "add", "job", "--scope", "admin")
        assert added.returncode == 0
        Tokens(path).check(f"Bearer {added.stdout.strip()}", Scope.ADMIN)
        listed = self.run("token", "list").stdout
        assert listed.startswith("job admin ")
        assert added.stdout.strip() not in listed
        assert self.run("token", "remove", "job").returncode == 0
        assert self.run("token", "list").stdout == ""

    def test_without_the_setting_the_cure_is_named(self) -> None:
        done = self.run("token", "add", "job")
        assert done.returncode == 1
        assert "set tokens to its path" in done.stderr

    def test_serve_refuses_other_machines_without_tokens(self) -> None:
        done = self.run("serve", "--host", "0.0.0.0", "--no-ingest")
        assert done.returncode == 1
        assert "token add" in done.stderr


class TestExposure:
    @pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost", "LOCALHOST"])
    def test_loopback_needs_nothing(self, host: str) -> None:
        check_exposure(Settings(host=host))
        check_exposure(Settings(host=host, tls=False))

    @pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org"])
    def test_others_need_tokens_and_tls(self, host: str, path: Path) -> None:
        with pytest.raises(ConfigError, match="token add NAME"):
            check_exposure(Settings(host=host))
        with pytest.raises(ConfigError, match="tls: true"):
            check_exposure(Settings(host=host, tokens=path, tls=False))
        check_exposure(Settings(host=host, tokens=path))
        check_exposure(Settings(host=host, tls=False, allow_unauthenticated=True))


class TestHostNames:
    @pytest.fixture
    def answers(self, library: Service) -> Callable[[str], bytes]:
        return lambda lines: library.exchange(
            f"GET /healthz HTTP/1.1\r\n{lines}Connection: close\r\n\r\n".encode()
        )

    @pytest.mark.parametrize(
        "host", ["localhost", "LocalHost:8022", "127.0.0.1", "127.0.0.1:1", "[::1]", "[::1]:9", "x"]
    )
    def test_its_own_names_are_answered(self, answers: Callable[[str], bytes], host: str) -> None:
        assert answers(f"Host: {host}\r\n").startswith(b"HTTP/1.1 200 ")

    @pytest.mark.parametrize(
        "host",
        [
            "evil.example",
            "evil.example:8022",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "192.0.2.1",
            "127.0.0.2",
            "localhost.",
            "",
            "localhost, evil.example",
            "evil.example\r\nHost: localhost",
            "localhost@evil.example",
        ],
        ids=repr,
    )
    def test_other_names_are_refused(self, answers: Callable[[str], bytes], host: str) -> None:
        head, _, body = answers(f"Host: {host}\r\n").partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 400 ")
        assert body.startswith(b'{"cord": 400, "error": "')

    def test_the_configured_host_is_one_of_its_names(self, settings: Settings) -> None:
        chosen = settings.model_copy(update={"host": "2001:db8::1", "hostnames": ("Photos",)})
        guard = Guard(chosen)
        for host in ("[2001:db8::1]:8022", "photos", "localhost"):
            guard.check_host({"Host": host})
        with pytest.raises(RequestError, match="hostnames"):
            guard.check_host({"Host": "other"})

    def test_http_1_0_needs_no_host_unless_a_browser_sends_it(self, library: Service) -> None:
        assert b" 200 " in library.exchange(b"GET /healthz HTTP/1.0\r\n\r\n").splitlines()[0]
        origin = b"GET /healthz HTTP/1.0\r\nOrigin: https://evil.example\r\n\r\n"
        assert b" 400 " in library.exchange(origin).splitlines()[0]
        assert b" 400 " in library.exchange(b"GET /healthz HTTP/1.1\r\n\r\n").splitlines()[0]
