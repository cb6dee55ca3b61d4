"""One registry host, by the OCI distribution protocol: manifests and blobs.

What this is: what is asked and what an answer means; retries, logins and redirects are dealt with here. What it is not:
how a blob goes up (upload.py), what is pushed in which order (push.py).
In the flow: BuiltImage -> push.py -> *registry*; base.py reads through it.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import re
import socket
import urllib.parse
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from nbcontainer.errors import RegistryError
from nbcontainer.image import route, trouble
from nbcontainer.image.auth import Authorizer
from nbcontainer.image.credentials import Keychain
from nbcontainer.image.http import RETRIED, OtherScheme, Patience, Response, Stop, client, transient
from nbcontainer.image.reference import DOCKER_HUB

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
ACCEPT = ", ".join((MANIFEST, INDEX, DOCKER_MANIFEST, DOCKER_INDEX))
_REDIRECTS = frozenset((301, 302, 303, 307, 308))
_HOPS = 5
_WRONG = "the registry's own address is set wrong; tell its owner"
_NAME = re.compile(r"[a-z0-9._/-]+")

Chunks = Callable[[], Iterator[bytes]]  # a body, produced anew for every try


class MissingBlobs(RegistryError):
    """A manifest was refused: the registry lacks something that it names."""


@dataclass(frozen=True)
class Manifest:
    digest: str
    media_type: str
    data: bytes


class _Host:
    """What this process has learned of one host: shared by everything that speaks to it."""

    def __init__(self, host: str, ca: str, plain_http: bool, keychain: Keychain) -> None:
        self.name = host
        self.address = "registry-1.docker.io" if host == DOCKER_HUB else host
        self.client = client(ca)
        self.auth = Authorizer(host, keychain, self.client)
        self.plain_http = plain_http
        self.loopback = route.is_loopback(route.origin(f"http://{host}").host)
        self.takes_single = True  # whether a POST may bring a whole blob: true until it answers that it didn't
        self._allowed = ("https", "http") if plain_http else ("https",)  # plain HTTP where it can't do TLS
        if self.loopback:  # either may be spoken there; `ca` says what is expected
            self._allowed = ("https", "http") if ca and not plain_http else ("http", "https")
        self.schemes = self._allowed

    @property
    def root(self) -> str:
        return f"{self.schemes[0]}://{self.address}"

    def other_scheme(self, failed: str) -> bool:
        """Go over to the other scheme, once, where both are allowed."""
        if len(self.schemes) > 1 and self.schemes[0] == failed:
            self.schemes = self.schemes[1:]
            return True
        return self.schemes[0] != failed  # another thread has gone over

    def start_anew(self) -> None:
        """After an error: what listens there may be another one the next time."""
        self.schemes = self._allowed


_hosts: dict[tuple[str, str, bool, Keychain, int], _Host] = {}
_keychain = Keychain()


class Registry:
    """The registry at `host`. Raises RegistryError and AuthError that name host and repository; safe for threads."""

    def __init__(
        self, host: str, *, ca: str = "", plain_http: bool = False, keychain: Keychain | None = None,
        stop: Stop | None = None,
    ) -> None:
        key = (host, ca, plain_http, keychain or _keychain, os.getpid())
        if key not in _hosts:
            _hosts[key] = _Host(host, ca, plain_http, keychain or _keychain)
        self._host = _hosts[key]
        self.host = host
        self.stop = stop or Stop()

    @property
    def takes_single(self) -> bool:
        """Whether one POST may bring a whole blob, as far as this process knows."""
        return self._host.takes_single

    @takes_single.setter
    def takes_single(self, value: bool) -> None:
        self._host.takes_single = value

    # ------------------------------------------------------------ manifests
    def head(self, repository: str, reference: str, *, action: str = "push to") -> str:
        """The digest of the manifest at a tag or digest, "" when there is none."""
        path = self.path(repository, "manifests", reference)
        response = self.ask("HEAD", path, repository, headers={"Accept": ACCEPT}, action=action)
        if response.status == 404:
            return ""
        if response.status != 200:
            raise trouble.refused(f"{self.host}/{repository}", action, response)
        digest = response.headers.get("docker-content-digest", "")
        if digest:
            return digest
        found = self.manifest(repository, reference)
        return found.digest

    def manifest(self, repository: str, reference: str) -> Manifest:
        """The manifest or index at a tag or digest; its digest is computed, and checked when it was asked for."""
        path = self.path(repository, "manifests", reference)
        response = self.ask("GET", path, repository, headers={"Accept": ACCEPT}, action="pull")
        place = f"{self.host}/{repository}"
        if response.status != 200:
            raise trouble.refused(place + _mark(reference), "pull", response)
        digest = "sha256:" + hashlib.sha256(response.body).hexdigest()
        if reference.startswith("sha256:") and digest != reference:
            raise RegistryError(f"{place}@{reference}: the registry gave a manifest with another digest, {digest}")
        return Manifest(digest, response.headers.get("content-type", "").split(";")[0].strip(), response.body)

    def put_manifest(self, repository: str, reference: str, data: bytes, media_type: str = MANIFEST) -> None:
        """Store a manifest under a digest or a tag. Raises MissingBlobs where a blob that it names isn't there."""
        path = self.path(repository, "manifests", reference)
        response = self.ask("PUT", path, repository, headers={"Content-Type": media_type}, body=data)
        place = f"{self.host}/{repository}"
        if response.status not in (200, 201, 202):
            error = trouble.refused(place + _mark(reference), "push to", response)
            codes = trouble.told(response)[0]
            if response.status in (400, 404) and not codes & {"NAME_INVALID", "NAME_UNKNOWN", "TAG_INVALID"}:
                raise MissingBlobs(error.message, error.hint)
            raise error
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        if response.headers.get("docker-content-digest", digest) != digest:
            raise RegistryError(f"{place}: the registry stored another manifest than the one sent", "push again")

    # ------------------------------------------------------------ blobs
    def has_blob(self, repository: str, digest: str) -> bool:
        response = self.ask("HEAD", self.path(repository, "blobs", digest), repository)
        if response.status not in (200, 404):
            raise trouble.refused(f"{self.host}/{repository}", "push to", response)
        return response.status == 200

    def blob(self, repository: str, digest: str, size: int, offset: int = 0) -> BinaryIO:
        """A blob's bytes from `offset` on, as a stream that resumes after a drop and checks size and digest."""
        from nbcontainer.image.blob import opened

        return opened(self, repository, digest, size, offset)

    # ------------------------------------------------------------ the wire
    @staticmethod
    def path(repository: str, kind: str, name: str) -> str:
        if not _NAME.fullmatch(repository):
            raise RegistryError(f"{repository!r} can't be a repository")
        return f"/v2/{repository}/{kind}/{urllib.parse.quote(name, safe=':/')}"

    def ask(
        self, method: str, target: str, repository: str, *, headers: Mapping[str, str] | None = None,
        body: bytes | Chunks = b"", length: int = 0, action: str = "push to", sources: Sequence[str] = (),
        stream: bool = False, patience: Patience | None = None,
    ) -> Response:
        """The answer to one request; `target` is a path of this host, or an address that it gave.

        `sources`: further repositories to read from. Tries again by `patience`. Raises RegistryError, AuthError.
        """
        host, patience = self._host, patience or Patience(self.stop)
        rights = "pull" if action == "pull" else "pull,push"
        scopes = (f"repository:{repository}:{rights}", *(f"repository:{each}:pull" for each in sources))
        token, fresh, hops = "", "", 0
        while True:
            url = host.root + target if target.startswith("/") else target
            ours = route.origin(url) == route.origin(host.root)
            token = (token or host.auth.header(scopes, repository, self.stop)) if ours else ""
            sent = {**(headers or {}), "User-Agent": "nbcontainer", **({"Authorization": token} if token else {})}
            data = body if isinstance(body, bytes) else body()
            try:
                response = host.client.send(method, url, sent, data, length, stop=self.stop, stream=stream)
            except (OSError, http.client.HTTPException) as error:
                if self._another_try(error, url, ours, patience):
                    continue
                host.start_anew()
                raise trouble.unreachable(f"{self.host}/{repository}", action, error) from error
            if response.status == 401 and ours:
                challenge = response.headers.get("www-authenticate", "")
                if not challenge or (token and token == fresh):
                    raise host.auth.refused(repository, response)
                token = fresh = host.auth.answer(challenge, token, scopes, repository, url, self.stop)
            elif response.status in _REDIRECTS and method in ("GET", "HEAD") and hops < _HOPS:
                target, hops = self._followed(response, repository, action), hops + 1
            elif response.status == 400 and method == "HEAD" and self._wants_tls(url):
                continue
            elif response.status not in RETRIED or not patience.again(response.headers.get("retry-after", "")):
                return response

    def _another_try(self, error: BaseException, url: str, ours: bool, patience: Patience) -> bool:
        reached = self._host.client.reached(url)
        absent = isinstance(error, (ConnectionRefusedError, socket.gaierror)) and not reached
        if (absent or isinstance(error, OtherScheme)) and ours and self._host.other_scheme(url.partition(":")[0]):
            return True
        return transient(error, reached) and patience.again()

    def _wants_tls(self, url: str) -> bool:
        """Whether a 400 to a HEAD, which has no body to say why, came from a server of HTTPS."""
        if not url.startswith("http:") or len(self._host.schemes) == 1:
            return False
        try:
            self._host.client.send("GET", f"{self._host.root}/v2/", {}, stop=self.stop)
        except OtherScheme:
            return self._host.other_scheme("http")
        except (OSError, http.client.HTTPException):
            pass
        return False

    def _followed(self, response: Response, repository: str, action: str) -> str:
        """Where a redirect leads. Raises RegistryError when it would leave TLS."""
        url = urllib.parse.urljoin(response.url, response.headers.get("location", ""))
        return self._safe(url, repository, action)

    def _safe(self, url: str, repository: str, action: str) -> str:
        try:
            to = route.origin(url)
        except ValueError:
            raise RegistryError(f"{self.host}/{repository}: the registry names no usable address ({url!r})") from None
        ours = route.origin(self._host.root)
        if to != ours and to.scheme == "http" and ours.scheme == "https":
            raise RegistryError(
                f"can't {action} {self.host}/{repository}: it leads from HTTPS to plain HTTP at {to.authority}", _WRONG
            )
        return url

    def location(self, response: Response, repository: str) -> str:
        """Where an upload goes on. Raises RegistryError for a foreign place inside some private network."""
        url = urllib.parse.urljoin(response.url, response.headers.get("location", ""))
        place = f"{self.host}/{repository}"
        try:
            to, ours = route.origin(url), route.origin(self._host.root)
        except ValueError:
            raise RegistryError(f"{place}: the registry names no usable upload address ({url!r})") from None
        if to == ours or urllib.parse.urlsplit(url).netloc.lower() == self._host.address:
            return f"{self._host.root}/{url.split('://', 1)[1].partition('/')[2]}"  # a proxy may hide TLS from it
        if route.is_private(to.host, to.port):
            raise RegistryError(
                f"can't push to {place}: {self.host} sends uploads to the private address {to.authority}", _WRONG
            )
        return self._safe(url, repository, "push to")


def _mark(reference: str) -> str:
    return f"@{reference}" if ":" in reference else f":{reference}"
