"""The way to a host: plain or TLS, trusted authorities, proxies, what is loopback or private.

What this is: decisions about an address, and the unopened connection to it. What it is not: requests (http.py).
In the flow: below the registry client. Plain HTTP is for loopback and for hosts that a setting names.
"""

from __future__ import annotations

import base64
import functools
import http.client
import os
import ssl
import urllib.parse
from pathlib import Path
from typing import Any, NamedTuple

from nbcontainer.errors import ConfigError

CONNECT_SECONDS = 10.0
_BUNDLES = (  # where systems keep their authorities, for Pythons that were built for another system
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)


class Origin(NamedTuple):
    """Where a connection leads: what a pool keeps apart."""

    scheme: str
    host: str  # without brackets
    port: int

    @property
    def authority(self) -> str:
        """The Host header: the port only where it isn't the scheme's own."""
        name = f"[{self.host}]" if ":" in self.host else self.host
        return name if self.port == (443 if self.scheme == "https" else 80) else f"{name}:{self.port}"


def origin(url: str) -> Origin:
    """The origin of an absolute http(s) address. Raises ValueError."""
    parts = urllib.parse.urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{url!r} is no http address")
    return Origin(parts.scheme, parts.hostname.lower(), parts.port or (443 if parts.scheme == "https" else 80))


def is_loopback(host: str) -> bool:
    """Whether `host` (without port and brackets) is this machine by its name alone; no name is looked up."""
    if host == "localhost":
        return True
    if not (host.startswith("127.") or ":" in host):
        return False
    import ipaddress

    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_private(host: str, port: int) -> bool:
    """Whether `host` leads, now, to an address that isn't on the public internet."""
    import ipaddress
    import socket

    try:
        found = {info[4][0] for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    except OSError:
        return False  # then nothing can be sent there either
    return any(not ipaddress.ip_address(str(each).partition("%")[0]).is_global for each in found)


def connection(to: Origin, ca: str) -> tuple[http.client.HTTPConnection, bool]:
    """A connection that isn't open yet, and whether requests on it must write the whole address (plain proxies)."""
    proxy = _proxy(to)
    if proxy is None:
        if to.scheme == "https":
            tls = http.client.HTTPSConnection(to.host, to.port, timeout=CONNECT_SECONDS, context=trust(ca))
            return tls, False
        return http.client.HTTPConnection(to.host, to.port, timeout=CONNECT_SECONDS), False
    host, port, login = proxy
    headers = {"Proxy-Authorization": login} if login else {}
    if to.scheme == "https":
        tunnel = _Tunnel(host, port, timeout=CONNECT_SECONDS, context=trust(ca))
        tunnel.set_tunnel(to.host, to.port, headers)
        return tunnel, False
    return http.client.HTTPConnection(host, port, timeout=CONNECT_SECONDS), True


class _Tunnel(http.client.HTTPSConnection):
    """A way through a proxy, the answer to CONNECT closed: older Pythons (3.11.2) leave a refusal's socket open."""

    def connect(self) -> None:
        answers: list[http.client.HTTPResponse] = []

        def answer(*arguments: Any, **named: Any) -> http.client.HTTPResponse:
            answers.append(http.client.HTTPResponse(*arguments, **named))
            return answers[-1]

        self.response_class = answer  # type: ignore[assignment]
        try:
            super().connect()
        finally:
            self.response_class = http.client.HTTPResponse
            for each in answers:
                each.close()


def trust(ca: str) -> ssl.SSLContext:
    """The system's authorities (or SSL_CERT_FILE's) and those of the PEM file `ca`. Raises ConfigError."""
    named = (os.environ.get("SSL_CERT_FILE", ""), os.environ.get("SSL_CERT_DIR", ""))
    try:
        return _trust(ca, os.stat(ca).st_mtime_ns if ca else 0, named)
    except (OSError, ssl.SSLError) as error:
        why = "it holds no PEM certificate" if isinstance(error, ssl.SSLError) else error.strerror
        raise ConfigError(f"ca = {ca}: {why}", "name a PEM file with the authority's certificate") from None


@functools.lru_cache(maxsize=8)
def _trust(ca: str, stamp: int, named: tuple[str, str]) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if not any(named) and not context.cert_store_stats()["x509_ca"] and not _has_folder():
        bundle = next((each for each in _BUNDLES if Path(each).is_file()), "")
        if bundle:
            context.load_verify_locations(bundle)
    if ca:
        context.load_verify_locations(ca)
    return context


def _has_folder() -> bool:
    """Whether OpenSSL has a folder of certificates: those are read when asked for, and not counted."""
    place = ssl.get_default_verify_paths().capath
    return bool(place) and any(Path(str(place)).glob("*.0"))


def proxy_login(to: Origin) -> str:
    """The Proxy-Authorization header of a plain request, "" without one."""
    found = _proxy(to)
    return found[2] if found else ""


def _proxy(to: Origin) -> tuple[str, int, str] | None:
    """(host, port, Authorization header) of the proxy for `to`, None for a direct way. Raises ConfigError."""
    if is_loopback(to.host):
        return None
    name = f"{to.scheme}_proxy"
    text = os.environ.get(name) or os.environ.get(name.upper()) or ""
    if not text or _direct(to):
        return None
    parts = urllib.parse.urlsplit(text if "://" in text else f"http://{text}")
    if parts.scheme != "http" or not parts.hostname:
        raise ConfigError(f"{name.upper()} names a proxy that can't be used", "write http://[user:password@]host:port")
    login = ""
    if parts.username:
        pair = f"{urllib.parse.unquote(parts.username)}:{urllib.parse.unquote(parts.password or '')}"
        login = "Basic " + base64.b64encode(pair.encode()).decode()
    return parts.hostname, parts.port or 3128, login


def _direct(to: Origin) -> bool:
    """Whether NO_PROXY names `to`: '*', hosts, '.domain', 'host:port', addresses and networks."""
    listed = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    for each in (part.strip().lower() for part in listed.split(",")):
        if not each:
            continue
        if each == "*" or each == f"{to.host}:{to.port}":
            return True
        bare = each.lstrip("*").lstrip(".")
        if to.host == bare or to.host.endswith(f".{bare}") or _in_network(to.host, each):
            return True
    return False


def _in_network(host: str, network: str) -> bool:
    if "/" not in network:
        return False
    import ipaddress

    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False
