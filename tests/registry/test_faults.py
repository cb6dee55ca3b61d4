"""Registries that are down, slow, full, impatient or no registries: one line each, and never a broken image."""

from __future__ import annotations

import contextlib
import email.utils
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from nbcontainer.errors import AuthError, NbcontainerError, RegistryError
from nbcontainer.image import http as wire
from nbcontainer.image.push import fetcher
from tests.registry.conftest import digest_at, image, push, validate
from tests.registry.proxy import Fault, Proxy
from tests.registry_server import Registry, start_registry

LARGE = 12_000_000  # bytes: three chunks of the size that every registry takes


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same tries as ever, less time between them."""
    monkeypatch.setattr(wire, "_FIRST_WAIT", 0.01)


def refused(place: str, what: str, kind: type[NbcontainerError] = RegistryError, seed: int = 1) -> NbcontainerError:
    """Push to `place`, which has to fail with one line that matches `what`."""
    with pytest.raises(kind, match=what) as told:
        push(image(seed=seed), place)
    assert "\n" not in str(told.value)
    assert place.partition(":v1")[0] in str(told.value)
    return told.value


# ---------------------------------------------------------------- not there
def test_nothing_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    error = refused(f"127.0.0.1:{port}/x", "refuses the connection")
    assert "registry running there" in error.hint


def test_no_such_host(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert "DNS" in refused("registry.invalid/x", "no such host registry.invalid").hint


def test_a_port_that_speaks_something_else() -> None:
    with _talker(b"SSH-2.0-OpenSSH_9.2\r\n") as host:
        refused(f"{host}/x", "doesn't speak HTTP")


def test_a_web_site_that_is_no_registry() -> None:
    for status in (200, 404, 405):
        with _site(status, b"<html>Hello</html>") as host:
            assert "address of a registry" in refused(f"{host}/x", f"doesn't answer as a registry.*{status}").hint


def test_a_silent_host_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "_READ_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as server:
        refused(f"127.0.0.1:{server.getsockname()[1]}/x", "gave no answer in time")


# ---------------------------------------------------------------- broken off
def test_a_cut_upload_is_resumed_or_restarted(proxied: Callable[..., Proxy]) -> None:
    proxy = proxied(Fault("PUT", "/blobs/uploads/", larger=1_000_000, cut=5_000_000))
    built = image(library=LARGE, seed=31)
    push(built, f"{proxy.host}/cut")
    validate(f"{proxy.host}/cut@{built.digest}")


def test_a_cut_chunk_goes_on_where_the_registry_stands(proxied: Callable[..., Proxy]) -> None:
    proxy = proxied(
        Fault("PUT", "/blobs/uploads/", larger=1_000_000, cut=100_000),
        Fault("PATCH", "/blobs/uploads/", larger=1_000_000, cut=1_000_000),
    )
    built = image(library=LARGE, seed=32)
    push(built, f"{proxy.host}/chunks")
    validate(f"{proxy.host}/chunks@{built.digest}")
    assert not any(each.times for each in proxy.faults)
    assert sum(each[2] for each in proxy.seen if each[0] == "PATCH") < 1.5 * LARGE


def test_an_upload_that_always_breaks_leaves_no_tag(proxied: Callable[..., Proxy]) -> None:
    proxy = proxied(Fault("PUT", "/blobs/", 99, 100_000, cut=50_000), Fault("PATCH", "/blobs/", 99, cut=50_000))
    error = refused(f"{proxy.host}/broken:v1", "broke off the connection several times", seed=33)
    assert "no tag was moved" in error.hint
    assert digest_at(f"{proxy.host}/broken:v1") == ""
    built = image(seed=33)  # and when the network is well again the same push works
    proxy.faults.clear()
    push(built, f"{proxy.host}/broken:v1")
    validate(f"{proxy.host}/broken:v1")


def test_a_broken_push_moves_no_tag_of_an_older_image(proxied: Callable[..., Proxy]) -> None:
    proxy = proxied()
    first = image("print(1)", seed=34)
    push(first, f"{proxy.host}/moved:latest")
    proxy.faults.append(Fault("PUT", "/manifests/sha256:", 99, cut=10))
    with pytest.raises(RegistryError, match="broke off"):
        push(image("print(2)", seed=34), f"{proxy.host}/moved:latest")
    assert digest_at(f"{proxy.host}/moved:latest") == first.digest


def test_an_answer_that_is_lost_is_asked_for_again(proxied: Callable[..., Proxy]) -> None:
    proxy = proxied(
        Fault("POST", "/blobs/uploads/", cut_answer=0), Fault("PUT", "/blobs/uploads/", cut_answer=0),
        Fault("PUT", "/manifests/", cut_answer=0),
    )
    built = image(seed=35)
    push(built, f"{proxy.host}/answers")
    validate(f"{proxy.host}/answers@{built.digest}")


def test_a_restarted_registry_is_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "_FIRST_WAIT", 0.25)
    registry = start_registry(tmp_path / "restarted")
    push(image("print(1)"), f"{registry.host}/x")
    registry.close()
    later = threading.Timer(0.05, lambda: again.append(start_registry(tmp_path / "restarted", port=port)))
    port, again = int(registry.host.rpartition(":")[2]), list[Registry]()
    later.start()
    try:
        built = image("print(2)")
        push(built, f"{registry.host}/x")
        validate(f"{registry.host}/x@{built.digest}")
    finally:
        later.join()
        for each in again:
            each.close()


def test_a_cut_download_goes_on(registry: Registry, proxied: Callable[..., Proxy]) -> None:
    built = image(library=LARGE, seed=36)
    push(built, f"{registry.host}/download")
    proxy = proxied(Fault("GET", "/blobs/", times=2, cut_answer=4_000_000))
    layer = replace(built.layers[0], path=None, origin=f"{proxy.host}/download")
    with fetcher(ca="", plain_http=False)(layer) as stream:
        data = stream.read()
    assert len(data) == layer.size
    assert proxy.count("GET", "/blobs/") == 3


# ---------------------------------------------------------------- refused
@pytest.mark.parametrize("status", [500, 502, 503, 504, 429, 408])
def test_a_passing_failure_is_tried_again(proxied: Callable[..., Proxy], status: int) -> None:
    proxy = proxied(
        Fault("HEAD", "/blobs/", status=status), Fault("POST", "/uploads/", status=status),
        Fault("PUT", "/uploads/", status=status), Fault("PUT", "/manifests/", status=status),
    )
    built = image(seed=400 + status)
    push(built, f"{proxy.host}/passing-{status}")
    validate(f"{proxy.host}/passing-{status}@{built.digest}")
    assert not any(each.times for each in proxy.faults)


def test_a_lasting_failure_is_one_line(proxied: Callable[..., Proxy]) -> None:
    proxy = proxied(Fault("PUT", "/uploads/", 99, status=503, body=b"<html>upstream connect error</html>"))
    refused(f"{proxy.host}/lasting:v1", r"answered with an error \(503\)", seed=41)
    assert digest_at(f"{proxy.host}/lasting:v1") == ""


def test_retry_after_may_be_a_date(proxied: Callable[..., Proxy]) -> None:
    soon = email.utils.formatdate(time.time() + 2, usegmt=True)  # whole seconds: one to two from now
    proxy = proxied(Fault("PUT", "/manifests/", status=503, headers={"Retry-After": soon}))
    until = email.utils.parsedate_to_datetime(soon).timestamp()
    push(image(seed=46), f"{proxy.host}/dated")
    assert until <= time.time() < until + 10.0


def test_retry_after_is_kept(proxied: Callable[..., Proxy]) -> None:
    proxy = proxied(Fault("PUT", "/manifests/", status=429, headers={"Retry-After": "1"}))
    began = time.monotonic()
    push(image(seed=42), f"{proxy.host}/later")
    assert 1.0 <= time.monotonic() - began < 10.0
    proxy.faults.append(Fault("PUT", "/manifests/", 9, status=429, headers={"Retry-After": "3600"}))
    began = time.monotonic()
    refused(f"{proxy.host}/later:v1", r"limits the rate \(429\)", seed=43)
    assert time.monotonic() - began < 10.0  # not the hour that it asks for


@pytest.mark.parametrize(
    ("method", "path", "status", "body", "says", "kind"),
    [
        ("POST", "/uploads/", 403, b'{"errors":[{"code":"DENIED","message":"quota"}]}', "has no room", RegistryError),
        ("POST", "/uploads/", 403, b'{"errors":[{"code":"DENIED","message":"not yours"}]}', "not yours", AuthError),
        ("PUT", "/uploads/", 507, b"", r"has no room left for it \(507\)", RegistryError),
        ("PUT", "/uploads/", 500, b'{"errors":[{"code":"UNKNOWN","detail":{"Op":"write","Path":"/d","Err":28}}]}',
         "No space left", RegistryError),
        ("PUT", "/manifests/", 413, b"", "no body of that size", RegistryError),
        ("PUT", "/manifests/", 403, b"", "denies it", AuthError),
        ("POST", "/uploads/", 405, b'{"errors":[{"code":"UNSUPPORTED","message":"mirror"}]}', "mirror", RegistryError),
        ("POST", "/uploads/", 404, b'{"errors":[{"code":"NAME_UNKNOWN","message":"no project"}]}', "no project",
         RegistryError),
    ],
)
def test_a_refusal_says_why(
    proxied: Callable[..., Proxy], method: str, path: str, status: int, body: bytes, says: str,
    kind: type[NbcontainerError],
) -> None:
    proxy = proxied(Fault(method, path, 99, status=status, body=body))
    refused(f"{proxy.host}/refusal:v1", says, kind, seed=44)
    assert digest_at(f"{proxy.host}/refusal:v1") == ""


def test_a_read_only_registry(tmp_path: Path) -> None:
    registry = start_registry(tmp_path, read_only=True)
    try:
        refused(f"{registry.host}/x", r"\(405\)|\(503\)")
    finally:
        registry.close()


def test_an_upload_that_leads_into_a_private_network(proxied: Callable[..., Proxy]) -> None:
    elsewhere = {"Location": "http://127.0.0.2:9/v2/x/blobs/uploads/1"}
    proxy = proxied(Fault("POST", "/uploads/", 99, status=202, headers=elsewhere))
    refused(f"{proxy.host}/astray:v1", r"sends uploads to the private address 127\.0\.0\.2:9", seed=47)


def test_a_refused_upload_is_given_up(proxied: Callable[..., Proxy]) -> None:
    proxy = proxied(Fault("PUT", "/uploads/", 99, status=403))
    refused(f"{proxy.host}/given-up:v1", "denies it", AuthError, seed=48)
    assert proxy.count("DELETE", "/uploads/") >= 1


def test_a_manifest_that_is_too_large(registry: Registry) -> None:
    built = image(seed=45)
    padded = replace(built, manifest=built.manifest + b" " * (5 << 20))
    with pytest.raises(RegistryError, match="takes no body of that size") as told:
        push(padded, f"{registry.host}/padded:v1")
    assert "\n" not in str(told.value)
    assert digest_at(f"{registry.host}/padded:v1") == ""


# ---------------------------------------------------------------- other ways up
def test_chunks_no_larger_than_the_registry_takes(proxied: Callable[..., Proxy]) -> None:
    proxy = proxied(
        Fault("PUT", "/uploads/", 99, 4 << 20, status=413), Fault("PATCH", "/uploads/", 99, 1 << 20, status=413)
    )
    built = image(library=LARGE, seed=51)
    push(built, f"{proxy.host}/capped")
    validate(f"{proxy.host}/capped@{built.digest}")
    assert max(each[2] for each in proxy.seen[-14:]) <= 1 << 20


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405])
def test_a_refused_mount_is_sent_instead(proxied: Callable[..., Proxy], status: int) -> None:
    proxy = proxied(Fault("POST", "mount=", 99, status=status))
    push(image(seed=55), f"{proxy.host}/mount-from-{status}")
    built = image(seed=55)
    push(built, f"{proxy.host}/mount-into-{status}")
    assert proxy.count("POST", "mount=") == len(built.layers)
    validate(f"{proxy.host}/mount-into-{status}@{built.digest}")


def test_a_registry_that_refuses_a_post_with_a_digest(proxied: Callable[..., Proxy]) -> None:
    proxy = proxied(Fault("POST", r"\?digest=", 99, status=400))
    built = image(seed=52)
    push(built, f"{proxy.host}/plain")
    validate(f"{proxy.host}/plain@{built.digest}")


def test_a_layer_that_changed_on_disk_is_refused_and_packed_anew(proxied: Callable[..., Proxy]) -> None:
    built = image(seed=53)
    place = built.layers[0].path
    assert place
    place.chmod(0o644)
    data = bytearray(place.read_bytes())
    data[500] ^= 1
    place.write_bytes(data)
    proxy = proxied()
    with pytest.raises(RegistryError, match="have another digest") as told:
        push(built, f"{proxy.host}/changed:v1")
    assert "build again" in told.value.hint
    assert digest_at(f"{proxy.host}/changed:v1") == ""
    push(image(seed=53), f"{proxy.host}/changed:v1")
    validate(f"{proxy.host}/changed:v1")


# ---------------------------------------------------------------- called off
def test_an_interrupt_ends_at_once_and_leaves_no_half_push(proxied: Callable[..., Proxy]) -> None:
    proxy = proxied(Fault("PUT", "/uploads/", 99, wait=20.0))
    built = image(seed=54)
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        push(built, f"{proxy.host}/interrupted:v1")
    assert time.monotonic() - began < 5.0
    assert not [each for each in threading.enumerate() if each.name.startswith("push")]
    assert digest_at(f"{proxy.host}/interrupted:v1") == ""
    proxy.faults.clear()
    push(built, f"{proxy.host}/interrupted:v1")
    validate(f"{proxy.host}/interrupted:v1")


# ---------------------------------------------------------------- things that aren't registries
@contextlib.contextmanager
def _talker(greeting: bytes) -> Iterator[str]:
    """A server that says `greeting` to everyone."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with connection:
                        connection.sendall(greeting)
                        connection.recv(65536)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


@contextlib.contextmanager
def _site(status: int, body: bytes) -> Iterator[str]:
    """A web site that answers everything alike."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("content-length") or 0))
            self.send_response_only(status)
            self.send_header("content-type", "text/html")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_HEAD = do_POST = do_PUT = do_GET

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()
