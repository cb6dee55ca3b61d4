"""A token server for registries that want bearer tokens: gives them to a known user, for what was asked.

What this is: the other half of the registry's token authentication, on loopback, signing with openssl. What it is not:
an authority that knows who may do what; `allow` narrows the actions for all.
"""

from __future__ import annotations

import base64
import json
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.cluster.keys import Authority

LEEWAY = 60  # seconds for which distribution takes a token that has expired
SERVICE, ISSUER = "test registry", "tests"


class TokenServer:
    """`url` is the realm. A token holds for `lifetime` seconds, really; `asked` lists the scopes asked for so far."""

    def __init__(self, folder: Path, user: str, password: str, lifetime: float = 300.0,
                 allow: frozenset[str] = frozenset(("pull", "push", "delete"))) -> None:
        self._folder, self.lifetime, self.allow = folder, lifetime, allow
        self._authority = Authority(folder / "tokens", "tests")
        self._certificate, self._key = self._authority.sign("token", "/CN=token")
        self._expected = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        self.asked: list[list[str]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server._answer(self)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}/token"
        self._thread = threading.Thread(target=self._http.serve_forever, daemon=True)
        self._thread.start()

    def configuration(self) -> dict[str, Any]:
        """What the registry is told."""
        bundle = str(self._authority.certificate)
        return {"realm": self.url, "service": SERVICE, "issuer": ISSUER, "rootcertbundle": bundle,
                "signingalgorithms": ["ES256"]}

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        given = request.headers.get("authorization")
        if given not in (None, self._expected):
            self._send(request, 401, {"errors": [{"code": "UNAUTHORIZED", "message": "wrong password"}]})
            return
        scopes = parse_qs(urlsplit(request.path).query).get("scope", [])
        self.asked.append(scopes)
        names = [scope for each in scopes for scope in each.split()]
        access = [self._access(scope) for scope in names] if given else []  # who gives no name may nothing
        body = {"token": self._token(access), "expires_in": max(int(self.lifetime), 1)}
        self._send(request, 200, body)

    def _access(self, scope: str) -> dict[str, Any]:
        kind, _, rest = scope.partition(":")
        name, _, actions = rest.rpartition(":")
        return {"type": kind, "name": name, "actions": [a for a in actions.split(",") if a in self.allow]}

    @staticmethod
    def _send(request: BaseHTTPRequestHandler, code: int, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        request.send_response(code)
        request.send_header("content-type", "application/json")
        request.send_header("content-length", str(len(data)))
        request.end_headers()
        request.wfile.write(data)

    def _token(self, access: list[dict[str, Any]]) -> str:
        now = time.time()
        chain = "".join(line for line in self._certificate.read_text().splitlines() if not line.startswith("-"))
        head = {"typ": "JWT", "alg": "ES256", "x5c": [chain]}
        claims = {"iss": ISSUER, "sub": "tester", "aud": SERVICE, "exp": int(now + self.lifetime - LEEWAY),
                  "nbf": int(now - LEEWAY), "iat": int(now), "jti": f"{now}", "access": access}
        text = ".".join(_encoded(json.dumps(each).encode()) for each in (head, claims))
        return f"{text}.{_encoded(self._signature(text.encode()))}"

    def _signature(self, text: bytes) -> bytes:
        command = ["openssl", "dgst", "-sha256", "-sign", str(self._key)]
        der = subprocess.run(command, input=text, capture_output=True, check=True).stdout
        r_end = 4 + der[3]  # SEQUENCE { INTEGER r, INTEGER s }, each with its length before it
        r, s = der[4:r_end], der[r_end + 2 :]
        return b"".join(int.from_bytes(each, "big").to_bytes(32, "big") for each in (r, s))


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
