"""HTTP over pooled keep-alive connections, with one policy of trying again.

What this is: requests and responses on http.client, safe for threads. What it is not: registries, tokens or messages
for people (registry.py, auth.py, trouble.py); errors leave here as they came.
In the flow: below the registry client.
"""

from __future__ import annotations

import http.client
import os
import random
import select
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping

from nbcontainer.image import route
from nbcontainer.image.route import Origin

RETRIED = frozenset((408, 429, 499, 500, 502, 503, 504, 522))
TRIES = 4
_FIRST_WAIT, _LONGEST_WAIT, _ALL_WAITS = 0.25, 30.0, 60.0  # seconds
_READ_SECONDS, _COMMIT_SECONDS = 60.0, 300.0  # a registry may check gigabytes before it answers
_IDLE_SECONDS = 240.0  # after that a network on the way may have forgotten the connection
_CHUNK = 1 << 18
_MOST = 16 << 20  # bytes of a body that is read whole
_MARK = frozenset(("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL", "RECORD_LAYER_FAILURE",
                   "PACKET_LENGTH_TOO_LONG"))
_PLAIN_MARKS = (b"HTTP request to an HTTPS server", b"HTTP request was sent to HTTPS port")


class OtherScheme(OSError):
    """The server speaks the other one of HTTP and HTTPS."""


class Stopped(Exception):
    """The work that a request belongs to was called off."""


class Stop:
    """Calls off the requests of one piece of work: none starts any more, open connections are shut."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._open: set[http.client.HTTPConnection] = set()
        self._lock = threading.Lock()

    def check(self) -> None:
        if self._event.is_set():
            raise Stopped

    def wait(self, seconds: float) -> None:
        if self._event.wait(seconds):
            raise Stopped

    def add(self, connection: http.client.HTTPConnection) -> None:
        with self._lock:
            self._open.add(connection)
        self.check()

    def discard(self, connection: http.client.HTTPConnection) -> None:
        with self._lock:
            self._open.discard(connection)

    def set(self) -> None:
        self._event.set()
        with self._lock:
            for each in self._open:
                if each.sock is not None:
                    try:
                        each.sock.shutdown(socket.SHUT_RDWR)
                    except OSError:
                        pass


class Patience:
    """How often and how long one request, or one blob, is tried again."""

    def __init__(self, stop: Stop | None = None, tries: int = TRIES) -> None:
        self._stop, self._left, self._waited = stop or Stop(), tries - 1, 0.0
        self._next = _FIRST_WAIT

    def again(self, asked: str = "") -> bool:
        """Wait for the next try, as long as a Retry-After header `asked`; False when there is none left."""
        wait = _seconds(asked) if asked else self._next * random.uniform(0.75, 1.25)
        if self._left <= 0 or self._waited + wait > _ALL_WAITS or wait > _LONGEST_WAIT:
            return False
        self._left -= 1
        self._waited += wait
        self._next *= 3
        self._stop.wait(wait)
        return True


def _seconds(asked: str) -> float:
    """Retry-After: seconds or a date."""
    if asked.strip().isdigit():
        return float(asked)
    from email.utils import parsedate_to_datetime

    try:
        return max(0.0, parsedate_to_datetime(asked).timestamp() - time.time())
    except (ValueError, TypeError):
        return 1.0


class Response:
    """A status, headers (names in lower case) and a body: whole in `body`, or read() as a stream and close()."""

    def __init__(self, raw: http.client.HTTPResponse, url: str, client: Client, kept: _Kept, stop: Stop) -> None:
        self.status, self.url, self.body = raw.status, url, b""
        self.headers = {name.lower(): value for name, value in raw.getheaders()}
        self._raw, self._client, self._kept, self._stop = raw, client, kept, stop

    def read(self, size: int = _CHUNK) -> bytes:
        self._stop.check()
        return self._raw.read(size)

    def whole(self) -> bytes:
        """Read the rest into `body` and give the connection back."""
        self.body = self._raw.read(_MOST)
        if not self._raw.isclosed() and self._raw.read(1):  # without a length its end is seen by one more read
            raise http.client.IncompleteRead(self.body)
        self.close()
        return self.body

    def close(self) -> None:
        reusable = self._raw.isclosed() and not self._raw.will_close
        self._client.give_back(self._kept, reusable, self._stop)


class _Kept:
    """A connection of the pool."""

    def __init__(self, to: Origin, ca: str) -> None:
        self.origin = to
        self.connection, self.whole_address = route.connection(to, ca)
        self.used = 0.0  # time.monotonic() of its last use

    def stale(self) -> bool:
        """Whether the server has closed it, or said something unasked, or it may be dead."""
        sock = self.connection.sock
        if sock is None or time.monotonic() - self.used > _IDLE_SECONDS:
            return True
        if not hasattr(select, "poll"):
            return bool(select.select([sock], [], [], 0)[0])
        poll = select.poll()
        poll.register(sock, select.POLLIN)
        return bool(poll.poll(0))


class Client:
    """Requests to any host; connections are kept per origin."""

    def __init__(self, ca: str = "") -> None:
        self.ca = ca
        self._idle: dict[Origin, list[_Kept]] = {}
        self._reached: set[Origin] = set()
        self._lock = threading.Lock()

    def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | Iterator[bytes] = b"",
        length: int | None = None, *, stop: Stop | None = None, stream: bool = False,
    ) -> Response:
        """One try (a kept connection that the server had closed is replaced unseen).

        Raises OtherScheme, Stopped, ConfigError, OSError (ssl.SSLError among them), http.client.HTTPException.
        """
        stop, to = stop or Stop(), route.origin(url)
        size = len(body) if isinstance(body, bytes) else length or 0
        while True:
            kept = self._take(to)
            try:
                stop.add(kept.connection)
                raw = self._exchange(kept, method, url, headers, body, size)
            except BaseException as error:
                self.give_back(kept, False, stop)
                stop.check()
                fresh = not kept.used or not isinstance(body, bytes)
                if fresh or not isinstance(error, (ConnectionError, http.client.RemoteDisconnected, ssl.SSLEOFError)):
                    raise _told(error, to) from error
                continue
            self._reached.add(to)
            response = Response(raw, url, self, kept, stop)
            return response if stream and raw.status < 300 else self._read(response, to)

    def _read(self, response: Response, to: Origin) -> Response:
        try:
            response.whole()
        except BaseException:
            response.close()
            raise
        if to.scheme == "http" and response.status == 400 and any(m in response.body for m in _PLAIN_MARKS):
            raise OtherScheme("https")
        return response

    def reached(self, url: str) -> bool:
        """Whether this host has ever answered: then a refused connection may be a restart."""
        return route.origin(url) in self._reached

    def _exchange(
        self, kept: _Kept, method: str, url: str, headers: Mapping[str, str], body: bytes | Iterator[bytes], size: int
    ) -> http.client.HTTPResponse:
        connection = kept.connection
        if connection.sock is None:
            connection.connect()
        connection.sock.settimeout(_COMMIT_SECONDS if method in ("PUT", "PATCH") else _READ_SECONDS)
        target = url if kept.whole_address else url.split("://", 1)[1].partition("/")[2]
        connection.putrequest(method, target if kept.whole_address else f"/{target}", True, True)
        connection.putheader("Host", kept.origin.authority)
        for name, value in headers.items():
            connection.putheader(name, value)
        if kept.whole_address and route.proxy_login(kept.origin):
            connection.putheader("Proxy-Authorization", route.proxy_login(kept.origin))
        if size or method in ("POST", "PUT", "PATCH"):
            connection.putheader("Content-Length", str(size))
        try:
            connection.endheaders(body if isinstance(body, bytes) and body else None)
            if not isinstance(body, bytes):
                for part in body:
                    connection.send(part)
        except (BrokenPipeError, ConnectionResetError, ssl.SSLEOFError):
            return _last_words(connection)
        return connection.getresponse()

    def _take(self, to: Origin) -> _Kept:
        while True:
            with self._lock:
                idle = self._idle.get(to)
                kept = idle.pop() if idle else None
            if kept is None:
                return _Kept(to, self.ca)
            if not kept.stale():
                return kept
            kept.connection.close()

    def give_back(self, kept: _Kept, reusable: bool, stop: Stop) -> None:
        stop.discard(kept.connection)
        if not reusable:
            kept.connection.close()
            return
        kept.used = time.monotonic()
        with self._lock:
            self._idle.setdefault(kept.origin, []).append(kept)

    def close(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, {}
        for each in (kept for held in idle.values() for kept in held):
            each.connection.close()


def _last_words(connection: http.client.HTTPConnection) -> http.client.HTTPResponse:
    """The answer of a server that closed before it had the whole body: a 401 or 413 says why."""
    broken = ConnectionResetError("the connection broke while data was sent")
    try:
        connection.sock.settimeout(2.0)
        response = connection.getresponse()
    except (OSError, http.client.HTTPException):
        raise broken from None
    response.will_close = True
    if response.status < 300:
        raise broken
    return response


def transient(error: BaseException | None, reached: bool) -> bool:
    """Whether trying again may help; `reached`: the host has answered before, so it may be starting anew."""
    if isinstance(error, (ConnectionRefusedError, TimeoutError)):
        return reached
    if isinstance(error, ssl.SSLError):
        return isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError))
    if isinstance(error, socket.gaierror):
        return error.errno == socket.EAI_AGAIN and reached
    if type(error) is http.client.BadStatusLine:
        return False  # it isn't HTTP; RemoteDisconnected, a child of this class, is a broken connection
    return isinstance(error, (ConnectionError, http.client.HTTPException))


def _told(error: BaseException, to: Origin) -> BaseException:
    """`error`, or OtherScheme where that is what it means."""
    if isinstance(error, ssl.SSLError) and error.reason in _MARK and to.scheme == "https":
        return OtherScheme("http")
    if isinstance(error, http.client.BadStatusLine) and "\x15\x03" in str(error) and to.scheme == "http":
        return OtherScheme("https")
    return error


_clients: dict[tuple[str, int], Client] = {}


def client(ca: str = "") -> Client:
    """This process's client for the extra authorities `ca`; its connections stay open between builds."""
    key = (ca, os.getpid())  # a forked child must not speak on its parent's connections
    if key not in _clients:
        _clients[key] = Client(ca)
    return _clients[key]
