"""A small HTTP target that answers with what it was asked, as JSON: something for the demo's jobs to call."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from infra.local.ports import LOOPBACK, remembered_port

LARGEST_BODY = 1024 * 1024
SHOWN_HEADERS = ("content-type", "user-agent", "idempotency-key", "x-cronny-trigger", "x-cronny-attempt", "traceparent")


class Echo:
    """Listens on a loopback port that `port_file` remembers."""

    def __init__(self, port_file: Path) -> None:
        self._server = ThreadingHTTPServer((LOOPBACK, remembered_port(port_file)), _Handler)
        self._server.daemon_threads = True
        self.url = f"http://{LOOPBACK}:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=[0.1], daemon=True).start()

    def close(self) -> None:
        """Stops listening."""
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 64 * 1024
    timeout = 60

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):
            return self._answer
        raise AttributeError(name)

    def log_message(self, *_: Any) -> None:
        """Silent: the fires are printed."""

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if length > LARGEST_BODY:
            self.send_error(413)
            return
        url = urlsplit(self.path)
        echo = {
            "method": self.command,
            "path": url.path,
            "query": {name: values[-1] for name, values in parse_qs(url.query).items()},
            "headers": {name: self.headers[name] for name in SHOWN_HEADERS if name in self.headers},
            "body": _parsed(self.rfile.read(length)),
        }
        answer = json.dumps(echo).encode()
        self.send_response_only(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer)
        self.wfile.flush()


def _parsed(body: bytes) -> Any:
    """JSON as itself, other text as text, nothing as null."""
    text = body.decode(errors="replace")
    try:
        return json.loads(text) if text else None
    except ValueError:
        return text
