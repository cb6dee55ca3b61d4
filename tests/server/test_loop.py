"""The server answers others while ours is busy, and its start and imports stay cheap."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from nbcontainer.server.bus import Bus
from nbcontainer.server.pool import Pool
from nbcontainer.server.reins import Reins
from tests.server.browser import Browser
from tests.server.panel import Panel

HEAVY = ("kubernetes", "docker", "IPython", "nbformat", "nbconvert", "elftools", "cloudpickle", "yaml", "numpy")


def test_a_hundred_at_once_dont_hold_up_the_rest(desk: Panel) -> None:
    """Each of the hundred captures an environment; /api/status has an answer meanwhile, again and again."""
    browser = Browser(desk.server)
    stop, took = threading.Event(), []

    def watch() -> None:
        while not stop.is_set():
            began = time.monotonic()
            assert browser.ask("GET", "/api/status", Authorization="token a token of the test").status == 200
            took.append(time.monotonic() - began)

    def ask(number: int) -> int:
        if number % 2:
            return browser.with_token("GET", "/notebook?notebook=tiny.ipynb").status
        return browser.with_token("GET", "/capabilities?notebook=tiny.ipynb").status

    watcher = threading.Thread(target=watch)
    watcher.start()
    with ThreadPoolExecutor(100) as pool:
        answers = list(pool.map(ask, range(100)))
    stop.set()
    watcher.join()
    assert answers == [200] * 100
    assert len(took) >= 3
    assert sorted(took)[len(took) // 2] < 1.0, took
    assert max(took) < 5.0, took


def test_importing_the_extension_is_light() -> None:
    """Beside what a server has imported anyway."""
    code = (
        "import jupyter_server.serverapp, jupyter_server.extension.application, sys, time, json\n"
        "before = set(sys.modules)\nbegan = time.process_time()\n"
        "import nbcontainer.server.extension, nbcontainer.server.routes\n"
        "nbcontainer.server.routes.routes()\n"
        "took = time.process_time() - began\n"
        "print(json.dumps([took, sorted({n.partition('.')[0] for n in set(sys.modules) - before})]))"
    )
    found = []
    for _ in range(3):
        ran = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
        took, names = json.loads(ran.stdout)
        assert not set(names) & set(HEAVY)
        found.append(took)
    assert min(found) < 0.25, found  # processor time; a busy machine doubles it


def test_a_slow_browser_gets_the_newest_only(desk: Panel) -> None:
    """Subscribers that read nothing hold nothing up, and get what holds then."""
    browser = Browser(desk.server)
    _, opened = browser.socket(Authorization="token a token of the test")
    opened.recv()
    opened.send(json.dumps({"subscribe": ["tasks"], "since": 0, "boot": ""}))
    asked = {"verb": "build", "notebook": "tiny.ipynb", "options": {"include": ["no such distribution"] * 2000}}
    for _ in range(30):
        desk.ask("POST", "/tasks", asked)
    ids = [each["id"] for each in desk.ask("GET", "/tasks")]
    end = time.monotonic() + 60
    told: list[str] = []
    messages = 0
    while time.monotonic() < end and told[:30] != ids[:30]:
        found = json.loads(opened.recv())
        if found["type"] == "state":
            messages += 1
            told = [each["id"] for each in found["value"]]
    assert told[:30] == ids[:30]
    assert messages < 30, "states that nobody fetched in time are left out"
    opened.close()
    for each in ids[:30]:
        while desk.ask("DELETE", f"/tasks/{each}")["state"] in ("queued", "running"):
            pass


def test_the_bus_keeps_the_newest() -> None:
    bus, heard = Bus(), []
    end = bus.listen(heard.append)
    bus.set("a", 1)
    bus.set("b", {"x": [1]})
    bus.set("a", 1)  # the same again
    bus.set("a", 2)
    assert heard == ["a", "b", "a"]
    assert bus.since(["a", "b", "c"], 0) == [("b", 2, {"x": [1]}), ("a", 3, 2)]
    assert bus.since(["a", "b"], 2) == [("a", 3, 2)]
    bus.drop("b")
    bus.drop("b")
    bus.drop("never")
    assert bus.get("b") == (4, None)
    assert bus.get("never") is None
    bus.set("b", None)  # it is back
    assert bus.get("b") == (5, None)
    end()
    bus.set("a", 3)
    assert heard == ["a", "b", "a", "b", "b"]
    assert json.loads(bus.message("a")[1]) == {"type": "state", "topic": "a", "seq": 6, "value": 3}  # type: ignore[index]
    assert Bus().boot != bus.boot


def test_the_bus_forgets_old_ends() -> None:
    bus = Bus()
    for number in range(3000):
        bus.set(f"log/{number}", number)
        bus.drop(f"log/{number}")
    assert len(bus._states) <= 1001
    assert bus.get("log/2999") is not None


def test_who_is_wanted() -> None:
    bus = Bus()
    bus.subscribed(["a", "b"])
    bus.subscribed(["a"])
    assert (bus.wanted("a"), bus.wanted("b"), bus.wanted("c")) == (2, 1, 0)
    bus.unsubscribed(["a", "b"])
    bus.polled(["c"])
    assert (bus.wanted("a"), bus.wanted("b"), bus.wanted("c")) == (1, 0, 1)


def test_a_pool_of_threads_that_hold_up_no_end() -> None:
    pool, gate = Pool("test", 2), threading.Event()
    held = [pool.submit(gate.wait, 60) for _ in range(2)]
    waits = pool.submit(lambda: 1)
    time.sleep(0.05)
    assert not waits.done()
    gate.set()
    assert waits.result(60) == 1
    assert [each.result(60) for each in held] == [True, True]
    with pytest.raises(ZeroDivisionError):
        pool.submit(lambda: 1 / 0).result(60)
    gate.clear()
    running = [pool.submit(gate.wait, 60) for _ in range(2)]
    waiting = pool.submit(lambda: 2)
    while not all(each.running() for each in running):
        time.sleep(0.01)
    pool.close()
    assert waiting.cancelled()
    with pytest.raises(RuntimeError):
        pool.submit(lambda: 3)
    gate.set()
    assert [each.result(60) for each in running] == [True, True]


def test_reins() -> None:
    from nbcontainer.errors import Interrupted

    assert Reins().run(lambda: 5) == 5
    early = Reins()
    early.pull()
    with pytest.raises(Interrupted):
        early.run(lambda: 5)
    silent, pool = Reins(), Pool("test", 1)
    began = threading.Event()

    def endless() -> None:
        began.set()
        while True:
            time.sleep(0.01)

    future = pool.submit(silent.run, endless)
    assert began.wait(60)
    silent.pull(0.05)
    with pytest.raises(Interrupted):
        future.result(60)
    assert pool.submit(lambda: 6).result(60) == 6  # the thread lives on
    pool.close()
