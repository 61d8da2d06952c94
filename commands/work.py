"""work: only reads what another machine's ingest process has found."""

from typing import Annotated

import typer

from commands.console import Config, stop_on_signals


def work(
    ray: Annotated[
        str | None,
        typer.Option(
            "--ray",
            help="Run the workers on a Ray cluster: auto, HOST:PORT, ray://HOST:PORT, or local for "
            "a Ray of its own. Needs the extra cluster.",
            show_default=False,
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option("--workers", min=1, help="How many, with --ray.", show_default="1"),
    ] = None,
    config: Config = None,
) -> None:
    """Only read photos that another process has found.

    The library must be in PostgreSQL. Run it on more machines, beside serve or watch on one;
    docs/cluster.md says what they must share. With --ray, one command runs workers on all machines
    of a Ray cluster.

    Example: person-count work --ray auto --workers 4
    """
    from index.base.errors import ConfigError
    from index.base.logs import configure_logging, log_the_rest
    from index.base.settings import load_settings

    if workers is not None and ray is None:
        raise ConfigError("--workers is for --ray; without Ray, run person-count work again")
    settings = load_settings(config)
    configure_logging(verbose=True)
    log_the_rest()
    stop = stop_on_signals()
    if ray is None:
        from ingest.jobs.process import run_worker

        run_worker(settings, stop)
    else:
        from ingest.jobs.ray_workers import run_on_ray

        run_on_ray(settings, ray, workers or 1, stop)
