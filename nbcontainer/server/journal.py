"""The tasks on disk, so that a server that died doesn't take their memory with it.

What this is: one file per task, written when it begins and when it ends, and one lock per server that is held while it
lives. What it is not: a queue: nothing is begun again by itself; and no value of env is in it.
In the flow: tasks -> *files* -> the next server, which tells of what was interrupted.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from nbcontainer.server import disk, task
from nbcontainer.server.task import Task

try:
    import fcntl
except ImportError:  # then no two servers of one user should run at once
    fcntl = None  # type: ignore[assignment]

MOST = 100
_ID = re.compile(r"[0-9a-f]{16}")


class Journal:
    """This server's entries, marked with `boot`. A disk that can't be written costs the memory, never a task."""

    def __init__(self, root: Path, boot: str, log: logging.Logger) -> None:
        self.root, self.boot = root / "tasks", boot
        self._locks = root / "servers"
        self._log = log
        self._held: IO[str] | None = None
        try:
            self._held = self._lock(self._locks / f"{boot}.lock")
        except OSError as error:
            self._warn(error)

    def write(self, each: Task) -> None:
        try:
            disk.write(self._file(each.id), {"server": self.boot, "task": each.as_json()})
        except OSError as error:
            self._warn(error)

    def forget(self, each: Task) -> None:
        with contextlib.suppress(OSError):
            self._file(each.id).unlink()

    def recovered(self) -> list[Task]:
        """What servers left that are no more, the oldest first; from now on it is ours."""
        try:
            with self._alone():
                found = [each for each in self._left() if each is not None]
        except OSError as error:
            self._warn(error)
            return []
        found.sort(key=lambda each: each.created)
        for old in found[:-MOST]:
            self.forget(old)
        return found[-MOST:]

    def close(self) -> None:
        """Our tasks may be taken over."""
        if self._held:
            with contextlib.suppress(OSError):
                (self._locks / f"{self.boot}.lock").unlink()
            self._held.close()
            self._held = None

    # ------------------------------------------------------------ other servers' tasks
    def _left(self) -> Iterator[Task | None]:
        alive: dict[str, bool] = {self.boot: True}
        for file in sorted(self.root.glob("*.json")):
            told = disk.read(file)
            server = str((told or {}).get("server", ""))
            if _ID.fullmatch(server) and server not in alive:
                alive[server] = self._alive(server)
            if not alive.get(server, False):
                yield self._taken(file, told)

    def _taken(self, file: Path, told: dict[str, Any] | None) -> Task | None:
        """A task that is nobody's, made ours; one that had not ended is interrupted."""
        try:
            found = task.of_json((told or {})["task"])
            if file != self._file(found.id):
                raise KeyError(found.id)
        except (KeyError, TypeError):
            self._log.warning("nbcontainer: %s is no task of ours and is removed", file)
            file.unlink(missing_ok=True)
            return None
        if not found.over:
            found.state = "interrupted"
        self.write(found)
        return found

    def _alive(self, server: str) -> bool:
        place = self._locks / f"{server}.lock"
        if not place.is_file():
            return False
        try:
            self._lock(place).close()
        except OSError:  # it is held
            return True
        place.unlink(missing_ok=True)
        return False

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """One server at a time looks for what others left."""
        with self._opened(self._locks / "all.lock") as file:
            if fcntl:
                fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _lock(self, place: Path) -> IO[str]:
        """The file `place`, locked until it is closed or this process ends. Raises OSError when another holds it."""
        file = self._opened(place)
        try:
            if fcntl:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            raise
        return file

    def _opened(self, place: Path) -> IO[str]:
        disk.folder(place.parent)
        return os.fdopen(os.open(place, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600), "w", encoding="ascii")

    def _file(self, id: str) -> Path:
        return self.root / f"{id}.json"

    def _warn(self, error: OSError) -> None:
        self._log.warning("nbcontainer: tasks can't be kept on disk, a restart forgets them: %s", error)
