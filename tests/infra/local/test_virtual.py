"""What `make run AT=... SPEED=...` asks for."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from infra.local.__main__ import main
from infra.local.demo import OFTEN
from infra.local.home import Home, LocalCloudError
from infra.local.virtual import SPEED, VirtualRun, home_of
from shared import timing_faults
from shared.schedule import ScheduleType, ScheduleUnit, Timing

AT = datetime(2027, 3, 28, 0, 55, tzinfo=UTC)


@pytest.mark.parametrize(
    "at", ["2027-03-28T00:55Z", "2027-03-28T00:55:00+00:00", "2027-03-28 01:55+01:00", "2027-03-27T19:55-05:00"]
)
def test_the_instant_to_begin_at_may_have_any_offset(at: str, bare: pytest.MonkeyPatch) -> None:
    assert VirtualRun.of(at, None, None, None) == VirtualRun(AT, SPEED)


def test_without_at_there_is_no_virtual_time(bare: pytest.MonkeyPatch) -> None:
    assert VirtualRun.of(None, None, None, None) is None


@pytest.mark.parametrize(
    ("at", "speed", "cron", "fault"),
    [
        ("2027-03-28T00:55", None, None, "AT=2027-03-28T00:55 has no zone"),
        ("tomorrow", None, None, "AT=tomorrow is no instant"),
        ("2027-03-28T00:55Z", "0", None, "SPEED=0 must be a whole number from 1 to 3600"),
        ("2027-03-28T00:55Z", "3601", None, "SPEED=3601 must be"),
        ("2027-03-28T00:55Z", "fast", None, "SPEED=fast must be"),
        ("2027-03-28T00:55Z", "1.5", None, "SPEED=1.5 must be"),
        (None, "600", None, "go with AT"),
        (None, None, "* * * * *", "go with AT"),
    ],
)
def test_what_makes_no_sense_is_answered_with_a_sentence_and_an_example(
    at: str | None, speed: str | None, cron: str | None, fault: str, bare: pytest.MonkeyPatch
) -> None:
    with pytest.raises(LocalCloudError) as failure:
        VirtualRun.of(at, speed, cron, None)
    assert fault in str(failure.value)
    assert "make run AT=2027-03-28T00:55Z SPEED=600" in str(failure.value)


def test_the_command_line_tells_it_too(
    tmp_path: Path, bare: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bare.setenv("CRONNY_HOME", str(tmp_path))
    assert main(["up", "--at", "2027-03-28T00:55"]) == 1
    assert "has no zone" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["DB_HOST", "AWS_ENDPOINT_URL"])
def test_a_database_or_a_cloud_of_somebody_elses_is_never_put_into_virtual_time(
    name: str, bare: pytest.MonkeyPatch
) -> None:
    bare.setenv(name, "http://127.0.0.1:1")
    with pytest.raises(LocalCloudError, match=f"unset {name}"):
        VirtualRun.of("2027-03-28T00:55Z", None, None, None)


def test_its_data_lie_beside_the_data_that_are_worth_keeping(tmp_path: Path) -> None:
    home = Home(tmp_path)
    secret = home.secret("jwt-secret")
    assert home_of(home).path == tmp_path / "virtual"
    assert home_of(home).secret("jwt-secret") != secret


def test_its_demo_shows_the_chosen_schedule_and_the_hours_but_nothing_every_few_seconds() -> None:
    run = VirtualRun(AT, cron="0 9 * * MON", zone="America/New_York")
    assert [schedule["schedule_value"] for schedule in run.schedules] == ["0 9 * * MON", "0 * * * *"]
    assert OFTEN not in run.schedules
    for schedule in run.schedules:
        value, zone = str(schedule["schedule_value"]), str(schedule["timezone"])
        timing = Timing(ScheduleType.RECURRING, value, ScheduleUnit.CRON, zone, AT)
        assert timing_faults.check(timing, AT) == []
