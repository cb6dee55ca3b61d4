"""A distribution's files: what each would be in the image, and its content's hash.

What this is: RECORD read; its hash is believed for a file that has RECORD's size and that nothing touched since RECORD
was written, every other file is hashed. What it is not: the memory of it (held.py), or the choice of distributions.
In the flow: installed files -> rows -> Distribution -> LayerPlan.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nbcontainer.environment import foreign, probe, scripts
from nbcontainer.model import ENV, Interpreter

# (path in the image, host path or "", content made here, executable, size, sha256 hex, target of a link)
Row = tuple[str, str, bytes, bool, int, str, str]
Seen = Mapping[str, tuple[int, int, str]]  # host path -> (size, mtime in ns, sha256 hex) as last hashed

_DROPPED = {"INSTALLER", "REQUESTED", "direct_url.json", "RECORD", "RECORD.jws", "RECORD.p7s", "uv_cache.json",
            "uv_build.json", "installed-files.txt", "SOURCES.txt"}
_SITES = ("site-packages", "dist-packages")
_SHARED = re.compile(r".*\.so(\.\d+)*")


@dataclass
class Files:
    """A distribution's files as they are now."""

    rows: list[Row] = field(default_factory=list)
    modified: list[str] = field(default_factory=list)  # as RECORD names them: changed or gone since install
    watched: list[str] = field(default_factory=list)  # relative to the location, or absolute
    facts: list[int] = field(default_factory=list)  # size and mtime of each watched file, -1 -1 = gone
    elf: list[str] = field(default_factory=list)

    @property
    def key(self) -> str:
        """sha256 over what the files would be in the image: equal wherever and by whomever they are installed."""
        digest = hashlib.sha256()
        for path, _, _, executable, _, content, target in self.rows:
            digest.update(f"{path}\0{executable:d}\0{content}\0{target}\n".encode("utf-8", "surrogateescape"))
        return digest.hexdigest()


def of(found: dict[str, Any], python: Interpreter, seen: Seen) -> Files:
    """The files of the probe's `found`. Reads only those that neither RECORD nor `seen` vouches for."""
    location, info = found["location"], found["info"]
    recorded = probe.recorded(info)
    listed = recorded or [(path, "", "") for path in foreign.listed(found)]
    record = os.stat(os.path.join(info, "RECORD")) if recorded else None
    own = scripts.entry_points(info)
    files = Files()
    taken = {os.path.normpath(os.path.join(location, path)) for path, _, _ in listed}
    for path, stated, size in listed:
        host = os.path.normpath(os.path.join(location, path))
        place = _in_image(host, location, python)
        if not place or _dropped(path, host, found):
            continue
        try:
            facts = os.stat(host)
        except OSError:
            if recorded:
                files.modified.append(path)
                _watch(files, path, None)
            continue
        _watch(files, path, facts)
        link = _link(host, taken)
        if link:
            files.rows.append((place, host, b"", False, 0, "", link))
            continue
        script = scripts.script(os.path.basename(host), host, own) if place.startswith(f"{ENV}/bin/") else None
        if script is not None:
            files.rows.append((place, "", script, True, len(script), hashlib.sha256(script).hexdigest(), ""))
            continue
        digest = _vouched(host, facts, _stated(stated), size, record, seen)
        if stated and digest != _stated(stated):
            files.modified.append(path)
        executable = bool(facts.st_mode & 0o100)
        files.rows.append((place, host, b"", executable, facts.st_size, digest, ""))
        if _is_elf(host, executable):
            files.elf.append(host)
    files.rows = sorted({row[0]: row for row in files.rows}.values())
    return files


def _watch(files: Files, path: str, facts: os.stat_result | None) -> None:
    files.watched.append(path)
    files.facts += (facts.st_size, facts.st_mtime_ns) if facts else (-1, -1)


def _vouched(
    host: str, facts: os.stat_result, stated: str, size: str, record: os.stat_result | None, seen: Seen
) -> str:
    """The file's sha256: RECORD's when an installer wrote RECORD after it, the last one seen, else read now."""
    known = seen.get(host)
    if known and known[:2] == (facts.st_size, facts.st_mtime_ns):
        return known[2]
    untouched = record and facts.st_mtime_ns <= record.st_mtime_ns and facts.st_ctime_ns <= record.st_ctime_ns
    if stated and untouched and size == str(facts.st_size):
        return stated
    digest = hashlib.sha256()
    with open(host, "rb") as file:
        while part := file.read(1 << 20):
            digest.update(part)
    return digest.hexdigest()


def _stated(digest: str) -> str:
    """The hex of RECORD's 'sha256=<urlsafe base64>', "" for other hashes."""
    kind, _, value = digest.partition("=")
    if kind != "sha256":
        return ""
    try:
        return base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)).hex()
    except ValueError:
        return ""


def _link(host: str, taken: set[str]) -> str:
    """The target of a symbolic link that stays among the distribution's own files; "" = take what it leads to."""
    if not os.path.islink(host):
        return ""
    target = os.readlink(host)
    inside = not os.path.isabs(target) and os.path.normpath(os.path.join(os.path.dirname(host), target)) in taken
    return target if inside else ""


def _dropped(path: str, host: str, found: dict[str, Any]) -> bool:
    name = os.path.basename(path)
    if path.endswith((".pyc", ".pyo")) or "__pycache__/" in path or os.path.isdir(host):
        return True
    if os.path.dirname(host) == found["info"] and name in _DROPPED:
        return True
    if found["kind"] == "editable":  # its source travels as local modules, its hooks point to this machine
        return not host.startswith(found["info"] + os.sep) and os.path.basename(os.path.dirname(host)) != "bin"
    return name.endswith(".pth") and _leads_away(host)


def _leads_away(pth: str) -> bool:
    """Whether a .pth names folders of this machine."""
    try:
        with open(pth, encoding="utf-8", errors="replace") as file:
            return any(os.path.isabs(line.strip()) for line in file)
    except OSError:
        return False


def _in_image(host: str, location: str, python: Interpreter) -> str:
    """Where a host file lies in the image: in the environment, as it lay in its own prefix; "" = outside of all."""
    if host.startswith(location + os.sep):
        return f"{ENV}/lib/python{python.minor}/site-packages/{os.path.relpath(host, location)}"
    above = os.path.normpath(os.path.join(location, "..", "..", ".."))
    prefixes = [above] if os.path.basename(location) in _SITES and above != os.sep else []
    for prefix in (*prefixes, python.prefix, python.base_prefix):
        if host.startswith(prefix + os.sep):
            return f"{ENV}/{os.path.relpath(host, prefix)}"
    return ""


def _is_elf(path: str, executable: bool) -> bool:
    if not executable and not _SHARED.fullmatch(os.path.basename(path)):
        return False
    with open(path, "rb") as file:
        return file.read(4) == b"\x7fELF"
