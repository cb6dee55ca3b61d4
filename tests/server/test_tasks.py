"""Tasks of a real server: done with steps and layers, seen by websocket and poll, cancelled, and after a kill -9."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.server.browser import Browser
from tests.server.conftest import notebook
from tests.server.panel import Panel, panel

BUSY = ("queued", "running")
SLOW = ("seconds = 600", "import time\ntime.sleep(seconds)", "def double(x):\n    return 2 * x")


def build(page: Panel, path: str = "tiny.ipynb", **options: Any) -> dict[str, Any]:
    found: dict[str, Any] = page.ask("POST", "/tasks", {"verb": "build", "notebook": path, "options": options})
    return found


def until(page: Panel, task: dict[str, Any], wanted: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    end = time.monotonic() + 120
    while time.monotonic() < end:
        found: dict[str, Any] = page.ask("GET", f"/tasks/{task['id']}")
        if wanted(found):
            return found
        time.sleep(0.05)
    raise AssertionError(found)


def ended(page: Panel, task: dict[str, Any]) -> dict[str, Any]:
    return until(page, task, lambda found: found["state"] not in BUSY)


def slow(page: Panel) -> dict[str, Any]:
    """A manifest whose notebook runs for minutes, begun."""
    notebook(page.server.root / "slow.ipynb", *SLOW)
    asked = {"verb": "manifest", "notebook": "slow.ipynb", "options": {
        "kind": "inference", "callable": "double", "image": "registry.example/x:y"}}
    task: dict[str, Any] = page.ask("POST", "/tasks", asked)
    found = until(page, task, lambda now: now["state"] not in BUSY or "cell 2" in str(now["steps"]))
    assert found["state"] == "running", found
    return task


def scratch(page: Panel) -> list[str]:
    """Folders and processes that a task made for itself."""
    folders = [str(each) for each in (page.server.root.parent / "scratch").glob("nbcontainer-*")]
    processes = []
    for each in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"NBCONTAINER_ROOT={page.server.root.parent}/scratch".encode() in each.read_bytes():
                processes.append(each.parent.name)
        except OSError:
            continue
    return folders + processes


@pytest.fixture
def home(tmp_path: Path) -> Path:
    notebook(tmp_path / "work" / "tiny.ipynb")
    (tmp_path / "scratch").mkdir()
    return tmp_path


@pytest.fixture
def page(home: Path, kept: str) -> Iterator[Panel]:
    with panel(home, NBCONTAINER_CACHE=kept, TMPDIR=str(home / "scratch")) as found:
        yield found


def test_a_build_to_its_end(home: Path) -> None:
    """By an empty cache, so that there is something to see."""
    with panel(home) as page, page.channel("tasks") as channel:
        task = build(page)
        assert task["state"] in BUSY
        stages: dict[str, None] = {}
        packed: list[int] = []

        def over(tasks: list[dict[str, Any]]) -> bool:
            mine = next((each for each in tasks if each["id"] == task["id"]), task)
            stages.update(dict.fromkeys(each["stage"] for each in mine["steps"]))
            packed.extend(each["done"] for each in mine["steps"] if each["stage"] == "packing")
            return mine["state"] not in BUSY

        newest = channel.until("tasks", over)[0]
        assert newest["state"] == "done", newest
        assert list(stages) == ["notebook", "environment", "base", "packing"]
        assert packed == sorted(packed)
        assert len(set(packed)) > 2, "layers are told one by one"
        assert newest["image"]["digest"].startswith("sha256:")
        assert any(layer["new"] for layer in newest["image"]["layers"])
        assert newest["ended"] > newest["created"]
        assert page.ask("GET", "/tasks") == [newest]
        polled = page.ask("GET", "/state", topic="tasks")
        assert [each["value"] for each in polled["states"]] == [[newest]]
        again = page.ask("GET", "/state", topic="tasks", since=polled["states"][0]["seq"], boot=polled["boot"])
        assert again["states"] == []
        other = page.ask("GET", "/state", topic="tasks", since=polled["states"][0]["seq"], boot="of another server")
        assert other["states"] == polled["states"]


def test_going_on_from_a_number(page: Panel) -> None:
    """After a lost connection only what is newer comes; what wasn't subscribed before comes whole."""
    ended(page, build(page))
    browser = Browser(page.server).log_in()
    seq = page.ask("GET", "/state", topic="tasks")
    number, boot = seq["states"][0]["seq"], seq["boot"]
    _, opened = browser.socket()
    assert json.loads(opened.recv()) == {"type": "hello", "boot": boot}
    opened.send(json.dumps({"subscribe": ["tasks", "log/none"], "since": number, "boot": boot}))
    newer = build(page)
    told = json.loads(opened.recv())
    assert told["seq"] > number
    assert told["value"][0]["id"] == newer["id"]
    opened.close()
    _, opened = browser.socket()
    opened.recv()
    opened.send(json.dumps({"subscribe": ["tasks"], "since": number, "boot": "another"}))
    assert json.loads(opened.recv())["topic"] == "tasks"
    opened.close()


def test_nonsense_ends_only_its_own_socket(page: Panel) -> None:
    browser = Browser(page.server).log_in()
    for nonsense in ("{", "[]", "{}", '{"subscribe": 1}', '{"subscribe": ["tasks"], "since": "x"}', "null",
                     json.dumps({"subscribe": [str(each) for each in range(1000)]}), "x" * 100_000):
        _, opened = browser.socket()
        opened.recv()
        opened.send(nonsense)
        try:
            assert opened.recv_data()[0] == 8, nonsense[:40]
        except ConnectionError:  # too long to be read to its end
            assert len(nonsense) > 64 * 1024
        opened.shutdown()  # close() does nothing once the other side has said its close
    assert page.ask("GET", "/tasks") == []


def test_a_failure_says_what_and_what_next(page: Panel) -> None:
    notebook(page.server.root / "broken.ipynb", "import nobody_has_this")
    found = ended(page, build(page, "broken.ipynb"))
    assert found["state"] == "failed"
    assert found["error"]["stage"] == "environment"
    assert "nobody_has_this" in found["error"]["message"]
    assert found["error"]["hint"]
    asked = {"verb": "build", "notebook": "tiny.ipynb", "options": {"target": "no"}}
    assert page.refused(400, "POST", "/tasks", asked)["stage"] == "configuration"
    assert page.refused(400, "POST", "/tasks", {**asked, "notebook": "gone.ipynb"})["stage"] == "notebook"


def test_cancelled_while_the_notebook_runs(page: Panel) -> None:
    task = slow(page)
    assert scratch(page)
    found = page.ask("DELETE", f"/tasks/{task['id']}")
    assert found["state"] == "cancelled", found
    assert scratch(page) == []
    assert page.ask("GET", f"/tasks/{task['id']}")["state"] == "cancelled"
    assert page.ask("DELETE", f"/tasks/{task['id']}")["state"] == "cancelled"  # forgotten
    page.refused(404, "GET", f"/tasks/{task['id']}")
    assert list((page.server.root.parent / "state" / "tasks").glob("*.json")) == []


def test_two_at_a_time_and_the_rest_in_turn(page: Panel) -> None:
    first, second = slow(page), slow(page)
    third = build(page)
    assert until(page, third, lambda now: now["state"] == "queued")
    assert page.refused(409, "POST", f"/tasks/{first['id']}/retry")["message"] == "it is still at work"
    assert page.ask("DELETE", f"/tasks/{third['id']}")["state"] == "cancelled"
    fourth = build(page)
    page.ask("DELETE", f"/tasks/{first['id']}")
    assert ended(page, fourth)["state"] == "done"
    page.ask("DELETE", f"/tasks/{second['id']}")


def test_again_with_the_values_of_env(page: Panel) -> None:
    """In memory they are; nowhere else."""
    asked = {"verb": "train", "notebook": "tiny.ipynb", "options": {
        "env": {"TOKEN": "hidden-value"}, "parameters": {"text": "seen"}, "target": "nowhere", "secret": ["db"]}}
    folder = page.server.root.parent
    (folder / "work" / "nbcontainer.toml").write_text('[targets.nowhere]\norchestrator = "kubernetes"\n'
                                                      'context = "none"\nregistry = "127.0.0.1:9"\n')
    task = page.ask("POST", "/tasks", asked)
    assert task["request"]["env_names"] == ["TOKEN"]
    assert "env" not in task["request"]["options"]
    failed = ended(page, task)
    assert failed["state"] == "failed", failed
    again = page.ask("POST", f"/tasks/{task['id']}/retry")
    assert again["id"] != task["id"]
    assert again["request"] == task["request"]
    ended(page, again)
    last = page.ask("GET", "/notebook", notebook="tiny.ipynb")["last"]
    assert last == {"train": {"parameters": {"text": "seen"}, "target": "nowhere", "secret": ["db"]}}
    for each in (*(folder / "state").rglob("*"), folder / "runtime" / "server.log"):
        assert each.is_dir() or b"hidden-value" not in each.read_bytes(), each


def test_killed_in_the_middle(home: Path, kept: str) -> None:
    env = {"NBCONTAINER_CACHE": kept, "TMPDIR": str(home / "scratch")}
    with panel(home, **env) as page:
        done, cut = build(page), slow(page)
        ended(page, done)
        (home / "work" / "nbcontainer.toml").write_text('[targets.nowhere]\norchestrator = "kubernetes"\n'
                                                        'context = "none"\nregistry = "127.0.0.1:9"\n')
        secret = page.ask("POST", "/tasks", {"verb": "train", "notebook": "tiny.ipynb",
                                             "options": {"env": {"A": "b"}, "target": "nowhere"}})
        ended(page, secret)
        os.kill(page.server.process.pid, signal.SIGKILL)
        page.server.process.wait()
    with panel(home, **env) as page, panel(home, **env) as other:
        found = {each["id"]: each for each in page.ask("GET", "/tasks")}
        assert list(found) == [secret["id"], cut["id"], done["id"]]  # the newest first
        assert found[done["id"]]["state"] == "done"
        assert found[done["id"]]["image"]["layers"]
        assert found[cut["id"]]["state"] == "interrupted"
        assert found[cut["id"]]["ended"] is None
        assert other.ask("GET", "/tasks") == [], "they are a living server's now"
        assert "A" in page.refused(409, "POST", f"/tasks/{secret['id']}/retry")["message"]
        again = page.ask("POST", f"/tasks/{done['id']}/retry")
        assert ended(page, again)["state"] == "done"
        assert page.ask("DELETE", f"/tasks/{cut['id']}")["state"] == "interrupted"
        assert len(page.ask("GET", "/tasks")) == 3


def test_ended_with_the_server(home: Path, kept: str) -> None:
    """A polite end leaves no process, thread or folder, soon."""
    env = {"NBCONTAINER_CACHE": kept, "TMPDIR": str(home / "scratch")}
    with panel(home, **env) as page, page.channel("tasks"):
        task, waiting = slow(page), [slow(page), build(page), build(page)]
        began = time.monotonic()
        page.server.process.send_signal(signal.SIGTERM)
        page.server.process.wait(30)
        assert time.monotonic() - began < 5
        assert scratch(page) == []
    assert list((home / "state" / "servers").glob("*.lock")) == [home / "state" / "servers" / "all.lock"]
    with panel(home, **env) as page:
        states = {each["id"]: each["state"] for each in page.ask("GET", "/tasks")}
        assert states == dict.fromkeys([task["id"], *(each["id"] for each in waiting)], "interrupted")
