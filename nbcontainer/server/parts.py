"""All that the routes work with, made when the server starts and ended with it.

What this is: who holds what, and the order of the end. What it is not: any work of its own.
In the flow: the extension makes it; handlers reach it as `self.parts`.
"""

from __future__ import annotations

import logging
from pathlib import Path

from nbcontainer.server.bus import Bus
from nbcontainer.server.channel import Channels
from nbcontainer.server.places import Places
from nbcontainer.server.pool import Pool

_QUICK = 16  # threads


class Parts:
    """One server's parts. Whoever holds threads, ports or files has a close() that doesn't wait for the network."""

    def __init__(self, root: Path, log: logging.Logger) -> None:
        self.log = log
        self.bus = Bus()
        self.places = Places(root)
        self.channels = Channels(self.bus)
        self.quick = Pool("quick", _QUICK)

    def close(self) -> None:
        """On the event loop."""
        self.channels.close()
        self.quick.close()
