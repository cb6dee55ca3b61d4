"""A blob's way up: mount, one POST, POST and PUT, or PATCH by chunks, resumed after a drop.

What this is: the ladder of upload methods for one blob. What it is not: which blobs go up, or when (push.py).
In the flow: push.py -> *upload* -> registry.py. A blob exists only when the registry has checked its digest.
"""

from __future__ import annotations

import http.client
import io
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from nbcontainer.errors import AuthError, BuildError, RegistryError
from nbcontainer.image import trouble
from nbcontainer.image.http import RETRIED, Patience, Response, transient
from nbcontainer.image.registry import Registry

SINGLE = 1 << 16  # bytes up to which one POST is worth a try: a registry that won't take it has cost nothing
CHUNK = 4 << 20  # the most that every registry with chunks takes
_LEAST_CHUNK = 1 << 18
_READ = 1 << 18
_NO_PUT = frozenset((405, 411, 413, 415, 501))  # a PUT with the whole body isn't taken
_LOST = frozenset(("BLOB_UPLOAD_INVALID", "BLOB_UPLOAD_UNKNOWN", "RANGE_INVALID"))  # an upload that is gone


@dataclass(frozen=True)
class Source:
    """A blob to send; `open` gives its bytes from an offset on, as often as asked."""

    digest: str
    size: int
    open: Callable[[int], BinaryIO]
    report: Callable[[int], None]  # gets the number of bytes that are sent by now


def of_bytes(digest: str, data: bytes, report: Callable[[int], None]) -> Source:
    return Source(digest, len(data), lambda offset: io.BytesIO(data[offset:]), report)


def of_file(digest: str, size: int, path: Path, report: Callable[[int], None]) -> Source:
    def opened(offset: int) -> BinaryIO:
        try:
            file = path.open("rb")
            file.seek(offset)
        except OSError as error:
            raise BuildError(f"{path} can't be read: {error.strerror}", "build again") from error
        return file

    return Source(digest, size, opened, report)


class _Again(Exception):
    """This way up broke; `error` is what to say if there is no other."""

    def __init__(self, error: RegistryError, retry_after: str = "", lost: bool = False) -> None:
        super().__init__(str(error))
        self.error, self.retry_after, self.lost = error, retry_after, lost


def mount(registry: Registry, repository: str, digest: str, source: str) -> str:
    """Ask for the blob of the repository `source`: "" when it is mounted, else the location of an upload."""
    path = f"/v2/{repository}/blobs/uploads/?" + urllib.parse.urlencode({"mount": digest, "from": source})
    try:
        response = registry.ask("POST", path, repository, sources=(source,))
        if response.status == 201:
            return ""
        if response.status == 202:
            return registry.location(response, repository)
    except AuthError:
        pass  # this login may not read there: then it is sent as any other blob
    return _begin(registry, repository)


def upload(registry: Registry, repository: str, source: Source, location: str = "") -> None:
    """Bring the blob into `repository`; `location` is an upload that is open already. Raises RegistryError."""
    going = _Upload(registry, repository, source)
    try:
        going.run(location)
    except RegistryError as error:
        if going.location and not isinstance(error.__cause__, OSError):  # it listens: then nothing is left with it
            cancel(registry, repository, going.location)
        raise


def cancel(registry: Registry, repository: str, location: str) -> None:
    """Give up an upload that was opened, if the registry lets us: what it holds would lie there for days."""
    try:
        registry.ask("DELETE", location, repository, patience=Patience(registry.stop, tries=1))
    except RegistryError:
        pass


def _begin(registry: Registry, repository: str) -> str:
    response = registry.ask("POST", f"/v2/{repository}/blobs/uploads/", repository)
    if response.status != 202:
        raise trouble.refused(f"{registry.host}/{repository}", "push to", response)
    return registry.location(response, repository)


class _Upload:
    def __init__(self, registry: Registry, repository: str, source: Source) -> None:
        self._registry, self._repository, self._source = registry, repository, source
        self._place = f"{registry.host}/{repository}"
        self._patience = Patience(registry.stop)
        self.location, self._offset = "", 0  # where it goes on, and after how many bytes
        self._chunk = 0  # bytes; 0 = all at once

    def run(self, location: str) -> None:
        self.location = location
        if not location and self._source.size <= SINGLE and self._registry.takes_single and self._single():
            return self._source.report(self._source.size)
        while True:
            try:
                if not self.location:
                    self.location, self._offset = _begin(self._registry, self._repository), 0
                if self._chunk:
                    self._patches()
                self._put()
                return self._source.report(self._source.size)
            except _Again as broken:
                if not self._patience.again(broken.retry_after):
                    raise broken.error from broken.error.__cause__
                if self._resumed(broken):
                    return self._source.report(self._source.size)

    def _single(self) -> bool:
        """One POST with the whole blob; False where the registry opened an upload instead."""
        path = f"/v2/{self._repository}/blobs/uploads/?digest={self._source.digest}"
        with self._source.open(0) as file:
            data = file.read()
        headers = {"Content-Type": "application/octet-stream"}
        response = self._registry.ask("POST", path, self._repository, headers=headers, body=data)
        if response.status == 201:
            return True
        if response.status == 202:
            self._registry.takes_single = False
            self.location = self._registry.location(response, self._repository)
        elif response.status not in (400, 404, 405, 411, 415, 501) or "NAME_INVALID" in trouble.told(response)[0]:
            raise trouble.refused(self._place, "push to", response)
        return False

    def _put(self) -> None:
        """The rest of the blob and its digest; after PATCHes there is no rest."""
        left = self._source.size - self._offset
        mark = "&" if "?" in self.location else "?"
        url = f"{self.location}{mark}digest={urllib.parse.quote(self._source.digest)}"
        response = self._send("PUT", url, self._offset, left)
        if response.status in (201, 204):
            return
        codes = trouble.told(response)[0]
        error = trouble.refused(self._place, "push to", response)
        if response.status in _NO_PUT and left and not self._chunk:
            self._chunk, self.location = CHUNK, ""
            raise _Again(error, "0", lost=True)
        lost = response.status in (404, 416) or bool(codes & _LOST)
        if lost or (self._offset and "DIGEST_INVALID" in codes):
            raise _Again(error, lost=True)
        if "DIGEST_INVALID" in codes:
            raise RegistryError(f"can't push to {self._place}: the bytes of {self._source.digest} have another digest",
                                "build again: a layer that changed on disk is packed anew")
        raise error

    def _patches(self) -> None:
        while self._offset < self._source.size:
            length = min(self._chunk, self._source.size - self._offset)
            response = self._send("PATCH", self.location, self._offset, length)
            if response.status == 413 and self._chunk > _LEAST_CHUNK:
                self._chunk //= 2
                continue
            if response.status not in (202, 201, 204):
                error = trouble.refused(self._place, "push to", response)
                if response.status in (404, 416):
                    raise _Again(error, lost=True)
                raise error
            least = response.headers.get("oci-chunk-min-length", "")
            self._chunk = max(self._chunk, int(least)) if least.isdigit() else self._chunk
            self.location = self._registry.location(response, self._repository)
            self._offset = _after(response, self._offset + length)
            self._patience = Patience(self._registry.stop)  # it goes on: a long upload may break more often

    def _send(self, method: str, url: str, offset: int, length: int) -> Response:
        """One try. Raises _Again for what another may mend."""
        headers = {"Content-Type": "application/octet-stream"}
        if length and (offset or method == "PATCH"):
            headers["Content-Range"] = f"{offset}-{offset + length - 1}"
        once = Patience(self._registry.stop, tries=1)
        try:
            response = self._registry.ask(
                method, url, self._repository, headers=headers, length=length, patience=once,
                body=(lambda: self._parts(offset, length)) if length else b"",
            )
        except RegistryError as error:
            if transient(error.__cause__, True):
                raise _Again(error) from error
            raise
        if response.status in RETRIED:
            refused = trouble.refused(self._place, "push to", response)
            raise _Again(refused, response.headers.get("retry-after", ""))
        return response

    def _parts(self, offset: int, length: int) -> Iterator[bytes]:
        with self._source.open(offset) as file:
            left = length
            while left:
                self._registry.stop.check()
                part = file.read(min(left, _READ))
                if not part:
                    raise BuildError(f"layer {self._source.digest} is shorter than it was", "build again")
                left -= len(part)
                yield part
                self._source.report(offset + length - left)

    def _resumed(self, broken: _Again) -> bool:
        """Find out how far it came and go on from there, else from the start; True when it is up after all."""
        if self._source.size > CHUNK:
            self._chunk = self._chunk or CHUNK  # smaller steps: less is lost when it breaks again
        location, self.location = self.location, ""
        if not location:
            return False
        try:
            response = self._registry.ask("GET", location, self._repository)
        except RegistryError as error:
            if isinstance(error.__cause__, (OSError, http.client.HTTPException)):
                raise
            return False
        if response.status == 404 and self._registry.has_blob(self._repository, self._source.digest):
            return True
        if broken.lost or response.status not in (200, 202, 204):
            return False
        offset = _after(response, 0)
        if offset <= self._source.size:
            if response.headers.get("location"):
                location = self._registry.location(response, self._repository)
            self.location, self._offset = location, offset
        return False


def _after(response: Response, default: int) -> int:
    """The number of bytes that the registry says it has, from its Range header '0-N'."""
    end = response.headers.get("range", "").replace("bytes=", "").partition("-")[2]
    if not end.isdigit():
        return default
    if end == "0":  # what registries say of nothing, and of one byte
        return 1 if default == 1 else 0
    return int(end) + 1
