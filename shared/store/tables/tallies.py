"""What is counted for good: numbers that outlive the rows they were counted from."""

from sqlalchemy import BigInteger, Column, Double, Integer, PrimaryKeyConstraint, SmallInteger, Table, Text, text

from shared.store.tables.columns import metadata

# Counters, and histograms as one counter for each bucket. One row for each database connection that counts (its
# backend's process id), so that nobody ever waits for somebody else's count; the cleaner adds those of connections
# that are gone to the row of backend 0.
tallies = Table(
    "tallies",
    metadata,
    Column("name", Text, nullable=False),
    Column("label", Text, nullable=False),
    # How many of the histogram's bounds the observed values exceed; 0 for a plain counter.
    Column("bucket", SmallInteger, nullable=False),
    Column("backend", Integer, nullable=False),
    Column("count", BigInteger, nullable=False),
    # The sum of what was observed, in seconds.
    Column("total", Double, nullable=False, server_default=text("0")),
    PrimaryKeyConstraint("name", "label", "bucket", "backend"),
)
