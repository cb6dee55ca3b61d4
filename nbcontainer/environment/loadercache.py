"""/etc/ld.so.cache: glibc's table of libraries, read here and written for the image.

What this is: the format that glibc 2.2 and newer read. What it is not: ldconfig: nothing is searched, nothing is run.
In the flow: libraries.py looks libraries up in this machine's table; the image gets one of its own, by which the loader
and `ldconfig -p` (so ctypes.util.find_library) find what was taken.
"""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Mapping
from functools import cmp_to_key

PLACE = "/etc/ld.so.cache"
_MAGIC = b"glibc-ld.so.cache1.1"
_OLD_MAGIC = b"ld.so-1.7.0\0"
_HEADER = struct.Struct("<20sIIB3xI12x")
_ENTRY = struct.Struct("<iIIIQ")
_LITTLE = 2
_FLAGS = {"amd64": 0x0303, "arm64": 0x0A03, "ppc64le": 0x0503, "riscv64": 0x1003}


def read(architecture: str, place: str = PLACE) -> dict[str, str]:
    """{name: path} of the libraries for `architecture`; {} without a table that can be read."""
    try:
        with open(place, "rb") as file:
            data = file.read()
    except OSError:
        return {}
    start = data.find(_MAGIC) if data.startswith((_MAGIC, _OLD_MAGIC)) else -1
    if start < 0 or len(data) < start + _HEADER.size:
        return {}
    data = data[start:]
    count = _HEADER.unpack_from(data)[1]
    found: dict[str, str] = {}
    for number in range(count):
        flags, key, value, _, hwcap = _ENTRY.unpack_from(data, _HEADER.size + number * _ENTRY.size)
        if flags == _FLAGS.get(architecture) and hwcap == 0:  # others need a newer processor than the image's will be
            found.setdefault(_text(data, key), _text(data, value))
    return found


def _text(data: bytes, at: int) -> str:
    return os.fsdecode(data[at : data.index(b"\0", at)])


def written(libraries: Mapping[str, str], architecture: str) -> bytes:
    """The table of {name: path in the image with its leading slash}."""
    names = sorted(libraries, key=cmp_to_key(_compare), reverse=True)
    strings, places = bytearray(), []
    start = _HEADER.size + len(names) * _ENTRY.size
    for name in names:
        key = start + len(strings)
        strings += os.fsencode(name) + b"\0"
        places.append((key, start + len(strings)))
        strings += os.fsencode(libraries[name]) + b"\0"
    flags = _FLAGS[architecture]
    entries = b"".join(_ENTRY.pack(flags, key, value, 0, 0) for key, value in places)
    return _HEADER.pack(_MAGIC, len(names), len(strings), _LITTLE, 0) + entries + bytes(strings)


def supported(architecture: str) -> bool:
    return architecture in _FLAGS


def _compare(one: str, other: str) -> int:
    """The order that the loader's binary search expects: numbers by value, all else by its bytes."""
    left, right = (re.findall(rb"[0-9]+|[^0-9]", os.fsencode(name)) for name in (one, other))
    for a, b in zip(left, right, strict=False):
        if a[:1].isdigit() and b[:1].isdigit():
            if int(a) != int(b):
                return -1 if int(a) < int(b) else 1
        elif a[:1].isdigit() != b[:1].isdigit():
            return 1 if a[:1].isdigit() else -1
        elif a != b:
            return -1 if a < b else 1
    return (len(left) > len(right)) - (len(left) < len(right))
