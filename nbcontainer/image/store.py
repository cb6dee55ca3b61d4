"""The content-addressed store: layers by digest, found by the key of what they hold.

What this is: files under the user's cache directory, safe for concurrent processes and for a kill at any moment. What
it is not: a registry or a record of images.
In the flow: LayerPlan -> Layer; packs only what no earlier build has packed.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

from nbcontainer.errors import BuildError
from nbcontainer.image.layer import pack
from nbcontainer.model import Layer, LayerPlan

_STALE = 86400.0  # seconds after which a temporary file of a killed build is removed


def cache_root() -> Path:
    """NBCONTAINER_CACHE, else the platform's cache directory."""
    if os.environ.get("NBCONTAINER_CACHE"):
        return Path(os.environ["NBCONTAINER_CACHE"])
    if os.environ.get("XDG_CACHE_HOME"):
        return Path(os.environ["XDG_CACHE_HOME"]) / "nbcontainer"
    home = Path(os.path.expanduser("~"))
    return home / ("Library/Caches" if sys.platform == "darwin" else ".cache") / "nbcontainer"


class Store:
    """Layers on disk. Every file is written aside, synced and renamed; a key is one small JSON file."""

    def __init__(self, root: Path | None = None) -> None:
        self.cache = (root or cache_root()).absolute()
        self.root = self.cache / "store"

    def cache_dir(self, name: str) -> Path:
        """A folder for what another part wants to remember."""
        place = self.cache / name
        _make(place)
        return place

    def get(self, key: str) -> Layer | None:
        """The layer of `key`, None when it isn't there or its blob isn't what was written."""
        try:
            with open(self._key(key), encoding="utf-8") as file:
                found = json.load(file)
            layer = Layer(found["digest"], found["size"], found["diff_id"], found["content"],
                          path=self._blob(found["digest"]))
            facts = os.stat(layer.path)  # type: ignore[arg-type]
        except (OSError, ValueError, KeyError):
            return None
        if [facts.st_size, facts.st_mtime_ns] == [layer.size, found.get("mtime")]:
            return layer
        if facts.st_size == layer.size and self.verify(layer):
            self._remember(key, layer)
            return layer
        return None

    def verify(self, layer: Layer) -> bool:
        """Whether the blob's bytes have the layer's digest."""
        try:
            with open(layer.path, "rb") as file:  # type: ignore[arg-type]
                digest = hashlib.sha256()
                while part := file.read(1 << 20):
                    digest.update(part)
        except OSError:
            return False
        return f"sha256:{digest.hexdigest()}" == layer.digest

    def put(self, plan: LayerPlan, stop: threading.Event | None = None) -> Layer:
        """The layer of `plan`, packed if the store lacks it, and `stop` isn't set meanwhile.

        Raises BuildError or Interrupted; leaves nothing half written.
        """
        found = self.get(plan.key)
        if found:
            return replace(found, content=plan.content)
        with self._lock(plan.key):
            found = self.get(plan.key)  # another process may have packed it meanwhile
            if found:
                return replace(found, content=plan.content)
            try:
                return self._pack(plan, stop)
            except OSError as error:
                full = error.errno in (errno.ENOSPC, errno.EDQUOT)
                hint = f"free some space or set NBCONTAINER_CACHE to another disk than that of {self.cache}"
                raise BuildError(f"{self.root}: {error.strerror}", hint if full else "") from error

    def _pack(self, plan: LayerPlan, stop: threading.Event | None) -> Layer:
        with self._aside() as (file, name):
            packed = pack(plan.entries(), file, stop)
            file.flush()
            os.fsync(file.fileno())
            blob = self._blob(packed.digest)
            _make(blob.parent)
            os.replace(name, blob)
        layer = Layer(packed.digest, packed.size, packed.diff_id, plan.content, path=blob, new=True)
        self._remember(plan.key, layer)
        return layer

    def _remember(self, key: str, layer: Layer) -> None:
        assert layer.path is not None
        facts: dict[str, Any] = {"digest": layer.digest, "size": layer.size, "diff_id": layer.diff_id,
                                 "content": layer.content, "mtime": os.stat(layer.path).st_mtime_ns}
        with self._aside() as (file, name):
            file.write(json.dumps(facts).encode())
            file.flush()
            _make(self._key(key).parent)
            os.replace(name, self._key(key))

    @contextlib.contextmanager
    def _aside(self) -> Iterator[tuple[BinaryIO, str]]:
        """A temporary file on the store's disk; gone afterwards unless it was renamed."""
        place = self.root / "tmp"
        if not place.is_dir():
            _make(place)
        handle, name = tempfile.mkstemp(dir=place)
        try:
            with os.fdopen(handle, "wb", buffering=0) as file:
                yield file, name
        finally:
            with contextlib.suppress(OSError):
                os.unlink(name)

    @contextlib.contextmanager
    def _lock(self, key: str) -> Iterator[None]:
        place = self.root / "locks"
        _make(place)
        with open(place / key[:32], "w", encoding="ascii") as file:
            with contextlib.suppress(ImportError):  # without fcntl two processes may pack one layer; both are right
                import fcntl

                fcntl.flock(file, fcntl.LOCK_EX)
            self._sweep()
            yield

    def _sweep(self) -> None:
        """Remove what builds that were killed left behind."""
        for place in (self.root / "tmp").glob("*"):
            with contextlib.suppress(OSError):
                if time.time() - place.stat().st_mtime > _STALE:
                    place.unlink()

    def _key(self, key: str) -> Path:
        return self.root / "keys" / key[:2] / f"{key}.json"

    def _blob(self, digest: str) -> Path:
        name = digest.removeprefix("sha256:")
        return self.root / "blobs" / name[:2] / name


def _make(place: Path) -> None:
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BuildError(
            f"{place} can't be made: {error.strerror}", "set NBCONTAINER_CACHE to a folder that you may write"
        ) from error
