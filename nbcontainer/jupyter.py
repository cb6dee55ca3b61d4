"""What the running Jupyter servers say of this kernel: the notebook that it belongs to, now.

What this is: server files of the runtime folder and one GET of /api/sessions, with the standard library. What it is
not: jupyter_server, or a place that keeps answers: a rename is seen by the next question.
In the flow: a part of the search for the notebook (locate.py).
"""

from __future__ import annotations

import http.client
import json
import os
import re
import socket
import ssl
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

_SERVER_FILE = re.compile(r"(?:jpserver|nbserver)-.+\.json")
_EVERYWHERE = ("", "*", "0.0.0.0", "::", "localhost")
_OWN_TIMEOUT, _OTHER_TIMEOUT = 3.0, 1.0  # seconds: the server that started this kernel, and any other
_TOKENS = ("JUPYTERHUB_API_TOKEN", "JPY_API_TOKEN", "JUPYTER_TOKEN")  # what a hub gives instead of the file's token
_answered: list[str] = []  # the server that knew this kernel the last time; it is asked first


@dataclass(frozen=True)
class Server:
    """One server file that is alive."""

    file: str
    root: str
    base_url: str
    host: str
    port: int
    socket: str  # path of its unix socket, "" when it has a port
    secure: bool
    token: str
    own: bool  # it started this kernel


def connection_file() -> Path | None:
    """The kernel's own connection file; its name holds the kernel id, its folder the server files."""
    app = getattr(sys.modules.get("ipykernel.kernelapp"), "IPKernelApp", None)
    if app is not None and app.initialized():
        instance = app.instance()
        name = str(getattr(instance, "abs_connection_file", "") or instance.connection_file or "")
        if name:
            return Path(name)
    words = iter(sys.argv[1:])
    for word in words:
        if word == "-f":
            return Path(next(words, ""))
    return None


def kernel_id(connection: Path | None) -> str:
    found = re.fullmatch(r"kernel-(.+)\.json", connection.name) if connection else None
    return found[1] if found else ""


def notebooks(kernel: str, connection: Path | None) -> list[Path]:
    """The notebook files whose session has the kernel `kernel`: one, none, or several that share it."""
    for server in servers(connection):
        found = [
            path
            for session in _sessions(server)
            if _kernel_of(session) == kernel and (path := _file(server, session)) is not None
        ]
        if found:
            _answered[:] = [server.file]
            return list(dict.fromkeys(found))
    return []


def servers(connection: Path | None) -> list[Server]:
    """The servers that run now, the likeliest first."""
    found = []
    for folder in _runtime_folders(connection):
        try:
            names = sorted(os.listdir(folder))
        except OSError:
            continue
        found += [each for name in names if _SERVER_FILE.fullmatch(name) and (each := _server(folder / name))]
    return sorted(found, key=lambda each: (not each.own, each.file not in _answered))


def _runtime_folders(connection: Path | None) -> Iterator[Path]:
    seen = set()
    named = os.environ.get("JUPYTER_RUNTIME_DIR")
    for folder in (connection.parent if connection else None, Path(named) if named else None, _default_folder()):
        if folder is not None and folder not in seen:
            seen.add(folder)
            yield folder


def _default_folder() -> Path | None:
    try:
        from jupyter_core.paths import jupyter_runtime_dir
    except ImportError:
        return None
    return Path(jupyter_runtime_dir())


def _server(file: Path) -> Server | None:
    """The server that `file` tells of; None for a dead one, for another user's and for what can't be read."""
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
        pid, port = int(told["pid"]), int(told.get("port") or 0)
        if not _ours(pid):
            return None
        return Server(
            file=str(file),
            root=str(told.get("root_dir") or told.get("notebook_dir") or ""),
            base_url=str(told.get("base_url") or "/"),
            host=str(told.get("hostname") or ""),
            port=port,
            socket=str(told.get("sock") or ""),
            secure=bool(told.get("secure")),
            token=str(told.get("token") or ""),
            own=str(pid) in (os.environ.get("JPY_PARENT_PID"), str(os.getppid())),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _ours(pid: int) -> bool:
    """Whether `pid` lives and is our own: a token must not go to whoever took a dead server's port."""
    try:
        if os.path.isdir("/proc/self"):
            return os.stat(f"/proc/{pid}").st_uid == os.getuid()
        if os.name == "posix":
            os.kill(pid, 0)
        return True
    except OSError:
        return False


def _sessions(server: Server) -> list[Mapping[str, Any]]:
    """The server's sessions, [] when it doesn't tell."""
    for token in dict.fromkeys((server.token, *(os.environ.get(name, "") for name in _TOKENS))):
        for connection in _connections(server):
            try:
                place = quote(server.base_url.rstrip("/") + "/api/sessions", safe="/%@:~,;=+$&!*'()")
                connection.request("GET", place, headers=_headers(token))
                answer = connection.getresponse()
                body = answer.read()
                if answer.status == 200:
                    found = json.loads(body)
                    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []
                break  # it answers, but not to this token
            except (OSError, http.client.HTTPException, ValueError):
                continue
            finally:
                connection.close()
    return []


def _headers(token: str) -> dict[str, str]:
    return {"Accept": "application/json", **({"Authorization": f"token {token}"} if token else {})}


def _connections(server: Server) -> Iterator[http.client.HTTPConnection]:
    timeout = _OWN_TIMEOUT if server.own else _OTHER_TIMEOUT
    if server.socket:
        yield _UnixConnection(unquote(server.socket), timeout)
        return
    for host in ("127.0.0.1", "::1") if server.host in _EVERYWHERE else (server.host,):
        if not server.secure:
            yield http.client.HTTPConnection(host, server.port, timeout=timeout)
            continue
        context = ssl.create_default_context()
        if host in ("127.0.0.1", "::1"):  # a local server's certificate names other hosts or nobody
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        yield http.client.HTTPSConnection(host, server.port, timeout=timeout, context=context)


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a server's unix socket."""

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _kernel_of(session: Mapping[str, Any]) -> str:
    kernel = session.get("kernel")
    return str(kernel.get("id") or "") if isinstance(kernel, dict) else ""


def _file(server: Server, session: Mapping[str, Any]) -> Path | None:
    """The session's file; None for consoles, and for files that aren't on this machine's disk."""
    older = session.get("notebook")
    told = session.get("path") or (older.get("path") if isinstance(older, dict) else "")
    if not isinstance(told, str) or not told.endswith(".ipynb") or not server.root:
        return None
    root = Path(os.path.expanduser(server.root))
    for name in (told, told.partition(":")[2]):  # a shared document's path starts with its drive: "RTC:a.ipynb"
        if name and (root / name.lstrip("/")).is_file():
            return root / name.lstrip("/")
    return None
