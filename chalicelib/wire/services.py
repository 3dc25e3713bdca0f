"""Instances of services over the wire."""

from datetime import datetime
from typing import Annotated

from typing_extensions import TypedDict

from chalicelib.wire.described import told
from shared.manage.instances import Instance


class InstanceJson(TypedDict):
    """One process of one of Cronny's functions."""

    name: Annotated[str, told("The function: api, creator, executor, cleaner or migrate.")]
    version: Annotated[str, told("The version that it runs.")]
    instance: Annotated[str, told("The name of the process.")]
    endpoint: Annotated[str | None, told("The queue that its work goes through, or the path that requests come in by.")]
    started_at: Annotated[datetime, told("When it started.")]
    last_beat_at: Annotated[datetime, told("When it was last heard of.")]
    age_seconds: Annotated[float, told("How long that is ago.")]
    healthy: Annotated[bool | None, told("Whether it does what it should; null when nobody can tell.")]


def to_json(instance: Instance) -> InstanceJson:
    """What a client reads."""
    return {
        "name": instance.service,
        "version": instance.version,
        "instance": instance.name,
        "endpoint": instance.endpoint,
        "started_at": instance.started_at,
        "last_beat_at": instance.beat_at,
        "age_seconds": round(instance.age, 1),
        "healthy": instance.healthy,
    }
