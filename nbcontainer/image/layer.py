"""Entries -> one deterministic tar.gz layer.

What this is: a writer of POSIX tar (PAX where names need it) through gzip that gives the same bytes on any machine, at
any time, for any user. What it is not: a reader; foreign archives are never unpacked here.
In the flow: ImagePlan -> *layer* -> store -> registry.
"""

from __future__ import annotations

import hashlib
import os
import posixpath
import stat
import threading
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from nbcontainer.errors import BuildError, Interrupted
from nbcontainer.model import Entry

PACKER = "1"  # part of every key: raise it when the bytes change
LEVEL = 1  # zlib: three times as fast as 6 for 15 % more bytes, and the same bytes from every zlib 1.2+
_BLOCK = 512
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Packed:
    digest: str  # of the compressed bytes
    size: int  # compressed bytes
    diff_id: str  # digest of the tar
    unpacked: int  # bytes of the tar


class _Sink:
    """Counts, hashes and compresses what is written to it."""

    def __init__(self, out: BinaryIO, stop: threading.Event | None) -> None:
        self.out, self.stop = out, stop
        self.tar, self.gz = hashlib.sha256(), hashlib.sha256()
        self.unpacked = self.size = 0
        self._deflate = zlib.compressobj(LEVEL, zlib.DEFLATED, 31)  # 31: a gzip header without time and name

    def write(self, data: bytes) -> None:
        if self.stop is not None and self.stop.is_set():
            raise Interrupted("interrupted")
        self.tar.update(data)
        self.unpacked += len(data)
        self._put(self._deflate.compress(data))

    def _put(self, data: bytes) -> None:
        if data:
            self.gz.update(data)
            self.size += len(data)
            left = memoryview(data)
            while left:  # a disk that fills up takes a part, and refuses the next
                left = left[self.out.write(left) :]

    def end(self) -> Packed:
        self.write(b"\0" * (2 * _BLOCK))
        self._put(self._deflate.flush())
        return Packed(f"sha256:{self.gz.hexdigest()}", self.size, f"sha256:{self.tar.hexdigest()}", self.unpacked)


def pack(entries: Iterable[Entry], out: BinaryIO, stop: threading.Event | None = None) -> Packed:
    """Write the layer of `entries` to `out`.

    Sorted by path, parents added, times 0, owner root, modes 0644/0755. Raises BuildError for paths that leave the
    image, whiteouts, two different entries for one path, or a file that can't be read or changes meanwhile, and
    Interrupted soon after another thread has set `stop`.
    """
    sink = _Sink(out, stop)
    buffer = bytearray()
    for entry in arranged(entries):
        if entry.kind == "file" and isinstance(entry.source, str):
            if buffer:
                sink.write(bytes(buffer))
                buffer.clear()
            for piece in _pieces(entry):
                sink.write(piece)
            continue
        buffer += _small(entry)
        if len(buffer) >= _CHUNK:
            sink.write(bytes(buffer))
            buffer.clear()
    if buffer:
        sink.write(bytes(buffer))
    return sink.end()


def arranged(entries: Iterable[Entry]) -> Iterator[Entry]:
    """The entries in layer order: checked, without duplicates, with the directories that lead to them."""
    found: dict[str, Entry] = {}
    for entry in entries:
        checked_path(entry.path)
        known = found.setdefault(entry.path, entry)
        if known is not entry and not _same(known, entry):
            raise BuildError(f"two different things for /{entry.path}: {_origin(known)} and {_origin(entry)}")
    for path in list(found):
        parent = posixpath.dirname(path)
        while parent and parent not in found:
            found[parent] = Entry(parent, "dir")
            parent = posixpath.dirname(parent)
    for path in sorted(found):
        parent = posixpath.dirname(path)
        if parent and found[parent].kind != "dir":
            raise BuildError(f"/{path} lies under /{parent}, which is no directory")
        yield found[path]


def checked_path(path: str) -> str:
    """`path` if it may stand in an image. Raises BuildError."""
    parts = path.split("/")
    if not path or path.startswith("/") or any(part in ("", ".", "..") for part in parts) or "\0" in path:
        raise BuildError(f"{path!r} can't be a path in an image")
    if any(part.startswith(".wh.") for part in parts):
        raise BuildError(f"{path!r} would delete files of lower layers", "rename it: names with .wh. are reserved")
    return path


def _same(one: Entry, other: Entry) -> bool:
    if one.kind != other.kind or _mode(one) != _mode(other):
        return False
    if one.kind == "dir" or one.source == other.source:
        return True
    return one.kind == "file" and _content(one) == _content(other)


def _content(entry: Entry) -> bytes:
    if isinstance(entry.source, bytes):
        return entry.source
    with open(entry.source, "rb") as file:
        return file.read()


def _origin(entry: Entry) -> str:
    return entry.source if isinstance(entry.source, str) else f"{len(entry.source)} bytes of our own"


def _mode(entry: Entry) -> int:
    if entry.kind == "dir":
        return 0o755 if entry.mode == 0o644 else entry.mode
    return 0o777 if entry.kind == "link" else 0o755 if entry.mode & 0o111 else 0o644


def _small(entry: Entry) -> bytes:
    """A whole member that is in memory already."""
    if entry.kind == "dir":
        return _header(entry, 0, b"5")
    if entry.kind == "link":
        return _header(entry, 0, b"2", os.fsencode(str(entry.source)))
    assert isinstance(entry.source, bytes)
    return _header(entry, len(entry.source), b"0") + entry.source + b"\0" * (-len(entry.source) % _BLOCK)


def _pieces(entry: Entry) -> Iterator[bytes]:
    """A member read from disk, in pieces. What the taker's own disk refuses isn't told as the file's fault."""
    assert isinstance(entry.source, str)
    try:
        with open(entry.source, "rb", buffering=0) as file:
            facts = os.fstat(file.fileno())
            if not stat.S_ISREG(facts.st_mode):
                raise BuildError(f"{entry.source} is no regular file")
            left = facts.st_size
            data = _header(entry, left, b"0")
            while left:
                part = file.read(min(left, _CHUNK))
                if not part:
                    raise BuildError(f"{entry.source} became shorter while it was read", "build again")
                left -= len(part)
                yield data + part if data else part
                data = b""
            yield data + b"\0" * (-facts.st_size % _BLOCK)
    except OSError as error:
        raise BuildError(f"{entry.source} can't be read: {error.strerror}") from error


def _header(entry: Entry, size: int, kind: bytes, link: bytes = b"") -> bytes:
    """The member's tar header, after a PAX header where name, link or size need one."""
    name = os.fsencode(entry.path + ("/" if entry.kind == "dir" else ""))
    extra: dict[bytes, bytes] = {}
    if len(name) > 100 or not name.isascii():
        extra[b"path"] = name
    if len(link) > 100 or not link.isascii():
        extra[b"linkpath"] = link
    if size >= 8 << 30:
        extra[b"size"] = b"%d" % size
    head = b""
    if extra:
        records = b"".join(_record(key, extra[key]) for key in sorted(extra))
        head = _block(b"PaxHeader", len(records), b"x", 0o644) + records + b"\0" * (-len(records) % _BLOCK)
    return head + _block(_ascii(name), 0 if b"size" in extra else size, kind, _mode(entry), _ascii(link))


def _ascii(name: bytes) -> bytes:
    return bytes(c if c < 128 else 63 for c in name[:100])


def _record(key: bytes, value: bytes) -> bytes:
    """One PAX record: its own decimal length stands in front of it."""
    rest = b" " + key + b"=" + value + b"\n"
    length = len(rest)
    while len(b"%d" % length) + len(rest) != length:
        length = len(b"%d" % length) + len(rest)
    return b"%d" % length + rest


def _block(name: bytes, size: int, kind: bytes, mode: int, link: bytes = b"") -> bytes:
    head = (
        name.ljust(100, b"\0") + b"%07o\0" % mode + b"0000000\0" * 2 + b"%011o\0" % size + b"%011o\0" % 0
        + b" " * 8 + kind + link.ljust(100, b"\0") + b"ustar\x0000" + b"root".ljust(32, b"\0") * 2
        + b"0000000\0" * 2
    ).ljust(_BLOCK, b"\0")
    return head[:148] + b"%06o\0 " % sum(head) + head[156:]
