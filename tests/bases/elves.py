"""Shared libraries as small as the loader's tables allow: a header, two segments, what they need and where it lies."""

from __future__ import annotations

import struct
from pathlib import Path

_NEEDED, _STRTAB, _STRSZ, _SONAME, _RPATH, _RUNPATH = 1, 5, 10, 14, 15, 29
X86_64, ARM64 = 62, 183


def library(
    place: Path, *needed: str, rpath: str = "", runpath: str = "", soname: str = "", machine: int = X86_64
) -> Path:
    """Write a library to `place`; gives `place`."""
    strings = bytearray(b"\0")

    def at(text: str) -> int:
        strings.extend(text.encode() + b"\0")
        return len(strings) - len(text) - 1

    tags: list[tuple[int, int]] = [(_NEEDED, at(name)) for name in needed]
    tags += [(kind, at(text)) for kind, text in ((_RPATH, rpath), (_RUNPATH, runpath), (_SONAME, soname)) if text]
    start = 64 + 2 * 56
    table = start + 16 * (len(tags) + 3)
    tags += [(_STRTAB, table), (_STRSZ, len(strings)), (0, 0)]
    dynamic = b"".join(struct.pack("<QQ", *tag) for tag in tags)
    size = table + len(strings)
    header = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 3, machine, 1, 0, 64, 0, 0, 64, 56, 2, 0, 0, 0)
    segments = _segment(1, 0, size) + _segment(2, start, len(dynamic))
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(header + segments + dynamic + bytes(strings))
    return place


def _segment(kind: int, offset: int, size: int) -> bytes:
    return struct.pack("<IIQQQQQQ", kind, 4, offset, offset, offset, size, size, 8)


def roots(folder: Path, *paths: str) -> dict[str, str]:
    """{image path: path here}, the paths below `folder`."""
    return {path: str(folder / path) for path in paths}
