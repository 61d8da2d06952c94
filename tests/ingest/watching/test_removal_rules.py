"""When removals are held, and until when: every rule with the numbers at its edges."""

from dataclasses import replace

import pytest

from index.database.engine import Database
from index.database.queries import places
from index.database.queries.places import HoldReason, Identity, PlaceState
from ingest.watching.removals import CONFIRMING_SCANS, CONFIRMING_SECONDS, FEW_FILES, Finding, judge

HERE, OTHER = Identity("8", "2"), Identity("9", "2")
QUIET = PlaceState("/in", HERE)
MANY = Finding(HERE, known=1000, missing=500, unchanged=500)
EMPTY = Finding(OTHER, known=3, missing=3, unchanged=0)
GONE = Finding(None, known=3, missing=3, unchanged=0)
HOUR = 3600.0


def after(state: PlaceState, found: Finding, scans: int, seconds: float) -> PlaceState:
    """The place after as many more scans with the same finding, *seconds* apart."""
    for _ in range(scans):
        state = judge(state, found, seconds)
    return state


@pytest.mark.parametrize(
    ("known", "missing", "held"),
    [
        (10, 10, False),  # a small folder that was emptied
        (FEW_FILES, FEW_FILES, False),
        (FEW_FILES + 1, FEW_FILES + 1, True),
        (1000, FEW_FILES + 1, False),
        (1000, 200, False),
        (1000, 201, True),
        (1_000_000, 200_000, False),
        (1000, 1000, True),
    ],
)
def test_many_and_a_great_share_at_once_are_held(known: int, missing: int, held: bool) -> None:
    found = Finding(HERE, known, missing, known - missing)
    assert (judge(QUIET, found, 0.0).reason is HoldReason.VANISHED) is held


def test_another_folder_with_nothing_known_in_it_is_held_whatever_the_number() -> None:
    assert judge(QUIET, EMPTY, 0.0).reason is HoldReason.REPLACED


def test_a_device_that_has_another_number_since_the_last_boot_holds_nothing() -> None:
    """Files that are as they were, inodes and all, prove that it is the same file system."""
    found = Finding(OTHER, known=30, missing=10, unchanged=20)
    assert judge(QUIET, found, 0.0) == PlaceState("/in", OTHER)


def test_files_that_come_into_the_stand_in_prove_nothing() -> None:
    assert judge(QUIET, Finding(OTHER, 4, 3, 1), 0.0).reason is HoldReason.REPLACED
    held = judge(QUIET, EMPTY, 0.0)
    assert judge(held, Finding(OTHER, 103, 3, 100), 0.0).reason is HoldReason.REPLACED


def test_files_that_are_back_under_another_number_prove_something() -> None:
    held = judge(QUIET, EMPTY, 0.0)
    assert judge(held, Finding(OTHER, 3, 1, 2), 0.0) == PlaceState("/in", OTHER)


def test_another_folder_in_which_nothing_is_missing_is_taken_for_what_it_is_now() -> None:
    assert judge(QUIET, Finding(OTHER, 0, 0, 0), 0.0) == PlaceState("/in", OTHER)


def test_a_place_that_was_never_seen_is_judged_by_numbers_alone() -> None:
    unseen = PlaceState("/in", None)
    assert judge(unseen, EMPTY, 0.0).reason is None
    held = judge(unseen, MANY, 0.0)
    assert (held.reason, held.identity) == (HoldReason.VANISHED, HERE)


@pytest.mark.parametrize(
    ("found", "reason"), [(MANY, HoldReason.VANISHED), (EMPTY, HoldReason.REPLACED)]
)
def test_what_stays_missing_for_long_enough_may_go(found: Finding, reason: HoldReason) -> None:
    needed = CONFIRMING_SECONDS[reason]
    held = judge(QUIET, found, 0.0)
    assert (held.reason, held.missing) == (reason, found.missing)
    assert after(held, found, CONFIRMING_SCANS, needed / CONFIRMING_SCANS - 1).reason is reason
    assert after(held, found, CONFIRMING_SCANS - 1, needed).reason is reason
    done = after(held, found, CONFIRMING_SCANS, needed / CONFIRMING_SCANS + 1)
    assert done == PlaceState("/in", found.identity)


def test_time_in_which_nobody_looked_confirms_nothing() -> None:
    held = judge(QUIET, MANY, 0.0)
    assert after(held, MANY, 100, 0.0).reason is HoldReason.VANISHED


def test_a_root_that_is_absent_is_waited_for_without_end() -> None:
    held = after(judge(QUIET, GONE, 0.0), GONE, 10_000, HOUR)
    assert (held.reason, held.identity) == (HoldReason.ABSENT, HERE)


@pytest.mark.parametrize("found", [MANY, EMPTY, GONE])
def test_an_operator_who_says_so_ends_every_hold(found: Finding) -> None:
    held = replace(judge(QUIET, found, 0.0), accepted=True)
    assert judge(held, found, 0.0).reason is None


@pytest.mark.parametrize("found", [MANY, EMPTY, GONE])
def test_files_that_come_back_end_the_hold(found: Finding) -> None:
    held = judge(QUIET, found, 0.0)
    assert judge(held, Finding(HERE, 1000, 0, 1000), 0.0) == QUIET


def test_what_was_deleted_on_a_disk_while_it_was_away_goes_when_it_is_back() -> None:
    held = judge(QUIET, EMPTY, 0.0)
    assert judge(held, Finding(HERE, 3, 1, 2), 0.0) == QUIET


def test_while_much_is_in_doubt_the_rest_of_it_stays_in_doubt() -> None:
    held = judge(QUIET, MANY, 0.0)
    assert judge(held, Finding(HERE, 1000, 10, 990), 0.0).reason is HoldReason.VANISHED


def test_a_disk_that_falls_out_while_less_is_being_confirmed_starts_anew() -> None:
    held = replace(after(judge(QUIET, MANY, 0.0), MANY, 5, HOUR / 6), accepted=True)
    more = judge(held, Finding(HERE, 1000, 1000, 0), HOUR)
    assert (more.held_scans, more.held_seconds, more.accepted) == (0, 0.0, False)


def test_a_root_that_was_absent_for_long_and_comes_back_empty_starts_anew() -> None:
    held = after(judge(QUIET, GONE, 0.0), GONE, 1000, HOUR)
    empty = judge(held, EMPTY, HOUR)
    assert (empty.reason, empty.held_scans) == (HoldReason.REPLACED, 0)


def test_places_are_kept_as_they_are(database: Database) -> None:
    held = PlaceState("/b", HERE, 70, HoldReason.VANISHED, 2, 12.5)
    unseen = PlaceState("/a", None, 3, HoldReason.ABSENT)
    with database.write() as connection:
        for place in (held, unseen, PlaceState("/c", OTHER)):
            places.put(connection, place)
        found = places.held_below(connection, ["/a", "/b"])
        assert found == [unseen, held]
        assert places.held_below(connection, ["/"]) == found
        assert places.held_below(connection, ["/c", "/bb"]) == []
        places.accept(connection, found)
        places.put(connection, unseen)
        places.drop(connection, "/c")
    with database.read() as connection:
        assert places.all_places(connection) == [unseen, replace(held, accepted=True)]


def test_a_stand_in_stays_one_until_more_is_back_than_missing() -> None:
    held = judge(QUIET, Finding(OTHER, 40, 40, 0), 0.0)
    few = Finding(OTHER, 40, 20, 20)
    assert judge(held, few, 0.0).reason is HoldReason.REPLACED
    assert judge(held, Finding(OTHER, 40, 19, 21), 0.0) == PlaceState("/in", OTHER)


@pytest.mark.parametrize(
    "found",
    [
        Finding(OTHER, 39, 39, 0),  # one was forgotten
        Finding(OTHER, 40, 39, 0),  # a new file has the name of one of them
        Finding(OTHER, 40, 39, 1),
        Finding(OTHER, 2, 2, 0),  # most were forgotten
    ],
)
def test_a_few_that_go_or_come_do_not_end_a_hold_nor_start_it_anew(found: Finding) -> None:
    held = judge(QUIET, Finding(OTHER, 40, 40, 0), 0.0)
    later = judge(held, found, HOUR)
    assert (later.reason, later.held_seconds) == (HoldReason.REPLACED, HOUR)


def test_what_is_forgotten_on_purpose_is_not_taken_for_being_back(database: Database) -> None:
    held = PlaceState("/b", HERE, 5, HoldReason.REPLACED, 2, 12.5)
    quiet = PlaceState("/c", HERE)
    with database.write() as connection:
        for place in (held, quiet):
            places.put(connection, place)
        places.discount(connection, ["/b/1", "/b/in/2", "/bc/3", "/c/4"])
    with database.read() as connection:
        assert places.all_places(connection) == [replace(held, missing=3), quiet]
    # three of three came meanwhile, and are as they were: they prove nothing
    left = judge(replace(held, missing=3), Finding(OTHER, 6, 3, 3), HOUR)
    assert left.reason is HoldReason.REPLACED
