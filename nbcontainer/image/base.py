"""A base image of a registry: what it is, which Python and libc it has, whether the environment can stand on it.

What this is: a name resolved to a digest and recorded, its layers left where they are; Python and libc from its labels,
else from its layers, streamed once each. What it is not: a download: nothing is kept but facts.
In the flow: `--base IMAGE` -> *Base* -> ImagePlan.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import posixpath
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from nbcontainer.errors import BaseError
from nbcontainer.image import fetch as images
from nbcontainer.image import reference as references
from nbcontainer.model import Base, BuiltImage, Emit, Layer, Progress

if TYPE_CHECKING:
    from nbcontainer.image import rootfs

RECORDED = 86400.0  # seconds that a tag keeps the digest it was resolved to
_FORMAT = 1
_LABEL = "io.nbcontainer."
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_OURS = "environment"  # the first layer that a build of ours puts on its base
_MEDIA = "application/vnd.oci.image.layer.v1.tar"


class Needs(Protocol):
    """What captured files ask of glibc: the newest version, and the file that asks."""

    @property
    def glibc(self) -> str: ...

    @property
    def file(self) -> str: ...


def resolve(
    ref: str, *, platform: str, python_minor: str, ca: str, plain_http: bool, cache_dir: Path, emit: Emit
) -> Base:
    """The Base that the image `ref` makes for a Python `python_minor` ("3.11") on `platform`.

    A tag is resolved once a day at most. Raises RegistryError, AuthError; BaseError where it has no such Python.
    """
    named = references.parse(ref)
    found = _recorded(named, platform, cache_dir)
    if found is None:
        emit(Progress("base", f"looking up {named}"))
        found = _fetched(named, platform, ca, plain_http, cache_dir)
    name = str(references.Reference(named.registry, named.repository).at(found["digest"]))
    config = found["config"].get("config") or {}
    layers = [Layer(**{**each, "path": None, "origin": named.place}) for each in found["layers"]]
    env = dict(pair.partition("=")[::2] for pair in config.get("Env") or ())
    place = _place(cache_dir, "python", found["digest"], platform, python_minor)
    facts = _of_labels(config.get("Labels") or {}, python_minor) or _read(place)
    if not facts:
        from nbcontainer.image import rootfs

        held = _layer_facts(layers, named, ca, plain_http, cache_dir, emit)
        facts = _of_layers(rootfs.stacked(held), env, python_minor, str(named))
        _write(place, facts)
    return Base(name, facts["python"], layers=tuple(layers), env=env, config=config, version=facts["version"],
                libc=facts["libc"], platform=platform)


def check(found: Base, minor: str, needs: Needs) -> None:
    """Raise BaseError unless what was captured for a Python `minor` with `needs` runs on `found`."""
    name = found.name.partition("@")[0]
    if found.libc == "musl":
        raise BaseError(f"{name} has musl; what is captured here needs glibc",
                        "choose a base of Debian, Ubuntu or Red Hat, or --base host")
    has = ".".join(found.version.split(".")[:2])
    if has != minor:
        raise BaseError(f"{name} has Python {has} ({found.python}); the notebook runs on {minor}", _other(minor))
    glibc = found.libc.removeprefix("glibc").strip()
    if needs.glibc and not glibc:
        raise BaseError(f"which glibc {name} has can't be told; {needs.file} needs {needs.glibc}",
                        f"label it: {_LABEL}libc=glibc VERSION")
    if needs.glibc and _ordered(glibc) < _ordered(needs.glibc):
        raise BaseError(f"{needs.file} needs glibc {needs.glibc}; {name} has {glibc}",
                        "choose a newer base, or --base host")


def _other(minor: str) -> str:
    return f"choose a base with Python {minor}, as python:{minor}-slim, or --base host"


def _ordered(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))


# ---------------------------------------------------------------- manifest and configuration
def _fetched(
    named: references.Reference, platform: str, ca: str, plain_http: bool, cache_dir: Path
) -> dict[str, Any]:
    try:
        image = images.fetch(str(named), ca=ca, plain_http=plain_http, platform=platform)
    except images.WrongPlatform as error:
        raise BaseError(error.message, error.hint) from error
    found = {"digest": image.digest, "config": json.loads(image.config), "layers": _layers(image)}
    _write(_place(cache_dir, "image", image.digest, platform), found)
    _write(_place(cache_dir, "name", str(named), platform), {"digest": image.digest, "time": time.time()})
    return found


def _recorded(named: references.Reference, platform: str, cache_dir: Path) -> dict[str, Any] | None:
    """What is known of the image without asking, None when it has to be asked for."""
    digest = named.digest
    direct = _read(_place(cache_dir, "image", digest, platform)) if digest else None
    if direct:
        return direct
    known = _read(_place(cache_dir, "name", str(named), platform))
    if not known or (not digest and not 0 <= time.time() - known["time"] < RECORDED):
        return None
    return _read(_place(cache_dir, "image", known["digest"], platform))


def _layers(image: BuiltImage) -> list[dict[str, Any]]:
    """The layers to stand on; of an image that nbcontainer built, only those of its own base."""
    found = []
    made = [each for each in json.loads(image.config).get("history") or () if not each.get("empty_layer")]
    for number, layer in enumerate(image.layers):
        history = made[number].get("created_by", "") if number < len(made) else ""
        if layer.content == _OURS or history == f"nbcontainer: {_OURS}":  # an engine's push keeps only the history
            break
        kind = next((f"+{each}" for each in ("gzip", "zstd") if layer.media_type.endswith(each)), "")
        found.append({"digest": layer.digest, "size": layer.size, "diff_id": layer.diff_id, "content": layer.content,
                      "media_type": _MEDIA + kind})
    return found


# ---------------------------------------------------------------- Python and libc
def _of_labels(labels: Mapping[str, str], minor: str) -> dict[str, str]:
    """What the labels tell, {} when they don't tell all or tell of another Python."""
    found = {key: labels.get(_LABEL + name, "") for key, name in
             (("python", "python.path"), ("version", "python"), ("libc", "libc"))}
    fits = found["version"] == minor or found["version"].startswith(f"{minor}.")
    return found if all(found.values()) and fits else {}


def _layer_facts(
    layers: Sequence[Layer], named: references.Reference, ca: str, plain_http: bool, cache_dir: Path, emit: Emit
) -> list[rootfs.Facts]:
    from nbcontainer.image import rootfs

    total, done, held = sum(layer.size for layer in layers), 0, []
    open_layer = images.fetcher(ca=ca, plain_http=plain_http)
    for layer in layers:
        place = _place(cache_dir, "layer", layer.digest)
        known = _read(place)
        if known is None:
            emit(Progress("base", f"looking for Python and libc in {named}", done, total, "B"))
            try:
                with open_layer(layer) as stream:
                    known = asdict(rootfs.read(stream, layer.media_type))
            except rootfs.Unreadable as error:
                raise BaseError(
                    f"layer {layer.digest[:19]} of {named} can't be looked into: {error}",
                    f"label the image with {_LABEL}python, {_LABEL}python.path and {_LABEL}libc, or choose another",
                ) from None
            _write(place, known)
        held.append(rootfs.Facts(**known))
        done += layer.size
    return held


def _of_layers(whole: rootfs.Facts, env: Mapping[str, str], minor: str, name: str) -> dict[str, str]:
    """Python and libc as the layers show them: first by PATH, then wherever. Raises BaseError without that Python."""
    from nbcontainer.image import rootfs

    searched = [folder for folder in env.get("PATH", _PATH).split(":") if folder]
    there = dict.fromkeys([*whole.pythons, *whole.links])
    elsewhere = sorted((path for path in there if "/python" in path), key=lambda path: (path.count("/"), path))
    paths = [f"{folder}/{each}" for folder in searched for each in (f"python{minor}", "python3", "python")]
    seen: dict[str, str] = {}
    for path in [*paths, *elsewhere]:
        real = rootfs.followed(whole, path)
        if real not in whole.pythons or "libpython" in real:
            continue
        version = _version(whole, real, env)
        if version == minor or version.startswith(f"{minor}."):
            return {"python": f"/{real}", "version": version, "libc": _libc(whole)}
        seen.setdefault(real, version)
    has = ", ".join(f"{version or 'an unknown Python'} (/{path})" for path, version in seen.items())
    has = f"Python {has}" if has else "no Python"
    raise BaseError(f"{name} has {has}; the notebook runs on {minor}", _other(minor))


def _version(whole: rootfs.Facts, path: str, env: Mapping[str, str]) -> str:
    """Of the program, of the libpython beside it, of its name; the last without its third number."""
    if whole.pythons[path]:
        return whole.pythons[path]
    prefix = posixpath.dirname(posixpath.dirname(path))
    by_name = re.search(r"python(3\.\d+)$", path)
    minor = by_name[1] if by_name else ""
    for other, version in whole.pythons.items():
        within = other.startswith(f"{prefix}/lib")
        if version and "libpython" in other and within and version.startswith(f"{minor}." if minor else "3."):
            return version
    stated = env.get("PYTHON_VERSION", "")
    return stated if minor and stated.startswith(f"{minor}.") and prefix == "usr/local" else minor


def _libc(whole: rootfs.Facts) -> str:
    """"glibc 2.36", "musl", or "" when it isn't told."""
    versions = [version for _, version in sorted(whole.glibc.items()) if version]
    return f"glibc {versions[0]}" if versions else "musl" if whole.musl else ""


# ---------------------------------------------------------------- memory
def _place(cache_dir: Path, kind: str, *identity: str) -> Path:
    text = "\0".join((str(_FORMAT), *identity))
    return cache_dir / f"{kind}-{hashlib.sha256(text.encode()).hexdigest()[:32]}.json"


def _read(place: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(place.read_bytes())
        return found
    except (OSError, ValueError):
        return None


def _write(place: Path, value: Any) -> None:
    """Keep `value`, in one step; what can't be kept is found again the next time."""
    import tempfile

    with contextlib.suppress(OSError):
        handle, name = tempfile.mkstemp(dir=place.parent)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(value, file)
        os.replace(name, place)
