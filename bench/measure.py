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
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
    peak: float  # MB, the largest single process among the command and what it waited for
    output: str


@dataclass(frozen=True)
class Wire:
    """What a registry saw: requests, and bytes of bodies in both directions."""

    requests: int
    bytes: int


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
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        timer.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        said = output.read().decode(errors="replace").strip()
    if process.returncode:
        last = said.splitlines()[-1][:300] if said else "it printed nothing"
        raise Failed(f"{' '.join(command[:2])} ended with {process.returncode}: {last}")
    return Ran(seconds, used.ru_maxrss / 1024, said)


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
