"""serve: watches the drop folder and answers questions."""

import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from commands.console import Config, naming_folders, tell
from commands.start_checks import check_start

if TYPE_CHECKING:
    import ssl

    from index.base.settings import Settings

log = logging.getLogger(__name__)


def serve(
    config: Config = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
    http: Annotated[bool, typer.Option("--http", help="Without TLS: only behind a proxy.")] = False,
    no_ingest: Annotated[
        bool, typer.Option("--no-ingest", help="Only answer; person-count watch runs elsewhere.")
    ] = False,
) -> None:
    """Watch the drop folder and answer questions over HTTPS.

    The first start makes the database, the drop folder and a certificate.

    Example: person-count serve --port 8443
    """
    import asyncio

    from index.base.logs import configure_logging, log_the_rest
    from index.base.settings import load_settings
    from index.database.engine import Database
    from index.database.presence import Presence
    from index.database.states import ProcessKind, ProcessState
    from service.children.ingest_keeper import IngestKeeper
    from service.edge.server import serve as serve_forever

    tls = False if http else None
    settings = load_settings(config, host=host, port=port, tls=tls)
    found = check_start(settings)
    configure_logging(verbose=True)
    log_the_rest()
    if found.lacking:
        log.warning("service.confinement_lacks what=%s; see docs/security.md", found.lacking)
    with naming_folders():
        _make_missing(settings)
        context, sha256 = _tls(settings)
    keeper = None if no_ingest else IngestKeeper(_watch_command(config))

    def announce(bound_port: int) -> None:
        scheme = "https" if context else "http"
        host_text = f"[{settings.host}]" if ":" in settings.host else settings.host
        _greet(f"{scheme}://{host_text}:{bound_port}/person_count", sha256, settings)

    kind = ProcessKind.SERVE_ONLY if no_ingest else ProcessKind.SERVE
    with (
        Database(settings.database_address) as database,
        Presence(database, settings.data, kind, ProcessState.ANSWERS),
    ):
        has_ended = asyncio.run(serve_forever(settings, context, database, keeper, announce))
    if not has_ended:
        _leave()


def _watch_command(config: Path | None) -> list[str]:
    # -P: the folder that this was started in may hold foreign modules
    command = [sys.executable, "-P", "-m", "person_count", "watch", "--parent", str(os.getpid())]
    return command + (["--config", str(config)] if config else [])


def _leave() -> None:
    """End the process now; Python would wait for each thread to finish its work."""
    logging.shutdown()
    sys.stderr.flush()
    os._exit(0)


def _greet(url: str, sha256: str | None, settings: "Settings") -> None:
    """Tell people on a terminal the address and certificate; a log gets one line like any other."""
    if not sys.stderr.isatty():
        log.info("service.listening url=%s certificate_sha256=%s", url, sha256)
        return
    tell(f"answering at {url}")
    if settings.public_url is not None:
        tell(f"callers ask {settings.public_url}person_count, through a proxy")
    if sha256 is None:
        tell("without TLS: let only a proxy on this machine reach it")
    else:
        tell(f"certificate SHA-256 {sha256}")
    tell(f"drop folder {settings.inbox}")


def _make_missing(settings: "Settings") -> None:
    """Make the folders and the database that are not there yet, and say so."""
    from index.base.watched_folders import make_folders
    from index.database.migration import migrate
    from index.database.whereabouts import is_missing, place_of

    on_terminal = sys.stderr.isatty()
    for folder in make_folders(settings):
        if on_terminal:
            tell(f"{folder} did not exist and was made, empty; is it mistyped in the settings?")
        else:
            log.warning("service.folder_made folder=%s; it did not exist: is it mistyped?", folder)
    if is_missing(settings.database_address):
        _, revision = migrate(settings.database_address)
        if on_terminal:
            tell(f"made the database {place_of(settings.database_address)}")
        else:
            log.info("service.database_made revision=%s", revision)


def _tls(settings: "Settings") -> tuple["ssl.SSLContext | None", str | None]:
    """The TLS context and its certificate's SHA-256; None without TLS."""
    from service.edge.tls import fingerprint, own_pair, self_signed, server_context, warn_of_end

    if not settings.tls:
        return None, None
    certificate, key = own_pair(settings) or self_signed(settings.data, settings.host)
    context = server_context(certificate, key)
    warn_of_end(certificate)
    return context, fingerprint(certificate)
