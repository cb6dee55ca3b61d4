"""The way through a company's proxy: HTTP_PROXY, HTTPS_PROXY, NO_PROXY."""

from __future__ import annotations

import base64
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nbcontainer.errors import ConfigError, RegistryError
from nbcontainer.image import route
from tests.cluster.keys import Authority
from tests.registry.conftest import digest_at, image, push
from tests.registry_server import Registry, start_registry

LOGIN = "Basic " + base64.b64encode(b"ada:se:cret").decode()


class ForwardProxy:
    """A proxy as companies have them; every name leads to this machine. `heads` are the heads that it was sent."""

    def __init__(self, status: str = "") -> None:
        self.heads: list[str] = []
        self._status = status
        self._server = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._server.getsockname()[1]}"
        self._threads: list[threading.Thread] = []
        self._clients: list[socket.socket] = []
        self._spawn(self._accept)

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for client in self._clients:
            _shut(client)
        for each in self._threads:
            each.join(5)

    def _spawn(self, target: Any, *arguments: Any) -> None:
        self._threads.append(threading.Thread(target=target, args=arguments, daemon=True))
        self._threads[-1].start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            self._clients.append(client)
            self._spawn(self._serve, client)

    def _serve(self, client: socket.socket) -> None:
        with client:
            head = b""
            while b"\r\n\r\n" not in head:
                part = client.recv(65536)
                if not part:
                    return
                head += part
            self.heads.append(head.partition(b"\r\n\r\n")[0].decode())
            if self._status:
                client.sendall(f"HTTP/1.1 {self._status}\r\nContent-Length: 0\r\n\r\n".encode())
                return
            method, target, _ = self.heads[-1].split("\r\n")[0].split(" ")
            where = target if method == "CONNECT" else target.split("/")[2]
            with socket.create_connection(("127.0.0.1", int(where.rpartition(":")[2]))) as server:
                if method == "CONNECT":
                    client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                else:  # one request's address is cut short; the registry takes whole ones too
                    server.sendall(head.replace(target.encode(), target.split(where, 1)[1].encode(), 1))
                self._spawn(self._pump, client, server)
                self._pump(server, client)

    @staticmethod
    def _pump(source: socket.socket, sink: socket.socket) -> None:
        try:
            while part := source.recv(65536):
                sink.sendall(part)
        except OSError:
            pass
        _shut(source)
        _shut(sink)


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


@pytest.fixture
def forward() -> Iterator[ForwardProxy]:
    found = ForwardProxy()
    yield found
    found.close()


def test_tls_goes_through_a_tunnel(forward: ForwardProxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = Authority(tmp_path / "ca", "tests")
    registry = start_registry(tmp_path / "registry", tls=authority)
    try:
        place = f"registry.test:{registry.host.rpartition(':')[2]}"
        monkeypatch.setenv("HTTPS_PROXY", f"http://ada:se%3Acret@{forward.address}")
        with pytest.raises(RegistryError, match=r"the certificate of registry\.test"):
            push(image(), f"{place}/x", ca=str(authority.certificate))  # it is for 127.0.0.1: the tunnel ends there
        assert forward.heads[0].startswith(f"CONNECT {place} HTTP/1.")
        assert f"Proxy-Authorization: {LOGIN}" in forward.heads[0]
    finally:
        registry.close()


def test_plain_http_goes_through_a_proxy(
    registry: Registry, forward: ForwardProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://ada:se%3Acret@{forward.address}")
    place, built = f"registry.test:{registry.host.rpartition(':')[2]}", image()
    push(built, f"{place}/proxied", plain_http=True)
    assert digest_at(f"{registry.host}/proxied:{built.digest[7:19]}") == built.digest
    assert all(f"Proxy-Authorization: {LOGIN}" in each for each in forward.heads)
    assert forward.heads[0].startswith(f"HEAD http://{place}/v2/proxied/manifests/")


def test_a_proxy_that_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = ForwardProxy("407 Proxy Authentication Required")
    try:
        monkeypatch.setenv("HTTPS_PROXY", f"http://ada:secret@{proxy.address}")
        with pytest.raises(RegistryError, match=r"the proxy refused.*407") as told:
            push(image(), "registry.test/x")
        assert "secret" not in str(told.value)
        assert "HTTPS_PROXY" in told.value.hint
    finally:
        proxy.close()


def test_loopback_needs_no_proxy(registry: Registry, forward: ForwardProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, f"http://{forward.address}")
    built = image()
    push(built, f"{registry.host}/direct")
    assert digest_at(f"{registry.host}/direct:{built.digest[7:19]}") == built.digest
    assert not forward.heads


@pytest.mark.parametrize(
    ("listed", "host", "direct"),
    [
        ("*", "registry.test", True),
        ("registry.test", "registry.test", True),
        (".test", "registry.test", True),
        ("*.test", "registry.test", True),
        ("test", "registry.test", True),
        ("registry.test:5000", "registry.test", True),
        ("registry.test:5001", "registry.test", False),
        ("try.test", "registry.test", False),
        ("10.0.0.0/8, other", "10.1.2.3", True),
        ("10.0.0.0/8", "11.1.2.3", False),
        ("", "registry.test", False),
    ],
)
def test_no_proxy(monkeypatch: pytest.MonkeyPatch, listed: str, host: str, direct: bool) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "proxy.test:3128")
    monkeypatch.setenv("NO_PROXY", listed)
    connection, _ = route.connection(route.origin(f"https://{host}:5000"), "")
    assert (connection.host == host) is direct


def test_a_proxy_that_cannot_be_used_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "socks5://ada:secret@proxy.test")
    with pytest.raises(ConfigError, match="HTTPS_PROXY names a proxy") as told:
        push(image(), "registry.test/x")
    assert "secret" not in str(told.value)
