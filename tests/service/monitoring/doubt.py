"""What ingest reports when it compares the library with the profile in use."""

from index.database.queries import generations
from index.library.ingest_report import IngestReport, store_report
from index.vectors.space import Profile
from tests.service.running import Service

FIT = {
    "faces": 400,
    "people": 41,
    "departure": 2.3,
    "strangers_accepted": 0.00802,
    "promised": 0.001,
    "doubtful": True,
}


def report_fit(service: Service, **fit: object) -> str:
    """Store what ingest would report; gives the version of the profile in use."""
    with service.database.read() as connection:
        active = generations.active(connection)
    assert active is not None
    version = Profile.from_json(active.profile).version
    found = {**FIT, "version": version, **fit}
    store_report(service.database, IngestReport(1.0, profile_fit=found), 2.0)
    return version
