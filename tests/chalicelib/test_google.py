"""Signing in with Google, whose keys and tokens are made here and fetched over HTTP."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from chalicelib.application import build
from shared.services import Services
from tests.chalicelib.client import Client
from tests.fakes import SetClock

OURS = "our-client.apps.googleusercontent.com"


@dataclass
class Google:
    """Its keys by name, and how often somebody asked for them."""

    url: str = ""
    status: int = 200
    keys: dict[str, rsa.RSAPrivateKey] = field(default_factory=dict)
    asked: int = 0

    def key(self) -> str:
        """A new key's name."""
        name = uuid4().hex
        self.keys[name] = rsa.generate_private_key(65537, 2048)
        return name

    def published(self) -> bytes:
        self.asked += 1
        public = [
            json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key())) | {"kid": name, "alg": "RS256"}
            for name, key in self.keys.items()
        ]
        return json.dumps({"keys": public}).encode()


@pytest.fixture
def google() -> Iterator[Google]:
    google = Google()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = google.published()
            self.send_response(google.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    google.url = f"http://127.0.0.1:{server.server_address[1]}/certs"
    google.key()
    thread = threading.Thread(target=server.serve_forever, args=[0.05])
    thread.start()
    yield google
    server.shutdown()
    thread.join()
    server.server_close()


@dataclass
class Person:
    """Somebody with a Google account, at a site that has Google's button."""

    google: Google
    client: Client
    clock: SetClock

    def token(self, kid: str = "", **changes: Any) -> str:
        now = int(self.clock.now().timestamp())
        claims = {
            "iss": "https://accounts.google.com",
            "aud": OURS,
            "sub": "110169484474386276334",
            "email": "ada.lovelace@example.org",
            "email_verified": True,
            "given_name": "Ada",
            "iat": now,
            "exp": now + 3600,
        } | changes
        kid = kid or next(iter(self.google.keys))
        return jwt.encode(
            {name: value for name, value in claims.items() if value is not None},
            self.google.keys[kid],
            "RS256",
            headers={"kid": kid},
        )

    def sign_in(self, kid: str = "", **changes: Any) -> Any:
        return self.client.post("auth/google", {"id_token": self.token(kid, **changes)})


@pytest.fixture
def ada(google: Google, services: Services, clock: SetClock) -> Person:
    settings = replace(services.settings, google_client_id=OURS, google_keys_url=google.url)
    return Person(google, Client(build(lambda: replace(services, settings=settings))), clock)


def test_the_first_time_there_is_a_new_account_and_later_the_same(ada: Person) -> None:
    first, again = ada.sign_in(), ada.sign_in(email="ada@elsewhere.example")
    assert (first.status, again.status) == (200, 200)
    assert first.json["user"]["username"] == "ada.lovelace"
    assert first.json["user"]["first_name"] == "Ada"
    assert first.json["user"]["id"] == again.json["user"]["id"]
    assert ada.client.bearing(again.json["token"]).get("auth/me").status == 200
    assert ada.google.asked == 1


def test_a_taken_username_gets_a_number(ada: Person) -> None:
    taken = {"username": "ada.lovelace", "email": "other@example.org", "password": "analytical engine"}
    assert ada.client.post("auth/register", taken).status == 201
    assert ada.sign_in().json["user"]["username"] == "ada.lovelace2"


def test_an_account_that_somebody_made_with_that_address_is_not_handed_over(ada: Person) -> None:
    """Nor does its maker, who never showed that the address is theirs, get what comes by Google."""
    mine = {"username": "mallory", "email": "Ada.Lovelace@example.org", "password": "analytical engine"}
    ada.client.post("auth/register", mine)
    answer = ada.sign_in()
    assert answer.status == 409
    assert "password" in answer.json["detail"]


def test_whoever_came_by_google_has_no_password(ada: Person) -> None:
    ada.sign_in()
    for guess in ("!", "", "analytical engine"):
        assert ada.client.post("auth/login", {"username": "ada.lovelace", "password": guess}).status == 401


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "another-client"},
        {"aud": [OURS, "another-client"]},
        {"iss": "https://accounts.example.org"},
        {"exp": 1},
        {"exp": None},
        {"iat": 4_000_000_000},
        {"email_verified": False},
        {"email_verified": "true"},
        {"email_verified": None},
        {"sub": None},
        {"sub": ""},
        {"email": None},
        {"email": "nowhere"},
    ],
)
def test_a_token_for_others_or_of_another_time_or_of_nobody_is_refused(ada: Person, changes: dict[str, Any]) -> None:
    assert ada.sign_in(**changes).status == 401


def test_a_forged_token_is_refused(ada: Person) -> None:
    good = ada.token()
    head, claims, signature = good.split(".")
    kid = jwt.get_unverified_header(good)["kid"]
    payload = jwt.decode(good, options={"verify_signature": False})
    forged = [
        f"{head}.{claims}.{signature[:-4]}AAAA",
        jwt.encode(payload, "", "none", headers={"kid": kid}),
        jwt.encode(payload, "the public key as a secret, which is known", "HS256", headers={"kid": kid}),
        jwt.encode(payload, rsa.generate_private_key(65537, 2048), "RS256", headers={"kid": kid}),
        "",
        "a.b.c",
        "é" * 100,
    ]
    ada.sign_in()
    statuses = [ada.client.post("auth/google", {"id_token": token}).status for token in forged]
    assert statuses == [401] * len(forged)


def test_a_new_key_is_fetched_and_an_invented_one_is_not_asked_for_again_and_again(
    ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada.sign_in()
    new = ada.google.key()
    assert ada.sign_in(new).status == 401
    monkeypatch.setattr("shared.manage.google.ASK_EVERY_SECONDS", 0.0)
    assert ada.sign_in(new).status == 200
    monkeypatch.undo()
    asked = ada.google.asked
    ada.google.keys["invented"] = rsa.generate_private_key(65537, 2048)
    assert [ada.sign_in("invented").status for _ in range(3)] == [401] * 3
    assert ada.google.asked == asked


def test_while_google_is_away_the_answer_is_503(ada: Person) -> None:
    ada.google.status = 500
    answer = ada.sign_in()
    assert answer.status == 503
    ada.google.status = 200
    assert ada.sign_in().status == 200


def test_without_a_client_id_there_is_no_such_thing(nobody: Client) -> None:
    assert nobody.post("auth/google", {"id_token": "a.b.c"}).status == 404
