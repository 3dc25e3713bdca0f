"""All SQL. Verbs open transactions and hand them on, but only what is in here speaks SQLAlchemy."""

from sqlalchemy import Connection

__all__ = ["Connection"]
