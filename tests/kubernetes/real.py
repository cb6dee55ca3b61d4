"""What the tests on a real cluster share: the stub image, workloads that run it, waiting, and a line that can be cut.

What this is: helpers. What it is not: a stand-in for any part; pods, kubelet and API server are real.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import yaml

from nbcontainer.model import Identity, Kind, RunStatus, Workload, silent
from nbcontainer.orchestrators.kubernetes import Kubernetes
from tests import images
from tests.cluster import build
from tests.cluster.instance import ACCOUNT, NAMESPACE, cache
from tests.cluster.objects import ROLE
from tests.conftest import Cluster

SOURCE = Path(__file__).parent / "image"
Found = TypeVar("Found")


def push_stub(registry: str) -> str:
    """Build image/main.go (once per content of it) and push it; gives the reference by digest."""
    text = b"".join((SOURCE / name).read_bytes() for name in ("go.mod", "main.go"))
    program = cache() / "stub" / hashlib.sha256(text).hexdigest()[:16]
    if not program.exists():
        program.parent.mkdir(parents=True, exist_ok=True)
        scratch = program.with_suffix(f".{os.getpid()}")
        command = [build.toolchain(print), "build", "-trimpath", "-ldflags", "-s -w", "-o", str(scratch), "."]
        environment = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "", "GOWORK": "off", "GOTOOLCHAIN": "local"}
        subprocess.run(command, cwd=SOURCE, env=environment, check=True)
        scratch.replace(program)
    return images.push(registry, "stub", "1", {"stub": program.read_bytes()}, Entrypoint=["/stub"])


def until(ask: Callable[[], Found], seconds: float = 40.0) -> Found:
    """The first true answer of `ask`; an AssertionError with the last one when none comes."""
    end = time.monotonic() + seconds
    while not (found := ask()):
        assert time.monotonic() < end, f"after {seconds:g} s still {found!r}"
        time.sleep(0.1)
    return found


class Runs:
    """Workloads of one notebook that nobody else has, in `namespace`, as the limited account."""

    def __init__(self, cluster: Cluster, image: str, namespace: str) -> None:
        self.cluster, self.image, self.namespace = cluster, image, namespace
        self.notebook = secrets.token_hex(4)
        self.runner = Kubernetes(cluster.target(namespace))

    def workload(self, kind: Kind, script: str = "", **more: Any) -> Workload:
        env = {**({"SCRIPT": script} if script else {}), **more.pop("env", {})}
        words: dict[str, Any] = {
            "kind": kind,
            "name": f"stub-{self.notebook}" + (f"-{secrets.token_hex(3)}" if kind == "training" else ""),
            "identity": Identity(self.notebook, "stub", "notebooks/Stub.ipynb", "ada"),
            "image": self.image,
            "args": ("train",) if kind == "training" else ("serve",),
            "env": env,
        }
        return Workload(**{**words, **more})

    def train(self, script: str, **more: Any) -> str:
        """Submit; gives the run's name."""
        return self.runner.submit(self.workload("training", script, **more), silent).name

    def serve(self, **more: Any) -> str:
        return self.runner.submit(self.workload("inference", **more), silent).name

    def end(self, name: str) -> RunStatus:
        """The last status of a training run, by a watch."""
        return list(self.runner.watch(name, threading.Event()))[-1]

    def ready(self, name: str, replicas: int, seconds: float = 60.0) -> RunStatus:
        """The status once exactly `replicas` are ready and up to date."""
        def ask() -> RunStatus | None:
            now = self.runner.status(name)
            return now if now.replicas.ready == replicas == now.replicas.updated == len(now.pods) else None

        found = until(ask, seconds)
        assert found
        return found

    def reason(self, name: str, words: str, seconds: float = 40.0) -> RunStatus:
        """The status once its reason has `words`."""
        last: list[RunStatus] = []

        def ask() -> bool:
            last[:] = [self.runner.status(name)]
            return words in last[0].reason

        try:
            until(ask, seconds)
        except AssertionError:
            raise AssertionError(f"{words!r} is not in {last[0].reason!r} ({last[0].phase})") from None
        return last[0]

    def kubectl(self, *arguments: str, feed: Any = None, admin: bool = True) -> str:
        """What kubectl prints, in this namespace."""
        config = self.cluster.admin if admin else self.cluster.kubeconfig
        command = [self.cluster.kubectl, "--kubeconfig", str(config), "-n", self.namespace, *arguments]
        done = subprocess.run(command, input=json.dumps(feed), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def clear(self) -> None:
        """Remove what is left, without waiting."""
        label = f"nbcontainer.io/notebook={self.notebook}"
        self.kubectl("delete", "jobs,deployments,services", "-l", label, "--wait=false")
        self.kubectl("delete", "pods", "-l", label, "--wait=false", "--grace-period=0", "--force")

    def make_namespace(self) -> None:
        """Make the namespace, with the documented Role for the limited account."""
        role = yaml.safe_load(ROLE.read_text())
        binding = {
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": ACCOUNT},
            "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": NAMESPACE}],
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": role["metadata"]["name"]},
        }
        space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}}
        self.kubectl("apply", "-f", "-", feed=space)
        self.kubectl("apply", "-f", "-", feed={"apiVersion": "v1", "kind": "List", "items": [role, binding]})


class Line:
    """A TCP line to the cluster's API server that can be cut; `kubeconfig` leads over it."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        config = yaml.safe_load(cluster.kubeconfig.read_text())
        server = config["clusters"][0]["cluster"]
        host, _, port = server["server"].removeprefix("https://").partition(":")
        self._far = (host, int(port or 443))
        self._open: list[socket.socket] = []
        self._dead = threading.Event()
        self._closed = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        server["server"] = f"https://127.0.0.1:{self._listener.getsockname()[1]}"
        self.kubeconfig = folder / "line.conf"
        self.kubeconfig.write_text(yaml.safe_dump(config))
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Break what is open."""
        for each in self._open:
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self._open.clear()

    def down(self) -> None:
        """Break what is open and refuse what comes, until up()."""
        self._dead.set()
        self.cut()

    def up(self) -> None:
        self._dead.clear()

    def close(self) -> None:
        self._closed = True
        self.cut()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while not self._closed:
            try:
                near, _ = self._listener.accept()
                if self._dead.is_set():
                    near.close()
                    continue
                far = socket.create_connection(self._far)
            except OSError:
                continue
            self._open += [near, far]
            for pair in ((near, far), (far, near)):
                threading.Thread(target=_carry, args=pair, daemon=True).start()


def _carry(source: socket.socket, to: socket.socket) -> None:
    try:
        while data := source.recv(1 << 16):
            to.sendall(data)
    except OSError:
        pass
    for each in (source, to):
        try:
            each.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        each.close()
