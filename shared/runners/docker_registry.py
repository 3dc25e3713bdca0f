"""The ``docker-registry`` job type: asks a registry whether an image's tag exists, and which digest it has.

It speaks the registry's HTTP API V2 (https://distribution.github.io/distribution/spec/api/) with the bearer tokens
that Docker Hub and ghcr.io ask for (https://distribution.github.io/distribution/spec/auth/token/). It pulls and runs
nothing.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from shared.errors import Invalid
from shared.job import JsonObject, JsonValue
from shared.outcome import FailureKind, Outcome
from shared.runners import JobType, RunContext
from shared.runners.failure import of_status
from shared.runners.fields import as_object
from shared.runners.http_client import HttpClient, RequestFailed, Response
from shared.runners.image import DIGEST, Ask, Image, read
from shared.runners.request import Request, locate
from shared.runners.retry_after import retry_after
from shared.untrusted import parse_json

# Whatever a tag may name: lists for several platforms, and single images.
ACCEPTED = ", ".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)

_CHALLENGE = re.compile(r"\s*bearer\s+(.*)", re.IGNORECASE | re.DOTALL)
_PARAMETER = re.compile(r'(\w+)\s*=\s*"([^"]*)"')

JOB_TYPE = JobType(
    name="docker-registry",
    title="Image in a registry",
    description="Checks that an image's tag exists in a container registry and reports its digest; runs nothing.",
    input_schema={
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Image in a registry",
        "type": "object",
        "required": ["image"],
        "properties": {
            "image": {
                "type": "string",
                "title": "Image",
                "description": "As for docker pull: nginx:1.29, ghcr.io/owner/name:tag.",
                "minLength": 1,
                "maxLength": 512,
            },
            "username": {"type": ["string", "null"], "title": "User name", "maxLength": 256},
            "password": {
                "type": ["string", "null"],
                "title": "Password",
                "description": "A password or an access token, for what is not public.",
                "format": "password",
            },
            "expected_digest": {
                "type": ["string", "null"],
                "title": "Expected digest",
                "description": "Any other fails the job: sha256: and 64 hexadecimal digits.",
            },
            "insecure": {
                "type": ["boolean", "null"],
                "title": "Without TLS",
                "description": "Speak http to the registry; then no credentials are sent.",
                "default": False,
            },
        },
    },
)


@dataclass(frozen=True, slots=True)
class DockerRegistryRunner:
    """Input {image, username, password, expected_digest, insecure}; output {status, registry, ..., digest}."""

    client: HttpClient

    def run(self, job_input: JsonValue, context: RunContext) -> Outcome:
        """Fails when the tag does not exist, may not be seen, or has another digest than was expected."""
        try:
            ask = read(as_object(job_input, '{"image": "nginx:latest"}'))
            return self._looked_up(ask, context)
        except Invalid as error:
            return Outcome.failed(str(error), kind=FailureKind.INVALID_INPUT)
        except RequestFailed as error:
            return error.outcome()

    def _looked_up(self, ask: Ask, context: RunContext) -> Outcome:
        headers = {"Accept": ACCEPTED}
        response = self._ask("HEAD", ask.image, headers, context)
        if response.status == 401:
            granted = self._authorization(ask, response, context)
            if isinstance(granted, Outcome):
                return granted
            headers |= {"Authorization": granted}
            response = self._ask("HEAD", ask.image, headers, context)
        if response.status == 200 and not DIGEST.fullmatch(response.headers.get("docker-content-digest", "")):
            # The header is optional (OCI distribution specification); the digest is that of the manifest's bytes.
            response = self._ask("GET", ask.image, headers, context)
        return _outcome(ask, response, context)

    def _ask(self, method: str, image: Image, headers: Mapping[str, str], context: RunContext) -> Response:
        return self.client.send(Request.to(image.url, method, headers), context)

    def _authorization(self, ask: Ask, response: Response, context: RunContext) -> str | Outcome:
        """What to send in the Authorization header, or why there is nothing."""
        challenge = _CHALLENGE.match(response.headers.get("www-authenticate", ""))
        if challenge is None:
            denied = Outcome.failed(f"{ask.image.registry} asks for credentials", {"status": 401}, of_status(401))
            return f"Basic {ask.basic}" if ask.basic else denied
        asked = dict(_PARAMETER.findall(challenge[1]))
        realm = asked.get("realm", "")
        if not realm.startswith(("https://", f"{ask.image.base.partition('://')[0]}://")):
            told = f"{ask.image.registry} sends credentials to {realm[:200]}, which is not safe"
            return Outcome.failed(told, kind=FailureKind.REFUSED)
        token = self._token(ask, realm, asked, context)
        return f"Bearer {token}" if isinstance(token, str) else token

    def _token(self, ask: Ask, realm: str, asked: Mapping[str, str], context: RunContext) -> str | Outcome:
        query = {"service": asked.get("service", ""), "scope": f"repository:{ask.image.repository}:pull"}
        url = realm + ("&" if "?" in realm else "?") + urlencode({key: value for key, value in query.items() if value})
        try:
            request = Request.to(url, "GET", {"Authorization": f"Basic {ask.basic}"} if ask.basic else {})
        except Invalid as error:
            return Outcome.failed(f"{ask.image.registry} names no URL for tokens: {error}", kind=FailureKind.NO_ANSWER)
        response = self.client.send(request, context)
        said = parse_json(response.body.decode("utf-8", "replace"))
        token = (said.get("token") or said.get("access_token")) if isinstance(said, dict) else None
        if response.status == 200 and isinstance(token, str) and token.isprintable() and token.isascii():
            return token
        if response.status == 200:
            told = f"{request.target} answered with something that is no token"
            return Outcome.failed(told, {"status": 200}, FailureKind.NO_ANSWER)
        told = f"{request.target} gives no token: HTTP {response.status}"
        wait = retry_after(response.headers, context.at)
        return Outcome.failed(told, {"status": response.status}, of_status(response.status), retry_after=wait)


def host(fields: JsonObject) -> str | None:
    """host:port that an input calls; None when it names no image."""
    try:
        return str(locate(read(fields).image.base)[0])
    except Invalid:
        return None


def _outcome(ask: Ask, response: Response, context: RunContext) -> Outcome:
    image, found = ask.image, _digest(response)
    output: JsonObject = {
        "status": response.status,
        "registry": image.registry,
        "repository": image.repository,
        "reference": image.reference,
        "exists": response.status == 200,
        "digest": found,
        "media_type": response.headers.get("content-type") if response.status == 200 else None,
    }
    if response.status != 200:
        told = f"there is no {image}" if response.status == 404 else f"{image}: HTTP {response.status}"
        if response.status in (401, 403):
            told = f"{image} does not exist, or may not be seen with these credentials"
        wait = retry_after(response.headers, context.at)
        return Outcome.failed(told, output, of_status(response.status), retry_after=wait)
    if ask.expected_digest and found != ask.expected_digest:
        return Outcome.failed(f"the digest of {image} is {found}, expected {ask.expected_digest}", output)
    return Outcome.completed(output)


def _digest(response: Response) -> str | None:
    if response.status != 200:
        return None
    said = response.headers.get("docker-content-digest", "")
    if DIGEST.fullmatch(said):
        return said
    # Of a manifest that is longer than what is read of an answer nobody can tell.
    complete = response.body and not response.truncated
    return "sha256:" + hashlib.sha256(response.body).hexdigest() if complete else None
