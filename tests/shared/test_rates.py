"""Buckets of tokens: what one process lets through, and when it tells the others."""

import pytest

from shared.rates import PART_OF_REST, TELL_AFTER_SECONDS, Bucket, Counted, Rate, key_of, subject_of

RATE = Rate(per_second=2, burst=64)


def taken(bucket: Bucket, now: float, wanted: int) -> int:
    return sum(bucket.take(now) for _ in range(wanted))


def test_a_burst_passes_and_then_so_many_a_second() -> None:
    bucket = Bucket(RATE, full_at=0)
    assert taken(bucket, 0, 100) == 64
    assert (bucket.left(0), bucket.level(0), bucket.closed_for(0)) == (0, 32, 1)
    assert taken(bucket, 0.9, 5) == 0
    assert taken(bucket, 1, 5) == 2
    assert taken(bucket, 1000, 100) == 64


def test_whoever_comes_after_the_wait_is_let_through_however_slow_the_rate() -> None:
    bucket = Bucket(Rate(per_second=0.01, burst=1), full_at=0)
    assert taken(bucket, 0, 2) == 1
    assert bucket.closed_for(0) == 100
    assert taken(bucket, 50, 1) == 0
    assert bucket.closed_for(50) == 50
    assert taken(bucket, 100, 1) == 1


def test_a_process_that_knows_nothing_tells_early_and_later_in_parts_of_what_is_left() -> None:
    bucket = Bucket(Rate(per_second=2, burst=256), full_at=0)
    told = []
    for _ in range(4):
        bucket.take(0)
        told.append(bucket.dues(0))
    assert told == [0, 0, 0, 4]
    bucket.learn(bucket.level(0), 0)
    told = []
    while not any(told):
        bucket.take(0)
        told.append(bucket.dues(0))
    assert told[-1] == len(told) == bucket.left(0) // PART_OF_REST


def test_what_was_not_told_for_long_is_told_with_the_next_one() -> None:
    bucket = Bucket(Rate(per_second=2, burst=640), full_at=0)
    bucket.learn(0, 0)
    bucket.take(0)
    assert bucket.dues(0) == 0
    bucket.take(TELL_AFTER_SECONDS)
    assert bucket.dues(TELL_AFTER_SECONDS) == 2


def test_what_others_have_taken_is_gone_here_too() -> None:
    bucket = Bucket(RATE, full_at=0)
    bucket.take(0)
    bucket.dues(0)
    bucket.learn(31.5, 0)
    assert bucket.left(0) == 1
    bucket.learn(32.5, 0)
    assert (bucket.left(0), bucket.closed_for(0)) == (0, 1)


def test_another_plan_counts_at_once() -> None:
    bucket = Bucket(RATE, full_at=0)
    taken(bucket, 0, 100)
    bucket.adopt(Rate(per_second=10, burst=640), 0)
    assert taken(bucket, 0, 1) == 1
    bucket.adopt(Rate(per_second=10, burst=10), 0)
    assert bucket.level(0) == 1


@pytest.mark.parametrize(
    ("address", "subject"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", None),
        ("unknown", None),
    ],
)
def test_an_address_stands_for_itself_or_its_house(address: str, subject: str | None) -> None:
    assert subject_of(address) == subject


def test_buckets_of_different_kinds_are_different() -> None:
    assert len({key_of(counted, "192.0.2.7") for counted in Counted}) == 3
