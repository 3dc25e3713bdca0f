"""The docker-registry job type, against a registry of the test's own."""

import ssl
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shared.errors import Invalid
from shared.outcome import FailureKind, Outcome
from shared.runners.docker_registry import DockerRegistryRunner, host
from shared.runners.http_client import HttpClient, guarded_client
from shared.runners.image import read
from tests.registries import MEDIA_TYPE, Registry, digest, running_registry
from tests.shared.runners.conftest import LOOPBACK, within
from tests.shared.runners.test_tls import certificate

__all__ = ["certificate"]

MANIFEST = b'{"schemaVersion": 2, "manifests": []}'
OTHER = "sha256:" + "0" * 64


@pytest.fixture
def registry() -> Iterator[Registry]:
    with running_registry() as registry:
        registry.manifests["team/app:1.0"] = MANIFEST
        registry.manifests[f"team/app@{digest(MANIFEST)}"] = MANIFEST
        yield registry


def looked_up(client: HttpClient, registry: Registry, image: str = "team/app:1.0", **fields: Any) -> Outcome:
    given = {"image": f"{registry.host}/{image}", "insecure": True, **fields}
    return DockerRegistryRunner(client).run(given, within(5))


def test_a_tag_that_exists_has_a_digest(client: HttpClient, registry: Registry) -> None:
    outcome = looked_up(client, registry)
    assert outcome.output == {
        "status": 200,
        "registry": registry.host,
        "repository": "team/app",
        "reference": "1.0",
        "exists": True,
        "digest": digest(MANIFEST),
        "media_type": MEDIA_TYPE,
    }
    methods = [(method, path.partition("?")[0], sent) for method, path, sent in registry.asked]
    manifest = "/v2/team/app/manifests/1.0"
    token = "Bearer token-for-repository:team/app:pull"
    assert methods == [("HEAD", manifest, ""), ("GET", "/token", ""), ("HEAD", manifest, token)]


def test_a_digest_can_be_asked_for(client: HttpClient, registry: Registry) -> None:
    assert looked_up(client, registry, f"team/app:1.0@{digest(MANIFEST)}").ok
    assert looked_up(client, registry, f"team/app@{OTHER}").failure == FailureKind.UNEXPECTED_STATUS


def test_a_registry_that_asks_for_nothing_gets_nothing(client: HttpClient, registry: Registry) -> None:
    registry.auth = "none"
    assert looked_up(client, registry).ok
    assert len(registry.asked) == 1


def test_a_registry_that_tells_no_digest_is_asked_for_the_manifest(client: HttpClient, registry: Registry) -> None:
    registry.auth, registry.tells_digest = "none", False
    outcome = looked_up(client, registry)
    assert isinstance(outcome.output, dict)
    assert outcome.output["digest"] == digest(MANIFEST)
    assert [method for method, *_ in registry.asked] == ["HEAD", "GET"]


def test_the_digest_of_a_manifest_that_is_too_long_is_not_known(client: HttpClient, registry: Registry) -> None:
    registry.auth, registry.tells_digest = "none", False
    registry.manifests["team/app:1.0"] = b" " * 100_000
    outcome = looked_up(client, registry)
    assert isinstance(outcome.output, dict)
    assert (outcome.ok, outcome.output["digest"]) == (True, None)


@pytest.mark.parametrize("auth", ["none", "bearer"])
def test_a_tag_that_does_not_exist_fails_the_job(client: HttpClient, registry: Registry, auth: str) -> None:
    registry.auth = auth
    outcome = looked_up(client, registry, "team/app:2.0")
    assert (outcome.failure, outcome.error) == (
        FailureKind.UNEXPECTED_STATUS,
        f"there is no {registry.host}/team/app:2.0",
    )
    assert isinstance(outcome.output, dict)
    assert (outcome.output["exists"], outcome.output["digest"]) == (False, None)


def test_another_digest_than_expected_fails_the_job(client: HttpClient, registry: Registry) -> None:
    assert looked_up(client, registry, expected_digest=digest(MANIFEST)).ok
    outcome = looked_up(client, registry, expected_digest=OTHER)
    assert outcome.error == f"the digest of {registry.host}/team/app:1.0 is {digest(MANIFEST)}, expected {OTHER}"


def test_what_may_not_be_seen_does_not_exist(client: HttpClient, registry: Registry) -> None:
    registry.login = "ann:secret"
    outcome = looked_up(client, registry)
    assert outcome.failure == FailureKind.UNEXPECTED_STATUS
    assert "may not be seen with these credentials" in (outcome.error or "")


@pytest.mark.parametrize(("status", "kind"), [(429, "rate_limited"), (503, "server_error"), (403, "unexpected_status")])
def test_a_registry_that_refuses_has_its_kind(client: HttpClient, registry: Registry, status: int, kind: str) -> None:
    registry.status, registry.tells_on_status = status, {"Retry-After": "60"}
    outcome = looked_up(client, registry)
    assert (outcome.failure, outcome.retry_after) == (kind, 60)


@pytest.mark.parametrize(
    ("status", "says", "kind"),
    [
        (200, "no JSON", "no_answer"),
        (200, "{}", "no_answer"),
        (200, '{"token": 5}', "no_answer"),
        (200, '{"token": "a\\r\\nHost: evil"}', "no_answer"),
        (429, "{}", "rate_limited"),
        (500, "{}", "server_error"),
        (401, "{}", "unexpected_status"),
    ],
)
def test_without_a_token_the_job_fails(
    client: HttpClient, registry: Registry, status: int, says: str, kind: str
) -> None:
    registry.token_status, registry.token_says = status, says
    assert looked_up(client, registry).failure == kind
    assert len(registry.asked) == 2


def test_a_token_under_its_other_name_will_do(client: HttpClient, registry: Registry) -> None:
    registry.token_says = '{"access_token": "token-for-repository:team/app:pull"}'
    assert looked_up(client, registry).ok


@pytest.mark.parametrize(
    ("realm", "kind"),
    [
        ("http://169.254.169.254/latest/meta-data", "refused"),
        ("http://10.0.0.1/token", "refused"),
        ("ftp://127.0.0.1/token", "refused"),
        ("file:///etc/passwd", "refused"),
        ("http://user:pw@127.0.0.1/token", "no_answer"),
        ("https://", "no_answer"),
    ],
)
def test_where_tokens_are_is_guarded_like_everything_else(
    client: HttpClient, registry: Registry, realm: str, kind: str
) -> None:
    registry.realm = realm
    assert looked_up(client, registry).failure == kind
    assert len(registry.asked) == 1


def test_a_registry_inside_is_refused(registry: Registry) -> None:
    outcome = looked_up(guarded_client(()), registry)
    assert outcome.failure == FailureKind.REFUSED
    assert registry.asked == []


@pytest.mark.parametrize(
    ("image", "base", "name"),
    [
        ("nginx", "https://registry-1.docker.io", "docker.io/library/nginx:latest"),
        ("nginx:1.29", "https://registry-1.docker.io", "docker.io/library/nginx:1.29"),
        ("grafana/loki", "https://registry-1.docker.io", "docker.io/grafana/loki:latest"),
        ("docker.io/library/nginx:1", "https://registry-1.docker.io", "docker.io/library/nginx:1"),
        ("docker.io/nginx:1", "https://registry-1.docker.io", "docker.io/library/nginx:1"),
        ("ghcr.io/owner/name:tag", "https://ghcr.io", "ghcr.io/owner/name:tag"),
        ("localhost/app", "https://localhost", "localhost/app:latest"),
        ("registry.example.org:5000/a/b/c:d", "https://registry.example.org:5000", "registry.example.org:5000/a/b/c:d"),
        (f"ghcr.io/a/b@{OTHER}", "https://ghcr.io", f"ghcr.io/a/b@{OTHER}"),
    ],
)
def test_images_are_named_as_docker_names_them(image: str, base: str, name: str) -> None:
    found = read({"image": image}).image
    assert (found.base, str(found)) == (base, name)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"image": None}, "image"),
        ({"image": "UPPER/case"}, "image"),
        ({"image": "https://ghcr.io/a/b"}, "image"),
        ({"image": "ghcr.io/a/../b"}, "image"),
        ({"image": "ghcr.io/a b"}, "image"),
        ({"image": "ghcr.io/a/b:t?x=1"}, "image"),
        ({"image": "user:pw@ghcr.io/a/b"}, "image"),
        ({"image": "ghcr.io:99999/a/b"}, "image"),
        ({"image": "a/" * 300 + "b"}, "image"),
        ({"image": "nginx", "username": "ann"}, "password"),
        ({"image": "nginx", "password": "x"}, "username"),
        ({"image": "nginx", "username": "ann", "password": "x", "insecure": True}, "insecure"),
        ({"image": "nginx", "insecure": "no"}, "insecure"),
        ({"image": "nginx", "expected_digest": "sha256:1"}, "expected_digest"),
    ],
)
def test_input_that_cannot_be_used_names_the_field(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as error:
        read(fields)
    assert error.value.faults[0].field == field
    assert host(fields) is None


def test_the_registry_is_whom_a_job_calls() -> None:
    assert host({"image": "nginx"}) == "registry-1.docker.io:443"
    assert host({"image": "127.0.0.1:5000/a", "insecure": True}) == "127.0.0.1:5000"


LOGIN: dict[str, Any] = {"username": "ann", "password": "secret", "insecure": False}
ANN = "Basic " + b64encode(b"ann:secret").decode()


@pytest.fixture
def private(certificate: Path) -> Iterator[Registry]:
    """A registry with TLS that lets nobody but Ann see anything."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with running_registry(context) as registry:
        registry.manifests["team/app:1.0"] = MANIFEST
        registry.login = "ann:secret"
        yield registry


@pytest.fixture
def trusting(certificate: Path) -> Iterator[HttpClient]:
    """A client that takes the test's certificate for valid."""
    client = guarded_client(LOOPBACK, ssl.create_default_context(cafile=certificate))
    yield client
    client.pool.close()


def test_credentials_are_sent_to_where_tokens_are_and_nowhere_else(trusting: HttpClient, private: Registry) -> None:
    assert looked_up(trusting, private, **LOGIN).ok
    sent = [authorization for _, _, authorization in private.asked]
    assert sent == ["", ANN, "Bearer token-for-repository:team/app:pull"]


def test_wrong_credentials_see_nothing(trusting: HttpClient, private: Registry) -> None:
    outcome = looked_up(trusting, private, **{**LOGIN, "password": "wrong"})
    assert outcome.failure == FailureKind.UNEXPECTED_STATUS
    assert "wrong" not in (outcome.error or "")


def test_a_registry_without_tokens_gets_the_credentials_once_it_asks(trusting: HttpClient, private: Registry) -> None:
    private.auth = "basic"
    assert looked_up(trusting, private, **LOGIN).ok
    assert [authorization for _, _, authorization in private.asked] == ["", ANN]
    assert looked_up(trusting, private, insecure=False).error == f"{private.host} asks for credentials"


def test_credentials_never_leave_without_tls(trusting: HttpClient, private: Registry, registry: Registry) -> None:
    private.realm = f"http://{registry.host}/token"
    outcome = looked_up(trusting, private, **LOGIN)
    assert (outcome.failure, registry.asked) == (FailureKind.REFUSED, [])
