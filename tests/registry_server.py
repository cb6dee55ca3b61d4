"""A real registry of its own for a test: open, with a password, with tokens, over TLS by a private CA, on loopback.

What this is: distribution's registry (programs/addons) as a child process, with what every request moved. What it is
not: the test cluster's registry, which pods can reach too (tests/cluster), or a fake.
"""

from __future__ import annotations

import atexit
import json
import re
import secrets
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.cluster import build
from tests.cluster.keys import Authority
from tests.registry_tokens import TokenServer
from tests.support import require


@dataclass(frozen=True)
class Request:
    """One request as the registry saw it; `received` and `sent` are bytes of the bodies."""

    method: str
    path: str
    query: str
    status: int
    received: int
    sent: int
    user: str


class Registry:
    """A running registry: `host` is "127.0.0.1:PORT", `url` has the scheme."""

    def __init__(self, folder: Path, process: subprocess.Popen[bytes], host: str, tls: bool) -> None:
        self.folder, self.host = folder, host
        self.url = f"{'https' if tls else 'http'}://{host}"
        self._process = process
        atexit.register(self.close)

    def requests(self) -> list[Request]:
        """All requests so far, oldest first. A line comes a moment after its answer: none came for 50 ms."""
        text = None
        while text != (text := (self.folder / "requests.jsonl").read_text()):
            time.sleep(0.05)
        names = Request.__dataclass_fields__
        lines = [json.loads(line) for line in text.splitlines() if line.endswith("}")]
        return [Request(**{"query": "", "user": "", **{k: v for k, v in each.items() if k in names}}) for each in lines]

    def close(self) -> None:
        """Stop it; its data stay in `folder`, so that starting it there again has them."""
        self._process.kill()
        self._process.wait()
        atexit.unregister(self.close)


def start_registry(folder: Path, *, tls: Authority | None = None, htpasswd: Mapping[str, str] | None = None,
                   tokens: TokenServer | None = None, port: int = 0, read_only: bool = False) -> Registry:
    """Start a registry whose data and logs lie in `folder`; close() it, or it ends with this process.

    `tls`: https, with a certificate by that authority for 127.0.0.1 and localhost. `htpasswd`: {user: password} that
    basic authentication takes. `tokens`: bearer tokens by that server. `read_only`: pushes are refused (405).
    Skips the test (fails in CI) where the programs aren't built.
    """
    programs = build.built()
    require(programs, "the test cluster's programs are not built: python -m tests.cluster build")
    assert programs
    folder.mkdir(parents=True, exist_ok=True)
    configuration = folder / "registry.yaml"
    configuration.write_text(yaml.safe_dump(_configuration(folder, tls, htpasswd, tokens, port, read_only)))
    log = folder / "registry.log"
    with log.open("wb") as out:
        command = [str(programs / "nbaddons"), "registry", str(configuration), str(folder / "requests.jsonl")]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    return Registry(folder, process, _address(process, log), tls is not None)


def _configuration(folder: Path, tls: Authority | None, htpasswd: Mapping[str, str] | None,
                   tokens: TokenServer | None, port: int, read_only: bool) -> dict[str, Any]:
    maintenance = {"uploadpurging": {"enabled": False}, "readonly": {"enabled": read_only}}
    found: dict[str, Any] = {
        "version": "0.1",
        "log": {"level": "error", "accesslog": {"disabled": True}},
        "storage": {
            "filesystem": {"rootdirectory": str(folder / "data")}, "delete": {"enabled": True},
            "maintenance": maintenance,
        },
        "http": {"addr": f"127.0.0.1:{port}", "secret": secrets.token_hex(16)},
    }
    if tls:
        certificate, key = tls.sign("registry", "/CN=registry", "IP:127.0.0.1,DNS:localhost")
        found["http"]["tls"] = {"certificate": str(certificate), "key": str(key)}
    if htpasswd is not None:
        file = folder / "htpasswd"
        file.write_text("".join(f"{user}:{_bcrypt(password)}\n" for user, password in htpasswd.items()))
        found["auth"] = {"htpasswd": {"realm": "test", "path": str(file)}}
    if tokens:
        found["auth"] = {"token": tokens.configuration()}
    return found


def _bcrypt(password: str) -> str:
    """The only hash that distribution takes; Debian's perl knows it through libcrypt."""
    salt = "$2b$05$" + secrets.token_hex(11)
    command = ["perl", "-e", "print crypt($ARGV[0], $ARGV[1])", password, salt]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _address(process: subprocess.Popen[bytes], log: Path, patience: float = 20.0) -> str:
    until = time.monotonic() + patience
    while time.monotonic() < until and process.poll() is None:
        found = re.search(r"listening on (\S+)\n", log.read_text())
        if found:
            return found[1]
        time.sleep(0.01)
    process.kill()
    process.wait()
    raise RuntimeError(f"the registry did not start: {log.read_text().strip()[-600:]}")
