"""The ports that this server holds for services.

What this is: forwards by target and name, closed when the run is gone, when nobody used them for long, at the end. What
it is not: the way to a pod (the orchestrator's forward), or requests over it (calls.py).
In the flow: Run.forward -> *held here* -> the page's link and its calls.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Any

from nbcontainer.model import Target
from nbcontainer.orchestrators import Forward, orchestrator
from nbcontainer.server.pulse import Pulse
from nbcontainer.server.watches import Watches, configured

KEPT = 1800.0  # seconds without use
TIDY = 2.0  # seconds between looks for runs that are gone
_Key = tuple[Target, str]


@dataclass
class _Held:
    forward: Forward
    stamp: Any  # of the kubeconfig that it was opened with
    used: float


class Forwards:
    def __init__(self, watches: Watches) -> None:
        self._watches = watches
        self._held: dict[_Key, _Held] = {}
        self._opening: dict[_Key, threading.Lock] = {}
        self._lock = threading.Lock()
        self._closed = False
        self._pulse = Pulse("forwards", self._tidy, TIDY)

    def hold(self, target: Target, name: str) -> str:
        """The URL on this machine that leads to the service; the same one as long as it is held."""
        stamp = configured(target)
        with self._lock:
            opening = self._opening.setdefault((target, name), threading.Lock())
        with opening:  # two pages that ask at the same time get one port
            held = self._held.get((target, name))
            if held is None or held.stamp != stamp:
                self._close((target, name))
                held = _Held(orchestrator(target).forward(name), stamp, time.monotonic())
                self._keep((target, name), held)
            held.used = time.monotonic()
        return held.forward.url

    def url(self, target: Target, name: str) -> str:
        """The URL that is held, "" when there is none."""
        held = self._held.get((target, name))
        return held.forward.url if held else ""

    def release(self, target: Target, name: str) -> None:
        self._close((target, name))

    def close(self) -> None:
        self._pulse.close()
        with self._lock:
            self._closed = True
        for key in list(self._held):
            self._close(key)

    def _keep(self, key: _Key, held: _Held) -> None:
        with self._lock:
            if not self._closed:
                self._held[key] = held
        if self._closed:
            held.forward.close()
        self._watches.touch(key[0])

    def _close(self, key: _Key) -> None:
        with self._lock:
            held = self._held.pop(key, None)
        if held:
            held.forward.close()
            self._watches.touch(key[0])

    def _tidy(self) -> None:
        """A port needs its target's watch, which knows when the run is gone."""
        for (target, name), held in list(self._held.items()):
            if self._watches.gone(target, name) or time.monotonic() - held.used > KEPT:
                self._close((target, name))
            else:
                self._watches.keep(target)
