"""An image into a registry: blobs side by side, then the manifest, tags last.

What this is: what has to go up, in which order, and by how few requests. What it is not: how one blob goes up
(upload.py) or what a request means (registry.py).
In the flow: BuiltImage -> *registry*. Until the manifest is accepted nothing names what has arrived; an error or an
interrupt before that leaves every tag where it was.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any, BinaryIO

from nbcontainer.errors import BuildError, UsageError
from nbcontainer.image import upload as uploads
from nbcontainer.image.fetch import fetch, fetcher
from nbcontainer.image.http import Stop
from nbcontainer.image.pushed import NOTHING, Memory, Pushed
from nbcontainer.image.reference import Reference
from nbcontainer.image.registry import MissingBlobs, Registry
from nbcontainer.model import BuiltImage, Emit, Layer, Progress, silent

_WORKERS = 4  # blobs at a time: more gains little, and some registries limit the rate
_TICK = 0.1  # seconds between two reports of progress
_LAST_WAIT = 1.0  # seconds that a push called off waits for its threads, whose connections are shut


@dataclass(frozen=True)
class _Blob:
    """One blob of the image: its bytes (the configuration), or the layer that they are in."""

    digest: str
    size: int
    name: str
    data: bytes = b""
    layer: Layer | None = None


def push(
    built: BuiltImage, to: Reference, *, tags: Sequence[str] = (), ca: str = "", plain_http: bool = False,
    emit: Emit = silent,
) -> str:
    """Push the image and point `tags` at it; gives "host/repository:tag@sha256:…".

    Layers without a path are mounted from, or streamed through from, their origin. Raises RegistryError, AuthError.
    """
    if to.digest and to.digest != built.digest:
        raise UsageError(f"{to}: an image can't be pushed to a digest that isn't its own", "leave @sha256:… out")
    stop = Stop()
    try:
        _Push(built, to, list(dict.fromkeys(each for each in tags if each)), ca, plain_http, emit, stop).run()
    except BaseException:
        stop.set()
        raise
    named = Reference(to.registry, to.repository, next(iter(tags), ""))
    return str(named.at(built.digest))


class _Push:
    """One push: what is known of the registry, what is left to do."""

    def __init__(
        self, built: BuiltImage, to: Reference, tags: Sequence[str], ca: str, plain_http: bool, emit: Emit, stop: Stop
    ) -> None:
        self._built, self._to, self._tags, self._emit, self._stop = built, to, tags, emit, stop
        self._settings = {"ca": ca, "plain_http": plain_http}
        self._registry = Registry(to.registry, ca=ca, plain_http=plain_http, stop=stop)
        self._memory = Memory(to.registry)
        self._last = self._memory.last(to.repository)
        self._jobs: list[Future[Any]] = []
        self._sent: dict[str, int] = {}  # digest: bytes of it that are there
        config = _Blob(built.config_digest, len(built.config), "configuration", built.config)
        layers = {each.digest: _Blob(each.digest, each.size, each.content, layer=each) for each in built.layers}
        self._blobs = {config.digest: config, **layers}

    def run(self) -> None:
        if self._last.manifest in ("", self._built.digest) and self._is_there():
            return self._done(0)
        with self._workers() as pool:
            new = [blob for digest, blob in self._blobs.items() if digest not in self._last.blobs]
            self._bring(pool, new, known=self._last)
            try:
                self._name()
            except MissingBlobs:  # the registry's garbage collector was here since the last push
                self._memory.forget(self._to.repository)
                if not self._bring(pool, list(self._blobs.values()), known=NOTHING, checked=True):
                    raise
                self._name()
        self._done(sum(self._blobs[digest].size for digest in self._sent))

    # ------------------------------------------------------------ manifest and tags
    def _is_there(self) -> bool:
        """Whether every tag (without one, the digest) leads to this image already."""
        for each in self._tags or [self._built.digest]:
            if self._registry.head(self._to.repository, each) != self._built.digest:
                return False
        return True

    def _name(self) -> None:
        """Put the manifest under its digest, then under the tags.

        A tag made of the digest itself can't lead elsewhere: then one request does both.
        """
        names = list(self._tags)
        if not (names and self._built.digest.startswith(f"sha256:{names[0]}")):
            names.insert(0, self._built.digest)
        for each in names:
            self._registry.put_manifest(self._to.repository, each, self._built.manifest)

    def _done(self, total: int) -> None:
        blobs = frozenset(self._blobs)
        if (self._last.manifest, self._last.blobs) != (self._built.digest, blobs):
            self._memory.remember(Pushed(self._to.repository, self._built.digest, blobs))
        tag = f":{self._tags[0]}" if self._tags else f"@{self._built.digest}"
        self._emit(Progress("push", f"pushed {self._to.place}{tag}", total, total, "B"))

    # ------------------------------------------------------------ blobs
    def _bring(self, pool: ThreadPoolExecutor, blobs: Iterable[_Blob], known: Pushed, checked: bool = False) -> bool:
        """Bring `blobs` there; and those of `known`, unless its manifest still is. Gives whether anything was sent.

        `checked`: ask for each blob, however small, before it is sent.
        """
        todo = sorted(blobs, key=lambda blob: -blob.size)
        head = pool.submit(self._registry.head, self._to.repository, known.manifest) if known.manifest else None
        jobs = [pool.submit(self._ensure, blob, checked) for blob in todo]
        self._wait([*([head] if head else []), *jobs], todo)
        sent = any(each.result() for each in jobs)
        if head and head.result() != known.manifest:
            self._memory.forget(self._to.repository)
            rest = [blob for digest, blob in self._blobs.items() if digest in known.blobs]
            return self._bring(pool, rest, NOTHING) or sent
        return sent

    def _wait(self, futures: Sequence[Future[Any]], todo: Sequence[_Blob]) -> None:
        """Wait for `futures` with progress; the first error ends it."""
        pending = set(futures)
        self._jobs.extend(futures)
        total = sum(blob.size for blob in todo)
        while pending:
            done, pending = wait(pending, _TICK, FIRST_COMPLETED)
            for each in done:
                each.result()
            arrived = sum(min(blob.size, self._sent.get(blob.digest, 0)) for blob in todo)
            self._emit(Progress("push", f"{self._step(todo)} to {self._to.place}", arrived, total, "B"))

    def _step(self, todo: Sequence[_Blob]) -> str:
        """What is going on: the layer's name, or how many are there."""
        layers = [blob for blob in todo if blob.layer]
        if len(layers) < 2:
            return layers[0].name if layers else "the image"
        arrived = [blob for blob in layers if self._sent.get(blob.digest, -1) >= blob.size]
        return f"{len(arrived)} of {len(layers)} layers"

    def _ensure(self, blob: _Blob, checked: bool) -> bool:
        """Bring one blob there, by the cheapest way that works; False when it was there."""
        repository, location = self._to.repository, ""
        holder, sent = self._holder(blob), True
        if holder:
            location = uploads.mount(self._registry, repository, blob.digest, holder)
        if location or not holder:
            small = blob.size <= uploads.SINGLE and (blob.data or (blob.layer and blob.layer.path))
            sent = (small and not checked) or not self._registry.has_blob(repository, blob.digest)
            if sent:
                uploads.upload(self._registry, repository, self._source(blob), location)
            elif location:
                uploads.cancel(self._registry, repository, location)
        self._sent[blob.digest] = blob.size
        return bool(sent)

    def _holder(self, blob: _Blob) -> str:
        """A repository of the same registry to mount the blob from, "" when none is known."""
        if blob.layer is None or blob.layer.new:
            return ""
        host, _, repository = blob.layer.origin.partition("/")
        if host == self._to.registry and repository != self._to.repository:
            return repository
        return self._memory.holder(blob.digest, but=self._to.repository)

    def _source(self, blob: _Blob) -> uploads.Source:
        def report(sent: int) -> None:
            self._sent[blob.digest] = sent

        if blob.layer is None:
            return uploads.of_bytes(blob.digest, blob.data, report)
        if blob.layer.path is not None:
            return uploads.of_file(blob.digest, blob.size, blob.layer.path, report)
        host, _, repository = blob.layer.origin.partition("/")
        if not host:
            raise BuildError(f"layer {blob.digest} ({blob.name}) is nowhere", "build again")
        origin = Registry(host, stop=self._stop, **self._settings)  # type: ignore[arg-type]

        def opened(offset: int) -> BinaryIO:
            return origin.blob(repository, blob.digest, blob.size, offset)

        return uploads.Source(blob.digest, blob.size, opened, report)

    @contextlib.contextmanager
    def _workers(self) -> Iterator[ThreadPoolExecutor]:
        """Threads that an error or an interrupt in the main thread calls off: their connections are shut."""
        pool = ThreadPoolExecutor(_WORKERS, "push")
        try:
            yield pool
        except BaseException:
            self._stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            wait(self._jobs, _LAST_WAIT)
            raise
        pool.shutdown()


__all__ = ["fetch", "fetcher", "push"]
