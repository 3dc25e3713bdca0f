"""Who a trigger belongs to, as pauses, plans and settlements see it."""

from typing import Any

from sqlalchemy import case, literal_column

from shared.store.tables import triggers

# What was sent on its way again is its user's wish, whoever wanted it first: it is no part of the timetable any more.
WANTED_AS: Any = case((triggers.c.redrives > 0, literal_column("'manual'")), else_=triggers.c.kind)
