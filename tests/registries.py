"""A container registry of the test's own: HTTP API V2, with bearer tokens as Docker Hub and ghcr.io ask for them."""

import base64
import hashlib
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

MEDIA_TYPE = "application/vnd.oci.image.index.v1+json"


@dataclass
class Registry:
    """What it has, whom it lets in, and what it was asked.

    ``manifests`` {"library/nginx:1.29": bytes}. ``auth``: none, bearer or basic; ``login`` may see everything, and
    without one everybody may. ``realm`` is where tokens are said to be, ``token_says`` and ``token_status`` what is
    answered there.
    """

    host: str = ""
    scheme: str = "http"
    manifests: dict[str, bytes] = field(default_factory=dict)
    auth: str = "bearer"
    login: str | None = None
    realm: str = ""
    token_says: str | None = None
    token_status: int = 200
    tells_digest: bool = True
    tells_on_status: dict[str, str] = field(default_factory=dict)
    status: int | None = None
    asked: list[tuple[str, str, str]] = field(default_factory=list)

    def challenge(self, repository: str) -> str:
        realm = self.realm or f"{self.scheme}://{self.host}/token"
        scope = f"repository:{repository}:pull"
        return f'Bearer realm="{realm}",service="the, registry",scope="{scope}"' if self.auth == "bearer" else "Basic"

    def lets_in(self, authorization: str, repository: str) -> bool:
        if self.auth == "none":
            return True
        if self.auth == "basic":
            return authorization == f"Basic {base64.b64encode((self.login or '').encode()).decode()}"
        return authorization == f"Bearer token-for-repository:{repository}:pull"


def digest(manifest: bytes) -> str:
    """What a registry calls a manifest."""
    return "sha256:" + hashlib.sha256(manifest).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    registry: Registry

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        self.registry.asked.append((self.command, self.path, self.headers.get("Authorization") or ""))
        if parts.path == "/token":
            self.give_token(parse_qs(parts.query))
        else:
            repository, _, reference = parts.path.removeprefix("/v2/").partition("/manifests/")
            self.give_manifest(repository, reference)

    def give_token(self, query: dict[str, list[str]]) -> None:
        login, sent = self.registry.login, self.headers.get("Authorization", "")
        known = login is None or sent == "Basic " + base64.b64encode(login.encode()).decode()
        scope = query["scope"][0] if known and query["service"] == ["the, registry"] else "nothing"
        says = self.registry.token_says or json.dumps({"token": f"token-for-{scope}"})
        self.reply(self.registry.token_status, says.encode(), {})

    def give_manifest(self, repository: str, reference: str) -> None:
        if not self.registry.lets_in(self.headers.get("Authorization") or "", repository):
            return self.reply(401, b"{}", {"WWW-Authenticate": self.registry.challenge(repository)})
        if self.registry.status is not None:
            return self.reply(self.registry.status, b"{}", self.registry.tells_on_status)
        between = "@" if reference.startswith("sha256:") else ":"
        manifest = self.registry.manifests.get(f"{repository}{between}{reference}")
        if manifest is None or MEDIA_TYPE not in self.headers.get("Accept", ""):
            return self.reply(404, b"{}", {})
        told = {"Docker-Content-Digest": digest(manifest)} if self.registry.tells_digest else {}
        return self.reply(200, manifest, {"Content-Type": MEDIA_TYPE, **told})

    def reply(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quiet."""


class _Server(ThreadingHTTPServer):
    # Connections that clients keep open must not hold up the end of a test.
    daemon_threads = True
    block_on_close = False

    def __init__(self, handler: type[_Handler], tls: ssl.SSLContext | None) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self._tls = tls

    def get_request(self) -> tuple[socket.socket, object]:
        sock, address = super().get_request()
        if self._tls is not None:
            # The handshake happens on the first read, in the connection's own thread.
            sock = self._tls.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        return sock, address


@contextmanager
def running_registry(tls: ssl.SSLContext | None = None) -> Iterator[Registry]:
    """A registry on a free loopback port while the block runs; with ``tls`` it speaks HTTPS."""

    class Handler(_Handler):
        """One class a registry, because the server makes the handlers."""

    server = _Server(Handler, tls)
    registry = Handler.registry = Registry(f"127.0.0.1:{server.server_address[1]}", "https" if tls else "http")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield registry
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
