"""work: only reads what another machine's ingest process has found."""

from commands.console import Config, stop_on_signals


def work(config: Config = None) -> None:
    """Only read photos that another process has found.

    The library must be in PostgreSQL. Run it on more machines, beside serve or watch on one;
    docs/cluster.md says what they must share.

    Example: person-count work --config worker.yaml
    """
    from index.base.logs import configure_logging, log_the_rest
    from index.base.settings import load_settings
    from ingest.jobs.process import run_worker

    settings = load_settings(config)
    configure_logging(verbose=True)
    log_the_rest()
    run_worker(settings, stop_on_signals())
