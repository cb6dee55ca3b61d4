"""How an error is answered: its HTTP status and its body.

What this is: the map from the error tree to statuses, and the errors that only a server has. What it is not: the
handler that writes them (handler.py).
In the flow: beside it. 401 and 403 are for the server's own authentication alone; a cluster's refusal is 502.
"""

from __future__ import annotations

from typing import Any

from nbcontainer.errors import (
    ConfigError,
    NameTaken,
    NbcontainerError,
    NotebookError,
    RequirementError,
    RunNotFound,
    Unsupported,
    UsageError,
)


class NotHere(NbcontainerError):
    """No such task or log on this server."""

    stage = "server"


class Conflict(NbcontainerError):
    """It can't be done in the state that it is in."""

    stage = "server"


class Unexpected(NbcontainerError):
    """What the server itself says: no such route, not logged in, a bug."""

    stage = "server"


_STATUS: tuple[tuple[tuple[type[NbcontainerError], ...], int], ...] = (
    ((UsageError, ConfigError, NotebookError, RequirementError), 400),
    ((RunNotFound, NotHere), 404),
    ((NameTaken, Unsupported, Conflict), 409),
)


def status_of(error: NbcontainerError) -> int:
    return next((status for kinds, status in _STATUS if isinstance(error, kinds)), 502)


def body_of(error: NbcontainerError) -> dict[str, Any]:
    return {**error.as_json(), "message": str(error)}
