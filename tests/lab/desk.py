"""A person's desk: a real JupyterLab server with the panel, over a folder of notebooks, and a browser before it.

What this is: starting, killing and restarting the server, and the small moves that every test makes in the page. What
it is not: a test; and nothing here knows how the panel is made but for its names.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SETTINGS = {  # no news, no prompts: nothing of Lab's own that would lie over the panel
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none"},
}


@dataclass
class Desk:
    """`home` holds everything of this person; `port` stays the same over restarts of the server."""

    home: Path
    settings: str = ""  # nbcontainer.toml
    base_url: str = "/"
    app: str = "jupyterlab"  # or "notebook"
    env: dict[str, str] = field(default_factory=dict)
    token: str = field(default_factory=lambda: secrets.token_hex(8))
    process: subprocess.Popen[bytes] | None = None
    port: int = 0

    def __post_init__(self) -> None:
        for each in (self.work, self.home / "config" / "nbcontainer", self.home / "runtime"):
            each.mkdir(parents=True, exist_ok=True)
        (self.home / "config" / "nbcontainer" / "nbcontainer.toml").write_text(self.settings)
        for name, value in SETTINGS.items():
            self.user_setting(name, value)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]

    @property
    def work(self) -> Path:
        """The server's root."""
        return self.home / "work"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{self.base_url}"

    def user_setting(self, name: str, value: dict[str, Any]) -> None:
        """As Lab keeps a person's settings: `name` is "PACKAGE/PLUGIN"."""
        place = self.home / "lab" / f"{name}.jupyterlab-settings"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(json.dumps(value))

    def tidy(self) -> Desk:
        """With no tab open from before."""
        shutil.rmtree(self.home / "workspaces", ignore_errors=True)
        return self

    def example(self, name: str) -> None:
        shutil.copytree(ROOT / "examples" / name, self.work, dirs_exist_ok=True,
                        ignore=shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints"))

    def notebook(self, name: str, *cells: str, tags: dict[int, str] | None = None) -> Path:
        """Write a notebook of code cells; `tags` by the cell's place."""
        made = [{"cell_type": "code", "id": f"c{n}", "outputs": [], "execution_count": None, "source": text,
                 "metadata": {"tags": [(tags or {})[n]]} if n in (tags or {}) else {}} for n, text in enumerate(cells)]
        spec = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
        path = self.work / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"cells": made, "metadata": {"kernelspec": spec}, "nbformat": 4,
                                    "nbformat_minor": 5}))
        return path

    # ---------------------------------------------------------------- server
    def start(self) -> None:
        program = {"jupyterlab": "jupyterlab", "notebook": "notebook"}[self.app]
        command = [sys.executable, "-m", program, "--no-browser", "--allow-root", "--ip=127.0.0.1",
                   f"--port={self.port}", "--ServerApp.port_retries=0", f"--IdentityProvider.token={self.token}",
                   f"--ServerApp.root_dir={self.work}", f"--ServerApp.base_url={self.base_url}",
                   f"--LabServerApp.user_settings_dir={self.home / 'lab'}",
                   f"--LabServerApp.workspaces_dir={self.home / 'workspaces'}"]
        with (self.home / "server.log").open("ab") as log:
            self.process = subprocess.Popen(command, env=self._variables(), stdout=log, stderr=log, cwd=self.work,
                                            stdin=subprocess.DEVNULL)
        self.wait()

    def _variables(self) -> dict[str, str]:
        own = {"HOME": str(self.home), "XDG_CONFIG_HOME": str(self.home / "config"), "PYTHONWARNINGS": "ignore",
               "XDG_STATE_HOME": str(self.home / "state"), "JUPYTER_RUNTIME_DIR": str(self.home / "runtime"),
               "JUPYTER_CONFIG_DIR": str(self.home / "jupyter"), "JUPYTER_DATA_DIR": str(self.home / "data"),
               "IPYTHONDIR": str(self.home / "ipython"), "MPLBACKEND": "agg", "NBCONTAINER_OWNER": "ann"}
        kept = {key: value for key, value in os.environ.items() if key not in ("NBCONTAINER_NOTEBOOK", "JUPYTER_TOKEN")}
        return {**kept, "NBCONTAINER_CACHE": str(self.home / "cache"), **own, **self.env}

    def wait(self, seconds: float = 90) -> None:
        """Until the server answers."""
        until = time.monotonic() + seconds
        while True:
            assert self.process is not None
            assert self.process.poll() is None, self.log()[-3000:]
            try:
                self.ask("api/status")
                return
            except (OSError, urllib.error.URLError):
                assert time.monotonic() < until, self.log()[-3000:]
                time.sleep(0.1)

    def ask(self, path: str) -> Any:
        request = urllib.request.Request(self.url + path, headers={"Authorization": f"token {self.token}"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def tell(self, path: str, body: Any) -> Any:
        """POST, as a script with the token does."""
        words = {"Authorization": f"token {self.token}", "Content-Type": "application/json"}
        request = urllib.request.Request(self.url + path, json.dumps(body).encode(), words)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def clear(self) -> None:
        """Stop what the desks of these tests have in the cluster, so that other tests find nothing of theirs."""
        if "kubernetes" not in self.settings or self.process is None or self.process.poll() is not None:
            return
        for _ in range(10):  # each answers after some seconds at the most
            found = self.ask("nbcontainer/api/runs?limit=500")
            if found["state"]["synced"]:
                break
        for run in found["runs"]:
            if "/lab-" in run["image"]:
                self._remove(run["name"])

    def _remove(self, run: str) -> None:
        words = {"Authorization": f"token {self.token}"}
        request = urllib.request.Request(f"{self.url}nbcontainer/api/runs/{run}", headers=words, method="DELETE")
        with contextlib.suppress(urllib.error.HTTPError):  # 404: it went by itself
            urllib.request.urlopen(request, timeout=60).close()

    def log(self) -> str:
        return (self.home / "server.log").read_text(errors="replace")

    def kill(self) -> None:
        """As a crash or an out-of-memory killer would."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(20)

    def stop(self) -> None:
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(20)
