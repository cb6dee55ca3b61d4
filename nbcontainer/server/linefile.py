"""Lines of a log on disk: appended in batches, read by number, searched, streamed.

What this is: a file with the text as it was printed, one with a small record per line, and the lines' ends in memory (8
bytes each). What it is not: whoever follows a log (spool.py). One thread appends, any number read.
In the flow: Run's log -> spool -> *file* -> windows of lines for the page.
"""

from __future__ import annotations

import os
import struct
import threading
import time
from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from nbcontainer.model import Log
from nbcontainer.server.refusals import NotHere

LINES = 5_000_000
BYTES = 2 * 2**30
SHOWN = 16_384  # characters of a line that a window holds
WINDOW = 4 * 2**20  # characters of a window in all, or one line
CHUNK = 4 * 2**20  # bytes read at once
SEARCH = 2.0  # seconds that one search may take
_RECORD = struct.Struct("<IH30s")  # characters, number of the pod, stamp
_WIDEST = 4  # bytes of a character


class LineFile:
    def __init__(self, stem: Path) -> None:
        self._paths = (stem.with_suffix(".text"), stem.with_suffix(".index"))
        flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        self._text, self._index = (os.open(path, flags, 0o600) for path in self._paths)
        self._ends = array("Q")  # where the line after this one begins
        self._pods: dict[str, int] = {}
        self._lock = threading.Lock()  # of the two below
        self._readers = 0
        self._closed = False

    @property
    def lines(self) -> int:
        return len(self._ends)

    @property
    def size(self) -> int:
        return self._end(len(self._ends))

    @property
    def pods(self) -> list[str]:
        return list(self._pods)

    @property
    def full(self) -> bool:
        return self.lines >= LINES or self.size >= BYTES

    def _end(self, line: int) -> int:
        """Where `line` begins."""
        return self._ends[line - 1] if line else 0

    # ---------------------------------------------------------------- writing
    def append(self, batch: Sequence[Log]) -> None:
        """Add lines; those over the limits are left out. Raises OSError, with nothing added, when the disk is full."""
        batch = batch[: max(LINES - self.lines, 0)]
        if not batch or self.size >= BYTES:
            return
        texts = [log.line.encode("utf-8", "replace") for log in batch]
        at, ends = self.size, array("Q")
        for text in texts:
            at += len(text) + 1
            ends.append(at)
        pods = self._pods
        records = [
            _RECORD.pack(len(log.line), pods.setdefault(log.pod, len(pods)), log.time.encode()) for log in batch
        ]
        texts.append(b"")
        with self._using():
            _write(self._text, b"\n".join(texts), self.size)
            _write(self._index, b"".join(records), self.lines * _RECORD.size)
            self._ends.extend(ends)

    def close(self) -> None:
        """Remove it; who reads it now may finish."""
        with self._lock:
            shut = not self._closed and not self._readers
            self._closed = True
        for path in self._paths:
            path.unlink(missing_ok=True)
        if shut:
            self._shut()

    @contextmanager
    def _using(self) -> Iterator[None]:
        """The files stay open while this lasts: a closed one's number may be another file's by then."""
        with self._lock:
            if self._closed:
                raise NotHere("this log is not held any more", "open it again")
            self._readers += 1
        try:
            yield
        finally:
            self._used()

    def _used(self) -> None:
        with self._lock:
            self._readers -= 1
            if self._closed and not self._readers:
                self._shut()

    def _shut(self) -> None:
        os.close(self._text)
        os.close(self._index)

    # ---------------------------------------------------------------- reading
    def window(self, first: int, count: int) -> dict[str, Any]:
        """Lines from number `first`: `count`, or fewer at the end and where they are very long."""
        total = self.lines
        last = min(first + count, total)
        found: list[dict[str, Any]] = []
        room = WINDOW
        if first < last:
            with self._using():
                names = self.pods
                records = os.pread(self._index, (last - first) * _RECORD.size, first * _RECORD.size)
                for number, (length, pod, raw) in enumerate(_RECORD.iter_unpack(records), first):
                    text = self._line(number, SHOWN * _WIDEST)[:SHOWN]
                    room -= len(text)
                    if found and room < 0:
                        break
                    stamp = raw.rstrip(b"\0").decode()
                    found.append({"pod": names[pod], "time": stamp, "text": text, "length": length})
        return {"from": first, "total": total, "lines": found}

    def _line(self, number: int, most: int) -> str:
        begin = self._end(number)
        size = min(self._ends[number] - 1 - begin, most)
        return os.pread(self._text, size, begin).decode("utf-8", "ignore")  # ignored: a character that was cut

    def search(self, q: str, first: int, limit: int) -> dict[str, Any]:
        """The numbers of lines from `first` on that hold `q`; `next` is where a next search goes on.

        Capitals in `q` count, a `q` without any finds both.
        """
        total, at, until = self.lines, first, time.monotonic() + SEARCH
        found: list[int] = []
        needle = Needle(q)
        with self._using():
            while at < total and len(found) < limit and time.monotonic() < until:
                begin = self._end(at)
                last = min(max(bisect_right(self._ends, begin + CHUNK), at + 1), total)
                data = _read(self._text, self._end(last) - begin, begin)
                found += needle.lines(data, begin, self._ends, at, last, limit - len(found))
                at = found[-1] + 1 if len(found) == limit else last
        return {"lines": found, "more": at < total, "next": at}

    def chunks(self) -> Generator[bytes, None, None]:
        """All that is there now, piece by piece."""
        end = self.size
        with self._using():
            for at in range(0, end, CHUNK):
                yield os.pread(self._text, min(CHUNK, end - at), at)

    # ---------------------------------------------------------------- going on after a break
    def tails(self) -> dict[str, Tail]:
        """Of each pod the newest lines, by which those that come again are known."""
        with self._using():
            newest: dict[int, str] = {}
            for _, pod, stamp in self._records():
                if stamp >= newest.get(pod, ""):
                    newest[pod] = stamp
            found = {pod: Tail(stamp) for pod, stamp in newest.items()}
            for number, pod, stamp in self._records():
                if stamp >= found[pod].floor:
                    found[pod].seen[_key(stamp, self._line(number, BYTES))] += 1
        return {name: found[pod] for name, pod in self._pods.items() if pod in found}

    def _records(self) -> Iterator[tuple[int, int, str]]:
        """(number, number of the pod, stamp to compare) of each line."""
        step = 10_000
        for first in range(0, self.lines, step):
            size = min(step, self.lines - first) * _RECORD.size
            data = os.pread(self._index, size, first * _RECORD.size)
            for number, (_, pod, stamp) in enumerate(_RECORD.iter_unpack(data), first):
                yield number, pod, _comparable(stamp.rstrip(b"\0").decode())


class Needle:
    """What a search looks for, in chunks of whole lines."""

    def __init__(self, q: str) -> None:
        self._any_case = q == q.lower()
        self._by_bytes = not self._any_case or q.isascii()
        self._q, self._bytes = q, q.encode("utf-8", "replace")

    def lines(self, data: bytes, begin: int, ends: array[int], first: int, last: int, limit: int) -> list[int]:
        """The numbers of the lines that hold it, `limit` at the most. `data` is lines `first` to `last`, at `begin`."""
        if b"\n" in self._bytes:
            return []
        if not self._by_bytes:
            texts = enumerate(data.decode("utf-8", "replace").lower().split("\n")[: last - first], first)
            return [number for number, text in texts if self._q in text][:limit]
        data = data.lower() if self._any_case else data
        found: list[int] = []
        at = data.find(self._bytes)
        while at >= 0 and len(found) < limit:
            number = bisect_right(ends, begin + at, first, last)
            found.append(number)
            at = data.find(self._bytes, ends[number] - begin)
        return found


class Tail:
    """The newest lines of one pod: what was stamped within a second of the last, by stamp and text."""

    def __init__(self, newest: str) -> None:
        self.floor = newest and (datetime.fromisoformat(newest[:19]) - timedelta(seconds=1)).isoformat()
        self.seen: Counter[tuple[str, int]] = Counter()

    def again(self, log: Log) -> bool:
        """Whether the line is one that was there; each is asked about in the order in which it was read."""
        stamp = _comparable(log.time)
        key = _key(stamp, log.line)
        if self.seen[key] > 0:
            self.seen[key] -= 1
            return True
        return stamp < self.floor


def _key(stamp: str, text: str) -> tuple[str, int]:
    return stamp, hash(text)


def _comparable(stamp: str) -> str:
    """Without the Z, which would sort a whole second after its fractions."""
    return stamp.rstrip("Z")


def _write(file: int, data: bytes, at: int) -> None:
    view = memoryview(data)
    while view:
        done = os.pwrite(file, view, at)
        view, at = view[done:], at + done


def _read(file: int, size: int, at: int) -> bytes:
    data = os.pread(file, size, at)
    assert len(data) == size, (size, len(data))
    return data
