"""The newest value of each topic, and who wants to hear of it.

What this is: one number that grows with every change, the newest value of each topic under the number of its change.
What it is not: a queue: a value that nobody fetched in time is replaced by the next.
In the flow: tasks, watches and logs set topics from any thread; the channel (channel.py) hands them to browsers.
"""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

_POLL_COUNTS = 30.0  # seconds that a poll stands for a subscription
_DROPPED = 1000  # dropped topics that are remembered, for those that have not heard of it yet
Listener = Callable[[str], None]


@dataclass
class _State:
    seq: int
    value: Any
    text: str = field(default="", repr=False)  # the message, made when first asked for


class Bus:
    """Topics by name. `boot` is another one in each process: numbers of one boot mean nothing in the next."""

    def __init__(self) -> None:
        self.boot = secrets.token_hex(8)
        self._lock = threading.Lock()
        self._seq = 0
        self._states: dict[str, _State] = {}
        self._dropped: dict[str, None] = {}  # in the order of their end
        self._listeners: list[Listener] = []
        self._sockets: Counter[str] = Counter()
        self._polled: dict[str, float] = {}

    # ------------------------------------------------------------ for who has something to tell
    def set(self, topic: str, value: Any) -> None:
        """The topic's newest value, JSON-able and not changed by the caller afterwards. From any thread."""
        with self._lock:
            held = self._states.get(topic)
            if held is not None and held.value == value and topic not in self._dropped:
                return
            self._dropped.pop(topic, None)
            self._put(topic, value)
            listeners = tuple(self._listeners)
        for tell in listeners:
            tell(topic)

    def drop(self, topic: str) -> None:
        """Nothing more will come; subscribers get null."""
        with self._lock:
            if topic not in self._states or topic in self._dropped:
                return
            self._dropped[topic] = None
            self._put(topic, None)
            while len(self._dropped) > _DROPPED:
                oldest = next(iter(self._dropped))
                del self._dropped[oldest], self._states[oldest]
            listeners = tuple(self._listeners)
        for tell in listeners:
            tell(topic)

    def wanted(self, topic: str) -> int:
        """How many look on now: websockets, and one for a poll of the last half minute."""
        with self._lock:
            polled = time.monotonic() - self._polled.get(topic, -_POLL_COUNTS) < _POLL_COUNTS
            return self._sockets[topic] + polled

    # ------------------------------------------------------------ for who hands it on
    def get(self, topic: str) -> tuple[int, Any] | None:
        """(seq, value); None for a topic that there never was. A dropped topic's value is None."""
        with self._lock:
            held = self._states.get(topic)
            return (held.seq, held.value) if held else None

    def since(self, topics: Iterable[str], seq: int) -> list[tuple[str, int, Any]]:
        """(topic, seq, value) of those of `topics` that changed after `seq`, in the order of their changes."""
        with self._lock:
            found = [(t, held.seq, held.value) for t in set(topics) if (held := self._states.get(t)) and held.seq > seq]
        return sorted(found, key=lambda each: each[1])

    def message(self, topic: str) -> tuple[int, str] | None:
        """(seq, the websocket's message), made once for all who get it."""
        with self._lock:
            held = self._states.get(topic)
        if held is None:
            return None
        if not held.text:
            held.text = json.dumps({"type": "state", "topic": topic, "seq": held.seq, "value": held.value})
        return held.seq, held.text

    def listen(self, tell: Listener) -> Callable[[], None]:
        """`tell(topic)` after each change, from whichever thread made it; gives the way to end it."""
        with self._lock:
            self._listeners.append(tell)

        def end() -> None:
            with self._lock:
                if tell in self._listeners:
                    self._listeners.remove(tell)

        return end

    def subscribed(self, topics: Iterable[str]) -> None:
        with self._lock:
            self._sockets.update(topics)

    def unsubscribed(self, topics: Iterable[str]) -> None:
        with self._lock:
            self._sockets.subtract(topics)
            self._sockets += Counter()  # forgets those at zero

    def polled(self, topics: Iterable[str]) -> None:
        now = time.monotonic()
        with self._lock:
            self._polled = {topic: at for topic, at in self._polled.items() if now - at < _POLL_COUNTS}
            self._polled.update(dict.fromkeys(topics, now))

    def _put(self, topic: str, value: Any) -> None:
        self._seq += 1
        self._states[topic] = _State(self._seq, value)
