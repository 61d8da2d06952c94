"""Scrapes of /metrics over TLS, read by Prometheus' own parser."""

from prometheus_client.parser import text_string_to_metric_families

from tests.service.running import Service

Labels = dict[str, str]
PREFIX = "person_count_"


class Scrape:
    """One answer of /metrics."""

    def __init__(self, source: Service | bytes, **headers: str) -> None:
        if isinstance(source, bytes):
            self.body = source
        else:
            self.answer = source.send("GET", "/metrics", headers=headers)
            assert self.answer.status == 200, self.answer.body
            self.body = self.answer.body
        self.families = {
            family.name: family for family in text_string_to_metric_families(self.body.decode())
        }

    def all(self, name: str) -> list[tuple[Labels, float]]:
        samples = (sample for family in self.families.values() for sample in family.samples)
        return [(found.labels, found.value) for found in samples if found.name == name]

    def value(self, name: str, **labels: str) -> float:
        found = [value for given, value in self.all(PREFIX + name) if given == labels]
        assert len(found) == 1, (name, labels, self.all(PREFIX + name))
        return found[0]

    def has(self, name: str) -> bool:
        return bool(self.all(PREFIX + name))


def answers(scrape: Scrape, route: str, status: str) -> float:
    return scrape.value("http_responses_total", route=route, status=status)
