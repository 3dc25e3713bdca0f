"""URLs of calendars go through the same guard: the corpus, when one is saved and when one is asked again."""

import socket
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from shared.errors import Invalid
from shared.manage.calendars import create_calendar
from shared.manage.draft import Draft
from shared.manage.feeds import BETWEEN_FETCHES
from shared.refresh import BATCH, Refreshed, refresh
from shared.runners.dialling import Dialler
from shared.runners.feeds import FetchFailed, fetch
from shared.runners.http_client import HttpClient, guarded_client
from shared.runners.network_guard import NetworkGuard
from shared.services import Services
from tests.fakes import SetClock
from tests.hostile.manners import ANSWERS, BROKEN, REDIRECTS, behaving, redirecting
from tests.hostile.name_server import NameServer, name_server
from tests.hostile.urls import LOOPBACK, METADATA, OTHER_SCRIPTS, PRIVATE, SCHEMES
from tests.shared.runners.conftest import LOOPBACK as OPEN
from tests.shared.runners.conftest import within
from tests.world import new_feed, new_user, the_calendar

OUTSIDE, INSIDE = "93.184.215.14", "127.0.0.1"
# A part of the corpus: that the client refuses all of it is for test_urls to show.
SOME = [url for kind in (LOOPBACK, OTHER_SCRIPTS, METADATA, PRIVATE, SCHEMES) for url in kind[::6]]


@pytest.fixture
def dialled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every address that was connected to by TCP beside the database; those outside are not there."""
    addresses: list[str] = []
    connect = socket.socket.connect

    def watched(sock: socket.socket, address: Any) -> None:
        if sock.type is socket.SOCK_STREAM:
            addresses.append(address[0])
            if address[0] == OUTSIDE:
                raise ConnectionRefusedError
        connect(sock, address)

    monkeypatch.setattr(socket.socket, "connect", watched)
    return addresses


@pytest.fixture
def names() -> Iterator[NameServer]:
    with name_server() as server:
        yield server


def guarded(services: Services, names: NameServer) -> Services:
    """Nothing is open, and names are the attacker's."""
    # Its one connection is open by now, and is none of those that are counted.
    services.database.now()
    return replace(services, web=HttpClient(Dialler(NetworkGuard(), names.lookup)))


def test_neither_saving_nor_asking_again_reaches_anything_inside(
    services: Services, names: NameServer, clock: SetClock, dialled: list[str]
) -> None:
    strict, user = guarded(services, names), new_user(services)
    dialled.clear()
    for number, url in enumerate(SOME):
        with pytest.raises(Invalid) as refused:
            create_calendar(strict, user, Draft({"name": f"c{number}", "icalendar_url": url}))
        assert {fault.field for fault in refused.value.faults} == {"icalendar_url"}, url
        clock.forward(BETWEEN_FETCHES.total_seconds())
        new_feed(services, user, url, name=f"c{number}")
    done = Refreshed()
    for _ in range(len(SOME) // BATCH + 1):
        done += refresh(strict, clock.now(), clock.real_now())
    assert done == Refreshed(asked=len(SOME), failed=len(SOME))
    assert dialled == []


def test_a_name_that_leads_elsewhere_each_time_is_judged_each_time(
    services: Services, names: NameServer, dialled: list[str]
) -> None:
    strict, user = guarded(services, names), new_user(services)
    names.zones["evil.example"] = lambda times: [OUTSIDE] if times == 0 else [INSIDE]
    dialled.clear()
    with pytest.raises(Invalid, match="cannot be fetched"):
        create_calendar(strict, user, Draft({"name": "c", "icalendar_url": "http://evil.example/"}))
    assert dialled == [OUTSIDE]
    calendar = new_feed(services, user, "http://evil.example/")
    now = services.clock.now()
    assert refresh(strict, now, now) == Refreshed(asked=1, failed=1)
    assert dialled == [OUTSIDE]
    assert "refused to connect to 127.0.0.1" in the_calendar(services, calendar).fetch_error


@pytest.mark.parametrize("location", REDIRECTS, ids=lambda location: repr(location)[:40])
def test_redirects_are_judged_like_urls_that_were_typed(location: bytes) -> None:
    client = guarded_client(OPEN[:1])
    with behaving(redirecting(location)) as server, pytest.raises(FetchFailed):
        fetch(client, server.url, None, within(5).deadline)
    client.pool.close()
    assert {request.partition(" ")[0] for request in server.requests} == {"GET"}
    assert server.connections <= 4


@pytest.mark.parametrize("name", [*list(BROKEN)[::6], *list(ANSWERS)[::4]])
def test_whatever_answers_ends_in_a_text_or_a_sentence(name: str) -> None:
    client = guarded_client(OPEN)
    with behaving({**BROKEN, **ANSWERS}[name]) as server:
        try:
            told = fetch(client, server.url, None, within(0.4 if name in BROKEN else 30).deadline).text
        except FetchFailed as error:
            told = str(error)
    client.pool.close()
    assert told
    assert "Traceback" not in told
