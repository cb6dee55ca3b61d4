"""What was captured of a distribution, held while none of its files changes.

What this is: two small files a distribution: a head (key, size, what to watch), and the rows, which only packing reads.
An unchanged distribution costs one stat a file and no read. What it is not: the reading of files (files.py).
In the flow: installed files -> *Distribution* -> LayerPlan.
"""

from __future__ import annotations

import array
import base64
import hashlib
import marshal
import os
import posixpath
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbcontainer.environment import answers
from nbcontainer.errors import BuildError, RequirementError
from nbcontainer.model import ENV, Distribution, Entry, Interpreter

if TYPE_CHECKING:
    from nbcontainer.environment.files import Row

_FORMAT = 4
_memory: dict[str, tuple[tuple[int, int], dict[str, Any]]] = {}


def distribution(found: dict[str, Any], why: tuple[str, ...], python: Interpreter, cache_dir: Path) -> Distribution:
    """The Distribution of the probe's `found`. Raises RequirementError when its files can't be read."""
    place = _place(found, python, cache_dir)
    head = _unchanged(place, found["location"]) or _captured(found, python, place)
    return Distribution(
        name=found["name"],
        version=found["version"],
        why=why,
        key=head["key"],
        size=head["size"],
        entries=_entries(found, python, place, head["key"]),
        modified=tuple(head["modified"]),
        elf=tuple(head["elf"]),
    )


def _place(found: dict[str, Any], python: Interpreter, cache_dir: Path) -> str:
    identity = "\0".join([str(_FORMAT), sys.version, python.minor, python.prefix, found["info"]])
    return f"{cache_dir}/files/{hashlib.sha256(identity.encode('utf-8', 'surrogateescape')).hexdigest()[:32]}"


def _unchanged(place: str, location: str) -> dict[str, Any] | None:
    """The head of what was captured before, if every file still has the size and time that it had."""
    head = _head(place)
    if head is None or _now(head["watched"].split("\0"), location) != head["facts"]:
        return None
    return head


def _head(place: str) -> dict[str, Any] | None:
    try:
        facts = os.stat(place)
        stamp = (facts.st_size, facts.st_mtime_ns)
        seen, head = _memory.get(place, (None, {}))
        if seen != stamp:
            with open(place, "rb") as file:
                head = marshal.loads(file.read())
            _memory[place] = (stamp, head)
        return head
    except (OSError, ValueError, EOFError, TypeError):
        return None


def _now(watched: Sequence[str], location: str) -> bytes:
    """Size and mtime of each file, as bytes."""
    facts = array.array("q")
    add, stat = facts.append, os.stat
    try:
        at = os.open(location, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return b""
    try:
        for path in watched:
            try:
                found = stat(path, dir_fd=at)
                add(found.st_size)
                add(found.st_mtime_ns)
            except OSError:
                add(-1)
                add(-1)
    finally:
        os.close(at)
    return facts.tobytes()


def _captured(found: dict[str, Any], python: Interpreter, place: str) -> dict[str, Any]:
    from nbcontainer.environment import files

    try:
        now = files.of(found, python, _seen(place))
    except OSError as error:
        raise RequirementError(
            f"{found['name']} {found['version']}: its file {error.filename} can't be read: {error.strerror}",
            f"install it again: {python.executable} -m pip install --force-reinstall {found['name']}",
        ) from None
    key = now.key
    head = {
        "key": key,
        "size": sum(row[4] for row in now.rows),
        "modified": now.modified,
        "elf": now.elf,
        "watched": "\0".join(now.watched),
        "facts": array.array("q", now.facts).tobytes(),
    }
    stamps = dict(zip(now.watched, zip(now.facts[::2], now.facts[1::2], strict=True), strict=True))
    times = {os.path.normpath(os.path.join(found["location"], path)): facts for path, facts in stamps.items()}
    rows = {"key": key, "rows": now.rows, "times": times}
    answers.write(Path(f"{place}.rows"), marshal.dumps(rows))
    answers.write(Path(place), marshal.dumps(head))
    return head


def _rows(place: str) -> dict[str, Any]:
    try:
        with open(f"{place}.rows", "rb") as file:
            rows: dict[str, Any] = marshal.loads(file.read())
        return rows
    except (OSError, ValueError, EOFError, TypeError):
        return {"key": "", "rows": [], "times": {}}


def _seen(place: str) -> dict[str, tuple[int, int, str]]:
    """What each file's size, time and hash were when it was last looked at."""
    held = _rows(place)
    times = held["times"]
    return {row[1]: (*times[row[1]], row[5]) for row in held["rows"] if row[1] in times and row[5]}


def _entries(found: dict[str, Any], python: Interpreter, place: str, key: str) -> Callable[[], Iterable[Entry]]:
    def entries() -> Iterable[Entry]:
        held = _rows(place)
        if held["key"] != key:
            from nbcontainer.environment import files

            now = files.of(found, python, {})
            if now.key != key:
                raise BuildError(f"{found['name']} changed while it was being captured", "build again")
            held = {"rows": now.rows}
        for path, host, content, executable, _, _, target in held["rows"]:
            if target:
                yield Entry(path, "link", target)
            else:
                yield Entry(path, source=host or content, mode=0o755 if executable else 0o644)
        if found["info"].endswith(".dist-info"):
            site = f"{ENV}/lib/python{python.minor}/site-packages"
            info = f"{site}/{os.path.basename(found['info'])}"
            yield Entry(f"{info}/RECORD", source=_record(held["rows"], site, info))

    return entries


def _record(rows: Iterable[Row], site: str, info: str) -> bytes:
    """RECORD as it is true in the image."""
    lines = []
    for path, _, _, _, size, digest, target in rows:
        encoded = base64.urlsafe_b64encode(bytes.fromhex(digest)).rstrip(b"=").decode()
        name = posixpath.relpath(path, site)
        if any(mark in name for mark in ',"\r\n'):
            name = '"' + name.replace('"', '""') + '"'
        lines.append(f"{name},," if target else f"{name},sha256={encoded},{size}")
    lines.append(posixpath.relpath(f"{info}/RECORD", site) + ",,")
    return ("\n".join(lines) + "\n").encode("utf-8", "surrogateescape")
