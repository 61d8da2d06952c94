"""Asks two services of one library the same questions while it is read, and embedded again.

    python -m tests.crash.two_services --questions 10000 --seed 0

Photos arrive, four machines read them, and the library goes to and fro between two models, which
count differently. An answer of /persons names the model and the profile that it was counted with.
All complete answers to one question with the same model and profile must be equal, whichever
service gave them, and right; one that was begun after a switch must be of the new model. Besides,
only 503 is allowed, or an answer that says that it is not complete. Prints progress, and a summary
as one line of JSON; Ctrl-C ends it early. Exit 1 if any answer was another one.
"""

import http.client
import json
import random
import ssl
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from pydantic import SecretStr

if __name__ == "__main__":
    from tests.crash.launcher import without_networks

    without_networks()

from index.database.engine import Database
from index.database.migration import migrate
from index.database.queries import generations
from tests.crash import forked
from tests.crash.launcher import HASTY
from tests.crash.machines import Machine, Site, machines
from tests.crash.soaking import MODEL, FakedService, arguments, errors_in, run_in_folder
from tests.fakes import save_picture
from tests.postgres import Server, installed
from tests.system.runner import wait_until

COMMANDS = ["watch", "watch", "work", "work"]
PEOPLE = 40
MOST_FILES = 8  # of a question
QUESTIONS_A_FILE = 25  # a new photo comes after so many
REPORT_EVERY = 500
PACE = ("--pace", "0.02")


@dataclass
class Tally:
    """What happened. There must be no problem."""

    problems: list[str] = field(default_factory=list)
    seed: int = 0
    seconds: float = 0.0
    questions: int = 0
    files: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    compared: int = 0  # complete answers of /persons that equal an earlier one, of either service
    models: Counter[str] = field(default_factory=Counter)  # of those answers
    during_reindex: int = 0  # questions that were asked while a re-index ran
    switches: int = 0
    helped: int = 0  # how often a worker took part in a re-index

    @property
    def good(self) -> bool:
        return not self.problems


class Caller:
    """One kept connection to a service, which trusts exactly its certificate."""

    def __init__(self, service: FakedService) -> None:
        address = urlsplit(service.url)
        context = ssl.create_default_context(cafile=service.folder / "data" / "tls.crt")
        self._connection = http.client.HTTPSConnection(
            address.hostname or "", address.port, timeout=60, context=context
        )

    def get(self, route: str, names: list[str]) -> tuple[int, dict[str, Any]]:
        """The status and document of a question."""
        pairs = [*(("filepath", name) for name in names), ("linkage", "single")]
        target = f"{route}?{urlencode(pairs)}"
        try:
            self._connection.request("GET", target)
            answer = self._connection.getresponse()
        except http.client.RemoteDisconnected:  # it was idle for long
            self._connection.close()
            self._connection.request("GET", target)
            answer = self._connection.getresponse()
        return answer.status, json.loads(answer.read())

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


class Comparison:
    """Compares every answer with the photos, and with earlier answers to the same question."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._known: dict[tuple[object, ...], dict[str, Any]] = {}
        self._faces: dict[int, tuple[object, ...]] = {}  # the model and the place of each id
        self.people: dict[str, list[int]] = {}  # on each photo

    def check(
        self, names: list[str], status: int, document: dict[str, Any], models: list[str]
    ) -> None:
        """Note as problems how an answer differs from one that is allowed.

        Args:
            models: those that were in use when the question was begun, and when it was answered.
        """
        kind = str(status)
        if status == HTTPStatus.OK and document.get("complete") is False:
            kind = "not complete"
            allowed = "pending" in [file["status"] for file in document["files"]]
        elif status == HTTPStatus.OK:
            right = {model: self._count(names, model) for model in models}
            allowed = document["person_num"] in right.values()
            if "model" in document:
                allowed = document["person_num"] == right.get(model_of(document))
                self._compare(names, document)
        else:
            allowed = status == HTTPStatus.SERVICE_UNAVAILABLE
        self._tally.answers[kind] += 1
        if not allowed:
            self._tally.problems.append(f"{names} {models} {status} {json.dumps(document)[:300]}")

    def _count(self, names: list[str], model: str) -> int:
        people = {person for name in names for person in self.people[name]}
        return len({person // 2 for person in people} if model == HASTY else people)

    def _compare(self, names: list[str], document: dict[str, Any]) -> None:
        model = model_of(document)
        for person in document["persons"]:
            for face in person["faces"]:
                place = (model, *face["filepaths"], *face["box"])
                if self._faces.setdefault(face["id"], place) != place:
                    self._tally.problems.append(f"face {face['id']}: {place}, and another one")
        key = (*names, model, document["profile"])
        found = plain(document)
        known = self._known.setdefault(key, found)
        if known is not found:
            self._tally.compared += 1
            self._tally.models[model] += 1
        if known != found:
            self._tally.problems.append(f"{key}: {json.dumps([known, found])}")


def model_of(document: dict[str, Any]) -> str:
    """The name of an answer's model."""
    return HASTY if HASTY in document["model"] else MODEL


def plain(document: dict[str, Any]) -> dict[str, Any]:
    """An answer with places for ids, which each re-index gives anew, and without the library's."""
    faces = [face for person in document["persons"] for face in person["faces"]]
    places = {face["id"]: [*face["filepaths"], *face["box"]] for face in faces}

    def named(value: object, key: str = "") -> object:
        if isinstance(value, dict):
            return {name: named(inner, name) for name, inner in value.items()}
        if isinstance(value, list):
            return [named(inner, key) for inner in value]
        return places.get(value, value) if key in ("id", "faces") else value  # type: ignore[call-overload]

    return {name: named(value, name) for name, value in document.items() if name != "profile_doubt"}


class TwoServices:
    """One run in a folder of its own, on an empty library of a server."""

    def __init__(self, folder: Path, url: SecretStr, seed: int) -> None:
        self.tally = Tally(seed=seed)
        self._random = random.Random(seed)
        self._site = Site(folder, url)
        self._services = [self._site.service(name) for name in ("one", "two")]
        self._operator = Machine(self._site, "operator", "reindex")
        self._comparison = Comparison(self.tally)
        self._reindex: BaseProcess | None = None

    def run(self, questions: int, end: Callable[[], bool], report: Callable[[str], None]) -> Tally:
        """Ask so many *questions* unless *end* says otherwise."""
        started = time.monotonic()
        try:
            with machines(self._site, COMMANDS) as workers, Database(self._site.url) as database:
                for one in (*workers, *self._services):
                    one.start()
                self._drop(MOST_FILES)
                callers = [Caller(service) for service in self._services]
                wait_until(lambda: self._is_answered(callers), "both services answer")
                for number in range(questions):
                    if end():
                        break
                    self._ask(database, callers, number)
                    self.tally.seconds = round(time.monotonic() - started, 1)
                    if (number + 1) % REPORT_EVERY == 0:
                        report(str(vars(self.tally)))
                for caller in callers:
                    caller.close()
                self._end(workers)
        finally:
            if self._reindex is not None:
                self._reindex.kill()
            for service in self._services:
                if service.process is not None:
                    service.kill()
        return self.tally

    def _is_answered(self, callers: list[Caller]) -> bool:
        names = list(self._comparison.people)
        return all(caller.get("/person_count", names)[0] == HTTPStatus.OK for caller in callers)

    def _drop(self, photos: int) -> None:
        for _ in range(photos):
            self.tally.files += 1
            people = self._random.sample(range(PEOPLE), self._random.randint(1, 4))
            name = f"{self.tally.files}.png"
            save_picture(self._site.inbox / name, *people, seed=self.tally.files)
            self._comparison.people[name] = people

    def _ask(self, database: Database, callers: list[Caller], number: int) -> None:
        """Ask one service; the other one is asked the same next."""
        if number % QUESTIONS_A_FILE == 0:
            self._drop(1)
        before = self._model(database)
        self._reindex_to_and_fro(before)
        draw = random.Random(f"{self.tally.seed} {number // len(callers)}")
        there = list(self._comparison.people)
        if draw.random() < 0.5:  # the first photos, so that questions come again later
            there = there[:MOST_FILES]
        names = draw.sample(there, draw.randint(1, MOST_FILES))
        route = draw.choice(["/persons", "/persons", "/person_count"])
        status, document = callers[number % len(callers)].get(route, names)
        self._comparison.check(names, status, document, [before, self._model(database)])
        self.tally.questions += 1

    def _model(self, database: Database) -> str:
        with database.read() as connection:
            active = generations.active(connection)
        return MODEL if active is None else active.model

    def _reindex_to_and_fro(self, model: str) -> None:
        if self._reindex is not None and self._reindex.is_alive():
            self.tally.during_reindex += 1
            return
        self._count_switch()
        target = MODEL if model == HASTY else HASTY
        words = (*PACE, "reindex", "--model", target)
        self._reindex = forked.start(self._operator.home, self._operator.log, *words)

    def _count_switch(self) -> None:
        if self._reindex is None:
            return
        self._reindex.join()
        self.tally.switches += 1
        if self._reindex.exitcode:
            self.tally.problems.append(f"a re-index failed: {self._operator.said()[-500:]}")

    def _end(self, workers: list[Machine]) -> None:
        self._count_switch()
        for one in (*workers, *self._services):
            one.stop()
        self.tally.helped = sum(worker.said().count("ingest.helps_reindex") for worker in workers)
        for log in (*(one.log for one in workers), *(one.log for one in self._services)):
            self.tally.problems += errors_in(log.read_text())


def main() -> None:
    """Run as asked on the command line."""
    given = arguments(__doc__, questions=10_000)
    with closing(Server(max(installed()))) as server:

        def run(folder: Path, end: Callable[[], bool]) -> Tally:
            url = server.url("postgres")
            migrate(url)
            both = TwoServices(folder, url, given.seed)
            return both.run(given.questions, end, partial(print, flush=True))

        run_in_folder(run)


if __name__ == "__main__":
    main()
