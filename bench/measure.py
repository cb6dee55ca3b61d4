"""What a step costs: seconds, peak memory, requests and bytes at the registry, layers that are new.

What this is: measuring, and the numbers made of it. What it is not: what is measured (ours.py, rivals.py).
In the flow: run.py measures tools with it and hands the numbers to page.py.
"""

from __future__ import annotations

import gzip
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tests.registry_server import Registry

MANIFESTS = "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json"
PATIENCE = 240.0  # seconds that any one command has
_SETTLED = 0.03  # seconds after which the registry's log holds the last request


class Failed(Exception):
    """A command ended badly, or a tool can't run here; the text is one line."""


@dataclass(frozen=True)
class Ran:
    seconds: float
    output: str
    peak: float = 0.0  # MB, the largest single process among the command and what it waited for


@dataclass(frozen=True)
class Wire:
    """What a registry saw: requests, and bytes of bodies in both directions."""

    requests: int
    bytes: int


_SMALL = """
import os, resource, subprocess, sys
code = subprocess.call(sys.argv[2:])
with open(sys.argv[1], "w") as file:
    file.write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))
sys.exit(code)
"""


def weighed(command: Sequence[str], *, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> Ran:
    """run() with the peak memory, from a small process: a child's peak begins with what its parent holds."""
    with tempfile.NamedTemporaryFile() as peak:
        ran = run([sys.executable, "-S", "-c", _SMALL, peak.name, *command], env=env, cwd=cwd)
        return replace(ran, peak=int(peak.read()) / 1024)


def run(command: Sequence[str], *, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> Ran:
    """Run `command` to its end. Raises Failed with the last line that it printed."""
    with tempfile.TemporaryFile() as output:
        began = time.perf_counter()
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, cwd=cwd,
            env={**os.environ, **(env or {})},
        )
        timer = threading.Timer(PATIENCE, process.kill)
        timer.start()
        process.wait()
        seconds = time.perf_counter() - began
        timer.cancel()
        output.seek(0)
        said = output.read().decode(errors="replace").strip()
    if process.returncode:
        last = said.splitlines()[-1][:300] if said else "it printed nothing"
        raise Failed(f"{' '.join(command[:2])} ended with {process.returncode}: {last}")
    return Ran(seconds, said)


class Counter:
    """Counts what one registry sees between start() and stop()."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._before = 0

    def start(self) -> None:
        time.sleep(_SETTLED)
        self._before = len(self._registry.requests())

    def stop(self) -> Wire:
        time.sleep(_SETTLED)
        seen = self._registry.requests()[self._before :]
        return Wire(len(seen), sum(each.received + each.sent for each in seen))


def layers(place: str) -> list[str]:
    """Digests of the layers of the image at `place` ("host/repository:tag"), [] when there is none."""
    host, _, rest = place.partition("/")
    repository, _, tag = rest.rpartition(":")
    request = urllib.request.Request(f"http://{host}/v2/{repository}/manifests/{tag}", headers={"Accept": MANIFESTS})
    try:
        with urllib.request.urlopen(request) as answer:
            return [each["digest"] for each in json.load(answer)["layers"]]
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return []
        raise


def holds(place: str, digest: str, text: str) -> bool:
    """Whether the layer `digest` of the image at `place` has `text` in it."""
    host, _, rest = place.partition("/")
    repository = rest.rpartition(":")[0]
    with urllib.request.urlopen(f"http://{host}/v2/{repository}/blobs/{digest}") as answer:
        return text.encode() in gzip.decompress(answer.read())


@dataclass(frozen=True)
class Numbers:
    """Seconds of one step of one tool, in the order in which they were measured."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def least(self) -> float:
        return min(self.values)

    @property
    def p95(self) -> float:
        ordered = sorted(self.values)
        return ordered[math.ceil(0.95 * len(ordered)) - 1]
