"""A blob of a registry as a stream.

What this is: bytes that are counted and hashed as they pass; a dropped connection is resumed where it broke. What it is
not: a cache; nothing is written to disk.
In the flow: base layers read (rootfs.py) or copied through to another registry (push.py).
"""

from __future__ import annotations

import hashlib
import http.client
import io
from typing import BinaryIO, cast

from nbcontainer.errors import RegistryError
from nbcontainer.image import trouble
from nbcontainer.image.http import Patience, Response, transient
from nbcontainer.image.registry import Registry

_CHUNK = 1 << 18


def opened(registry: Registry, repository: str, digest: str, size: int, offset: int) -> BinaryIO:
    """The stream; reading raises RegistryError when it breaks for good or isn't what `digest` says."""
    return cast(BinaryIO, io.BufferedReader(_Blob(registry, repository, digest, size, offset), _CHUNK))


class _Blob(io.RawIOBase):
    def __init__(self, registry: Registry, repository: str, digest: str, size: int, offset: int) -> None:
        self._registry, self._repository, self._digest, self._size = registry, repository, digest, size
        self._place = f"{registry.host}/{repository}@{digest}"
        self._at = offset
        self._hash = hashlib.sha256() if offset == 0 and digest.startswith("sha256:") else None
        self._patience = Patience(registry.stop)
        self._response: Response | None = self._request()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Up to len(buffer) bytes, 0 at the end."""
        while self._at < self._size:
            data = self._data(len(buffer))
            if data:
                self._at += len(data)
                if self._hash:
                    self._hash.update(data)
                self._check(data)
                buffer[: len(data)] = data
                return len(data)
        return 0

    def _data(self, most: int) -> bytes:
        """The next bytes; b"" after the connection broke and was taken up anew."""
        error: BaseException = ConnectionResetError("the answer ended early")
        try:
            if self._response is None:
                self._response = self._request()
            data = self._response.read(most)
            if data:
                return data
        except (OSError, http.client.HTTPException) as caught:
            error = caught
        self._end()
        if not transient(error, True) or not self._patience.again():
            raise trouble.unreachable(self._place, "pull", error) from error
        return b""

    def _request(self) -> Response:
        headers = {"Range": f"bytes={self._at}-{self._size - 1}"} if self._at else {}
        path = self._registry.path(self._repository, "blobs", self._digest)
        response = self._registry.ask("GET", path, self._repository, headers=headers, action="pull", stream=True)
        if response.status not in (200, 206):
            raise trouble.refused(self._place, "pull", response)
        skip = self._at if response.status == 200 else 0  # a server without ranges sends all of it again
        while skip:
            skip -= len(response.read(min(skip, _CHUNK))) or skip
        return response

    def _check(self, data: bytes) -> None:
        if self._at > self._size:
            raise RegistryError(f"{self._place}: the registry sends more than its {self._size} bytes")
        if self._at == self._size:
            self._end()
            if self._hash and f"sha256:{self._hash.hexdigest()}" != self._digest:
                raise RegistryError(f"{self._place}: what the registry sent has another digest", "try again")

    def _end(self) -> None:
        if self._response is not None:
            self._response.close()
            self._response = None

    def close(self) -> None:
        self._end()
        super().close()
