"""The mirror against a scripted API server: what clusters do to watches."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from nbcontainer.errors import Forbidden
from nbcontainer.orchestrators.kubernetes.client import Client
from nbcontainer.orchestrators.kubernetes.reflector import Reflector

from .conftest import Serve
from .wire import Exchange, Object, listed


def thing(uid: str, version: str = "1", **more: str) -> Object:
    return {"metadata": {"uid": uid, "name": uid, "resourceVersion": version}, **more}


def event(kind: str, uid: str, version: str, **more: str) -> Object:
    return {"type": kind, "object": thing(uid, version, **more)}


def soon(ask: Callable[[], object], seconds: float = 10.0) -> None:
    until = time.monotonic() + seconds
    while not ask():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.01)


class Script:
    """Answers lists with `lists` in turn (the last again and again) and watches with `watches`, then with silence."""

    def __init__(self, lists: list[Object], watches: list[Callable[[Exchange], None]]) -> None:
        self.lists, self.watches = lists, watches
        self.asked: list[str] = []  # "list", or the version that a watch began at
        self.release = threading.Event()

    def __call__(self, x: Exchange) -> None:
        if not x.watching:
            self.asked.append("list")
            x.json(self.lists.pop(0) if len(self.lists) > 1 else self.lists[0])
            return
        self.asked.append(x.query["resourceVersion"])
        x.start()
        if self.watches:
            self.watches.pop(0)(x)
        else:
            self.release.wait(20)
            x.finish()


def sends(*events: Object, drop: bool = False) -> Callable[[Exchange], None]:
    def answer(x: Exchange) -> None:
        for each in events:
            x.send(each)
        x.drop() if drop else x.finish()

    return answer


def names(mirror: Reflector) -> set[str]:
    return {each["metadata"]["name"] for each in mirror.objects()}


def mirror(serve: Serve, script: Callable[[Exchange], None], changed: Callable[[], None] = lambda: None) -> Reflector:
    return Reflector(Client(serve(script).target), "pods", changed, labelSelector="a=b")


def test_a_list_and_then_every_change(serve: Serve) -> None:
    changes: list[int] = []
    script = Script([listed("5", thing("a"), thing("b"))],
                    [sends(event("ADDED", "c", "6"), event("DELETED", "a", "7"), event("MODIFIED", "b", "8", x="y"))])
    with mirror(serve, script, lambda: changes.append(1)) as found:
        soon(lambda: names(found) == {"b", "c"})
        soon(lambda: {each.get("x") for each in found.objects()} == {None, "y"})
        soon(lambda: len(script.asked) >= 3)
        script.release.set()
    assert script.asked[:3] == ["list", "5", "8"]
    assert len(changes) >= 4


def test_a_broken_line_goes_on_from_where_it_was(serve: Serve) -> None:
    script = Script([listed("5", thing("a"))], [sends(event("ADDED", "b", "6"), drop=True)])
    with mirror(serve, script) as found:
        soon(lambda: len(script.asked) >= 3)
        assert names(found) == {"a", "b"}
        script.release.set()
    assert script.asked[:3] == ["list", "5", "6"]


def test_bookmarks_move_the_version(serve: Serve) -> None:
    bookmark = {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "90"}}}
    script = Script([listed("5", thing("a"))], [sends(bookmark)])
    with mirror(serve, script) as found:
        soon(lambda: len(script.asked) >= 3)
        assert names(found) == {"a"}
        script.release.set()
    assert script.asked[2] == "90"


def test_an_expired_version_means_a_new_list(serve: Serve) -> None:
    gone = {"type": "ERROR", "object": {"kind": "Status", "code": 410, "reason": "Expired"}}
    script = Script([listed("5", thing("a")), listed("50", thing("b"))], [sends(gone)])
    with mirror(serve, script) as found:
        soon(lambda: names(found) == {"b"})
        soon(lambda: len(script.asked) >= 4)
        script.release.set()
    assert script.asked[:4] == ["list", "5", "list", "50"]


def test_who_may_not_list_is_told_at_once(serve: Serve) -> None:
    told = threading.Event()

    def refuse(x: Exchange) -> None:
        x.refuse(403, "Forbidden", 'User "eve" cannot list resource "pods" in API group ""')

    with Reflector(Client(serve(refuse).target), "pods", told.set) as found:
        assert told.wait(10)
        assert isinstance(found.failure, Forbidden)


def test_trouble_is_said_until_the_server_answers_and_retry_ends_the_pause(serve: Serve) -> None:
    down, tries = threading.Event(), []
    down.set()
    script = Script([listed("5", thing("a"))], [])

    def answer(x: Exchange) -> None:
        if down.is_set():
            tries.append(1)
            x.refuse(503, "Unavailable", "no leader", retry_after="60")
        else:
            script(x)

    with mirror(serve, answer) as found:
        soon(lambda: found.trouble)
        assert found.trouble == "the cluster refuses: no leader"
        assert not found.synced.is_set()
        assert found.failure is None
        down.clear()
        found.retry()
        soon(lambda: names(found) == {"a"})
        soon(lambda: not found.trouble)
        assert len(tries) == 1
        script.release.set()


def test_a_list_of_the_same_version_is_of_the_same_objects(serve: Serve) -> None:
    gone = {"type": "ERROR", "object": {"kind": "Status", "code": 410, "reason": "Expired"}}
    lists = [listed("5", thing("a"), thing("b")), listed("9", thing("a"), thing("b", "8"))]
    script = Script(lists, [sends(gone)])
    with mirror(serve, script) as found:
        soon(found.synced.is_set)
        first = found.snapshot()
        soon(lambda: found.snapshot()["b"]["metadata"]["resourceVersion"] == "8")
        assert found.snapshot()["a"] is first["a"]
        script.release.set()


def test_leaving_ends_a_silent_watch_at_once(serve: Serve) -> None:
    script = Script([listed("5", thing("a"))], [])
    with mirror(serve, script) as found:
        soon(lambda: len(script.asked) >= 2)
        time.sleep(0.1)
    found._thread.join(5)
    assert not found._thread.is_alive()
    script.release.set()


@pytest.mark.parametrize("junk", [b"{not json\n", b'{"type": "ADDED"'])
def test_a_line_that_is_cut_is_no_end(serve: Serve, junk: bytes) -> None:
    def cut(x: Exchange) -> None:
        x.send(event("ADDED", "b", "6"))
        x.send(junk)
        x.finish()

    script = Script([listed("5", thing("a"))], [cut])
    with mirror(serve, script) as found:
        soon(lambda: len(script.asked) >= 3)
        assert names(found) == {"a", "b"}
        script.release.set()
    assert script.asked[2] == "6"
