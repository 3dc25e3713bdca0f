"""Instances of services over the wire."""

from typing import Any

from shared.manage.instances import Instance


def to_json(instance: Instance) -> dict[str, Any]:
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
