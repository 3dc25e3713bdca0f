"""Few triggers travel alone, many travel together, never two users in one message, and a dangerous one by itself."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from shared.packs import Sendable, as_before, cut, merge, size_for
from shared.queue import MAX_PACK, decode, encode
from shared.trigger import TriggerId
from shared.user import UserId

START = datetime(2030, 1, 1, tzinfo=UTC)


def item(number: int, host: str = "a", *, alone: bool = False) -> Sendable:
    return Sendable(TriggerId(number), UserId(1), alone, host, START + timedelta(seconds=number))


items = st.lists(
    st.builds(item, st.integers(1, 10**6), st.sampled_from("abc"), alone=st.booleans()),
    unique_by=lambda each: each.id,
    max_size=200,
)


@given(items, st.integers(1, MAX_PACK), st.integers(1, 4))
def test_cutting_loses_nothing_and_never_mixes_hosts(due: list[Sendable], size: int, messages: int) -> None:
    chunks = cut(due, size, lambda _host: messages)
    assert sorted(each.id for chunk in chunks for each in chunk.items) == sorted(each.id for each in due)
    assert all(len({each.host for each in chunk.items}) == 1 for chunk in chunks)
    assert all(len(chunk.items) == 1 for chunk in chunks if chunk.items[0].alone)


@given(items, st.integers(0, 6))
def test_merging_loses_nothing_and_keeps_within_the_messages(due: list[Sendable], messages: int) -> None:
    packs, left = merge(cut(due, 10, lambda _host: 4), messages)
    assert len(packs) <= messages
    assert sorted([*(trigger for pack in packs for trigger in pack), *(each.id for each in left)]) == sorted(
        each.id for each in due
    )
    alone = {each.id for each in due if each.alone}
    assert all(len(pack) == 1 for pack in packs if set(pack) & alone)
    assert all(len(pack) <= MAX_PACK and decode(encode(pack)) == pack for pack in packs)


def test_hosts_have_messages_of_their_own_while_there_are_enough() -> None:
    due = [item(number, host) for number, host in enumerate("aabbcc", 1)]
    packs, left = merge(cut(due, 2, lambda _host: 4), 3)
    assert (sorted(packs), left) == ([(1, 2), (3, 4), (5, 6)], [])


def test_hosts_share_messages_when_there_are_too_many_of_them() -> None:
    due = [item(number, f"host-{number}") for number in range(1, 61)]
    packs, left = merge(cut(due, 10, lambda _host: 4), 6)
    assert [len(pack) for pack in packs] == [10] * 6
    assert left == []


def test_a_pack_is_as_large_as_the_messages_demand_and_no_larger_than_one_may_be() -> None:
    assert [size_for(count, 6) for count in (0, 1, 6, 7, 100, 600, 10_000)] == [1, 1, 1, 2, 17, 100, 100]


def test_what_is_sent_again_travels_as_it_did_before() -> None:
    sent = [(TriggerId(n), 1) for n in range(1, 4)] + [(TriggerId(9), 9), (TriggerId(5), None), (TriggerId(6), None)]
    assert sorted(as_before(sent)) == [(1, 2, 3), (5,), (6,), (9,)]
