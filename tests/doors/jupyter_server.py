"""A real Jupyter server as a subprocess, and kernels of it that run cells.

What this is: start, REST calls, code in a kernel by its connection file. What it is not: a test.
In the flow: what tests/doors uses where a notebook must have a session.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

TOKEN = "a token of the test"


@dataclass
class Server:
    """One running server; `runtime` is its folder of server and connection files."""

    process: subprocess.Popen[bytes]
    root: Path
    runtime: Path
    info: dict[str, Any]
    clients: list[Any] = field(default_factory=list)

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """The JSON that the server answers with."""
        import http.client
        import ssl

        if self.info["sock"]:
            connection = http.client.HTTPConnection("localhost", timeout=30)
            connection.sock = socket.socket(socket.AF_UNIX)
            connection.sock.connect(self.info["sock"])
        elif self.info["secure"]:
            context = ssl._create_unverified_context()
            connection = http.client.HTTPSConnection("127.0.0.1", self.info["port"], timeout=30, context=context)
        else:
            connection = http.client.HTTPConnection("127.0.0.1", self.info["port"], timeout=30)
        headers = {"Authorization": f"token {TOKEN}", "Content-Type": "application/json"}
        place = self.info["base_url"].rstrip("/") + path
        try:
            connection.request(method, place, json.dumps(body) if body is not None else None, headers)
            answer = connection.getresponse()
            text = answer.read()
            assert answer.status < 300, (answer.status, text)
            return json.loads(text) if text else None
        finally:
            connection.close()

    def session(self, path: str) -> dict[str, Any]:
        """Start a kernel for the notebook `path`, as JupyterLab does."""
        name = path.rsplit("/", 1)[-1]
        made: dict[str, Any] = self.call(
            "POST", "/api/sessions", {"path": path, "name": name, "type": "notebook", "kernel": {"name": "python3"}}
        )
        return made

    def rename(self, session: dict[str, Any], old: str, new: str) -> None:
        """The two requests that JupyterLab makes when a person renames a notebook."""
        self.call("PATCH", f"/api/contents/{quote(old)}", {"path": new})
        changed = {"path": new, "name": new.rsplit("/", 1)[-1], "type": "notebook"}
        self.call("PATCH", f"/api/sessions/{session['id']}", changed)

    def kernel(self, session: dict[str, Any]) -> Any:
        """A client of the session's kernel that has answered once."""
        from jupyter_client.blocking.client import BlockingKernelClient

        client = BlockingKernelClient(connection_file=str(self.runtime / f"kernel-{session['kernel']['id']}.json"))
        client.load_connection_file()
        client.start_channels()
        self.clients.append(client)
        deadline = time.monotonic() + 120
        while True:
            try:
                client.wait_for_ready(timeout=60)
                return client
            except RuntimeError:  # also said of a kernel that is slow to start on a busy machine
                if time.monotonic() > deadline:
                    raise


def run_cell(client: Any, code: str) -> str:
    """What the cell printed and its result's text; fails where it raised."""
    said: list[str] = []

    def hear(message: dict[str, Any]) -> None:
        content = message["content"]
        if message["msg_type"] == "stream":
            said.append(content["text"])
        elif message["msg_type"] in ("execute_result", "display_data"):
            said.append(content["data"]["text/plain"])
        elif message["msg_type"] == "error":
            said.append(f"{content['ename']}: {content['evalue']}")

    reply = client.execute_interactive(code, timeout=60, output_hook=hear, store_history=True)
    assert reply["content"]["status"] in ("ok", "error")
    return "".join(said)


@contextmanager
def server(root: Path, runtime: Path, *more: str, env: dict[str, str] | None = None) -> Iterator[Server]:
    """A server over the notebooks of `root`; its kernels end with it."""
    runtime.mkdir(parents=True, exist_ok=True)
    before = set(runtime.glob("jpserver-*.json"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    place = [] if any("sock=" in word for word in more) else [f"--port={port}", "--port-retries=0"]
    command = [sys.executable, "-m", "jupyter_server", "--allow-root", "--no-browser", *place,
               f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={root}",
               *([] if any("jpserver_extensions" in word for word in more) else ["--ServerApp.jpserver_extensions={}"]),
               *more]
    variables = {**os.environ, "JUPYTER_RUNTIME_DIR": str(runtime), "JUPYTER_CONFIG_DIR": str(runtime / "config"),
                 "IPYTHONDIR": str(runtime / "ipython"), "PYTHONWARNINGS": "ignore", **(env or {})}
    variables.pop("NBCONTAINER_NOTEBOOK", None)
    with (runtime / "server.log").open("ab") as log:
        process = subprocess.Popen(command, env=variables, stdout=log, stderr=log, cwd=root)
    found = Server(process, root, runtime, {})
    try:
        _wait(found, before, runtime)
        yield found
    finally:
        for client in found.clients:
            client.stop_channels()
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(found: Server, before: set[Path], runtime: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert found.process.poll() is None, (runtime / "server.log").read_text()[-2000:]
        new = set(runtime.glob("jpserver-*.json")) - before
        try:
            found.info = json.loads(new.pop().read_text()) if new else {}
            if found.info:
                found.call("GET", "/api/status")
                return
        except (ValueError, OSError, AssertionError):
            pass
        time.sleep(0.1)
    raise AssertionError("no server within a minute: " + (runtime / "server.log").read_text()[-2000:])
