"""A mirror of one list of objects: list, then watch, for as long as it takes.

What this is: list + watch with bookmarks, a new list on 410, jittered backoff and read timeouts, because no Python
client's watch survives an API server's restart or an expired version. What it is not: a model of what the objects mean.
In the flow: client -> Reflector -> View -> RunStatus.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from nbcontainer.errors import Forbidden, TargetError, one_line
from nbcontainer.orchestrators.kubernetes import errors
from nbcontainer.orchestrators.kubernetes.client import PAGE, Client

Object = dict[str, Any]

WATCH = 240  # seconds after which the server ends a watch; bookmarks keep its version fresh meanwhile
SILENCE = 90.0  # seconds without a byte (the server sends a bookmark each minute) after which a watch is dead
HEALTHY = 5.0  # a watch that lasted so many seconds is followed by another at once
SLOWEST = 30.0  # seconds between tries at the most


class Reflector:
    """Mirrors `resource` as selected; calls `changed` from its thread after every change.

    `synced` is set after the first list. `failure` holds an error of that list that no retry can mend (Forbidden, wrong
    credentials); the thread ends then. `trouble` is one line while the server can't be reached or refuses; the mirror
    stays as it was last seen. Use as a context manager.
    """

    def __init__(self, client: Client, resource: str, changed: Callable[[], None], **selectors: str) -> None:
        self._client = client
        self._path = client.path(resource)
        self._changed = changed
        self._selectors = selectors
        self._stop = threading.Event()
        self._kick = threading.Event()
        self._response: Any = None
        self._objects: dict[str, Object] = {}
        self._lock = threading.Lock()
        self._tries = 0
        self.synced = threading.Event()
        self.failure: TargetError | None = None
        self.trouble = ""
        self._thread = threading.Thread(target=self._run, daemon=True, name=f"watch {resource}")

    def __enter__(self) -> Reflector:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._kick.set()
        response = self._response
        if response is not None:
            hang_up(response)

    def objects(self) -> list[Object]:
        return list(self.snapshot().values())

    def snapshot(self) -> dict[str, Object]:
        """The objects by uid; an object that did not change is the same one as in the last snapshot."""
        with self._lock:
            return dict(self._objects)

    def retry(self) -> None:
        """Try again now where a pause between tries is going on: the server is known to be back."""
        self._kick.set()

    # ---------------------------------------------------------------- the thread
    def _run(self) -> None:
        version = ""
        while not self._stop.is_set():
            try:
                if not version:
                    version = self._list()
                version = self._watch(version)
            except TargetError as error:
                if self._final(error):
                    return
                version = self._failed(error, version)
            except Exception as error:  # a proxy's page where JSON should be: a mirror must not die unseen
                version = self._failed(TargetError(f"the cluster's answer can't be read: {error!r}"), "")

    def _final(self, error: TargetError) -> bool:
        """Whether the first list is refused for good; later such refusals are a server that is starting up."""
        if self.synced.is_set() or not (isinstance(error, Forbidden) or getattr(error, "code", 0) == 401):
            return False
        self.failure = error
        self.synced.set()
        self._changed()
        return True

    def _failed(self, error: TargetError, version: str) -> str:
        """Say it and pause; gives the version to go on from."""
        expired = getattr(error, "code", 0) == 410
        if not expired:
            self._say(one_line(error.message, 300))
        self._pause(getattr(error, "wait", 0.0))
        return "" if expired else version

    def _say(self, trouble: str) -> None:
        if trouble != self.trouble and not self._stop.is_set():
            self.trouble = trouble
            self._changed()

    def _pause(self, at_least: float) -> None:
        self._tries += 1
        self._kick.wait(max(at_least, min(SLOWEST, 0.25 * 2 ** min(self._tries, 10)) * random.uniform(0.5, 1.0)))
        self._kick.clear()

    def _list(self) -> str:
        """Replace the mirror; gives the version that a watch goes on from."""
        found: dict[str, Object] = {}
        more = version = ""
        while True:
            query = {**self._selectors, "limit": PAGE, **({"continue": more} if more else {})}
            answer = self._client.call("GET", self._path, query, patient=bool(more))
            found.update((each["metadata"]["uid"], self._kept(each)) for each in answer.get("items") or [])
            more, version = answer["metadata"].get("continue", ""), answer["metadata"]["resourceVersion"]
            if not more:
                break
        with self._lock:
            changed, self._objects = self._objects != found or not self.synced.is_set(), found
        self.synced.set()
        if changed:
            self._changed()
        self._say("")
        return str(version)

    def _kept(self, thing: Object) -> Object:
        """`thing`, or the object that is held if that is as new; without what only the server's merges need."""
        thing["metadata"].pop("managedFields", None)
        held = self._objects.get(thing["metadata"]["uid"], {"metadata": {}})
        same = held["metadata"].get("resourceVersion") == thing["metadata"]["resourceVersion"]
        return held if same else thing

    def _watch(self, version: str) -> str:
        """Follow changes until the server ends the watch; gives the newest version, "" when a new list is due."""
        query = {**self._selectors, "watch": "1", "allowWatchBookmarks": "true", "resourceVersion": version,
                 "timeoutSeconds": random.randint(WATCH // 2, WATCH)}
        response = self._client.open("GET", self._path, query, read=SILENCE)
        self._response = response
        began = time.monotonic()
        try:
            if self._stop.is_set():  # __exit__ came before there was a response to hang up
                return version
            self._say("")
            for line in lines(response, self._client.connection.host):
                if self._stop.is_set():
                    break
                version = self._take(json.loads(line), version)
                if not version:
                    break
        except ValueError:  # cut in the middle of a line
            pass
        except errors.Unreachable:  # the next try goes on from the same version
            pass
        finally:
            self._response = None
            close(response)
        if time.monotonic() - began > HEALTHY:
            self._tries = 0
        else:
            self._pause(0.0)
        return version

    def _take(self, event: Object, version: str) -> str:
        """Apply one event; gives the version that it leads to, "" when the mirror must be listed anew."""
        kind, thing = event.get("type"), event.get("object") or {}
        if kind == "ERROR":
            return ""
        newest = str(thing["metadata"]["resourceVersion"])
        if kind == "BOOKMARK":
            return newest
        thing["metadata"].pop("managedFields", None)
        with self._lock:
            if kind == "DELETED":
                self._objects.pop(thing["metadata"]["uid"], None)
            else:
                self._objects[thing["metadata"]["uid"]] = thing
        self._changed()
        return newest


def lines(response: Any, host: str, longest: int = 1 << 30) -> Iterator[bytes]:
    """The lines of a streamed response, without their newline; the last one even if it has none.

    A line over `longest` bytes comes in pieces of that size. Raises Unreachable when the connection breaks.
    """
    import urllib3.exceptions

    rest = bytearray()
    try:
        for chunk in response.stream(1 << 16, decode_content=True):
            first, *more = chunk.split(b"\n")
            rest += first
            for each in more:
                yield from _pieces(rest, longest)
                yield bytes(rest)
                rest = bytearray(each)
            yield from _pieces(rest, longest)
    except (urllib3.exceptions.HTTPError, OSError, ValueError, AttributeError) as error:
        raise errors.unreachable(error, host) from None  # the latter two: cut off in the middle of a chunk
    if rest:
        yield bytes(rest)


def _pieces(rest: bytearray, longest: int) -> Iterator[bytes]:
    while len(rest) > longest:
        yield bytes(rest[:longest])
        del rest[:longest]


def hang_up(response: Any) -> None:
    """End a streamed response now, from another thread: whoever reads it sees its end, and closes it."""
    import socket

    sock = getattr(getattr(response, "_connection", None), "sock", None)
    if sock is not None:
        try:
            sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def close(response: Any) -> None:
    """Close a streamed response and its connection, in the thread that has read it: two that close at the same time
    leave the socket open."""
    connection = getattr(response, "_connection", None)
    for each in (response, connection):
        try:
            if each is not None:
                each.close()
        except (OSError, ValueError):
            pass
