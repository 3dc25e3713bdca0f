"""HTTPS: the certificate is checked against the name, although the connection goes to an address."""

import ssl
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from socket import AF_INET

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from shared.runners.dialling import Dialler, SocketAddress
from shared.runners.http_client import HttpClient, RequestFailed
from shared.runners.network_guard import NetworkGuard
from shared.runners.request import Request
from tests.shared.runners.conftest import LOOPBACK, within
from tests.targets import Target, running_target


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for ``target.example`` and 127.0.0.1, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "target.example")])
    names = [x509.DNSName("target.example"), x509.IPAddress(ip_address("127.0.0.1"))]
    start = datetime.fromisoformat("2020-01-01T00:00:00+00:00")
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=36_500))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture
def target(certificate: Path) -> Iterator[Target]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with running_target(context) as target:
        yield target


def client_for(trusted: Path | None) -> HttpClient:
    def lookup(_host: str, port: int) -> Sequence[SocketAddress]:
        return [(AF_INET, ("127.0.0.1", port))]

    return HttpClient(Dialler(NetworkGuard(LOOPBACK), lookup), ssl.create_default_context(cafile=trusted))


def test_the_name_is_what_the_certificate_must_carry(certificate: Path, target: Target) -> None:
    client = client_for(certificate)
    first = client.send(Request.to(f"https://target.example:{target.port}/echo"), within(5))
    second = client.send(Request.to(f"https://target.example:{target.port}/echo"), within(5))
    client.pool.close()
    assert (first.status, second.status, target.connections) == (200, 200, 1)
    assert first.timings.tls > 0
    assert second.timings.tls == 0


def test_another_name_at_the_same_address_is_not_trusted(certificate: Path, target: Target) -> None:
    with pytest.raises(RequestFailed, match=r"the certificate of other.example:.* is not valid: .*other.example"):
        client_for(certificate).send(Request.to(f"https://other.example:{target.port}/echo"), within(5))


def test_a_certificate_that_nobody_vouches_for_is_not_trusted(target: Target) -> None:
    with pytest.raises(RequestFailed, match="is not valid: self-signed certificate"):
        client_for(None).send(Request.to(f"https://target.example:{target.port}/echo"), within(5))


def test_slow_answers_end_at_the_deadline_under_tls_too(certificate: Path, target: Target) -> None:
    with pytest.raises(RequestFailed, match=r"no answer within 0\.4 s"):
        client_for(certificate).send(Request.to(f"https://target.example:{target.port}/drip"), within(0.4))


def test_a_target_without_tls_is_told_so(certificate: Path) -> None:
    with running_target() as plain, pytest.raises(RequestFailed, match=r"no TLS connection to target.example"):
        client_for(certificate).send(Request.to(f"https://target.example:{plain.port}/echo"), within(5))
