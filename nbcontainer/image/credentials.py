"""Who we are to a registry: docker's and podman's files, their helpers, two variables.

What this is: finding credentials, lazily, each host once per process. What it is not: a login, a store, or the token
exchange (auth.py). No value is ever printed; messages name the file it came from.
In the flow: beside the registry client.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nbcontainer.errors import AuthError
from nbcontainer.image.reference import DOCKER_HUB

_HUB_KEYS = ("https://index.docker.io/v1/", "index.docker.io", "docker.io", "registry-1.docker.io")
_HELPER_SECONDS = 30.0
_NOT_FOUND = "credentials not found"  # what every helper prints for a host it doesn't know


@dataclass(frozen=True)
class Credentials:
    """A user name with its password, or an identity token (then the name is '<token>' or "")."""

    source: str  # where they are from, fit for messages
    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)

    @property
    def basic(self) -> str:
        """The Authorization header of the Basic scheme."""
        return "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode()


Ask = Callable[[str, str, Path], "Credentials | None"]  # helper, host, the file that names it


class Keychain:
    """The credentials of this user.

    `registry` is the configured host (default: NBCONTAINER_REGISTRY's), the only one that the variables hold for.
    """

    def __init__(self, registry: str = "") -> None:
        self._registry = registry
        self._lock = threading.Lock()
        self._found: dict[tuple[str, str], tuple[Any, Credentials | None]] = {}
        self._answers: dict[tuple[str, str, Path], tuple[Any, Credentials | None]] = {}

    def __repr__(self) -> str:
        return "Keychain()"

    def find(self, host: str, repository: str = "") -> Credentials | None:
        """The credentials for `host`; podman's file may hold some for a repository only.

        Raises AuthError for a file that is no JSON and for a helper that is missing or fails.
        """
        with self._lock:
            stamp = _stamp()
            known = self._found.get((host, repository))
            if known is None or known[0] != stamp:
                known = self._found[host, repository] = (stamp, self._look(host, repository))
            return known[1]

    def tried(self) -> str:
        """The places that were looked at, for a message."""
        return ", ".join(str(file) for file in files())

    def forget(self, host: str) -> None:
        """Ask the helpers of `host` again next time: theirs may have run out."""
        with self._lock:
            self._found = {key: value for key, value in self._found.items() if key[0] != host}
            self._answers = {key: value for key, value in self._answers.items() if key[1] not in _keys(host, "")}

    def _look(self, host: str, repository: str) -> Credentials | None:
        user, password = (os.environ.get(f"NBCONTAINER_REGISTRY_{key}") for key in ("USERNAME", "PASSWORD"))
        configured = self._registry or os.environ.get("NBCONTAINER_REGISTRY", "").split("/")[0]
        if user and password and host == configured.lower():
            return Credentials("NBCONTAINER_REGISTRY_USERNAME and NBCONTAINER_REGISTRY_PASSWORD", user, password)
        for file in files():
            if not file.is_file():
                continue
            found = _from_file(file, host, repository, self._answer)
            if found is not None:
                return found
        return None

    def _answer(self, helper: str, host: str, file: Path) -> Credentials | None:
        """The helper's answer: it is slow, and the same for every repository."""
        stamp, key = _stamp(), (helper, host, file)
        if self._answers.get(key, (None, None))[0] != stamp:
            self._answers[key] = (stamp, _ask(helper, host, file))
        return self._answers[key][1]


def files() -> Iterator[Path]:
    """The files that docker, podman and Kubernetes keep, in the order in which they are asked."""
    if os.environ.get("REGISTRY_AUTH_FILE"):
        yield Path(os.environ["REGISTRY_AUTH_FILE"])
    docker = os.environ.get("DOCKER_CONFIG")
    folder = Path(docker or Path(os.path.expanduser("~"), ".docker"))
    yield folder / "config.json"
    yield folder / ".dockerconfigjson"  # a Kubernetes pull secret, mounted as it is
    if os.environ.get("XDG_RUNTIME_DIR"):
        yield Path(os.environ["XDG_RUNTIME_DIR"], "containers", "auth.json")
    config = os.environ.get("XDG_CONFIG_HOME") or os.path.join(os.path.expanduser("~"), ".config")
    yield Path(config, "containers", "auth.json")


def _stamp() -> tuple[Any, ...]:
    """What changes when a login writes a file: an answer is cached only while this stays."""
    facts: list[Any] = [os.environ.get(f"NBCONTAINER_REGISTRY_{key}") for key in ("USERNAME", "PASSWORD")]
    facts.append(os.environ.get("NBCONTAINER_REGISTRY"))
    for file in files():
        try:
            held = os.stat(file)
            facts.append((str(file), held.st_mtime_ns, held.st_size))
        except OSError:
            facts.append((str(file), None, None))
    return tuple(facts)


def _from_file(file: Path, host: str, repository: str, ask: Ask) -> Credentials | None:
    try:
        content = json.loads(file.read_bytes() or b"{}")
    except OSError as error:
        raise AuthError(f"{file} can't be read: {error.strerror}", "it holds the registries' logins") from None
    except ValueError:
        raise AuthError(f"{file} is no JSON", "repair it, or log in again") from None
    if not isinstance(content, dict):
        raise AuthError(f"{file} is no JSON object", "repair it, or log in again")
    helpers = content.get("credHelpers") or {}
    for key in _keys(host, ""):
        if isinstance(helpers, dict) and helpers.get(key):
            return ask(str(helpers[key]), key, file)
    auths = content.get("auths") or {}
    held = _entry(auths if isinstance(auths, dict) else {}, host, repository)
    found = _decoded(held, file, host) if held else None
    if found is None and content.get("credsStore"):
        for key in _keys(host, ""):
            found = ask(str(content["credsStore"]), key, file)
            if found:
                break
    return found


def _keys(host: str, repository: str) -> Iterator[str]:
    """The names under which a login for `host` may be kept, the narrowest first."""
    parts = repository.split("/") if repository else []
    for many in range(len(parts), 0, -1):
        yield "/".join((host, *parts[:many]))
    if host == DOCKER_HUB:
        yield from _HUB_KEYS
    else:
        yield host


def _entry(auths: Mapping[str, Any], host: str, repository: str) -> Mapping[str, Any] | None:
    for key in _keys(host, repository):
        if isinstance(auths.get(key), dict):
            return auths[key]  # type: ignore[no-any-return]
    for key, value in auths.items():  # docker's older files have whole addresses
        bare = key.removeprefix("https://").removeprefix("http://").split("/")[0]
        if "://" in key and bare == host and isinstance(value, dict):
            return value
    return None


def _decoded(held: Mapping[str, Any], file: Path, host: str) -> Credentials | None:
    token = str(held.get("identitytoken") or "")
    user, password = str(held.get("username") or ""), str(held.get("password") or "")
    if held.get("auth"):
        try:
            user, _, password = base64.b64decode(str(held["auth"])).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            raise AuthError(f"{file}: the login for {host} can't be decoded", f"run: docker login {host}") from None
        password = password.rstrip("\0")
    if not token and not (user and password):
        return None  # docker leaves {} for hosts whose login is in the credential store
    return Credentials(str(file), user, password, token)


def _ask(helper: str, host: str, file: Path) -> Credentials | None:
    """docker-credential-HELPER's answer; None when it knows no login for `host`."""
    import subprocess

    program, source = f"docker-credential-{helper}", f"docker-credential-{helper} (named in {file})"
    hint, retry = f"install it or remove it from {file}", f"try: echo {host} | {program} get"
    try:
        done = subprocess.run(
            [program, "get"], input=host.encode(), capture_output=True, timeout=_HELPER_SECONDS, check=False
        )
    except FileNotFoundError:
        raise AuthError(f"{program} isn't installed; {file} names it for {host}", hint) from None
    except subprocess.TimeoutExpired:
        raise AuthError(f"{source} gave no answer for {host} in {_HELPER_SECONDS:.0f} s", retry) from None
    except OSError as error:
        raise AuthError(f"{source} can't be started: {error.strerror}", hint) from None
    if done.returncode:
        if _NOT_FOUND in (done.stdout + done.stderr).decode(errors="replace").lower():
            return None
        raise AuthError(f"{source} failed for {host} with exit code {done.returncode}", retry)
    try:
        answer = json.loads(done.stdout)
        user, secret = str(answer["Username"]), str(answer["Secret"])
    except (ValueError, KeyError, TypeError):
        raise AuthError(f"{source} gave no valid answer for {host}", retry) from None
    if not secret:
        return None
    return Credentials(source, "", "", secret) if user == "<token>" else Credentials(source, user, secret)
