"""Images as files: an OCI layout folder, an OCI archive, a docker archive.

What this is: writers. What it is not: readers, or the way to a registry (push.py).
In the flow: BuiltImage -> files that other tools read, or what `docker load` takes.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Container
from pathlib import Path
from typing import Any, BinaryIO

from nbcontainer.errors import BuildError
from nbcontainer.model import BuiltImage, Layer

Fetch = Callable[[Layer], BinaryIO]
_HINT = "name another place with --output"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def opened(layer: Layer, fetch: Fetch | None) -> BinaryIO:
    """The layer's bytes: from the store, else by `fetch`. Raises BuildError when it is in neither."""
    if layer.path is not None:
        return open(layer.path, "rb")
    if fetch is None:
        raise BuildError(f"layer {layer.digest} ({layer.content}) is only in a registry")
    return fetch(layer)


def write_oci(image: BuiltImage, directory: Path, tag: str, *, fetch: Fetch | None = None) -> None:
    """Write or extend an OCI image layout folder; the index is replaced last, so a failure changes no tag."""
    new = not directory.exists()
    try:
        _fill(image, directory, tag, fetch)
    except BaseException as error:  # an interrupt too
        if new and not (directory / "index.json").exists():  # which another process may have completed
            shutil.rmtree(directory, ignore_errors=True)
        if isinstance(error, OSError):
            raise BuildError(f"{directory} can't be written: {error.strerror}", _HINT) from error
        raise


def _fill(image: BuiltImage, directory: Path, tag: str, fetch: Fetch | None) -> None:
    blobs = directory / "blobs" / "sha256"
    blobs.mkdir(parents=True, exist_ok=True)
    for layer in image.layers:
        place = blobs / layer.digest[7:]
        if not place.exists():
            with opened(layer, fetch) as source, _aside(place) as out:
                shutil.copyfileobj(source, out, 1 << 20)
    for digest, data in ((image.config_digest, image.config), (image.digest, image.manifest)):
        with _aside(blobs / digest[7:]) as out:
            out.write(data)
    with _aside(directory / "oci-layout") as out:
        out.write(b'{"imageLayoutVersion":"1.0.0"}')
    index = _index(image, tag, directory / "index.json")
    with _aside(directory / "index.json") as out:
        out.write(index)


def write_oci_archive(image: BuiltImage, file: Path, tag: str, *, fetch: Fetch | None = None) -> None:
    """Write the OCI layout as one tar file."""
    try:
        with _aside(file) as out, tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as archive:
            _add(archive, "oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
            _add(archive, "index.json", _index(image, tag, None))
            seen = set()
            for layer in image.layers:
                if layer.digest not in seen:
                    seen.add(layer.digest)
                    with opened(layer, fetch) as source:
                        _add(archive, f"blobs/sha256/{layer.digest[7:]}", source, layer.size)
            _add(archive, f"blobs/sha256/{image.config_digest[7:]}", image.config)
            _add(archive, f"blobs/sha256/{image.digest[7:]}", image.manifest)
    except OSError as error:
        raise BuildError(f"{file} can't be written: {error.strerror}", _HINT) from error


def write_docker_archive(
    image: BuiltImage, out: BinaryIO, tag: str, skip_layers: Container[str] = (), *, fetch: Fetch | None = None
) -> None:
    """Write what `docker load` takes to the stream `out`; layers whose diffID is in `skip_layers` are named only."""
    with tarfile.open(fileobj=out, mode="w|", format=tarfile.GNU_FORMAT) as archive:
        config = f"{image.config_digest[7:]}.json"
        names = [f"{layer.diff_id[7:]}/layer.tar" for layer in image.layers]
        _add(archive, config, image.config)
        seen = set()
        for layer, name in zip(image.layers, names, strict=True):
            if layer.diff_id in skip_layers or name in seen:
                continue
            seen.add(name)
            with opened(layer, fetch) as source:
                _add(archive, name, source, layer.size)
        manifest = [{"Config": config, "RepoTags": [tag] if tag else [], "Layers": names}]
        _add(archive, "manifest.json", json.dumps(manifest).encode())


def _index(image: BuiltImage, tag: str, old: Path | None) -> bytes:
    descriptor: dict[str, Any] = {
        "mediaType": _MANIFEST,
        "digest": image.digest,
        "size": len(image.manifest),
        "annotations": {"org.opencontainers.image.ref.name": tag},
    }
    others: list[dict[str, Any]] = []
    if old is not None and old.exists():
        try:
            others = json.loads(old.read_bytes())["manifests"]
        except (ValueError, KeyError, TypeError) as error:
            raise BuildError(f"{old} is no index of an OCI layout", "choose another folder") from error
    name = "org.opencontainers.image.ref.name"
    others = [each for each in others if each.get("annotations", {}).get(name) != tag]
    index = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
             "manifests": [*others, descriptor]}
    return json.dumps(index, sort_keys=True).encode()


def _add(archive: tarfile.TarFile, name: str, data: bytes | BinaryIO, size: int = 0) -> None:
    member = tarfile.TarInfo(name)
    member.mode = 0o644
    if isinstance(data, bytes):
        size, data = len(data), io.BytesIO(data)
    member.size = size
    archive.addfile(member, data)


class _aside:
    """A file that appears under its name only when it is complete."""

    def __init__(self, place: Path) -> None:
        self._place = place

    def __enter__(self) -> BinaryIO:
        handle, self._name = tempfile.mkstemp(dir=self._place.absolute().parent, prefix=".nbcontainer-")
        self._file = os.fdopen(handle, "wb")
        return self._file

    def __exit__(self, kind: Any, *_: Any) -> None:
        try:
            self._file.close()  # writes what it still holds, and so may fail
            if kind is None:
                os.chmod(self._name, 0o644)
                os.replace(self._name, self._place)
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._name)
