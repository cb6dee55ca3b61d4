"""All that the routes work with, made when the server starts and ended with it.

What this is: who holds what, and the order of the end. What it is not: any work of its own.
In the flow: the extension makes it; handlers reach it as `self.parts`.
"""

from __future__ import annotations

import logging
from pathlib import Path

from nbcontainer.server.bus import Bus
from nbcontainer.server.channel import Channels
from nbcontainer.server.forwards import Forwards
from nbcontainer.server.places import Places
from nbcontainer.server.pool import Pool
from nbcontainer.server.spools import Spools
from nbcontainer.server.watches import Watches

_QUICK = 16  # threads
_SLOW = 32  # for what may wait for a cluster or a service


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

    def close(self) -> None:
        """On the event loop."""
        self.channels.close()
        for each in (self.quick, self.slow, self.logs, self.forwards, self.watches):
            each.close()
