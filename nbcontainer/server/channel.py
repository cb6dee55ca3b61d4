"""The newest values of topics, pushed through one websocket per browser tab, or fetched by a poll.

What this is: who has subscribed to what, and the pace. What it is not: a queue: each socket knows only *which* topics
changed, and sends their values of the moment when the browser has taken what went before.
In the flow: bus -> *sockets and polls* -> browsers.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from typing import TYPE_CHECKING, Any

from jupyter_core.utils import ensure_async
from jupyter_server.auth.decorator import ws_authenticated
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.base.websocket import WebSocketMixin
from tornado.web import HTTPError
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from nbcontainer.server.handler import AUTH_RESOURCE, PARTS, ApiHandler, Refusing, allowed

if TYPE_CHECKING:
    from nbcontainer.server.bus import Bus
    from nbcontainer.server.parts import Parts

_PACE = 0.1  # seconds between two looks at what changed
_RATE = 2_000_000  # characters a second for one browser, so that large values come less often
_ALIVE = 15.0  # seconds
_PING = 30.0  # seconds
_TOPICS = 200  # of one browser tab
_MESSAGE = 64 * 1024  # bytes of a message from a browser


class Channels:
    """The open sockets. What the bus tells from any thread becomes one wake-up of the event loop."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus
        self.sockets: set[EventsHandler] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = threading.Lock()
        self._changed: set[str] = set()
        self._unlisten = bus.listen(self._tell)

    def add(self, socket: EventsHandler) -> None:
        self._loop = asyncio.get_running_loop()
        self.sockets.add(socket)

    def close(self) -> None:
        """On the event loop."""
        self._unlisten()
        for socket in list(self.sockets):
            socket.close(1001, "the server ends")

    def _tell(self, topic: str) -> None:
        if self._loop is None:  # no socket yet
            return
        with self._lock:
            first = not self._changed
            self._changed.add(topic)
        if first:
            try:
                self._loop.call_soon_threadsafe(self._spread)
            except RuntimeError:  # the loop has ended
                pass

    def _spread(self) -> None:
        with self._lock:
            changed, self._changed = self._changed, set()
        for socket in self.sockets:
            socket.note(changed)


class EventsHandler(Refusing, WebSocketMixin, WebSocketHandler, JupyterHandler):
    """One browser tab's socket, let in and checked as those of kernels are."""

    def set_default_headers(self) -> None:
        """Those of pages mean nothing here."""

    def get_compression_options(self) -> dict[str, Any]:
        return {}  # the same words come again and again

    @property
    def max_message_size(self) -> int:
        return _MESSAGE

    @property
    def ping_interval(self) -> float:
        """Seconds, tornado's own pings; the base class has milliseconds and pings of its own beside them."""
        return float(self.settings.get("ws_ping_interval", _PING * 1000)) / 1000

    @property
    def ping_timeout(self) -> float:
        return self.ping_interval

    @ws_authenticated
    async def get(self) -> None:
        if not await ensure_async(self.authorizer.is_authorized(self, self.current_user, "read", AUTH_RESOURCE)):
            raise HTTPError(403)
        await super().get()

    def open(self, *arguments: Any, **words: Any) -> None:
        parts: Parts = self.settings[PARTS]
        self.bus, self.channels = parts.bus, parts.channels
        self.topics: frozenset[str] = frozenset()
        self.dirty: set[str] = set()
        self.wake = asyncio.Event()
        self.channels.add(self)
        self.pump = asyncio.ensure_future(self._pump())

    def on_message(self, message: str | bytes) -> None:
        """{"subscribe": [topics], "since": n, "boot": id}."""
        try:
            asked = json.loads(message)
            topics, since = frozenset(map(str, asked["subscribe"])), int(asked.get("since") or 0)
            same = asked.get("boot") == self.bus.boot
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            self.close(1003, "no subscription")
            return
        if len(topics) > _TOPICS:
            self.close(1008, "too many topics")
            return
        new = topics - self.topics
        first = not self.topics
        self.bus.subscribed(new)
        self.bus.unsubscribed(self.topics - topics)
        self.topics = topics
        # what this socket did not hear of before it gets whole: its number says nothing about those
        self.note({topic for topic, _, _ in self.bus.since(new, since if same and first else 0)})

    def note(self, changed: set[str]) -> None:
        """These topics have changed. On the event loop."""
        self.dirty |= changed & self.topics
        if self.dirty:
            self.wake.set()

    def on_close(self) -> None:
        if hasattr(self, "pump"):
            self.channels.sockets.discard(self)
            self.bus.unsubscribed(self.topics)
            self.topics = frozenset()
            self.pump.cancel()

    async def _pump(self) -> None:
        """Send what changed, at the pace that the browser takes it."""
        try:
            await self.write_message(json.dumps({"type": "hello", "boot": self.bus.boot}))
            alive = time.monotonic() + _ALIVE
            while True:
                try:
                    await asyncio.wait_for(self.wake.wait(), max(0.0, alive - time.monotonic()))
                except asyncio.TimeoutError:
                    pass
                self.wake.clear()
                sent = await self._send()
                if time.monotonic() >= alive:  # all before it has been sent
                    await self.write_message('{"type": "alive"}')
                    alive = time.monotonic() + _ALIVE
                if sent:
                    await asyncio.sleep(max(_PACE, sent / _RATE))
        except WebSocketClosedError:
            pass

    async def _send(self) -> int:
        """All that is dirty, the oldest change first: whoever has number n has all before it. Gives characters."""
        sent = 0
        while self.dirty & self.topics:
            waiting = [(held[0], topic) for topic in self.dirty & self.topics if (held := self.bus.get(topic))]
            if not waiting:
                break
            topic = min(waiting)[1]
            self.dirty.discard(topic)
            found = self.bus.message(topic)
            if found is not None:
                await self.write_message(found[1])
                sent += len(found[1])
        self.dirty &= self.topics
        return sent


class StateHandler(ApiHandler):
    """The poll, where no websocket gets through."""

    @allowed
    async def get(self) -> None:
        topics = set(self.get_query_arguments("topic"))
        since = self.number("since", 0)
        bus = self.parts.bus
        bus.polled(topics)
        found = bus.since(topics, since if self.query("boot") == bus.boot else 0)
        states = [{"topic": topic, "seq": seq, "value": value} for topic, seq, value in found]
        self.finish(json.dumps({"boot": bus.boot, "states": states}))


ROUTES: list[tuple[str, type[Any]]] = [(r"/events", EventsHandler), (r"/state", StateHandler)]
