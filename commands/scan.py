"""scan: only watches the folders; other processes read the photos."""

from commands.console import Config, stop_on_signals


def scan(config: Config = None) -> None:
    """Only watch the folders, for workers that read the photos.

    The library must be in PostgreSQL. It loads no network. Of several that run, also on other
    machines, one watches and the others stand by; docs/cluster.md says more.

    Example: person-count scan --config scanner.yaml
    """
    from index.base.logs import configure_logging, log_the_rest
    from index.base.settings import load_settings
    from ingest.jobs.process import run_scanner

    settings = load_settings(config)
    configure_logging(verbose=True)
    log_the_rest()
    run_scanner(settings, stop_on_signals())
