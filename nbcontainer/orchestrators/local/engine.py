"""The container engine: found, spoken to through the `docker` package, its refusals as our errors.

What this is: discovery (settings, DOCKER_HOST, the known sockets, podman on demand) and one connection. What it is not:
an installer (install.py) or anything about runs.
In the flow: Target -> Engine -> containers.
"""

from __future__ import annotations

import os
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nbcontainer.errors import ConfigError, TargetError, one_line
from nbcontainer.orchestrators.local import podman

TIMEOUT = 60.0  # seconds that the engine has for an answer
PROBE = 3.0  # seconds that a socket has to show that an engine is behind it


class Refused(TargetError):
    """The engine's answer was an error; `code` is its HTTP status."""

    code = 0

    @property
    def gone(self) -> bool:
        """Whether a container is no longer there, or just being removed; podman says so by a 500 too."""
        return self.code in (404, 409) or "no such container" in self.message


class NoEngine(TargetError):
    """Nothing answers; `named` when a setting says where it should."""

    named = False


class Engine:
    """One engine; connects at the first use of `api`. Safe to use from several threads."""

    def __init__(self, url: str = "") -> None:
        self._asked = url
        self._lock = threading.Lock()
        self._api: Any = None
        self._service: podman.Service | None = None
        self._podman = False
        self._version = ""
        self.url = ""

    @property
    def api(self) -> Any:
        """A docker.APIClient. Raises NoEngine, saying what to install."""
        with self._lock:
            if self._api is None:
                self._connect()
            elif self._service is not None and not self._service.alive():
                self._service.start()
            return self._api

    @property
    def podman(self) -> bool:
        """Whether it is podman, whose API differs in places."""
        _ = self.api
        return self._podman

    @property
    def version(self) -> str:
        """'docker 20.10.24'."""
        _ = self.api
        return self._version

    def _connect(self) -> None:
        named = self._asked or os.environ.get("DOCKER_HOST", "")
        if named:
            return self._use_named(named)
        for url in sockets():
            try:
                return self._use(url, True)
            except Exception:  # a socket that nobody listens on any more
                continue
        self._service = podman.service()
        if self._service is None:
            raise NoEngine("no container engine answers on this machine", f"install one: {command()}")
        self._use(self._service.start(), True)

    def _use_named(self, url: str) -> None:
        source = "the target's engine" if self._asked else "DOCKER_HOST"
        sdk()
        try:
            self._use(url, bool(self._asked))
        except Exception as error:
            failure = NoEngine(f"{source} {url} does not answer: {_why(error)}",
                               "start it, or correct the setting")
            failure.named = True
            raise failure from None

    def _use(self, url: str, plain: bool) -> None:
        docker = sdk()
        if url.startswith("unix://") and not podman.answers(Path(url.removeprefix("unix://"))):
            raise ConnectionRefusedError("nobody listens there")  # the package would leave a socket open
        more = {} if plain else {"tls": docker.utils.kwargs_from_env().get("tls", False)}
        api = docker.APIClient(base_url=url, timeout=PROBE, **more)
        try:
            found = api.version()
        except BaseException:
            api.close()
            raise
        api.timeout = TIMEOUT
        names = [str(each.get("Name", "")) for each in found.get("Components") or ()]
        self._podman = any("podman" in name.lower() for name in names)
        self._version = f"{'podman' if self._podman else 'docker'} {found.get('Version', '')}"
        self._api, self.url = api, url

    @contextmanager
    def asking(self, what: str) -> Iterator[Any]:
        """The API, with what goes wrong below as one line that opens with `what`."""
        docker = sdk()
        api = self.api
        try:
            yield api
        except docker.errors.APIError as error:
            refused = Refused(f"{what}: {one_line(str(error.explanation or error), 500)}")
            refused.code = int(error.status_code or 0)
            raise refused from None
        except (docker.errors.DockerException, OSError) as error:  # requests' errors are OSErrors
            raise TargetError(f"{what}: the container engine at {self.url} can't be reached: {_why(error)}",
                              "is it still running?") from None

    def limits(self) -> tuple[bool, bool]:
        """Whether (memory, cpu) can be limited here."""
        with self.asking("engine") as api:
            info = api.info()
        return bool(info.get("MemoryLimit", True)), bool(info.get("CpuCfsQuota", info.get("CPUCfsQuota", True)))


def _why(error: Exception) -> str:
    """The part of a connection's error that a person can use: the layers below wrap it several times."""
    text = one_line(str(error), 300)
    known = ("Connection refused", "Connection reset", "timed out", "No such file", "Permission denied",
             "Name or service not known", "No route to host")
    return next((words.lower() for words in known if words in text), text)


def sdk() -> Any:
    """The docker package. Raises ConfigError with the command that installs it."""
    try:
        import docker
        import docker.errors
        import docker.utils
    except ImportError:
        raise ConfigError("the target 'local' needs the docker package", "pip install 'nbcontainer[local]'") from None
    return docker


def sockets() -> list[str]:
    """URLs of the sockets that engines are known to listen on, of those that exist."""
    if os.name != "posix":
        return ["npipe:////./pipe/docker_engine"]
    home, run = Path.home(), Path(os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}")
    places = [
        Path("/var/run/docker.sock"),
        run / "docker.sock",  # rootless dockerd
        home / ".docker/run/docker.sock",  # Docker Desktop
        home / ".colima/default/docker.sock",
        home / ".rd/docker.sock",  # Rancher Desktop
        run / "podman/podman.sock",
    ]
    if os.geteuid() == 0:
        places.append(Path("/run/podman/podman.sock"))
    return [f"unix://{place}" for place in places if _is_socket(place)]


def _is_socket(place: Path) -> bool:
    try:
        return place.is_socket()
    except OSError:  # a folder that isn't ours to read
        return False


def command() -> str:
    """The one command that installs an engine on this machine."""
    if sys.platform == "darwin":
        return "brew install colima docker && colima start"
    if sys.platform == "win32":
        return "winget install Docker.DockerDesktop"
    sudo = "" if os.geteuid() == 0 else "sudo "
    for tool, verb in (("apt-get", "install"), ("dnf", "install"), ("zypper", "install"), ("apk", "add")):
        if shutil.which(tool):
            extra = " runc" if tool == "apt-get" and podman.needs_runc() else ""
            return f"{sudo}{tool} {verb} podman{extra}"
    return "see podman.io or docs.docker.com for this system"
