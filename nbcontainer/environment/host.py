"""This machine as what an image stands on: its Python, shared libraries, a shell, certificates. No registry needed.

What this is: the layers, each with a key made of its content, and the memory of them: an unchanged machine costs stats.
What it is not: which files those are (machine.py), or the packing.
In the flow: Environment -> *Base* -> ImagePlan. Bottom to top: system libraries, tools and system files, Python,
certificates, libraries that the distributions need beyond these.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from nbcontainer import __version__
from nbcontainer.environment import answers, stdlib, system
from nbcontainer.errors import BuildError, RequirementError
from nbcontainer.image.layer import PACKER
from nbcontainer.model import APP, Base, Emit, Entry, Environment, Interpreter, LayerPlan, Progress

_FORMAT = 1
_DRIVERS = ("libcuda.so", "libnvidia", "libnvcuvid")  # the node's own, put in when a container gets a GPU
_memory: dict[str, dict[str, Any]] = {}
_made: dict[str, list[Entry]] = {}  # key of a layer -> its entries, as this process found them


class Need(NamedTuple):
    """The newest glibc that a captured file asks for, and that file; "" = none does."""

    glibc: str = ""
    file: str = ""


def host_base(env: Environment, *, cache_dir: Path, ca_bundle: str, emit: Emit) -> Base:
    """The Base made of this machine. Raises RequirementError off Linux with glibc, BaseError for the certificates."""
    python = env.interpreter
    _refuse(python)
    around = {**os.environ, **python.env}
    library_path = around.get("LD_LIBRARY_PATH", "")
    machine, standing = _machine(python, library_path, cache_dir, emit)
    trusted = _certificates(system.bundle(ca_bundle, around), cache_dir)
    more, notes = _beyond(env, machine, library_path, cache_dir, emit)
    bundle = f"/{system.BUNDLE}"
    return Base(
        name="host",
        python=f"/{stdlib.program(python)}",
        plans=(*standing, *trusted, *more),
        env={"SSL_CERT_FILE": bundle, "REQUESTS_CA_BUNDLE": bundle} if trusted else {},
        libc=python.libc,
        platform=python.platform,
        notes=notes,
    )


def glibc_needs(env: Environment, *, cache_dir: Path) -> Need:
    """The newest glibc that the captured ELF files ask for."""

    def compute() -> dict[str, Any]:
        return {**_glibc(env, cache_dir)._asdict(), "watched": ""}

    identity = [sorted(each.key for each in env.distributions if each.elf),
                [[path, host, answers._stat(host)] for path, host in _local(env).items()]]
    head = _remembered(cache_dir, "glibc", identity, compute)
    return Need(head["glibc"], head["file"])


def _glibc(env: Environment, cache_dir: Path) -> Need:
    from nbcontainer.environment import elf

    found = Need()
    for each in env.distributions:
        facts = elf.of_distribution(each, cache_dir) if each.elf else {}
        for path, one in facts.items():
            if elf.ordered(one.glibc) > elf.ordered(found.glibc):
                found = Need(one.glibc, f"{os.path.basename(path)} of {each.name} {each.version}")
    for path, host in _local(env).items():
        one = elf.read(host)
        if elf.ordered(one.glibc) > elf.ordered(found.glibc):
            found = Need(one.glibc, path.removeprefix(f"{APP}/"))
    return found


def _refuse(python: Interpreter) -> None:
    from nbcontainer.environment import loadercache

    system_name, _, architecture = python.platform.partition("/")
    hint = "stand on an image of a registry with --base IMAGE"
    if system_name != "linux":
        raise RequirementError(
            f"{python.executable} runs on {python.platform}: this machine can't be what a Linux container stands on",
            "build on Linux, or in a pod; wheels for another platform (resolve) come in a later version",
        )
    if not python.libc.startswith("glibc"):
        raise RequirementError(f"{python.executable} runs on {python.libc or 'an unknown libc'}, not on glibc", hint)
    if not loadercache.supported(architecture) or not python.cache_tag.startswith("cpython"):
        raise RequirementError(f"{python.executable} is {python.cache_tag} on {python.platform}: not supported", hint)


# ---------------------------------------------------------------- layers
def _machine(
    python: Interpreter, library_path: str, cache_dir: Path, emit: Emit
) -> tuple[dict[str, Any], list[LayerPlan]]:
    """What is remembered of this machine, and the layers that don't depend on the notebook."""

    def compute() -> dict[str, Any]:
        from nbcontainer.environment import machine

        emit(Progress("base", f"looking at {python.base_executable} and its libraries"))
        now = machine.taken(python, library_path)
        return {"layers": [_head(*layer, python) for layer in now.layers], "found": asdict(now.found),
                "watched": "\0".join(now.watched)}

    identity = [python.base_executable, python.base_prefix, python.stdlib, python.platstdlib, python.version,
                python.libc, library_path]
    head = _remembered(cache_dir, "machine", identity, compute)
    return head, [_plan(each, compute, python) for each in head["layers"]]


def _beyond(
    env: Environment, machine: Mapping[str, Any], library_path: str, cache_dir: Path, emit: Emit
) -> tuple[list[LayerPlan], tuple[str, ...]]:
    """The layer of libraries that the distributions need beyond the machine's, [] when there are none, and notes."""
    python = env.interpreter
    compiled = sorted(each.key for each in env.distributions if each.elf)
    if not compiled and not _local(env):
        return [], ()

    def compute() -> dict[str, Any]:
        from nbcontainer.environment import elf, libraries
        from nbcontainer.environment import machine as machines

        emit(Progress("base", "looking for the libraries that the distributions need"))
        roots, known = dict(_local(env)), {}
        for each in env.distributions:
            if each.elf:
                roots.update(elf.hosts(each))
                known.update(elf.of_distribution(each, cache_dir))
        before = libraries.Found(**{name: dict(value) for name, value in machine["found"].items()})
        now = machines.beyond(python, before, library_path, roots, known)
        notes = [f"{name}, which {os.path.basename(by)} needs, is not on this machine"
                 for name, by in sorted(now.found.missing.items()) if not name.startswith(_DRIVERS)]
        for note in notes:
            emit(Progress("note", note))
        return {"layers": [_head(*layer, python) for layer in now.layers], "watched": "\0".join(now.watched),
                "notes": notes}

    identity = [library_path, [each["key"] for each in machine["layers"]], compiled,
                [[path, answers._stat(host)] for path, host in _local(env).items()]]
    head = _remembered(cache_dir, "libraries", identity, compute)
    return [_plan(each, compute, python) for each in head["layers"]], tuple(head.get("notes", ()))


def _certificates(bundle: str, cache_dir: Path) -> list[LayerPlan]:
    if not bundle:
        return []

    def compute() -> dict[str, Any]:
        held = [Entry(system.BUNDLE, source=system.certificates(bundle))]
        return {"layers": [_head("certificates", held, None)], "watched": bundle}

    head = _remembered(cache_dir, "certificates", [bundle], compute)
    return [_plan(each, compute, None) for each in head["layers"]]


def _local(env: Environment) -> dict[str, str]:
    """{image path: path here} of compiled modules beside the notebook."""
    return {f"{APP}/{each.path}": each.source for each in env.files if each.path.endswith(".so")}


# ---------------------------------------------------------------- keys
def _head(content: str, entries: list[Entry], python: Interpreter | None) -> dict[str, Any]:
    """What is remembered of a layer: its key, made of all that it holds, and its size."""
    rows, size = [], 0
    for each in sorted(entries, key=lambda entry: entry.path):
        held = _digest(each) if each.kind == "file" else str(each.source or "")
        rows.append(f"{each.kind}\0{each.path}\0{each.mode:o}\0{held}")
        size += _size(each)
    maker = f"{python.version} {python.cache_tag}" if python and content.startswith("Python ") else ""  # of the .pyc
    text = "\n".join([PACKER, str(_FORMAT), maker, *rows])
    key = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
    _made[key] = entries
    return {"content": content, "key": key, "size": size}


def _digest(entry: Entry) -> str:
    if isinstance(entry.source, bytes):
        return hashlib.sha256(entry.source).hexdigest()
    digest = hashlib.sha256()
    try:
        with open(entry.source, "rb") as file:
            while part := file.read(1 << 20):
                digest.update(part)
    except OSError as error:
        raise BuildError(f"{entry.source} can't be read: {error.strerror}", "use --base IMAGE") from None
    return digest.hexdigest()


def _size(entry: Entry) -> int:
    if entry.kind != "file":
        return 0
    return len(entry.source) if isinstance(entry.source, bytes) else os.stat(entry.source).st_size


def _plan(head: Mapping[str, Any], compute: Callable[[], Any], python: Interpreter | None) -> LayerPlan:
    key = head["key"]

    def entries() -> Iterable[Entry]:
        if key not in _made:
            compute()
        if key not in _made:
            raise BuildError(f"the machine's {head['content']} changed while it was being packed", "build again")
        yield from _made[key]
        if python and head["content"].startswith("Python "):
            from nbcontainer.image import pyc

            yield from pyc.compiled(_made[key], python.base_executable, python.cache_tag)

    return LayerPlan(head["content"], key, entries, head["size"])


# ---------------------------------------------------------------- memory
def _remembered(
    cache_dir: Path, kind: str, identity: list[Any], compute: Callable[[], dict[str, Any]]
) -> dict[str, Any]:
    """What `compute` gave before, if every file that it watches still has its size and time; else what it gives."""
    text = json.dumps([_FORMAT, PACKER, __version__, identity])
    name = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:32]
    place = cache_dir / f"{kind}-{name}.json"
    head = _memory.get(str(place)) or _read(place)
    if head:
        watched = head["watched"].split("\0")
        if _facts(watched) == head["facts"]:
            _memory[str(place)] = head
            return head
    head = compute()
    head["facts"] = _facts(head["watched"].split("\0"))
    _memory[str(place)] = head
    answers.write(place, json.dumps(head).encode("utf-8", "surrogateescape"))
    return head


def _read(place: Path) -> dict[str, Any] | None:
    try:
        held: dict[str, Any] = json.loads(place.read_bytes())
        return held
    except (OSError, ValueError):
        return None


def _facts(paths: Sequence[str]) -> list[int]:
    """Size and time of each path."""
    found: list[int] = []
    for path in paths:
        try:
            facts = os.stat(path)
        except OSError:
            found += (-1, -1)
            continue
        found += (facts.st_size, facts.st_mtime_ns)
    return found
