"""status: prints the numbers of the library."""

import json
import time

from commands.console import Config, tell


def status(config: Config = None) -> None:
    """Print the numbers of the library as JSON.

    Below it stand the processes at work on the library, on all machines, as a table for people; it
    goes to standard error.

    Example: person-count status
    """
    from commands.process_table import process_table
    from index.base.settings import load_settings
    from index.database.engine import Database
    from index.library.ingest_report import stored_report
    from index.library.status import status_document

    settings = load_settings(config)
    with Database(settings.database_address) as database:
        document = status_document(database, settings.distance)
        if ingest := stored_report(database, time.time()):
            document["ingest"] = ingest
    print(json.dumps(document, indent=2))
    processes = document["processes"]
    for line in process_table(processes):
        tell(line)
    if processes and not document["watched"]:
        tell("no process watches the folders: start person-count serve, watch or scan")
