"""Which lines of a resumed log were seen before: by nanosecond stamps, as `sinceTime` only knows seconds.

What this is: pure bookkeeping for one pod's log. What it is not: any I/O (logs.py).
In the flow: below logs.py.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

from nbcontainer.model import Log

_STAMP = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d) ?")
OVERLAP = timedelta(seconds=1)  # stdout and stderr are stamped apart, so stamps may step back a little


def split(line: bytes) -> tuple[str, str]:
    """(stamp, text) of a line as the kubelet sends it; bytes that aren't UTF-8 are replaced."""
    found = _STAMP.match(line)
    stamp = _utc(*(each.decode() for each in found.groups(b""))) if found else ""
    return stamp, line[found.end() if found else 0 :].decode("utf-8", "replace")


def _utc(seconds: str, fraction: str, zone: str) -> str:
    """A stamp in UTC: nodes write their own zone."""
    if zone != "Z":
        seconds = datetime.fromisoformat(seconds + zone).astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{seconds}{fraction}Z"


class Stamps:
    """Remembers the lines of the last seconds, so that a resumed stream gives none twice."""

    def __init__(self) -> None:
        self.since = ""  # what to ask for when resuming, "" before the first line
        self._seen: dict[str, dict[int, int]] = {}  # by second since `since`: how often a line's hash was there
        self._again: Counter[int] = Counter()
        self._resumed = False
        self._last = ""
        self._current = ""  # later pieces of a very long line have no stamp of their own
        self._news = False

    def reconnect(self, same_log: bool = True) -> None:
        """A new stream begins, at `since`: of the log read before, or of a restarted container's new one."""
        self._again = Counter()
        for lines in self._seen.values():
            self._again.update(lines)
        self._resumed = bool(self.since) and same_log
        self._news = False

    def progressed(self) -> bool:
        """Whether the newest stream gave a line that was new."""
        return self._news

    def take(self, pod: str, line: bytes) -> Iterator[Log]:
        """The Log of `line`, nothing if it was given before, a note first if lines between were lost."""
        stamp, text = split(line)
        if stamp:
            self._current = stamp
        key = hash(line) if stamp else hash((self._current, line))
        if self._again[key] > 0:
            self._again[key] -= 1
            self._resumed = False  # the streams overlap: nothing is missing between them
            return
        if self._resumed and stamp:
            self._resumed = False
            yield Log(pod, f"[nbcontainer: the log was rotated; lines between {self._last} and {stamp} may be missing]")
        self._news = True
        self._remember(self._current, key)
        yield Log(pod, text, self._current)

    def _remember(self, stamp: str, key: int) -> None:
        if not stamp:
            return
        second = stamp[:19]
        if second not in self._seen:
            self._begin(second)
        lines = self._seen[second]
        lines[key] = lines.get(key, 0) + 1
        self._last = max(self._last, stamp)

    def _begin(self, second: str) -> None:
        """The first line of a second: those that no resumed stream will give again are forgotten."""
        self._seen[second] = {}
        since = _second_before(second)
        if since > self.since:
            self.since = since
            self._seen = {each: lines for each, lines in self._seen.items() if each >= since[:19]}


def _second_before(stamp: str) -> str:
    """The whole second at least OVERLAP before `stamp`, as the API takes it."""
    return (datetime.fromisoformat(stamp[:19]) - OVERLAP).strftime("%Y-%m-%dT%H:%M:%SZ")
