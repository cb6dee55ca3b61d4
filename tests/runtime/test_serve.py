"""The server in a process of its own, asked over loopback."""

from __future__ import annotations

import contextlib
import errno
import http.client
import json
import signal
import socket
import sys
import threading
import time
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nbcontainer import state
from nbcontainer.model import Notebook
from tests.runtime.images import Image, ended

PREDICT = (
    "import helper, os, sys, time, threading, asyncio\nimport numpy as np\nfactor = np.int64(3)\n"
    "def predict(x, y=1):\n"
    "    if x == 'boom':\n        raise ValueError('boom')\n"
    "    if x == 'exit':\n        raise SystemExit(3)\n"
    "    if x == 'pid':\n        return os.getpid()\n"
    "    if x == 'sleep':\n        time.sleep(y)\n"
    "    return {'x': helper.same(x), 'y': y * factor, 'cwd': open('data.txt').read()}\n"
)
FILES = {"helper.py": "def same(x):\n    return x\n", "data.txt": "data"}


def served(folder: Path, source: str = PREDICT) -> Image:
    """An image that serves `predict` of `source`, as a kernel would hand it over."""
    helper = types.ModuleType("helper")
    helper.__file__ = "helper.py"
    exec(FILES["helper.py"], helper.__dict__)
    main = types.ModuleType("__main__")
    sys.modules["helper"] = helper
    try:
        exec(source, main.__dict__)
        taken = state.from_namespace("predict", main.__dict__, notebook=Notebook(folder / "nb.ipynb", ()))
    finally:
        del sys.modules["helper"]
    return Image(folder, ["1"], taken, **FILES)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Running:
    """A server that listens, with its output so far."""

    def __init__(self, process: Any, port: int) -> None:
        self.process, self.port = process, port
        self.lines: list[str] = []
        self._ready = threading.Event()
        streams = (process.stdout, process.stderr)
        self._threads = [threading.Thread(target=self._read, args=(stream,)) for stream in streams]
        for thread in self._threads:
            thread.start()
        assert self._ready.wait(30), self.lines

    def _read(self, stream: Any) -> None:
        for line in stream:
            self.lines.append(line.rstrip("\n"))
            if self.lines[-1] == "nbcontainer: ready":
                self._ready.set()

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            text = answer.read()
            return answer.status, json.loads(text) if answer.getheader("Content-Type") == "application/json" else text
        finally:
            connection.close()

    def predict(self, body: Any) -> tuple[int, Any]:
        return self.ask("POST", "/predict", json.dumps(body).encode())

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        code: int = self.process.wait(30)
        for thread in self._threads:
            thread.join(10)
        return code


@contextlib.contextmanager
def running(image: Image, port: int = 0, **variables: str) -> Iterator[Running]:
    port = port or free_port()
    with ended(image.start("serve", NBCONTAINER_PORT=str(port), **variables)) as process:
        server = Running(process, port)
        try:
            yield server
        finally:
            process.kill()
            for thread in server._threads:
                thread.join(10)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(served(tmp_path_factory.mktemp("serve"))) as found:
        yield found


def _answer(x: Any, y: Any = 1) -> Any:
    return {"x": x, "y": y * 3, "cwd": "data"}


@pytest.mark.parametrize(
    ("body", "code", "answer"),
    [
        ({"x": 1}, 200, _answer(1)),
        ({"x": [1, None], "y": 2}, 200, _answer([1, None], 2)),
        ([1, 2], 200, _answer([1, 2])),
        ("text", 200, _answer("text")),
        (None, 200, _answer(None)),
        ({"y": 2}, 422, {"error": "predict misses x; it takes x, y"}),
        ({"x": 1, "z": 2}, 422, {"error": "predict has no z; it takes x, y"}),
        ({"a": 1}, 422, {"error": "predict misses x and has no a; it takes x, y"}),
        ({}, 422, {"error": "predict misses x; it takes x, y"}),
        ("boom", 500, {"error": "ValueError: boom"}),
        ("exit", 500, {"error": "SystemExit: 3"}),
    ],
)
def test_a_body_becomes_arguments(server: Running, body: Any, code: int, answer: Any) -> None:
    assert server.predict(body) == (code, answer)


def test_what_is_no_request_is_refused(server: Running) -> None:
    assert server.ask("POST", "/predict", b"{")[0] == 400
    assert server.ask("POST", "/predict", b"\xff")[0] == 400
    assert server.ask("POST", "/predict", b"[" * 100_000)[0] == 400
    assert server.ask("POST", "/predict", b"") == (400, {"error": "the body is empty"})
    assert server.ask("GET", "/predict")[0] == 405
    assert server.ask("PUT", "/predict", b"1")[0] == 405
    assert server.ask("POST", "/healthz", b"1")[0] == 405
    assert server.ask("POST", "/nothing", b"1")[0] == 404
    assert server.predict("still there")[0] == 200


def test_the_log_has_a_line_a_request_and_the_traceback_that_the_answer_lacks(server: Running) -> None:
    server.predict("boom")
    server.ask("GET", "/readyz")
    server.predict("last")
    until = time.monotonic() + 5
    while time.monotonic() < until and not any(line.startswith("POST /predict 500") for line in server.lines):
        time.sleep(0.02)
    assert any(line.startswith("POST /predict 500 ") and line.endswith("ms") for line in server.lines)
    assert "ValueError: boom" in server.lines
    assert not any("/readyz" in line for line in server.lines)


def test_probes_and_metrics(server: Running) -> None:
    server.predict(1)
    assert server.ask("GET", "/healthz") == (200, {"status": "ok"})
    assert server.ask("GET", "/readyz") == (200, {"status": "ready"})
    code, text = server.ask("GET", "/metrics")
    lines = dict(line.rsplit(" ", 1) for line in text.decode().splitlines() if not line.startswith("#"))
    assert code == 200
    assert int(lines['nbcontainer_requests_total{path="/predict",code="200"}']) >= 1
    name = "nbcontainer_request_duration_seconds"
    assert lines[f"{name}_count"] == lines[f'{name}_bucket{{le="+Inf"}}']
    assert (lines["nbcontainer_in_flight"], lines["nbcontainer_queue"]) == ("0", "0")


def test_keep_alive_chunks_and_expect(server: Running) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as raw:
        reader = raw.makefile("rb")

        def answer() -> tuple[bytes, bytes]:
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += reader.readline()
            lengths = [line.split(b":")[1] for line in head.splitlines() if line.startswith(b"Content-Length")]
            return head.splitlines()[0], reader.read(int(lengths[0])) if lengths else b""

        head = b"POST /predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        raw.sendall((head + b"2\r\n[1\r\n1\r\n]\r\n0\r\n\r\n") * 2)  # the second is buffered with the first
        for _ in range(2):
            head, body = answer()
            assert (head, json.loads(body)["x"]) == (b"HTTP/1.1 200 OK", [1])
        raw.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n" + b"Expect: 100-continue\r\n\r\n")
        assert answer()[0] == b"HTTP/1.1 100 Continue"
        raw.sendall(b"7")
        assert json.loads(answer()[1])["x"] == 7
        raw.sendall(b"nonsense\r\n\r\n")
        head, body = answer()
        assert head.startswith(b"HTTP/1.1 400")
        assert "error" in json.loads(body)
        assert reader.read() == b""


def test_calls_run_side_by_side_within_a_bound(tmp_path: Path) -> None:
    with running(served(tmp_path), NBCONTAINER_CONCURRENCY="4", NBCONTAINER_MAX_BODY="1000") as server:
        began = time.monotonic()
        threads = [threading.Thread(target=server.predict, args=({"x": "sleep", "y": 0.5},)) for _ in range(8)]
        for thread in threads:
            thread.start()
        time.sleep(0.3)
        lines = server.ask("GET", "/metrics")[1].decode().splitlines()
        assert {"nbcontainer_in_flight 4", "nbcontainer_queue 4"} <= set(lines)
        for thread in threads:
            thread.join()
        assert 1.0 <= time.monotonic() - began < 3
        assert server.ask("POST", "/predict", b"1" * 1001) == (413, {"error": "the body is larger than 1000 bytes"})


def test_an_async_callable(tmp_path: Path) -> None:
    source = (
        "import asyncio\nlock = None\nasync def predict(x):\n    loop = asyncio.get_running_loop()\n"
        "    await asyncio.sleep(0.01)\n    return [x, id(loop)]\n"
    )
    with running(served(tmp_path, source)) as server:
        first, second = server.predict([1]), server.predict({"k": 2})
    assert (first[1][0], second[1][0]) == ([1], {"k": 2})
    assert first[1][1] == second[1][1]


# ---------------------------------------------------------------- the end
def test_sigterm_drains_without_failing_a_request(tmp_path: Path) -> None:
    with running(served(tmp_path)) as server:
        codes: list[Any] = []
        stop = threading.Event()

        def load() -> None:
            while not stop.is_set():
                try:
                    codes.append(server.predict({"x": "sleep", "y": 0.05})[0])
                except ConnectionRefusedError:  # the listener is closed: a proxy would ask another replica
                    return
                except Exception as error:
                    codes.append(error)

        slow = threading.Thread(target=lambda: codes.append(server.predict({"x": "sleep", "y": 4})[0]))
        threads = [slow, *(threading.Thread(target=load) for _ in range(8))]
        for thread in threads:
            thread.start()
        time.sleep(0.5)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        assert server.ask("GET", "/readyz") == (503, {"status": "draining"})
        assert server.predict(1)[0] == 200
        code = server.process.wait(20)
        stop.set()
        for thread in threads:
            thread.join(10)
    assert code == 0
    assert len(codes) > 50
    assert set(codes) == {200}


def test_an_idle_connection_of_a_draining_server_may_still_ask(tmp_path: Path) -> None:
    with running(served(tmp_path)) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        connection.request("POST", "/predict", b"1")
        connection.getresponse().read()
        server.process.send_signal(signal.SIGTERM)
        time.sleep(1.5)  # the listener is closed by now
        with pytest.raises(ConnectionRefusedError):
            server.predict(1)
        connection.request("POST", "/predict", b"2")
        answer = connection.getresponse()
        assert (answer.status, answer.getheader("Connection")) == (200, "close")
        answer.read()
        connection.close()
        assert server.process.wait(10) == 0


def test_the_grace_ends(tmp_path: Path) -> None:
    with running(served(tmp_path), NBCONTAINER_DRAIN="1") as server:
        def ask() -> None:
            with contextlib.suppress(OSError, http.client.HTTPException):
                server.predict({"x": "sleep", "y": 30})

        thread = threading.Thread(target=ask)
        thread.start()
        time.sleep(0.3)
        began = time.monotonic()
        assert server.end() == 0
        assert time.monotonic() - began < 5
        thread.join(10)
        assert "nbcontainer: 1 connections were still open after 1 s" in server.lines


def test_replicas_share_a_port(tmp_path: Path) -> None:
    port = free_port()
    first, second = (served(tmp_path / name) for name in "ab")
    share = {"NBCONTAINER_REUSEPORT": "1"}
    with running(first, port, **share) as one, running(second, port, **share) as two:
        seen = {one.predict("pid")[1] for _ in range(60)}
        assert seen == {one.process.pid, two.process.pid}
        assert one.end() == 0
        assert {two.predict("pid")[1] for _ in range(20)} == {two.process.pid}


@pytest.mark.parametrize(
    ("broken", "reason"),
    [("helper.py", "loading the served function: ModuleNotFoundError: No module named 'helper'"),
     ("state", "loading the served function: LookupError: this image serves no function: it was built for training")],
)
def test_a_callable_that_cannot_be_loaded_ends_it_before_it_listens(tmp_path: Path, broken: str, reason: str) -> None:
    image = served(tmp_path)
    place = image.app / broken if broken != "state" else image.root / "opt/nbcontainer/state/state.json"
    place.unlink()
    with ended(image.start("serve", NBCONTAINER_PORT=str(free_port()))) as process:
        out, errors = process.communicate(timeout=30)
    assert (process.returncode, out) == (1, "")
    assert errors.splitlines()[-1] == f"nbcontainer: {reason}"
    assert image.reason.read_text() == reason


def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET6) as taken:
        taken.bind(("::", 0))
        taken.listen()
        with ended(served(tmp_path).start("serve", NBCONTAINER_PORT=str(taken.getsockname()[1]))) as process:
            _, errors = process.communicate(timeout=30)
    assert process.returncode == 1
    assert errors.splitlines()[-1].startswith(f"nbcontainer: serving: OSError: [Errno {errno.EADDRINUSE}]")
