"""The cluster's side of the panel's benchmark: thousands of suspended Jobs, and one pod that prints a million lines.

What this is: a namespace of its own on the test cluster, filled by the admin and removed at the end. What it is not:
the page (lab.py) or what is measured (panel.py).
In the flow: panel.py sets it up first. The Jobs are what nbcontainer submits, suspended as a queue suspends them.
"""

from __future__ import annotations

import functools
import secrets
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from nbcontainer.model import Identity
from nbcontainer.orchestrators.kubernetes import manifests
from nbcontainer.orchestrators.kubernetes.client import Client
from tests.conftest import Cluster
from tests.kubernetes.real import Runs, push_stub

AT_ONCE = 8  # requests
HEAD_START = 6  # seconds after its first line in which the follow has to have begun
NEEDLE = "the needle"
# The kubelet gives who reads a log only the newest of the files that it rotates: at 1 MiB in the test cluster, looked
# at every 3 s. So the log is followed from its first line on, and printed in pieces with a pause after each.
PIECE = 20_000


class Crowd:
    """`namespace` and all in it are this one's alone."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.namespace = f"bench-{secrets.token_hex(3)}"
        self.runs = Runs(cluster, push_stub(cluster.registry), self.namespace)
        self._admin = Client(cluster.target(self.namespace, admin=True))
        self.names: list[str] = []

    def gather(self, count: int) -> float:
        """Make so many suspended Jobs; gives the seconds that it took."""
        self.runs.make_namespace()
        self.names = [f"sweep-{number:04}" for number in range(count)]
        return self._all(self._suspended, self.names)

    def _suspended(self, name: str) -> None:
        number = int(name[-4:])
        identity = Identity(f"{number % 40:08x}", f"sweep-{number % 40}", f"notebooks/sweep-{number % 40}.ipynb", "ann")
        workload = self.runs.workload("training", name=name, identity=identity, parameters={"rate": number / 1000})
        (job,) = manifests.render(workload, self.namespace)
        job["spec"]["suspend"] = True
        self._admin.create("jobs", job)

    def end(self, names: Iterable[str]) -> float:
        """These change from Pending to Failed, as where a client gives up on a run that can't start."""
        body = {"metadata": {"annotations": {manifests.ENDED: "its image can't be pulled"}}}
        return self._all(lambda name: self._admin.merge("jobs", name, body), names)

    def _all(self, act: Callable[[str], Any], names: Iterable[str]) -> float:
        began = time.monotonic()
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(act, names))
        return time.monotonic() - began

    def talk(self, lines: int, pause: float) -> str:
        """A training run that prints so many lines, `pause` seconds after each PIECE, and NEEDLE near the end; its
        name, once it has begun."""
        pieces, rest = divmod(lines - 2, PIECE)
        steps = ["line begun", f"sleep {HEAD_START}"]
        steps += [f"lines {PIECE} 0 12; sleep {pause}"] * pieces
        steps += [f"line {NEEDLE}", f"lines {rest} 0 12"]
        name = self.runs.train("; ".join(steps))
        until = time.monotonic() + 60
        while self.runs.runner.status(name).phase == "Pending":
            if time.monotonic() > until:
                raise RuntimeError(f"the pod does not start: {self.runs.runner.status(name).reason}")
            time.sleep(0.1)
        return name

    def close(self) -> None:
        """Remove the namespace with all that is in it; waits for that."""
        kubectl = functools.partial(self.runs.kubectl, "delete", "--ignore-not-found")
        kubectl("jobs,pods", "--all", "--wait=false", "--grace-period=0")
        kubectl("namespace", self.namespace, "--timeout=120s")
