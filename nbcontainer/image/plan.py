"""The layers to be: what goes where, as data.

What this is: pure; the same environment, base and notebook give the same plan, which --dry-run prints. What it is not:
the packing (layer.py, store.py).
In the flow: Notebook + Environment + Base -> *ImagePlan* -> Image. Bottom to top: the base's own layers, interpreter
and libraries, the environment's skeleton, big distributions one each, the others in buckets, the runtime, local modules
and files, pickled state, the notebook: an edited cell changes the last only.
"""

from __future__ import annotations

import functools
import hashlib
import os
import posixpath
from collections.abc import Iterable, Mapping, Sequence

from nbcontainer.errors import BuildError
from nbcontainer.image.layer import PACKER
from nbcontainer.model import (
    APP,
    ENV,
    RUNTIME,
    AppFile,
    Base,
    Distribution,
    Entry,
    Environment,
    ImagePlan,
    LayerPlan,
    Overlay,
)

MOST_LAYERS = 40  # overlay mounts end at 127; many layers slow a cold pull
BIG = 8_000_000  # bytes: a distribution above has a layer of its own
BUCKETS = 4

_ENVIRONMENT = {
    "PATH": f"/{ENV}/bin:/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin:/sbin",
    "HOME": "/tmp",
    "LANG": "C.UTF-8",
    "MPLBACKEND": "agg",
    "MPLCONFIGDIR": "/tmp/matplotlib",
    "IPYTHONDIR": "/tmp/ipython",
    "XDG_CACHE_HOME": "/tmp/cache",
    "XDG_CONFIG_HOME": "/tmp/config",
    "XDG_DATA_HOME": "/tmp/data",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONUNBUFFERED": "1",
}


def image_plan(
    *,
    environment: Environment,
    base: Base,
    overlay: Overlay,
    notebook: Sequence[Entry],
    runtime: Sequence[Entry],
    state: Sequence[Entry] = (),
    labels: Mapping[str, str] | None = None,
) -> ImagePlan:
    """The plan of one image. Raises BuildError when the base leaves no room for layers."""
    layers = [_skeleton(environment, base)]
    room = MOST_LAYERS - len(base.layers) - len(base.plans) - len(layers) - 4
    layers += _distributions(environment, room)
    layers.append(_literal("nbcontainer runtime", runtime))
    if environment.files:
        layers.append(_files(environment.files))
    if state:
        layers.append(_literal("served function", state))
    layers.append(_literal("notebook", notebook))
    python = environment.interpreter
    return ImagePlan(
        base=base,
        layers=tuple(layers),
        platform=python.platform,
        env={**_ENVIRONMENT, **base.env, **overlay.env, "PATH": _path(base)},
        labels={
            "io.nbcontainer.framework": overlay.framework,
            "io.nbcontainer.python": python.version,
            "io.nbcontainer.libc": python.libc,
            **(labels or {}),
        },
        entrypoint=(f"/{ENV}/bin/python", "-u", f"/{RUNTIME}/run.py"),
        command=("train",),
    )


def _path(base: Base) -> str:
    """The environment's programs first, then the base's own PATH."""
    own = _ENVIRONMENT["PATH"].split(":")
    return ":".join(dict.fromkeys([*own[:1], *base.env.get("PATH", "").split(":"), *own[1:]])).replace("::", ":")


def _key(*parts: str) -> str:
    return hashlib.sha256("\0".join((PACKER, *parts)).encode("utf-8", "surrogateescape")).hexdigest()


def _skeleton(environment: Environment, base: Base) -> LayerPlan:
    """A venv without packages that stands on the base's interpreter, and the folders that any user may write."""
    minor = environment.interpreter.minor
    config = (
        f"home = {posixpath.dirname(base.python)}\ninclude-system-site-packages = false\n"
        f"version = {environment.interpreter.version}\n"
    )
    site = f"{ENV}/lib/python{minor}/site-packages"
    entries = [
        Entry(f"{ENV}/pyvenv.cfg", source=config.encode()),
        *(Entry(f"{ENV}/bin/{name}", "link", base.python) for name in ("python", "python3", f"python{minor}")),
        Entry(site, "dir"),
        Entry(f"{site}/zz_nbcontainer.pth", source=f"/{RUNTIME}\n".encode()),  # last on sys.path: the notebook's win
        Entry("tmp", "dir", mode=0o1777),
        Entry("work", "dir", mode=0o1777),
        Entry("outputs", "dir", mode=0o1777),
        Entry(APP, "dir"),
    ]
    return _literal("environment", entries)


def _distributions(environment: Environment, room: int) -> list[LayerPlan]:
    if room < 1:
        raise BuildError("the base image has too many layers to stand on", "choose a base of at most 30 layers")
    buckets = min(BUCKETS, room)
    ranked = sorted(environment.distributions, key=lambda d: (-d.size, d.name))
    big = [d for d in ranked if d.size > BIG][: room - buckets]
    small: dict[int, list[Distribution]] = {}
    for each in ranked:
        if each not in big:
            place = int(hashlib.sha256(each.name.encode()).hexdigest()[:8], 16) % buckets
            small.setdefault(place, []).append(each)
    groups = [[each] for each in sorted(big, key=lambda d: d.name)]
    groups += [sorted(small[place], key=lambda d: d.name) for place in sorted(small)]
    return [_group(group, environment) for group in groups]


def _group(group: Sequence[Distribution], environment: Environment) -> LayerPlan:
    python = environment.interpreter

    def entries() -> Iterable[Entry]:
        from nbcontainer.image import pyc

        for each in group:
            files = list(each.entries())
            yield from files
            yield from pyc.compiled(files, python.executable, python.cache_tag)

    first = f"{group[0].name} {group[0].version}"
    content = first if len(group) == 1 else f"{len(group)} distributions: " + ", ".join(d.name for d in group)
    key = _key("distributions", python.version, python.cache_tag, *(each.key for each in group))
    return LayerPlan(content, key, entries, sum(each.size for each in group))


def _literal(content: str, entries: Sequence[Entry]) -> LayerPlan:
    """A layer of entries whose bytes are at hand."""
    parts: list[str] = []
    for entry in sorted(entries, key=lambda e: e.path):
        held = entry.source if isinstance(entry.source, bytes) else entry.source.encode()
        if entry.kind == "file" and isinstance(entry.source, str):
            held = file_hash(entry.source).encode()
        parts += [entry.kind, entry.path, oct(entry.mode), hashlib.sha256(held).hexdigest()]
    size = sum(len(e.source) for e in entries if isinstance(e.source, bytes))
    return LayerPlan(content, _key("literal", *parts), lambda: entries, size)


def _files(files: Sequence[AppFile]) -> LayerPlan:
    entries = [Entry(f"{APP}/{each.path}", source=each.source) for each in files]
    content = f"{len(files)} local modules and files" if len(files) > 1 else "1 local module or file"
    return LayerPlan(content, _literal(content, entries).key, lambda: entries, sum(each.size for each in files))


def file_hash(path: str) -> str:
    """sha256 hex of a file, remembered while its size and times stay. Raises BuildError."""
    try:
        facts = os.stat(path)
        return _hashed(path, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns)
    except OSError as error:
        raise BuildError(f"{path} can't be read: {error.strerror}") from error


@functools.lru_cache(maxsize=4096)
def _hashed(path: str, size: int, mtime: int, ctime: int) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while part := file.read(1 << 20):
            digest.update(part)
    return digest.hexdigest()
