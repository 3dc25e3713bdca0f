"""The metadata, and the kinds of column that most tables share."""

from sqlalchemy import TIMESTAMP, BigInteger, CheckConstraint, Column, Identity, MetaData, func

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)


def instant(name: str, *, required: bool = False) -> Column[object]:
    """A timestamp with zone; ``required`` ones default to the database's clock."""
    if required:
        return Column(name, TIMESTAMP(timezone=True), nullable=False, server_default=func.now())
    return Column(name, TIMESTAMP(timezone=True))


def identity() -> Column[int]:
    """An integer key that the database hands out."""
    return Column("id", BigInteger, Identity(always=True), primary_key=True)


def one_of(column: str, *words: str) -> CheckConstraint:
    """Only these words: the state machine's alphabet, stated where nobody can bypass it."""
    return CheckConstraint(f"{column} IN ({', '.join(repr(word) for word in words)})", name=column)
