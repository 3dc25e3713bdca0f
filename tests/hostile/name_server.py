"""A real name server on loopback, whose owner may answer each question differently, and a resolver that asks it."""

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from socketserver import BaseRequestHandler, ThreadingUDPServer

import dns.flags
import dns.message
import dns.rcode
import dns.resolver
import dns.rrset

from shared.runners.dialling import SocketAddress

# Given how often the name was asked for before: addresses (or "CNAME other.example."), a status, or None for silence.
Zone = Callable[[int], Sequence[str] | dns.rcode.Rcode | None]


@dataclass
class NameServer:
    """Where it listens, what it says of each name, and how often it was asked for addresses of IPv4."""

    port: int
    zones: dict[str, Zone] = field(default_factory=dict)
    asked: dict[str, int] = field(default_factory=dict)

    def lookup(self, host: str, port: int) -> list[SocketAddress]:
        """What ``getaddrinfo`` does of a machine that uses this name server."""
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers, resolver.port, resolver.lifetime = ["127.0.0.1"], self.port, 5
        try:
            found = resolver.resolve_name(host)
        except dns.resolver.NXDOMAIN as error:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known") from error
        except dns.exception.DNSException as error:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution") from error
        return [_socket_address(address, family, port) for address, family in found.addresses_and_families()]


def _socket_address(address: str, family: int, port: int) -> SocketAddress:
    return (socket.AF_INET6, (address, port, 0, 0)) if family == socket.AF_INET6 else (socket.AF_INET, (address, port))


@contextmanager
def name_server() -> Iterator[NameServer]:
    """A name server while the block runs; names without a zone do not exist."""

    class Handler(BaseRequestHandler):
        def handle(self) -> None:
            data, sock = self.request
            reply = _reply(server, dns.message.from_wire(data))
            if reply is not None:
                sock.sendto(reply.to_wire(), self.client_address)

    with ThreadingUDPServer(("127.0.0.1", 0), Handler) as listener:
        server = NameServer(listener.server_address[1])
        thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            listener.shutdown()
            thread.join(5)


def _reply(server: NameServer, question: dns.message.Message) -> dns.message.Message | None:
    asked = question.question[0]
    name, kind = asked.name.to_text(omit_final_dot=True).lower(), dns.rdatatype.to_text(asked.rdtype)
    reply = dns.message.make_response(question)
    times = server.asked.get(name, 0)
    said = server.zones[name](times) if name in server.zones else dns.rcode.NXDOMAIN
    if kind == "A":
        server.asked[name] = times + 1
    if said is None:
        return None
    if isinstance(said, dns.rcode.Rcode):
        reply.set_rcode(said)
        return reply
    owner = asked.name
    for record in said:
        if record.startswith("CNAME "):
            alias = record.removeprefix("CNAME ")
            reply.answer.append(dns.rrset.from_text(owner, 0, "IN", "CNAME", alias))
            owner = dns.name.from_text(alias)
        elif kind == ("AAAA" if ":" in record else "A"):
            reply.answer.append(dns.rrset.from_text(owner, 0, "IN", kind, record))
    return reply
