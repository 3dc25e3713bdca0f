"""Asking a URL for the text of a calendar: what counts as one, and what does not."""

import time

import pytest

from shared.exclusions import MAX_FEED
from shared.feed import Feed
from shared.runners.feeds import FetchFailed, fetch
from shared.runners.http_client import HttpClient
from tests.targets import Target, running_target

TEXT = "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nSUMMARY:Fête\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"


def ask(client: HttpClient, url: str, known: Feed | None = None, seconds: float = 5) -> Feed:
    return fetch(client, url, known, time.monotonic() + seconds)


def test_the_text_comes_with_what_it_is_known_again_by(client: HttpClient, target: Target) -> None:
    target.said = TEXT
    feed = ask(client, f"{target.url}/feed")
    assert (feed.text, feed.modified) == (TEXT, "Thu, 01 Jan 2026 00:00:00 GMT")
    headers = target.seen[0].headers
    assert headers["accept"].startswith("text/calendar")
    assert not {"if-none-match", "if-modified-since", "traceparent"} & headers.keys()


def test_what_has_not_changed_is_not_sent_again(client: HttpClient, target: Target) -> None:
    target.said = TEXT
    first = ask(client, f"{target.url}/feed")
    assert ask(client, f"{target.url}/feed", first) is first
    assert target.seen[1].headers["if-none-match"] == first.etag
    assert target.seen[1].headers["if-modified-since"] == first.modified
    target.said = TEXT.replace("Fête", "Fest")
    assert ask(client, f"{target.url}/feed", first).text == target.said


def test_redirects_are_followed_to_another_origin_too(client: HttpClient, target: Target) -> None:
    with running_target() as elsewhere:
        elsewhere.said, target.answers = TEXT, [302]
        target.headers = {"Location": f"{elsewhere.url}/feed"}
        assert ask(client, f"{target.url}/answers").text == TEXT


def test_a_byte_order_mark_and_nuls_are_no_part_of_a_text(client: HttpClient, target: Target) -> None:
    target.said = f"\ufeff{TEXT}\x00"
    assert ask(client, f"{target.url}/feed").text == f"{TEXT}\ufffd"


def test_as_much_is_read_as_a_feed_may_have_and_no_more(client: HttpClient, target: Target) -> None:
    assert len(ask(client, f"{target.url}/big/{MAX_FEED}").text) == MAX_FEED
    with pytest.raises(FetchFailed, match="says more than 256 KB, which are the most"):
        ask(client, f"{target.url}/big/{MAX_FEED + 1}")
    with pytest.raises(FetchFailed, match="says more than 256 KB"):
        ask(client, f"{target.url}/endless")


def test_what_a_source_is_known_again_by_is_kept_only_if_it_can_be_sent_back(
    client: HttpClient, target: Target
) -> None:
    target.headers = {"ETag": '"' + "x" * 300 + '"', "Last-Modified": "caf\u00e9"}
    assert ask(client, f"{target.url}/answers") == Feed('{"answered": 200}')


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("/status/404", "cannot be fetched: it answers HTTP 404, expected 200"),
        ("/status/204", "cannot be fetched: it answers HTTP 204, expected 200"),
        ("/status/304", "cannot be fetched: it answers HTTP 304, expected 200"),
        ("/status/302", "cannot be fetched: it answers HTTP 302, expected 200"),
        ("/big/0", "cannot be read: it says nothing, where an iCalendar text should be"),
    ],
)
def test_any_other_answer_is_none(client: HttpClient, target: Target, path: str, sentence: str) -> None:
    target.headers = {}
    if path == "/status/302":
        target.answers, target.headers = [302], {"Location": "/answers"}
        path = "/answers"
    with pytest.raises(FetchFailed) as failed:
        ask(client, target.url + path)
    assert str(failed.value) == sentence


def test_all_of_it_has_one_deadline(client: HttpClient, target: Target) -> None:
    with pytest.raises(FetchFailed, match="cannot be fetched: "):
        ask(client, f"{target.url}/drip", seconds=0.3)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("https://me:secret@example.org/", "credentials do not belong into a URL"),
        ("webcal://example.org/a.ics", "must begin with http:// or https://"),
        ("holidays", "must begin with http:// or https://"),
    ],
)
def test_a_url_that_cannot_be_asked_says_why(client: HttpClient, url: str, why: str) -> None:
    with pytest.raises(FetchFailed, match=f"cannot be used: .*{why}"):
        ask(client, url)
