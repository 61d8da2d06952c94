"""The only place that configures logging; called by the command line alone."""

import logging
import sys

FORMAT = "%(asctime)s %(levelname)s %(message)s"


def configure_logging(*, verbose: bool) -> None:
    """Log to standard error: everything from INFO on, or only warnings."""
    logging.basicConfig(
        stream=sys.stderr, format=FORMAT, level=logging.INFO if verbose else logging.WARNING
    )
    logging.getLogger("alembic").setLevel(logging.WARNING)
    # Tornado's own access log would write the query, which holds file names
    logging.getLogger("tornado.access").disabled = True
