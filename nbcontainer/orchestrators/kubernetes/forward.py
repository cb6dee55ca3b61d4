"""A port of this machine that leads to a ready pod.

What this is: a small listener on 127.0.0.1; each connection goes through the API server to one ready pod, chosen anew,
so pods may come and go. What it is not: a load balancer.
In the flow: Run.forward. The official client opens the websocket (TLS, proxy, credentials); its own copying thread
isn't used: it prints its exceptions and stops at 1024 descriptors.
"""

from __future__ import annotations

import itertools
import json
import selectors
import socket
import ssl
import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from nbcontainer.errors import NbcontainerError, TargetError, one_line
from nbcontainer.model import SERVE_PORT
from nbcontainer.orchestrators.kubernetes import errors
from nbcontainer.orchestrators.kubernetes.client import Client
from nbcontainer.orchestrators.listener import Listener

PATIENCE = 10.0  # seconds in which a connection waits for a ready pod
LINGER = 60.0  # seconds
WAKE = 0.5  # seconds between looks at whether it was closed
CHUNK = 1 << 15
DATA, ERROR = 0, 1  # channels of the first port


class PortForward(Listener):
    """`url` answers until close(). `ready` lists the names of ready pods."""

    def __init__(self, client: Client, port: int, ready: Callable[[], list[str]]) -> None:
        self._client, self._ready = client, ready
        self._turn = itertools.count()
        super().__init__(port)

    def _serve(self, local: socket.socket) -> None:
        try:
            remote = self._connect()
        except NbcontainerError as error:
            _apologize(local, error)
            return
        try:
            copy(local, remote, self._closed)
        except NbcontainerError as error:
            _apologize(local, error)
        finally:
            hang_up(remote)

    def _connect(self) -> Any:
        """A tunnel to a ready pod; a pod that has just gone is passed over."""
        until = time.monotonic() + PATIENCE
        last: NbcontainerError = TargetError("no replica is ready")
        while time.monotonic() < until and not self._closed.is_set():
            try:
                pods = self._ready()
                if pods:
                    return tunnel(self._client, pods[next(self._turn) % len(pods)], SERVE_PORT)
            except NbcontainerError as error:
                last = error
                if not isinstance(error, (errors.Unreachable, errors.Refused)):
                    break
            self._closed.wait(0.2)
        raise last


def tunnel(client: Client, pod: str, port: int) -> Any:
    """A websocket whose channels are `port` of `pod`, both channels announced and read."""
    from kubernetes import stream
    from websocket import WebSocketException

    ws_client: Any = stream.ws_client  # it has no annotations
    connection = client.connection
    path = client.path("pods", pod, "portforward") + "?" + urlencode({"ports": port})
    url = ws_client.get_websocket_url(connection.host + path)
    headers = {**connection.authorization(), "sec-websocket-protocol": "v4.channel.k8s.io"}
    found: Any = None
    try:
        found = ws_client.create_websocket(connection.configuration, url, headers)
        found.settimeout(PATIENCE)
        _announced(found, pod, port)
        found.settimeout(None)
        return found
    except BaseException as error:
        if found is not None:
            hang_up(found)
        if isinstance(error, WebSocketException):
            raise _refused(error, path, client.namespace) from None
        if isinstance(error, OSError):
            raise errors.unreachable(error, connection.host) from None
        raise


def _announced(found: Any, pod: str, port: int) -> None:
    """Read the frames that announce both channels."""
    for channel in (DATA, ERROR):
        first = found.recv_data_frame(True)[1].data
        if len(first) != 3 or first[0] != channel:
            raise errors.Unreachable(f"pod {pod} can't be reached on port {port}: {_text(first)}")


def _refused(error: Exception, path: str, namespace: str) -> TargetError:
    code = int(getattr(error, "status_code", 0) or 0)
    body = getattr(error, "resp_body", b"") or b""
    if not code:
        return errors.Unreachable(f"the forwarded connection broke off: {one_line(str(error), 200)}")
    return errors.from_answer("GET", path, code, body if isinstance(body, bytes) else body.encode(), 0.0, namespace)


def copy(local: socket.socket, remote: Any, closed: threading.Event) -> None:
    """Copy both ways until either side has ended or `closed` is set. Raises OSError when one broke off.

    The tunnel can't say that `local` has finished sending, and a client that has gone looks the same: what the pod
    still answers is passed on until it has been silent for LINGER seconds.
    """
    from websocket import WebSocketException

    until = float("inf")
    with selectors.DefaultSelector() as ready:
        ready.register(local, selectors.EVENT_READ)
        ready.register(remote.sock, selectors.EVENT_READ)
        while not closed.is_set() and time.monotonic() < until:
            for key, _ in ready.select(WAKE):
                try:
                    if key.fileobj is not local:
                        if not _receive(local, remote):
                            return
                    elif not _send(local, remote):
                        ready.unregister(local)
                        until = 0.0
                except WebSocketException as error:
                    raise ConnectionError(str(error)) from None
                if until < float("inf"):
                    until = time.monotonic() + LINGER


def _send(local: socket.socket, remote: Any) -> bool:
    """Pass on what has arrived; False at the end."""
    data = local.recv(CHUNK)
    if data:
        remote.send_binary(bytes([DATA]) + data)
    return bool(data)


def _receive(local: socket.socket, remote: Any) -> bool:
    """Pass on every frame that has arrived; False at the end."""
    from websocket import ABNF

    while True:
        opcode, frame = remote.recv_data_frame(True)
        if opcode == ABNF.OPCODE_CLOSE:
            return False
        if opcode == ABNF.OPCODE_BINARY and frame.data:
            if frame.data[0] == ERROR:
                raise ConnectionError(_text(frame.data))
            local.sendall(frame.data[1:])
        if not (isinstance(remote.sock, ssl.SSLSocket) and remote.sock.pending()):
            return True


def hang_up(remote: Any) -> None:
    """Say goodbye; close the socket in any case, which close() leaves open after the far end's goodbye."""
    for step in (lambda: remote.close(timeout=1), remote.shutdown):
        try:
            step()
        except Exception:  # the far end may have closed first, in any state
            pass


def _apologize(local: socket.socket, error: NbcontainerError) -> None:
    """Tell an HTTP client why nobody answers."""
    body = json.dumps(error.as_json()).encode()
    head = f"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
    try:
        local.settimeout(1.0)
        local.recv(CHUNK)
        local.sendall(head.encode() + b"connection: close\r\n\r\n" + body)
    except OSError:
        pass


def _text(data: bytes) -> str:
    return one_line(data[1:].decode("utf-8", "replace"), 300)
