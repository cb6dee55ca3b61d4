"""What an ELF file asks of the machine: libraries, where it looks for them, a loader, a version of glibc.

What this is: facts read through pyelftools, and their memory by a distribution's content key. What it is not: the
search for libraries (libraries.py).
In the flow: captured ELF files -> *facts* -> the host base, and what a base image must have.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

from nbcontainer.environment import answers
from nbcontainer.model import Distribution

_FORMAT = 1
_MARKS = {"GLIBC_ABI_DT_RELR": "2.36"}  # a version that names a feature


class Elf(NamedTuple):
    """The facts of one file; folders as written, $ORIGIN unexpanded."""

    needed: tuple[str, ...] = ()
    rpath: tuple[str, ...] = ()
    runpath: tuple[str, ...] = ()
    soname: str = ""
    loader: str = ""  # "" for a library or a static program
    glibc: str = ""  # the newest version that a symbol asks for, "2.34"
    machine: str = ""  # "EM_X86_64", "" when it is no readable ELF file


def read(path: str) -> Elf:
    """The facts of the file at `path`; empty ones for a file that is no ELF file. Raises OSError."""
    from elftools.common.exceptions import ELFError
    from elftools.construct import ConstructError
    from elftools.elf.elffile import ELFFile

    with open(path, "rb") as file:
        if file.read(4) != b"\x7fELF":
            return Elf()
        try:
            return _facts(ELFFile(file))
        except (ELFError, ConstructError, UnicodeDecodeError, AttributeError, KeyError, ValueError):
            return Elf()  # cut off or made up: the loader wouldn't take it either


def _facts(elf: Any) -> Elf:
    found: dict[str, list[str]] = {"needed": [], "rpath": [], "runpath": [], "soname": []}
    loader = ""
    for segment in elf.iter_segments():
        if segment.header.p_type == "PT_INTERP":
            loader = segment.get_interp_name()
        if segment.header.p_type == "PT_DYNAMIC":
            for tag in segment.iter_tags():
                name = str(tag.entry.d_tag).removeprefix("DT_").lower()
                if name in found:
                    found[name].append(getattr(tag, name))
    folders = {name: tuple(part for text in found[name] for part in text.split(":") if part)
               for name in ("rpath", "runpath")}
    return Elf(tuple(found["needed"]), folders["rpath"], folders["runpath"], "".join(found["soname"][:1]), loader,
               _glibc(elf), str(elf.header.e_machine))


def _glibc(elf: Any) -> str:
    section = elf.get_section_by_name(".gnu.version_r")
    names = [each.name for _, versions in section.iter_versions() for each in versions] if section else []
    return max([*filter(None, map(_version, names)), ""], key=ordered)


def _version(name: str) -> str:
    found = re.fullmatch(r"GLIBC_(\d+(?:\.\d+)+)", name)
    return found[1] if found else _MARKS.get(name, "")


def ordered(version: str) -> tuple[int, ...]:
    """'2.34' as something to compare by."""
    return tuple(int(part) for part in re.findall(r"\d+", version))


def of_distribution(each: Distribution, cache_dir: Path) -> dict[str, Elf]:
    """{path in the image: facts} of a distribution's ELF files; read once per content, whoever installed it."""
    place = cache_dir / "elf" / f"{_FORMAT}-{each.key[:40]}.json"
    try:
        with open(place, encoding="utf-8") as file:
            return {path: _made(row) for path, row in json.load(file).items()}
    except (OSError, ValueError, TypeError):
        pass
    found = {path: read(host) for path, host in sorted(hosts(each).items())}
    found = {path: facts for path, facts in found.items() if facts.machine}
    answers.write(place, json.dumps(found).encode())
    return found


def _made(row: list[Any]) -> Elf:
    values: list[Any] = [tuple(part) if isinstance(part, list) else part for part in row]
    return Elf(*values)


def hosts(each: Distribution) -> dict[str, str]:
    """{path in the image: path here} of a distribution's ELF files."""
    wanted = frozenset(each.elf)
    if not wanted:
        return {}
    entries = [(entry.path, entry.source) for entry in each.entries()]
    return {path: source for path, source in entries if isinstance(source, str) and source in wanted}
