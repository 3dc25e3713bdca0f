"""The guarded client against a real target, from polite to hostile."""

import socket
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from ipaddress import ip_network
from re import fullmatch
from threading import Event

import pytest

from shared import VERSION
from shared.errors import Invalid
from shared.runners.dialling import Dialler, SocketAddress
from shared.runners.http_client import MAX_BODY_BYTES, HttpClient, RequestFailed, guarded_client
from shared.runners.network_guard import NetworkGuard
from shared.runners.request import Request
from tests.shared.runners.conftest import LOOPBACK, within
from tests.targets import Target


def get(client: HttpClient, url: str, seconds: float = 5) -> int:
    return client.send(Request.to(url), within(seconds)).status


def failure(client: HttpClient, url: str, seconds: float = 5) -> str:
    with pytest.raises(RequestFailed) as caught:
        client.send(Request.to(url), within(seconds))
    return str(caught.value)


def resolving_to(*addresses: str) -> Dialler:
    def lookup(_host: str, port: int) -> Sequence[SocketAddress]:
        return [(socket.AF_INET, (address, port)) for address in addresses]

    return Dialler(NetworkGuard((ip_network("127.0.0.1/32"),)), lookup)


def test_tells_the_target_who_calls_and_for_what(client: HttpClient, target: Target) -> None:
    client.send(Request.to(f"{target.url}/echo", "POST", {"X-Own": "ünï"}, b"hi"), within(5, attempt=3))
    headers = target.seen[0].headers
    assert headers["idempotency-key"] == "key-7-1"
    assert headers["x-cronny-trigger"] == "7"
    assert headers["x-cronny-attempt"] == "3"
    assert headers["user-agent"] == f"Cronny/{VERSION}"
    assert headers["accept-encoding"] == "identity"
    assert headers["host"] == f"127.0.0.1:{target.port}"
    assert headers["x-own"].encode("latin-1").decode() == "ünï"
    assert target.seen[0].body == b"hi"


def test_users_may_name_themselves_but_not_ask_for_compression(client: HttpClient, target: Target) -> None:
    client.send(Request.to(f"{target.url}/echo", headers={"user-agent": "me", "ACCEPT-ENCODING": "gzip"}), within(5))
    assert target.seen[0].headers["user-agent"] == "me"
    assert target.seen[0].headers["accept-encoding"] == "identity"


def test_requests_of_a_trigger_are_spans_of_one_trace(client: HttpClient, target: Target) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    for _ in range(2):
        client.send(Request.to(f"{target.url}/echo"), replace(within(5), trace_id=trace))
    first, second = (seen.headers["traceparent"] for seen in target.seen)
    assert [fullmatch(rf"00-{trace}-[0-9a-f]{{16}}-01", header) is not None for header in (first, second)] == [True] * 2
    assert first != second


def test_whoever_sends_a_traceparent_of_their_own_is_left_alone(client: HttpClient, target: Target) -> None:
    own = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"
    context = replace(within(5), trace_id="0af7651916cd43dd8448eb211c80319c")
    client.send(Request.to(f"{target.url}/echo", headers={"TraceParent": own}), context)
    assert target.seen[0].headers["traceparent"] == own


def test_a_request_of_no_trigger_belongs_to_no_trace(client: HttpClient, target: Target) -> None:
    client.send(Request.to(f"{target.url}/echo"), within(5))
    assert "traceparent" not in target.seen[0].headers


def test_connects_to_the_checked_address_and_keeps_the_name(target: Target) -> None:
    client = HttpClient(resolving_to("127.0.0.1"))
    client.send(Request.to(f"http://target.example:{target.port}/echo"), within(5))
    client.pool.close()
    assert target.seen[0].headers["host"] == f"target.example:{target.port}"


def test_a_name_that_also_points_inside_is_not_called_at_all(target: Target) -> None:
    client = HttpClient(resolving_to("127.0.0.1", "169.254.169.254"))
    assert failure(client, f"http://two.example:{target.port}/").startswith("refused to connect to 169.254.169.254:")
    assert target.connections == 0


def test_the_peer_is_judged_again_after_connecting(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    # A proxy in the kernel's path could connect elsewhere than asked; getpeername is what tells.
    monkeypatch.setattr(socket.socket, "getpeername", lambda _self: ("10.0.0.1", 80))
    client = guarded_client(LOOPBACK)
    assert failure(client, target.url).startswith("refused to connect to 10.0.0.1")
    assert target.seen == []


def test_loopback_is_refused_unless_allowed(target: Target) -> None:
    assert failure(guarded_client(()), target.url).startswith("refused to connect to 127.0.0.1: ")
    assert target.connections == 0


def test_a_host_that_does_not_exist_is_named() -> None:
    def nowhere(_host: str, _port: int) -> Sequence[SocketAddress]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    client = HttpClient(Dialler(NetworkGuard(), nowhere))
    assert failure(client, "http://example.invalid/").startswith("cannot find the host example.invalid: ")


def test_a_name_server_that_hangs_is_not_waited_for_beyond_the_deadline() -> None:
    hung = Event()

    def hang(_host: str, _port: int) -> Sequence[SocketAddress]:
        hung.wait(10)
        return []

    started = time.monotonic()
    assert failure(HttpClient(Dialler(NetworkGuard(), hang)), "http://slow.example/", 0.2) == "no answer within 0.2 s"
    hung.set()
    assert time.monotonic() - started < 2


def test_a_closed_port_is_a_refused_connection(client: HttpClient) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        assert failure(client, f"http://127.0.0.1:{port}/") == f"the connection was refused by 127.0.0.1:{port}"


def test_the_next_address_is_tried_when_one_refuses(target: Target) -> None:
    dialler = resolving_to("127.0.0.2", "127.0.0.1")
    client = HttpClient(Dialler(NetworkGuard(LOOPBACK), dialler.lookup))
    assert get(client, f"http://two.example:{target.port}/echo") == 200
    client.pool.close()


@pytest.mark.parametrize("path", ["hang", "drip", "drip-headers"])
def test_no_way_of_answering_slowly_outlives_the_deadline(client: HttpClient, target: Target, path: str) -> None:
    started = time.monotonic()
    assert failure(client, f"{target.url}/{path}", 0.3) == "no answer within 0.3 s"
    assert time.monotonic() - started < 1.5


def test_reading_stops_at_the_cap(client: HttpClient, target: Target) -> None:
    endless = client.send(Request.to(f"{target.url}/endless"), within(5))
    big = client.send(Request.to(f"{target.url}/big/{MAX_BODY_BYTES}"), within(5))
    bigger = client.send(Request.to(f"{target.url}/big/{MAX_BODY_BYTES + 1}"), within(5))
    assert (len(endless.body), endless.truncated) == (MAX_BODY_BYTES, True)
    assert (len(big.body), big.truncated) == (MAX_BODY_BYTES, False)
    assert (len(bigger.body), bigger.truncated) == (MAX_BODY_BYTES, True)


def test_nothing_is_decompressed(client: HttpClient, target: Target) -> None:
    assert client.send(Request.to(f"{target.url}/gzip"), within(5)).body == b"\x1f\x8b not really"


def test_chunks_are_put_together_and_repeated_headers_joined(client: HttpClient, target: Target) -> None:
    assert client.send(Request.to(f"{target.url}/chunked"), within(5)).body == b"hello world"
    assert client.send(Request.to(f"{target.url}/cookies"), within(5)).headers["x-two"] == "a, b"


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("close", "closed the connection without an answer"),
        ("half", "closed the connection in the middle of its answer"),
        ("gibberish", "answered with something that is not HTTP"),
        ("bad-header", "answered with too many or too long headers"),
    ],
)
def test_bad_manners_become_a_sentence(client: HttpClient, target: Target, path: str, says: str) -> None:
    assert failure(client, f"{target.url}/{path}") == f"127.0.0.1:{target.port} {says}"


def test_redirects_are_answers_and_not_followed(client: HttpClient, target: Target) -> None:
    assert get(client, f"{target.url}/status/302") == 302
    assert len(target.seen) == 1


def test_proxies_of_the_environment_do_not_exist(
    client: HttpClient, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert get(client, f"{target.url}/echo") == 200


def test_a_connection_is_used_again_and_then_needs_no_dialling(client: HttpClient, target: Target) -> None:
    first = client.send(Request.to(f"{target.url}/echo"), within(5))
    second = client.send(Request.to(f"{target.url}/echo"), within(5))
    assert target.connections == 1
    assert first.timings.connect > 0
    assert (second.timings.dns, second.timings.connect) == (0, 0)
    assert 0 < second.timings.first_byte <= second.timings.total


def test_a_connection_that_was_closed_meanwhile_is_opened_again(client: HttpClient, target: Target) -> None:
    assert [get(client, f"{target.url}/goodbye") for _ in range(5)] == [200] * 5
    assert len(target.seen) == 5


def test_a_kept_connection_has_each_request_s_own_deadline(client: HttpClient, target: Target) -> None:
    get(client, f"{target.url}/echo", 5)
    assert failure(client, f"{target.url}/hang", 0.2) == "no answer within 0.2 s"
    assert get(client, f"{target.url}/echo", 5) == 200


def test_threads_share_a_client(client: HttpClient, target: Target) -> None:
    with ThreadPoolExecutor(16) as threads:
        bodies = list(
            threads.map(
                lambda n: client.send(Request.to(f"{target.url}/body", "POST", {}, b"%d" % n), within(10)).body,
                range(200),
            )
        )
    assert bodies == [b"%d" % n for n in range(200)]
    assert target.connections <= 200


@pytest.mark.parametrize(
    "url",
    [
        "example.org",
        "ftp://example.org/",
        "file:///etc/passwd",
        "http://",
        "http://example.org:0/",
        "http://example.org:99999/",
        "http://user:word@example.org/",
        "http://example.org/a b",
        "http://example.org/\r\nX: y",
        "http://[::1",
        "http://exam\x00ple.org",
        "http://" + "a" * 9000,
    ],
)
def test_what_is_no_http_url_is_refused_at_once(url: str) -> None:
    with pytest.raises(Invalid, match="url: "):
        Request.to(url)


@pytest.mark.parametrize(
    "name",
    ["Host", "content-length", "Connection", "Transfer-Encoding", "Webhook-Id", "X-Cronny-Trigger", "Idempotency-Key"],
)
def test_headers_that_cronny_sets_are_not_the_user_s(name: str) -> None:
    with pytest.raises(Invalid, match="Cronny sets this header itself"):
        Request.to("http://example.org", headers={name: "x"})


@pytest.mark.parametrize(
    ("name", "value"), [("X", "a\r\nB: c"), ("X", "a\nb"), ("X", "\x00"), ("X\r\nY", "a"), ("", "a")]
)
def test_no_header_can_smuggle_in_another_line(name: str, value: str) -> None:
    with pytest.raises(Invalid, match="headers"):
        Request.to("http://example.org", headers={name: value})


def test_names_in_other_scripts_are_sent_as_the_name_servers_know_them() -> None:
    request = Request.to("http://bücher.example:81/straße?q=ä")
    assert str(request.target) == "xn--bcher-kva.example:81"
    assert request.path == "/stra%C3%9Fe?q=%C3%A4"
