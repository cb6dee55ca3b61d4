"""What layers hold of Python and of libc, read as they stream by; nothing is unpacked.

What this is: one layer's facts, and the facts of layers on top of each other with what upper ones delete. What it is
not: the choice of a Python, or a registry (base.py). In the flow: layer stream -> *facts* -> Base.
"""

from __future__ import annotations

import io
import posixpath
import re
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import IO, BinaryIO

_PYTHON = re.compile(r"(?:.*/)?s?bin/python(?:3(?:\.\d+)?)?")
_LIBPYTHON = re.compile(r"(?:.*/)?libpython3\.\d+t?\.so(?:\.1\.0)?")
_GLIBC_NAME = re.compile(r"(?:.*/)?libc-(\d+\.\d+)\.so")
_GLIBC = re.compile(rb"GNU C Library [^\n]{0,80}?version (\d+\.\d+)")
_MUSL = re.compile(r"(?:.*/)?ld-musl-\w+\.so\.1")
_MINOR = re.compile(r"python(3\.\d+)")
_FOLDERS = re.compile(r"(?:.*/)?(?:s?bin|lib(?:32|64)?|usr|local|current|default|v?env)")
_MOST = 200 << 20  # bytes of a program that are looked through
_HOPS = 20


@dataclass
class Facts:
    """Paths have no leading slash. A link's target is as written."""

    pythons: dict[str, str] = field(default_factory=dict)  # program or libpython: its version, "" when not told
    glibc: dict[str, str] = field(default_factory=dict)  # libc.so.6: its version
    musl: list[str] = field(default_factory=list)
    links: dict[str, str] = field(default_factory=dict)
    gone: list[str] = field(default_factory=list)  # deleted of lower layers
    emptied: list[str] = field(default_factory=list)  # folders of which lower layers' contents are deleted


class Unreadable(Exception):
    """A layer that isn't what its media type says, or is compressed in a way that this Python can't read."""


def read(stream: BinaryIO, media_type: str) -> Facts:
    """The facts of the layer that `stream` gives, read to its end. Raises Unreadable, and what reading raises."""
    found = Facts()
    packed = next((kind for kind in ("gzip", "zstd") if media_type.endswith(kind)), "")
    try:
        with _opened(stream, packed) as archive:
            for member in archive:
                _note(member, archive, found)
        while stream.read(1 << 20):  # to the end, so that the digest is checked
            pass
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise Unreadable(f"it is no {packed or 'plain'} tar: {error}") from error
    return found


def _opened(stream: BinaryIO, packed: str) -> tarfile.TarFile:
    if packed == "zstd":
        try:
            from compression import zstd  # type: ignore[import-not-found, unused-ignore]
        except ImportError:
            raise Unreadable("it is compressed with zstd, which Python reads from 3.14 on") from None
        return tarfile.open(fileobj=io.BufferedReader(zstd.ZstdFile(stream)), mode="r|")
    return tarfile.open(fileobj=stream, mode="r|gz" if packed == "gzip" else "r|")


def _note(member: tarfile.TarInfo, archive: tarfile.TarFile, found: Facts) -> None:
    path = posixpath.normpath(member.name.lstrip("/"))
    folder, name = posixpath.split(path)
    if name == ".wh..wh..opq":
        found.emptied.append(folder)
    elif name.startswith(".wh."):
        found.gone.append(posixpath.join(folder, name[4:]))
    elif member.issym():
        if _wanted(path) or _FOLDERS.fullmatch(path):
            found.links[path] = member.linkname
    elif member.islnk():
        if _wanted(path):
            found.links[path] = "/" + member.linkname.lstrip("./")
    elif member.isreg():
        _note_file(path, member, archive, found)


def _wanted(path: str) -> bool:
    return bool(_PYTHON.fullmatch(path) or _LIBPYTHON.fullmatch(path) or path.endswith("/libc.so.6"))


def _note_file(path: str, member: tarfile.TarInfo, archive: tarfile.TarFile, found: Facts) -> None:
    named = _GLIBC_NAME.fullmatch(path)
    if named:
        found.glibc[path] = named[1]
    elif path.endswith("/libc.so.6"):
        found.glibc[path] = _first(_GLIBC, archive.extractfile(member))
    elif _MUSL.fullmatch(path):
        found.musl.append(path)
    elif _PYTHON.fullmatch(path) or _LIBPYTHON.fullmatch(path):
        found.pythons[path] = _first(_version(path), archive.extractfile(member))


def _version(path: str) -> re.Pattern[bytes]:
    """A version where C has a string of its own for it, or the end of another one: linkers merge them."""
    named = _MINOR.search(posixpath.basename(path))
    minor = re.escape(named[1].encode()) if named else rb"3\.(?:[6-9]|\d\d)"  # 3.2 is an old Unicode's
    return re.compile(rb"[\0/-](" + minor + rb"\.\d{1,2})(?:(?:a|b|rc)\d+)?\+?\0")


def _first(pattern: re.Pattern[bytes], file: IO[bytes] | None) -> str:
    """The first match in a file that streams by, "" without one."""
    kept, read = b"", 0
    while file and read < _MOST and (part := file.read(1 << 20)):
        hit = pattern.search(kept + part)
        if hit:
            return hit[1].decode()
        kept, read = part[-256:], read + len(part)
    return ""


def stacked(layers: Iterable[Facts]) -> Facts:
    """The facts of layers, the lowest first, as they show on top of each other."""
    whole = Facts()
    for layer in layers:
        for path in [*layer.gone, *layer.emptied]:
            _delete(whole, path, itself=path in layer.gone)
        for path in [*layer.pythons, *layer.glibc, *layer.musl, *layer.links]:
            _delete(whole, path, itself=True)
        whole.pythons.update(layer.pythons)
        whole.glibc.update(layer.glibc)
        whole.musl += layer.musl
        whole.links.update(layer.links)
    return whole


def _delete(whole: Facts, path: str, *, itself: bool) -> None:
    below = path.rstrip("/") + "/" if path not in ("", ".") else ""

    def hit(one: str) -> bool:
        return (itself and one == path) or one.startswith(below)

    for held in (whole.pythons, whole.glibc, whole.links):
        for one in [one for one in held if hit(one)]:
            del held[one]
    whole.musl = [one for one in whole.musl if not hit(one)]


def followed(whole: Facts, path: str) -> str:
    """Where a path leads through links, without a leading slash; "" when it leads round or outside."""
    path = posixpath.normpath(path.lstrip("/"))
    for _ in range(_HOPS):
        parts = path.split("/")
        heads = ["/".join(parts[: i + 1]) for i in range(len(parts))]
        link = next((head for head in heads if head in whole.links), "")
        if not link:
            return path
        joined = posixpath.join("/", posixpath.dirname(link), whole.links[link], path[len(link) + 1 :])
        path = posixpath.normpath(joined).lstrip("/")
    return ""
