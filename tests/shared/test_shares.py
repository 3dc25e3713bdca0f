"""How much of the executors a user may have: in messages, by host, by plan, and beside others."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from shared.packs import Sendable
from shared.shares import (
    ANY_HOST,
    NO_HOST,
    SHARED_SLOTS,
    SLOTS_ALWAYS,
    SLOTS_PER_HOST,
    SLOTS_PER_USER,
    Divided,
    Share,
    divide,
)
from shared.trigger import TriggerId
from shared.user import UserId

START = datetime(2030, 1, 1, tzinfo=UTC)
ADA, BOB = UserId(1), UserId(2)


def due(count: int, host: str = "a", user: UserId = ADA, first: int = 1, *, alone: bool = False) -> list[Sendable]:
    return [
        Sendable(TriggerId(number), user, alone, host, START + timedelta(seconds=number))
        for number in range(first, first + count)
    ]


def share(plan: int = 2000, in_flight: int = 0, messages: int = 0) -> Share:
    return Share(plan, in_flight, messages)


def of_users(divided: Divided, items: list[Sendable]) -> dict[UserId, int]:
    users = {item.id: item.user_id for item in items}
    owners = [users[pack[0]] for pack in divided.packs]
    return {user: owners.count(user) for user in set(users.values())}


def test_a_host_gets_four_messages_and_its_rest_waits_in_its_own_line() -> None:
    divided = divide(due(1000), {ADA: share()}, 0)
    assert [len(pack) for pack in divided.packs] == [100] * SLOTS_PER_HOST
    assert [item.item.id for item in divided.limited] == list(range(401, 1001))
    assert {item.line for item in divided.limited} == {"a"}
    assert "may call a at once" in divided.limited[0].reason


def test_a_user_gets_six_messages_whatever_the_number_of_hosts() -> None:
    items = [item for number in range(10) for item in due(100, f"h{number}", first=1 + number * 100)]
    divided = divide(items, {ADA: share()}, 0)
    assert len(divided.packs) == SLOTS_PER_USER
    assert {item.line for item in divided.limited} == {ANY_HOST}
    assert divided.limited[0].item.id == 601


def test_the_plan_bounds_what_is_in_flight() -> None:
    divided = divide(due(30), {ADA: share(20, in_flight=5, messages=1)}, 1)
    assert sum(len(pack) for pack in divided.packs) == 15
    assert "plan allows (20)" in divided.limited[0].reason


def test_little_travels_one_by_one_and_more_in_even_packs() -> None:
    assert divide(due(3), {ADA: share()}, 0).packs == [(1,), (2,), (3,)]
    assert [len(pack) for pack in divide(due(40), {ADA: share()}, 0).packs] == [10] * 4


def test_whoever_comes_next_finds_a_free_executor() -> None:
    flood = [item for number in range(6) for item in due(1, f"h{number}", first=1 + number)]
    first = divide(flood, {ADA: share()}, 0)
    assert len(first.packs) == SLOTS_PER_USER
    outstanding = len(first.packs)
    second = divide(due(6, "x", BOB), {BOB: share()}, outstanding)
    assert len(second.packs) == SLOTS_ALWAYS
    assert outstanding + len(second.packs) <= SHARED_SLOTS
    third = divide(due(6, "x", UserId(3)), {UserId(3): share()}, SHARED_SLOTS)
    assert len(third.packs) == SLOTS_ALWAYS


def test_users_with_less_on_the_way_choose_first() -> None:
    items = due(400, "x", ADA) + due(400, "x", BOB, first=1000)
    shares = {ADA: share(messages=3, in_flight=300), BOB: share()}
    assert of_users(divide(items, shares, 3), items) == {ADA: 1, BOB: 4}


def test_what_killed_an_executor_takes_a_message_of_its_own() -> None:
    divided = divide(due(2, alone=True) + due(50, first=10), {ADA: share()}, 0)
    assert {(1,), (2,)} <= set(divided.packs)
    assert len(divided.packs) == SLOTS_PER_HOST
    many = divide(due(30, alone=True), {ADA: share()}, 0)
    assert many.packs == [(1,), (2,), (3,), (4,)]


def test_nobody_overtakes_who_waits_but_hosts_do_not_wait_for_each_other() -> None:
    everything = Share(2000, lines={ANY_HOST})
    assert [item.line for item in divide(due(2), {ADA: everything}, 0).limited] == [ANY_HOST] * 2
    one_host = Share(2000, lines={"a"})
    divided = divide(due(2) + due(2, "b", first=10), {ADA: one_host}, 0)
    assert sorted(divided.packs) == [(10,), (11,)]
    assert [item.line for item in divided.limited] == ["a"] * 2


def test_a_host_that_nobody_knows_is_not_named() -> None:
    reasons = {item.reason for item in divide(due(1000, NO_HOST), {ADA: share()}, 0).limited}
    assert len(reasons) == 1
    assert NO_HOST not in reasons.pop()


hosts = st.sampled_from(["a", "b", "c", "d", NO_HOST])
sendables = st.lists(
    st.builds(
        lambda number, user, host, alone: Sendable(
            TriggerId(number), UserId(user), alone, host, START + timedelta(seconds=number)
        ),
        st.integers(1, 10**5),
        st.integers(1, 3),
        hosts,
        st.integers(1, 10).map(lambda n: n == 1),
    ),
    unique_by=lambda each: each.id,
    max_size=300,
)
shares_of_three = st.fixed_dictionaries(
    {
        UserId(user): st.builds(
            lambda plan, in_flight, busy: Share(plan, in_flight, max(busy.values(), default=0), busy),
            st.sampled_from([20, 200, 2000]),
            st.integers(0, 30),
            st.dictionaries(hosts, st.integers(1, 4), max_size=3),
        )
        for user in (1, 2, 3)
    }
)


@given(sendables, shares_of_three, st.integers(0, 8))
def test_no_division_breaks_a_limit_or_loses_anybody(
    items: list[Sendable], shares: dict[UserId, Share], outstanding: int
) -> None:
    divided = divide(items, shares, outstanding)
    by_id = {item.id: item for item in items}
    gone = [trigger for pack in divided.packs for trigger in pack]
    assert sorted([*gone, *(item.item.id for item in divided.limited)]) == sorted(by_id)
    for user, mine in shares.items():
        packs = [pack for pack in divided.packs if by_id[pack[0]].user_id == user]
        assert all(by_id[trigger].user_id == user for pack in packs for trigger in pack)
        assert not packs or mine.messages + len(packs) <= SLOTS_PER_USER
        assert not packs or mine.in_flight + sum(map(len, packs)) <= mine.max_in_flight
        for host in {item.host for item in items}:
            of_host = sum(any(by_id[trigger].host == host for trigger in pack) for pack in packs)
            assert not of_host or mine.hosts.get(host, 0) + of_host <= SLOTS_PER_HOST
    assert dict(divided.sent) == {trigger: min(pack) for pack in divided.packs for trigger in pack}
