"""A page without a browser: the requests and the websocket that the panel would use, of a real server as a subprocess.

What this is: helpers of the tests that need a cluster. What it is not: a test.
"""

from __future__ import annotations

import functools
import http.client
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import jsonschema
import yaml

from nbcontainer import server as extension
from tests.conftest import Cluster
from tests.doors.jupyter_server import TOKEN, Server, server

API = "/nbcontainer/api"


@dataclass
class Panel:
    server: Server

    def raw(self, method: str, path: str, query: Mapping[str, Any] | None = None, body: Any = None,
            headers: Mapping[str, str] | None = None) -> tuple[int, Mapping[str, str], bytes]:
        """(status, headers, body) of one request with the token."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.info["port"], timeout=120)
        words = f"?{urlencode(query, doseq=True)}" if query else ""
        sent = {"Authorization": f"token {TOKEN}", "Content-Type": "application/json"} if headers is None else headers
        try:
            text = json.dumps(body) if body is not None else None
            connection.request(method, f"{API}{path}{words}", text, dict(sent))
            answer = connection.getresponse()
            return answer.status, dict(answer.headers.items()), answer.read()
        finally:
            connection.close()

    def ask(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """The JSON of an answer that is no error, held to the contract."""
        status, _, data = self.raw(method, path, query, body)
        assert status < 300, (status, data)
        found = json.loads(data)
        jsonschema.validate(found, promised(method, path, status))
        return found

    def refused(self, status: int, method: str, path: str, body: Any = None, **query: Any) -> dict[str, str]:
        """The error of a request that is refused with `status`."""
        found, _, data = self.raw(method, path, query, body)
        assert found == status, (found, data)
        told = json.loads(data)
        assert sorted(told["error"]) == ["hint", "message", "stage"]
        assert "\n" not in told["message"]
        error: dict[str, str] = told["error"]
        return error

    @contextmanager
    def channel(self, *topics: str) -> Iterator[Channel]:
        """The websocket, subscribed to `topics`."""
        import websocket

        url = f"ws://127.0.0.1:{self.server.info['port']}{API}/events"
        socket = websocket.create_connection(url, timeout=120, header=[f"Authorization: token {TOKEN}"])
        try:
            boot = json.loads(socket.recv())["boot"]
            socket.send(json.dumps({"subscribe": list(topics), "since": 0, "boot": boot}))
            yield Channel(socket)
        finally:
            socket.close()


def promised(method: str, path: str, status: int) -> dict[str, Any]:
    """The schema of that answer in the contract."""
    document = contract()
    fitting = [each for each in document["paths"] if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", each), path)]
    assert len(fitting) == 1, f"the contract has no {path}"
    answer = document["paths"][fitting[0]][method.lower()]["responses"][str(status)]
    return {**answer["content"]["application/json"]["schema"], "components": document["components"]}


@functools.cache
def contract() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((Path(extension.__file__).parent / "openapi.yaml").read_text("utf-8"))
    return found


@dataclass
class Channel:
    socket: Any

    def until(self, topic: str, wanted: Callable[[Any], Any], seconds: float = 120.0) -> Any:
        """The first value of `topic` that is `wanted`."""
        end, last = time.monotonic() + seconds, None
        while time.monotonic() < end:
            told = json.loads(self.socket.recv())
            if told.get("type") == "state" and told["topic"] == topic:
                last = told["value"]
                if wanted(last):
                    return last
        raise AssertionError(f"{topic}: last {last!r}")


def where(cluster: Cluster, **more: object) -> dict[str, object]:
    """The keys of a target that is the test cluster, as the limited account."""
    return {"orchestrator": "kubernetes", "kubeconfig": str(cluster.kubeconfig), "namespace": cluster.namespace,
            "registry": cluster.registry, "plain_http": True, **more}


def settings(folder: Path, **targets: Mapping[str, Any]) -> None:
    """A user's settings with these targets; the first is the default one."""
    place = folder / "nbcontainer"
    place.mkdir(parents=True, exist_ok=True)
    text = f'target = "{next(iter(targets))}"\n'
    for name, words in targets.items():
        text += f"[targets.{name}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in words.items())
    (place / "nbcontainer.toml").write_text(text)


@contextmanager
def panel(home: Path, **env: str) -> Iterator[Panel]:
    """A server over home/work with the extension alone."""
    for each in ("work", "settings"):
        (home / each).mkdir(parents=True, exist_ok=True)
    own = {"XDG_CONFIG_HOME": str(home / "settings"), "NBCONTAINER_CACHE": str(home / "cache"),
           "NBCONTAINER_STATE": str(home / "state"), "HOME": str(home), **env}
    with server(home / "work", home / "runtime", "--ServerApp.jpserver_extensions=nbcontainer.server=True",
                env=own) as found:
        yield Panel(found)
