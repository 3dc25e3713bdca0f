"""Columns that say why a trigger that is due stays scheduled."""

# Written with every status but ``scheduled``: only what is scheduled can be held.
NOT_HELD: dict[str, None] = {"hold": None, "held_for": None}
