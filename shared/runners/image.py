"""Images as people name them, and where their registries keep them."""

import base64
import re
from dataclasses import dataclass

from shared.errors import Invalid
from shared.job import JsonObject
from shared.runners.fields import required_text, text
from shared.runners.request import locate

DOCKER_HUB = "registry-1.docker.io"
_HUB_NAMES = ("docker.io", "index.docker.io", "registry.hub.docker.com", DOCKER_HUB)

_PART = "[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_IMAGE = re.compile(
    r"(?:(?P<registry>(?:[A-Za-z0-9.-]+[.:][A-Za-z0-9.:-]*|localhost|\[[0-9a-fA-F:]+\](?::\d+)?))/)?"
    rf"(?P<repository>{_PART}(?:/{_PART})*)"
    r"(?::(?P<tag>\w[\w.-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?",
    re.ASCII,
)
DIGEST = re.compile("sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Image:
    """Where an image is to be looked for: ``reference`` is its tag or its digest."""

    base: str
    registry: str
    repository: str
    reference: str

    @property
    def url(self) -> str:
        """Of its manifest."""
        return f"{self.base}/v2/{self.repository}/manifests/{self.reference}"

    def __str__(self) -> str:
        between = "@" if self.reference.startswith("sha256:") else ":"
        return f"{self.registry}/{self.repository}{between}{self.reference}"


@dataclass(frozen=True, slots=True)
class Ask:
    """What an input asks for: the image, what to log in with, and the digest that it should have."""

    image: Image
    basic: str | None
    expected_digest: str | None


def read(fields: JsonObject) -> Ask:
    """What an input asks for. Raises ``Invalid``."""
    insecure = fields.get("insecure") or False
    if not isinstance(insecure, bool):
        raise Invalid.field("insecure", "it must be true or false")
    username, password = text(fields, "username"), text(fields, "password")
    if (username is None) is not (password is None):
        raise Invalid.field("password" if password is None else "username", "give both a username and a password")
    if insecure and password:
        raise Invalid.field("insecure", "credentials are sent over TLS only")
    digest = text(fields, "expected_digest")
    if digest and not DIGEST.fullmatch(digest):
        raise Invalid.field("expected_digest", "it must be sha256: and 64 hexadecimal digits")
    pair = f"{username}:{password}".encode("utf-8", "replace")
    basic = base64.b64encode(pair).decode() if password else None
    return Ask(_image(required_text(fields, "image"), "http" if insecure else "https"), basic, digest)


def _image(written: str, scheme: str) -> Image:
    found = _IMAGE.fullmatch(written) if len(written) <= 512 else None
    if found is None:
        raise Invalid.field("image", "it must be an image such as nginx:1.29 or ghcr.io/owner/name:tag")
    registry, repository = found["registry"] or "docker.io", found["repository"]
    hub = registry in _HUB_NAMES
    # As docker does: what names nobody is one of Docker Hub's own.
    repository = f"library/{repository}" if hub and "/" not in repository else repository
    base = f"{scheme}://{DOCKER_HUB if hub else registry}"
    try:
        locate(base)
    except Invalid as error:
        raise Invalid.field("image", "its registry must be a host, with a port if need be") from error
    return Image(base, "docker.io" if hub else registry, repository, found["digest"] or found["tag"] or "latest")
