"""Starts programs that outlive this one and finds them again, by pid and start time.

What this is: a small record of processes. What it is not: a supervisor, or what ends them: they live in the cluster's
process namespace and go with it (space.py).
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path


def stamp(pid: int) -> str:
    """A process' start time in clock ticks, "" when it is gone or a zombie: a pid alone may be somebody else by now."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]


class Record:
    """The processes that were started, in a JSON file: {name: [pid, start time]}."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def read(self) -> dict[str, tuple[int, str]]:
        try:
            return {name: (int(pid), str(at)) for name, (pid, at) in json.loads(self.file.read_text()).items()}
        except (OSError, ValueError):
            return {}

    def start(self, name: str, command: list[str], log: Path, env: Mapping[str, str] | None = None) -> int:
        """Starts `command` in a session of its own, in /; its output goes to `log`."""
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as out:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True, env=env, cwd="/"
            )
        process.returncode = 0  # it is meant to outlive us: no warning when this object goes
        records = {**self.read(), name: (process.pid, stamp(process.pid))}
        scratch = self.file.with_suffix(".new")
        scratch.write_text(json.dumps(records))
        scratch.replace(self.file)
        return process.pid

    def dead(self) -> list[str]:
        """The names of those that have ended."""
        return [name for name, (pid, at) in self.read().items() if not at or stamp(pid) != at]
