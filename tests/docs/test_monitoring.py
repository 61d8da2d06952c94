"""The alert rules and the dashboard speak of metrics that there are, and lead to paragraphs."""

import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import promql_parser as promql
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from index.base.tokens import Scope, add_token, read_tokens
from index.database.queries import processes
from index.database.queries.processes import Announced
from index.database.states import ProcessKind, ProcessState
from index.library.ingest_report import IngestReport, WorkReport, store_report
from index.vectors.snapshot_writer import write_snapshot
from index.vectors.space import Space
from service.children.ingest_keeper import IngestKeeper
from service.contract.openapi import path_of
from service.handlers.routes import HANDLERS
from service.monitoring.metrics import Metrics
from service.monitoring.service_status import ServiceStatus
from tests.service.running import running_service
from tests.spaces import UNMEASURED
from tests.waiting import wait_until

DOCS = Path(__file__).resolve().parent.parent.parent / "docs"
OPERATIONS = (DOCS / "operations.md").read_text(encoding="utf-8")
GROUPS = yaml.safe_load((DOCS / "alerts.yaml").read_text(encoding="utf-8"))["groups"]
ALERTS = [rule for group in GROUPS for rule in group["rules"]]
DASHBOARD = json.loads((DOCS / "grafana-dashboard.json").read_text(encoding="utf-8"))
PANELS = DASHBOARD["panels"]
OF_PROMETHEUS = {"up": [{}]}  # it makes these itself
OF_SCRAPES = {"job", "instance"}  # labels that it adds
SUFFIXES = ("_bucket", "_count", "_sum", "_total")

Series = dict[str, list[dict[str, str]]]


@pytest.fixture(scope="module")
def series(tmp_path_factory: pytest.TempPathFactory) -> Series:
    """The labels of every sample by name, of a live service that has everything to show."""
    with running_service(tmp_path_factory.mktemp("watched")) as service:
        child = IngestKeeper([sys.executable, "-S", "-E", "-c", "import time; time.sleep(60)"])
        metrics = Metrics(HANDLERS, ServiceStatus(service.database, service.thread.follower, child))
        try:
            child.start()
            wait_until(lambda: child.pid, "a child")
            name = service.drop("a.png", 1)
            for path in ("/person_count", "/persons"):
                assert service.ask(name, path=path).status == 200
            service.worker.hold()
            space = Space(UNMEASURED, service.settings.distance)
            write_snapshot(service.database, service.worker.worker.generation.id, space, 1.0)
            work = WorkReport(stage_seconds={"read": 1.0})
            fit = {"version": UNMEASURED.version, "doubtful": True, "departure": 2.0}
            fit |= {"strangers_accepted": 0.01, "promised": 0.001}
            report = IngestReport(0.0, open_files=1, open_files_limit=2, work=work, profile_fit=fit)
            store_report(service.database, report, 1.0)
            with service.database.write() as connection:
                for kind in ProcessKind:
                    told = Announced(kind, kind, "box", "0123abcd", "1.0", ProcessState.WORKS)
                    processes.sign(connection, told)
            service.drop("waiting.png", 1)
            service.ask("waiting.png", "none.png")
            found = merged(metrics.text(), service.send("GET", "/metrics").body)
        finally:
            child.close()
    return found | OF_PROMETHEUS


def merged(*answers: bytes) -> Series:
    found: Series = {}
    for answer in answers:
        for family in text_string_to_metric_families(answer.decode()):
            for sample in family.samples:
                found.setdefault(sample.name, []).append(sample.labels)
    return found


@dataclass(frozen=True)
class Used:
    """A metric in a query."""

    name: str
    matchers: dict[str, str]


def metrics_of(query: str) -> list[Used]:
    found: list[Used] = []

    def visit(node: Any) -> bool:
        if isinstance(node, promql.MatrixSelector):
            node = node.vector_selector
        if isinstance(node, promql.VectorSelector):
            matchers = {m.name: m.value for m in node.matchers.matchers}
            found.append(Used(str(node.name), matchers))
        return True

    promql.walk(promql.parse(query), visit)
    return found


def plain(query: str) -> str:
    """A dashboard's query with its variables filled in."""
    return query.replace("$__rate_interval", "5m").replace("$job", "person-count")


QUERIES = [(rule["alert"], rule["expr"]) for rule in ALERTS] + [
    (panel["title"], plain(target["expr"])) for panel in PANELS for target in panel["targets"]
]


@pytest.mark.parametrize(("where", "query"), QUERIES, ids=[where for where, _ in QUERIES])
def test_every_query_asks_for_metrics_and_labels_that_there_are(
    series: Series, where: str, query: str
) -> None:
    used = metrics_of(query)
    assert used, where
    for one in used:
        assert one.name in series, f"{where}: {one.name}"
        for label, value in one.matchers.items():
            if label not in OF_SCRAPES:
                given = {labels.get(label) for labels in series[one.name]}
                assert set(value.split("|")) <= given, f"{where}: {one.name} {label}={value}"


@pytest.mark.parametrize(("where", "query"), QUERIES, ids=[where for where, _ in QUERIES])
def test_every_query_groups_by_labels_that_there_are(
    series: Series, where: str, query: str
) -> None:
    grouped = set(re.findall(r"\w+", " ".join(re.findall(r"(?:by|ignoring) ?\(([^)]*)\)", query))))
    known = {label for one in metrics_of(query) for labels in series[one.name] for label in labels}
    assert grouped <= known | OF_SCRAPES, where


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_every_alert_has_a_summary_a_severity_and_a_paragraph_to_read(rule: Any) -> None:
    assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert re.fullmatch(r"\d+[mh]", rule.get("for", "1m"))
    assert rule["annotations"]["summary"]
    page, _, anchor = rule["annotations"]["runbook"].partition("#")
    assert page == "docs/operations.md"
    section = sections()[anchor]
    assert len(section.split()) > 15


def sections() -> dict[str, str]:
    """The text below every heading of operations.md, by the anchor that GitHub gives it."""
    text = re.sub(r"```.*?```", "", OPERATIONS, flags=re.DOTALL)
    parts = re.split(r"^#+ (.+)$", text, flags=re.MULTILINE)
    anchors = [re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in parts[1::2]]
    assert len(anchors) == len(set(anchors))
    return dict(zip(anchors, parts[2::2], strict=True))


def test_every_paragraph_on_alerts_belongs_to_one() -> None:
    below = OPERATIONS.partition("\n## Alerts\n")[2].partition("\n## ")[0]
    titles = re.findall(r"^### (.+)$", below, re.MULTILINE)
    linked = {rule["annotations"]["runbook"].partition("#")[2] for rule in ALERTS}
    assert {title.lower().replace(" ", "-") for title in titles} == linked


def test_no_alert_and_no_panel_is_there_twice() -> None:
    assert len({rule["alert"] for rule in ALERTS}) == len(ALERTS)
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    cells = [
        (x, y)
        for grid in (panel["gridPos"] for panel in PANELS)
        for x in range(grid["x"], grid["x"] + grid["w"])
        for y in range(grid["y"], grid["y"] + grid["h"])
    ]
    assert len(cells) == len(set(cells))


def test_the_page_names_every_metric_and_no_other(series: Series) -> None:
    table = OPERATIONS.partition("| metrics, all `person_count_…` | say |")[2].partition("\n\n")[0]
    named = set(re.findall(r"`(\w+)`", table))
    ours = {name.removeprefix("person_count_") for name in series if "person_count_" in name}
    ours = {re.sub("_(bucket|count|sum)$", "", name) for name in ours if name[-8:] != "_created"}
    assert named == {name for name in ours if not name.startswith("ingest_process_")}


def test_the_scrape_configuration_fits_the_alerts_and_the_token_a_scrape(tmp_path: Path) -> None:
    block = re.search(r"```yaml\n(scrape_configs:.*?)```", OPERATIONS, re.DOTALL)
    assert block
    (job,) = yaml.safe_load(block[1])["scrape_configs"]
    assert (job["job_name"], job["scheme"]) == ("person-count", "https")
    assert job["metrics_path"] in set(map(path_of, HANDLERS))
    used = [one.matchers for _, query in QUERIES for one in metrics_of(query)]
    jobs = {matchers["job"] for matchers in used if "job" in matchers}
    assert jobs == {"person-count"}
    add_token(tmp_path / "tokens", "prometheus", Scope.READ)
    (token,) = read_tokens(tmp_path / "tokens")
    assert token.may(Scope.READ)


def test_the_example_of_a_log_line_is_one() -> None:
    block = re.search(r"```json\n(.*?)\n```", OPERATIONS, re.DOTALL)
    assert block
    line = json.loads(block[1])
    assert list(line)[:6] == ["time", "level", "event", "logger", "pid", "request_id"]
    assert (line["event"], line["status"]) == ("service.request", 200)
