"""Checks callers: bearer tokens, the service's host names, and the address it may listen on."""

import hmac
import ipaddress
import logging
import os
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path

from tornado.httputil import split_host_and_port

from index.base.errors import ConfigError, RequestError, bad_request
from index.base.settings import Settings
from index.base.tokens import Scope, Token, digest_of, read_tokens
from index.base.web_addresses import web_address
from service.contract.addresses import LOCAL_NAMES
from service.guards.same_origin import Sites

log = logging.getLogger(__name__)


class Tokens:
    """The tokens of a file, read again whenever it changes."""

    def __init__(self, path: Path) -> None:
        """Raises ConfigError if the file cannot be used."""
        self._path = path
        self._signature = self._look()
        self._tokens = read_tokens(path)

    def check(self, header: str | None, scope: Scope) -> str:
        """Check that an Authorization *header* holds a token with the rights of *scope*.

        Returns: the token's name.

        Raises:
            RequestError: 401; its text says what is missing.
        """
        if header is None:
            raise _unauthorized("a token is needed; send Authorization: Bearer TOKEN")
        scheme, _, secret = header.partition(" ")
        token = self._find(secret.strip()) if scheme.lower() == "bearer" else None
        if token is None:
            raise _unauthorized("the token is not valid")
        if not token.may(scope):
            raise _unauthorized(f"the token's scope is {token.scope}, and this needs {scope}")
        return token.name

    def _find(self, secret: str) -> Token | None:
        """The token of a secret; takes the same time whether and wherever it is there."""
        digest = digest_of(secret.encode("latin-1"))
        found = None
        for token in self._current():
            if hmac.compare_digest(token.digest, digest):
                found = token
        return found

    def _current(self) -> tuple[Token, ...]:
        signature = self._look()
        if signature != self._signature:
            self._signature = signature
            try:
                self._tokens = read_tokens(self._path)
                log.info("auth.tokens_read count=%d", len(self._tokens))
            except ConfigError as error:
                self._tokens = ()  # a token that was just removed must not stay valid
                log.error("auth.tokens_unusable reason=%s", error)  # noqa: TRY400 - no traceback
        return self._tokens

    def _look(self) -> tuple[int, ...]:
        try:
            found = os.lstat(self._path)
        except OSError:
            return ()
        return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _unauthorized(sentence: str) -> RequestError:
    return RequestError(HTTPStatus.UNAUTHORIZED, sentence)


class HostNames:
    """The host names that requests may address.

    A foreign web page can point its own host name here and make a browser send requests under that
    name (DNS rebinding). Without this check the page could read the answers.
    """

    def __init__(self, settings: Settings) -> None:
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        names = {host, *settings.hostnames}
        if settings.public_url is not None:
            names.add(web_address(settings.public_url).host)
        self._known = LOCAL_NAMES | {name.lower() for name in names}

    def check(self, headers: Mapping[str, str]) -> None:
        """Return if the request is addressed to one of the names.

        HTTP/1.0 has no Host header; a request without one passes unless a web page sent it.

        Raises:
            RequestError: 400.
        """
        given = headers.get("Host")
        if given is None:
            if "Origin" in headers:
                raise bad_request("the Host header is missing")
            return
        if split_host_and_port(given.lower())[0] not in self._known:
            raise bad_request(
                "the Host header names none of this service's names; "
                "the operator adds names with the setting hostnames, or public_url behind a proxy",
            )


class Guard:
    """The checks of host name, token and web page for every request.

    Attributes:
        sites: the web pages that may use the service.
    """

    def __init__(self, settings: Settings) -> None:
        """Raises ConfigError if a tokens file is set and cannot be used."""
        self._names = HostNames(settings)
        self.sites = Sites(settings)
        self._tokens = None if settings.tokens is None else Tokens(settings.tokens)

    def check_host(self, headers: Mapping[str, str]) -> None:
        """Return if the request is addressed to this service; else raise RequestError, 400."""
        self._names.check(headers)

    def check_token(self, headers: Mapping[str, str], scope: Scope) -> str | None:
        """Check that the caller has the rights of *scope*; else raise RequestError, 401.

        Returns: the name of the caller's token; None where no tokens are asked for.
        """
        if self._tokens is None:
            return None
        return self._tokens.check(headers.get("Authorization"), scope)


def check_exposure(settings: Settings) -> None:
    """Refuse to serve other machines without tokens or without TLS, unless told to.

    Raises:
        ConfigError: its text names the setting to change.
    """
    if _is_loopback(settings.host) or settings.allow_unauthenticated:
        return
    if settings.tokens is None:
        raise ConfigError(
            f"host {settings.host} lets other machines ask without a token: set tokens to a file "
            "and run person-count token add NAME, or set allow_unauthenticated: true"
        )
    if not settings.tls:
        raise ConfigError(
            f"host {settings.host} without TLS sends tokens and file names in clear text: set "
            "tls: true, or set allow_unauthenticated: true"
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"
