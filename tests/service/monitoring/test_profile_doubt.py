"""What the service says when ingest found that the profile does not fit the library."""

from dataclasses import replace

from index.database.queries import generations
from index.vectors.space import Profile
from tests.service.monitoring.doubt import report_fit
from tests.service.running import Service
from tests.service.scraping import Scrape


def test_a_doubtful_threshold_is_said_in_answers_status_and_metrics(library: Service) -> None:
    version = report_fit(library)
    for found in (library.ask("a.png", path="/persons").json, library.send("GET", "/status").json):
        assert found["profile"] == version
        doubt = found["profile_doubt"]
        assert (doubt["strangers_accepted"], doubt["promised"]) == (0.00802, 0.001)
        assert "about 8 in 1,000 pairs of them for one person, not 1" in doubt["advice"]
        assert "person-count calibrate --library --dry-run" in doubt["advice"]
    scrape = Scrape(library)
    assert scrape.value("profile_doubtful") == 1
    assert scrape.value("profile_strangers_accepted_ratio") == 0.00802
    assert scrape.value("profile_departure") == 2.3


def test_a_profile_that_fits_is_named_and_not_doubted(library: Service) -> None:
    version = report_fit(library, doubtful=False)
    found = library.ask("a.png", path="/persons").json
    assert (found["profile"], found["profile_doubt"]) == (version, None)
    assert Scrape(library).value("profile_doubtful") == 0


def test_what_was_found_of_another_profile_is_not_said_of_this_one(library: Service) -> None:
    """As after a calibration, until ingest has looked again."""
    before = report_fit(library)
    with library.database.write() as connection:
        active = generations.active(connection)
        assert active is not None
        other = replace(Profile.from_json(active.profile), operating_distance=0.41)
        generations.set_profile(connection, active.id, other.to_json())
    found = library.ask("a.png", path="/persons").json
    assert found["profile"] == other.version != before
    assert found["profile_doubt"] is None
    assert not Scrape(library).has("profile_doubtful")
