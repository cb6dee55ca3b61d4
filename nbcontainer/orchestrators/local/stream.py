"""A container's log as the engine streams it: frames in, whole lines out.

What this is: one request, read line by line, ended from any thread by close(). What it is not: a follower (logs.py).
In the flow: engine -> *Stream* -> logs.py, view.py. The docker package's own stream leaves its socket open when it is
given up, and mixes the pieces of long lines of both outputs.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from typing import Any

from nbcontainer.orchestrators.local.engine import sdk

SILENCE = 300.0  # seconds without a byte after which a follow is given up, and opened again by its reader
LONGEST = 1 << 20  # bytes of a line that come as one


class Stream:
    """The log of the container `identity`. Raises docker's APIError; what breaks off later is a ConnectionError."""

    def __init__(self, api: Any, identity: str, **query: Any) -> None:
        url = f"{api.base_url}/v{api.api_version}/containers/{identity}/logs"
        self._response = api.get(url, params=query, stream=True, timeout=(10, SILENCE))
        if self._response.status_code >= 400:
            said = self._response.text
            self.close()
            raise sdk().errors.APIError("log", response=self._response, explanation=said)

    def __iter__(self) -> Iterator[bytes]:
        """Lines without their newlines. A piece of a very long line has a stamp of its own, which is left out."""
        begun: dict[int, bytes] = {}  # of stdout and of stderr
        for output, frame in self._frames():
            *lines, piece = frame.split(b"\n")
            for line in lines:
                yield _joined(begun.pop(output, b""), line)
            if piece:
                begun[output] = _joined(begun.get(output, b""), piece)
                if len(begun[output]) > LONGEST:
                    yield begun.pop(output)
        yield from begun.values()

    def _frames(self) -> Iterator[tuple[int, bytes]]:
        while True:
            try:
                head = self._response.raw.read(8)
                if len(head) < 8:
                    return
                output, size = struct.unpack(">BxxxL", head)
                frame = self._response.raw.read(size)
            except Exception as error:  # the kinds of urllib3 and http.client
                raise ConnectionError(f"the log broke off: {error}") from None
            yield output, frame

    def close(self) -> None:
        """End it; a thread that reads sees its end."""
        connection = getattr(self._response.raw, "connection", None)
        sock = getattr(connection, "sock", None)
        if sock is not None:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self._response.close()


def _joined(begun: bytes, piece: bytes) -> bytes:
    if begun and piece[4:5] == b"-" and piece[10:11] == b"T":
        piece = piece.partition(b" ")[2]
    return begun + piece
