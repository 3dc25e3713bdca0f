"""How often somebody has asked lately."""

from sqlalchemy import Column, LargeBinary, Table

from shared.store.tables.columns import instant, metadata

# Buckets of tokens by the hash of what they are for. Unlogged: it is written all the time, and after a crash of the
# database everybody begins with a full bucket. Without an index on the instant, so that updates touch no index at all.
request_rates = Table(
    "request_rates",
    metadata,
    Column("key", LargeBinary, primary_key=True),
    instant("full_at", required=True),
    prefixes=["UNLOGGED"],
)
