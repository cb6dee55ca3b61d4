"""All that the routes work with, made when the server starts and ended with it.

What this is: who holds what, and the order of the end. What it is not: any work of its own.
In the flow: the extension makes it; handlers reach it as `self.parts`.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

from nbcontainer.model import RunStatus, Target
from nbcontainer.server import disk
from nbcontainer.server.bus import Bus
from nbcontainer.server.channel import Channels
from nbcontainer.server.forwards import Forwards
from nbcontainer.server.places import Places
from nbcontainer.server.pool import Pool
from nbcontainer.server.spools import Spools
from nbcontainer.server.tasks import Tasks
from nbcontainer.server.watches import Watches

_QUICK = 16  # threads
_SLOW = 32  # for what may wait for a cluster or a service
_END = 2.0  # seconds that the server's end waits for all parts


class Parts:
    """One server's parts. Whoever holds threads, ports or files has a close() that doesn't wait for the network."""

    def __init__(self, root: Path, log: logging.Logger) -> None:
        self.log = log
        self.bus = Bus()
        self.places = Places(root)
        self.channels = Channels(self.bus)
        self.quick = Pool("quick", _QUICK)
        self.slow = Pool("slow", _SLOW)
        self.watches = Watches(self.bus)
        self.forwards = Forwards(self.watches)
        self.logs = Spools(self.bus, self.watches)
        self.tasks = Tasks(self.bus, self.places, disk.state_root(), self._run_json, log)

    async def close(self) -> None:
        """On the event loop, which goes on meanwhile; side by side, as each may wait a moment."""
        self.channels.close()
        self.quick.close()
        self.slow.close()
        last = Pool("end", 4)
        ends = [last.submit(each.close) for each in (self.tasks, self.logs, self.forwards, self.watches)]
        done, _ = await asyncio.wait([asyncio.wrap_future(each) for each in ends], timeout=_END)
        last.close()
        for each in done:
            if each.exception():
                self.log.error("nbcontainer: the end", exc_info=each.exception())

    def _run_json(self, target: Target, status: RunStatus) -> dict[str, Any]:
        from nbcontainer.server.runs import run_json

        return run_json(self, target, status)
