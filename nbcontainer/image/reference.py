"""Names of images: registry, repository, tag and digest, by the grammar that docker and containerd share.

What this is: pure parsing and printing. What it is not: a question to a registry (registry.py).
In the flow: an option's text -> Reference -> push and pull.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from nbcontainer.errors import UsageError

DOCKER_HUB = "docker.io"
_HUB_NAMES = ("docker.io", "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com")
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_HOST = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9A-Fa-f:.]+\])(?::[0-9]{{1,5}})?")
_PART = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_PART}(?:/{_PART})*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")
_MOST = 255  # characters of a repository's name, the limit of every registry


@dataclass(frozen=True)
class Reference:
    """Where an image is: 'host[:port]', 'path/name', a tag or "", a digest or ""."""

    registry: str
    repository: str
    tag: str = ""
    digest: str = ""

    @property
    def place(self) -> str:
        """'host/repository'."""
        return f"{self.registry}/{self.repository}"

    def at(self, digest: str) -> Reference:
        return replace(self, digest=digest)

    def with_tag(self, tag: str) -> Reference:
        """The same repository under another tag; the digest is dropped. Raises UsageError."""
        _checked_tag(tag, tag)
        return replace(self, tag=tag, digest="")

    def __str__(self) -> str:
        return self.place + (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")


def parse(text: str, default_registry: str = "") -> Reference:
    """The Reference that `text` means.

    The first part is a registry when it has a '.' or ':' or is localhost; else `default_registry` ('host[/prefix]')
    holds, else Docker Hub, whose own images are in 'library/'. Raises UsageError.
    """
    rest, at, digest = text.partition("@")
    if at and not _DIGEST.fullmatch(digest):
        raise _bad(text, f"its digest {digest!r} isn't sha256: and 64 hex digits")
    name, tag = _split_tag(rest)
    if tag is not None:
        _checked_tag(tag, text)
    host, path = _split_host(name)
    if not host and default_registry:
        host, _, prefix = default_registry.strip("/").partition("/")
        path = f"{prefix}/{path}" if prefix else path
    host = _registry(host or DOCKER_HUB, text)
    if host == DOCKER_HUB and "/" not in path:
        path = f"library/{path}"
    return Reference(host, _repository(path, text), tag or "", digest)


def _split_tag(rest: str) -> tuple[str, str | None]:
    """(name, tag or None): a ':' after the last '/' starts the tag."""
    colon = rest.rfind(":")
    if colon > rest.rfind("/") and not rest.endswith("]"):
        return rest[:colon], rest[colon + 1 :]
    return rest, None


def _split_host(name: str) -> tuple[str, str]:
    first, slash, path = name.partition("/")
    if slash and (first == "localhost" or any(c in first for c in ".:[") or first != first.lower()):
        return first, path
    return "", name


def _registry(host: str, text: str) -> str:
    if not _HOST.fullmatch(host):
        raise _bad(text, f"{host!r} isn't a host name")
    port = host.rpartition(":")[2] if ":" in host and not host.endswith("]") else ""
    if port and not 0 < int(port) < 65536:
        raise _bad(text, f"there is no port {port}")
    host = host.lower()
    return DOCKER_HUB if host in _HUB_NAMES else host


def _repository(path: str, text: str) -> str:
    if not path:
        raise _bad(text, "it has no repository")
    if not _REPOSITORY.fullmatch(path):
        if path != path.lower() and _REPOSITORY.fullmatch(path.lower()):
            raise _bad(text, "a repository has no upper-case letters", f"write {path.lower()}")
        raise _bad(text, f"{path!r} can't be a repository")
    if len(path) > _MOST:
        raise _bad(text[:60] + "…", f"its repository is longer than {_MOST} characters")
    return path


def _checked_tag(tag: str, text: str) -> None:
    if not _TAG.fullmatch(tag):
        raise _bad(text, f"{tag!r} can't be a tag", "a tag has up to 128 letters, digits, '_', '.' and '-'")


def _bad(text: str, why: str, hint: str = "") -> UsageError:
    return UsageError(
        f"{text!r} is no image name: {why}",
        hint or "write [host[:port]/]path/name[:tag][@sha256:…]: lower-case letters, digits, '.', '_' and '-'",
    )
