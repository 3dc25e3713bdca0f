"""Measures as Prometheus reads them. The library is loaded by the first scrape, and by no other request."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

from shared.manage.measures import Histogram, Measures

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Exposed:
    """A collector of metrics that are known already."""

    metrics: Iterable["Metric"]

    def collect(self) -> Iterable["Metric"]:
        """As prometheus_client asks for them."""
        return self.metrics


def to_text(measures: Measures) -> str:
    """Every metric in the text format, version 0.0.4."""
    from prometheus_client import generate_latest
    from prometheus_client.metrics_core import CounterMetricFamily

    ended = CounterMetricFamily("cronny_triggers_ended", "Triggers that ended for good.", labels=["outcome"])
    for outcome, count in measures.ended.items():
        ended.add_metric([outcome], count)
    metrics = [*_gauges(measures), ended, *_histograms(measures)]
    return generate_latest(Exposed(metrics)).decode()


def _gauges(measures: Measures) -> Iterator["Metric"]:
    from prometheus_client.metrics_core import GaugeMetricFamily

    def gauge(name: str, what: str, labels: str, values: Iterable[tuple[tuple[str, ...], float]]) -> "Metric":
        family = GaugeMetricFamily(f"cronny_{name}", what, labels=labels.split())
        for given, value in values:
            family.add_metric(given, value)
        return family

    def single(name: str, what: str, value: float) -> "Metric":
        return gauge(name, what, "", [((), value)])

    ready, way = measures.readiness, measures.on_the_way
    states = [(("scheduled", hold), count) for hold, count in measures.waiting.items()]
    states += [((status, ""), each.triggers) for status, each in way.items()]
    yield single("schedules_pending", "Schedules that wait to be planned.", measures.pending_schedules)
    yield single("triggers_overdue", "Due for more than 5 s, not held, not dispatched.", measures.overdue)
    yield gauge("triggers", "Triggers that have not ended.", "status hold", states)
    yield single("dead_letters", "Failed triggers that nobody has redriven or discarded.", measures.dead_letters)
    yield single(
        "oldest_due_age_seconds", "How long the oldest unstarted trigger has been due.", measures.oldest_due_age
    )
    messages = [((status,), each.messages) for status, each in way.items()]
    yield gauge("queue_messages", "Messages on their way, as the database has it.", "status", messages)
    yield single("creator_lag_seconds", "How long the oldest due trigger has waited for a creator.", ready.lag)
    ages = [((name,), age) for name, age in ready.heartbeat_ages.items() if age is not None]
    yield gauge("heartbeat_age_seconds", "Since the last sign of life of any instance.", "service", ages)
    alive = [((name,), count) for name, count in ready.instances.items()]
    yield gauge("instances", "Instances heard of in the last 90 s.", "service", alive)
    broken = [((state,), count) for state, count in measures.breakers.items()]
    yield gauge("breakers", "Hosts of users that are left alone, or being tried.", "state", broken)
    violated = [((name,), count) for name, count in measures.violations.items()]
    yield gauge("invariant_violations", "Rows that violated it at the last check.", "invariant", violated)
    yield single("invariant_check_age_seconds", "Since the last check of all invariants.", measures.check_age)
    held = [((state,), count) for state, count in measures.connections.items()]
    yield gauge("database_connections", "Connections to Cronny's database.", "state", held)
    yield single("database_max_connections", "Connections that the server takes.", measures.max_connections)


def _histograms(measures: Measures) -> Iterator["Metric"]:
    from prometheus_client.metrics_core import HistogramMetricFamily

    late = HistogramMetricFamily("cronny_lateness_seconds", "From when it was due to when it started.")
    late.add_metric([], *_buckets(measures.lateness))
    yield late
    answered = HistogramMetricFamily(
        "cronny_api_request_seconds", "How long the API took to answer.", labels=["method", "route", "status"]
    )
    for label, histogram in measures.requests.items():
        answered.add_metric(label.split(" "), *_buckets(histogram))
    yield answered


def _buckets(histogram: Histogram) -> tuple[list[tuple[str, float]], float]:
    """Cumulative counts by upper bound, and the sum."""
    bounds = [*(str(bound) for bound in histogram.bounds), "+Inf"]
    return list(zip(bounds, accumulate(histogram.counts), strict=True)), histogram.total
