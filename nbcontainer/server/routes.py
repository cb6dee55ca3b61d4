"""Which handler answers which path, below the server's base URL.

What this is: the whole list, as the contract (openapi.yaml) has it. What it is not: the handlers.
In the flow: the extension gives it to the server.
"""

from __future__ import annotations

from typing import Any

from nbcontainer.server import about, calls, channel, doing, equivalent, inspected, logs, runs

PREFIX = "/nbcontainer/api"

_GROUPS: tuple[list[tuple[str, type[Any]]], ...] = (
    about.ROUTES, inspected.ROUTES, equivalent.ROUTES, doing.ROUTES, runs.ROUTES, calls.ROUTES, logs.ROUTES,
    channel.ROUTES,
)


def routes() -> list[tuple[str, type[Any]]]:
    """(pattern, handler) of every route; a pattern's groups are the handler's arguments."""
    return [(PREFIX + pattern, handler) for group in _GROUPS for pattern, handler in group]
