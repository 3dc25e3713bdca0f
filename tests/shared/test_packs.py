"""Few triggers travel alone, many travel together, never two users in one message, and a dangerous one by itself."""

from hypothesis import given
from hypothesis import strategies as st

from shared.packs import Sendable, form_packs
from shared.queue import MAX_PACK, decode, encode
from shared.trigger import TriggerId
from shared.user import UserId

due = st.lists(st.builds(Sendable, st.integers(1, 10**9).map(TriggerId), st.integers(1, 3).map(UserId), st.booleans()))


@given(due)
def test_every_trigger_is_in_exactly_one_pack_of_its_own_user(items: list[Sendable]) -> None:
    packs = form_packs(items)
    assert sorted(trigger for pack in packs for trigger in pack) == sorted(item.id for item in items)
    users = {item.id: item.user_id for item in items if sum(other.id == item.id for other in items) == 1}
    assert all(len({users[trigger] for trigger in pack if trigger in users}) <= 1 for pack in packs)
    assert all(encode(pack) and decode(encode(pack)) == pack for pack in packs)


def test_little_travels_one_by_one() -> None:
    assert len(form_packs([Sendable(TriggerId(n), UserId(1), False) for n in range(40)])) == 40


def test_much_travels_together_up_to_a_limit() -> None:
    sizes = {len(pack) for pack in form_packs([Sendable(TriggerId(n), UserId(1), False) for n in range(100_000)])}
    assert sizes == {MAX_PACK}


def test_what_killed_an_executor_travels_alone() -> None:
    items = [Sendable(TriggerId(n), UserId(1), n == 7) for n in range(1000)]
    assert (TriggerId(7),) in form_packs(items)
