"""Metrics of a function, as lines in its log that CloudWatch reads (EMF). None names a user or a schedule."""

from collections.abc import Mapping

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit

NAMESPACE = "Cronny"


def emit(service: str, counts: Mapping[str, int]) -> None:
    """Write these counts, zeros included: an alarm must be able to tell none from silence."""
    metrics = Metrics(namespace=NAMESPACE, service=service)
    for name, count in counts.items():
        metrics.add_metric(name=name, unit=MetricUnit.Count, value=count)
    metrics.flush_metrics()
