"""No job begins that its lease does not cover: it waits for the record of the one before, or for nobody any more."""

import time
from threading import Thread

from shared.progress import Progress


def waiting(progress: Progress, seconds: float, lasts: float = 30) -> tuple[Thread, list[bool]]:
    answers: list[bool] = []
    until = time.monotonic() + lasts
    thread = Thread(target=lambda: answers.append(progress.covered(seconds, until)), daemon=True)
    thread.start()
    return thread, answers


def test_what_the_lease_covers_begins_at_once() -> None:
    assert Progress(time.monotonic() + 10).covered(5, time.monotonic() + 100)


def test_a_job_is_covered_until_the_end_of_its_executor_and_no_longer() -> None:
    until = time.monotonic() + 10
    assert Progress(until).covered(600, until)


def test_a_longer_job_waits_for_the_lease() -> None:
    progress = Progress(time.monotonic() + 1)
    thread, answers = waiting(progress, 20)
    thread.join(0.05)
    assert answers == []
    progress.cover(time.monotonic() + 10)
    thread.join(0.05)
    assert answers == []
    progress.cover(time.monotonic() + 40)
    thread.join(10)
    assert answers == [True]


def test_nobody_waits_for_an_abandoned_walk() -> None:
    progress = Progress(time.monotonic())
    thread, answers = waiting(progress, 20)
    progress.abandon()
    thread.join(10)
    assert (answers, progress.abandoned) == ([False], True)


def test_the_end_of_the_executor_ends_the_waiting() -> None:
    progress = Progress(time.monotonic() - 1)
    thread, answers = waiting(progress, 20, lasts=0.05)
    thread.join(10)
    assert (answers, progress.abandoned) == ([False], False)
