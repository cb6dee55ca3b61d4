"""An image into the engine: an inspect when it is there, else only what is missing.

What this is: the ways in, for dockerd (an archive without the layers it has, else whole) and podman (a pull from a
registry of ours that lives for the pull, else an archive). What it is not: a push (image/push.py).
In the flow: BuiltImage -> engine -> the reference that workloads name.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from typing import Any, BinaryIO

from nbcontainer.errors import NbcontainerError, TargetError, one_line
from nbcontainer.image import layout
from nbcontainer.image.layout import Fetch
from nbcontainer.model import BuiltImage, Emit, Progress
from nbcontainer.orchestrators.local.engine import Engine, Refused, sdk
from nbcontainer.orchestrators.local.pull import Pull

LOOKED_AT = 40  # images, newest first, whose layers are compared
CHUNK = 1 << 18


def load(engine: Engine, image: BuiltImage, repository: str, fetch: Fetch, emit: Emit) -> str:
    """Bring `image` in as `repository`:<first 12 of its digest>, or under the tag that `repository` has.

    Gives the reference. Raises TargetError; an image that can't be loaded leaves no tag.
    """
    reference = name(engine, image, repository)
    if _same(_inspect(engine, reference), image):
        return reference
    if engine.podman:
        _into_podman(engine, image, reference, fetch, emit)
    else:
        _into_docker(engine, image, reference, fetch, emit)
    if not _same(_inspect(engine, reference), image):
        raise TargetError(f"{engine.version} took {reference} but does not have it now", "try again")
    return reference


def name(engine: Engine, image: BuiltImage, repository: str) -> str:
    """'repository:tag'; podman's own images are 'localhost/…'."""
    path = repository.rpartition("/")[2]
    if ":" not in path:
        repository = f"{repository}:{image.digest[7:19]}"
    first, slash, _ = repository.partition("/")
    hosted = slash and (first == "localhost" or "." in first or ":" in first)
    return repository if hosted or not engine.podman else f"localhost/{repository}"


def _inspect(engine: Engine, reference: str) -> dict[str, Any]:
    """What the engine knows of an image, {} when it has none of that name."""
    try:
        with engine.asking(f"image {reference}") as api:
            return dict(api.inspect_image(reference))
    except Refused as error:
        if error.code == 404:
            return {}
        raise


def _same(found: dict[str, Any], image: BuiltImage) -> bool:
    if found.get("Id") in (image.config_digest, image.digest):
        return True
    layers = (found.get("RootFS") or {}).get("Layers")  # an engine that writes its own manifest still has our layers
    return bool(found) and layers == [layer.diff_id for layer in image.layers]


# ---------------------------------------------------------------- dockerd
def _into_docker(engine: Engine, image: BuiltImage, reference: str, fetch: Fetch, emit: Emit) -> None:
    there = _shared(engine, image)
    if there:
        try:
            return _send(engine, image, reference, there, fetch, emit)
        except Refused:  # it wants every layer, as with the containerd image store
            pass
    _send(engine, image, reference, frozenset(), fetch, emit)


def _shared(engine: Engine, image: BuiltImage) -> frozenset[str]:
    """diffIDs of the layers, from the bottom up, that the engine has in an image of its own.

    A layer counts only with the same layers below it: that is how dockerd names them.
    """
    wanted = [layer.diff_id for layer in image.layers]
    best = 0
    with engine.asking("images") as api:
        known = api.images(filters={"label": "io.nbcontainer.python"}) or api.images()
    for each in sorted(known, key=lambda found: -int(found.get("Created", 0)))[:LOOKED_AT]:
        layers = (_inspect(engine, each["Id"]).get("RootFS") or {}).get("Layers") or []
        pairs = zip(wanted, layers, strict=False)
        most = min(len(wanted), len(layers))
        best = max(best, next((i for i, (ours, theirs) in enumerate(pairs) if ours != theirs), most))
    return frozenset(wanted[:best])


def _send(
    engine: Engine, image: BuiltImage, reference: str, skip: frozenset[str], fetch: Fetch, emit: Emit
) -> None:
    """Stream a docker archive into the engine; the writer is a thread at the other end of a pipe."""
    sent = [layer for layer in image.layers if layer.diff_id not in skip]
    what = f"{len(sent)} of {len(image.layers)} layers into {engine.version.partition(' ')[0]}"
    reading, writing = os.pipe()
    failures: list[BaseException] = []

    def write() -> None:
        try:
            with os.fdopen(writing, "wb") as out:
                layout.write_docker_archive(image, out, reference, skip, fetch=fetch)
        except BrokenPipeError:  # the engine has stopped reading: its own answer says why
            pass
        except BaseException as error:
            failures.append(error)

    writer = threading.Thread(target=write, daemon=True, name="docker archive")
    writer.start()
    with os.fdopen(reading, "rb") as source:
        chunks = _counted(source, writer, sum(layer.size for layer in sent), what, emit, failures)
        try:
            with engine.asking(f"loading {reference}") as api:
                answers = list(api.load_image(chunks))
        except NbcontainerError:
            if failures and isinstance(failures[0], NbcontainerError):
                raise failures[0] from None
            raise
    _check(answers, f"loading {reference}")


def _counted(
    source: BinaryIO, writer: threading.Thread, total: int, what: str, emit: Emit, failures: list[BaseException]
) -> Iterator[bytes]:
    done = 0
    emit(Progress("load", what, 0, total, "B"))
    while chunk := source.read(CHUNK):
        done += len(chunk)
        emit(Progress("load", what, min(done, total), total, "B"))
        yield chunk
    writer.join()
    if failures:  # a short archive must not look like a whole one
        raise OSError(one_line(str(failures[0])))


def _check(answers: list[Any], what: str) -> None:
    for each in answers:
        told = each if isinstance(each, dict) else {}
        if told.get("error"):
            raise Refused(f"{what}: {one_line(str(told['error']), 500)}")


# ---------------------------------------------------------------- podman
def _into_podman(engine: Engine, image: BuiltImage, reference: str, fetch: Fetch, emit: Emit) -> None:
    """A pull skips the layers that podman has; an engine in a virtual machine can't reach us and takes an archive."""
    what = f"{len(image.layers)} layers into podman"

    def report(done: int) -> None:
        emit(Progress("load", what, min(done, image.size), image.size, "B"))

    report(0)
    with Pull(image, fetch, report) as registry:
        source, tag = f"{registry.host}/nbcontainer/image", image.digest[7:19]
        try:
            _pull(engine, f"{source}:{tag}")
        except TargetError:
            if registry.failure is not None:
                raise registry.failure from None
            return _send(engine, image, reference, frozenset(), fetch, emit)
    repository, _, own = reference.rpartition(":")
    with engine.asking(f"naming {reference}") as api:
        try:
            _libpod(api, f"images/{source}:{tag}/tag", repo=repository, tag=own)
        finally:
            _libpod(api, f"images/{source}:{tag}/untag", repo=source, tag=tag)


def _pull(engine: Engine, source: str) -> None:
    with engine.asking("loading into podman") as api:
        answer = _libpod(api, "images/pull", reference=source, tlsVerify="false", policy="always")
        lines = [json.loads(line) for line in answer.text.splitlines() if line.strip()]
    _check(lines, "loading into podman")


def _libpod(api: Any, path: str, **query: str) -> Any:
    """A POST of podman's own API, which the docker package has no words for."""
    response = api.request("POST", f"{api.base_url}/v4.0.0/libpod/{path}", params=query, timeout=(10, 3600))
    if response.status_code >= 400:
        raise sdk().errors.APIError(f"{response.status_code}", response=response, explanation=response.text)
    return response


__all__ = ["load", "name"]
