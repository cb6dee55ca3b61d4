"""Ctrl-C on the whole path: exit code 130, one line, nothing half done, and what runs goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cluster import build
from tests.kubernetes.real import until
from tests.registry.proxy import Fault, Proxy
from tests.whole.person import GRACE, TINY, Person

STOPS = [signal.SIGINT, signal.SIGTERM]


@pytest.fixture(autouse=True)
def nothing_left(person: Person) -> Iterator[None]:
    yield
    person.clear()
    assert person.temporary() == []


def read_until(running: subprocess.Popen[str], words: str) -> str:
    """The lines on stderr up to the one that has `words`."""
    assert running.stderr
    seen = []
    for line in running.stderr:
        seen.append(line)
        if words in line:
            return "".join(seen)
    raise AssertionError(f"{words!r} was never said: {''.join(seen)}")


def interrupt(running: subprocess.Popen[str], number: signal.Signals = signal.SIGINT, times: int = 1) -> str:
    """Interrupt it as a terminal does, impatiently `times`; gives the one line that it says then."""
    os.killpg(running.pid, number)
    for _ in range(times - 1):
        time.sleep(0.01)
        os.killpg(running.pid, number)
    _, said = running.communicate(timeout=GRACE)
    assert running.returncode == 130, said
    lines = [line for line in said.splitlines() if line.startswith("nbcontainer: ")]
    assert len(lines) == 1, said
    assert said.splitlines()[-1] == lines[0], said
    assert "Traceback" not in said
    return lines[0]


@pytest.mark.parametrize("number", STOPS)
def test_while_it_packs(person: Person, tmp_path: Path, number: signal.Signals) -> None:
    env = {"NBCONTAINER_CACHE": str(tmp_path)}
    running = person.start("train", "tiny.ipynb", env=env)
    read_until(running, "packing")
    assert interrupt(running, number) == "nbcontainer: interrupted"
    assert person.temporary(tmp_path) == []
    assert person.objects() == []
    assert person.tags(f"{person.prefix}/tiny") == []
    person.run("build", "tiny.ipynb", env=env)


def test_while_it_runs_the_notebook(person: Person) -> None:
    path = person.notebook("slow.ipynb", TINY[0], f"open({str(person.scratch / 'pid')!r}, 'w').write('x')",
                           "import subprocess\nsubprocess.run(['sleep', '4321'])", "def double(x):\n    return 2 * x")
    running = person.start("serve", f"{path}:double")
    read_until(running, "cell 3 of 4")
    assert interrupt(running) == "nbcontainer: interrupted"
    (person.scratch / "pid").unlink()
    assert person.temporary() == []
    assert subprocess.run(["pgrep", "-f", "sleep 4321"], check=False, capture_output=True).stdout == b""
    assert person.tags(f"{person.prefix}/slow") == []


@pytest.fixture
def slow(person: Person) -> Iterator[Proxy]:
    """The cluster's registry on a line that holds large uploads back."""
    proxy = Proxy(person.cluster.registry, *(
        Fault(method, "/blobs/uploads/", times=99, larger=500_000, wait=3.0) for method in ("PATCH", "PUT", "POST")))
    yield proxy
    proxy.close()


@pytest.mark.parametrize("number", STOPS)
def test_while_it_pushes(person: Person, slow: Proxy, number: signal.Signals) -> None:
    repository = f"{person.prefix}/interrupted-{number.name.lower()}"
    place = f"{slow.host}/{repository}:v1"
    running = person.start("train", "tiny.ipynb", "--image", place)
    until(lambda: any(length > 500_000 for _, _, length in slow.seen))
    assert interrupt(running, number) == "nbcontainer: interrupted"
    assert person.tags(repository) == []
    assert person.objects() == []
    slow.faults.clear()
    person.run("build", "tiny.ipynb", "--push", "--image", place)
    command = [f"{build.built()}/nbaddons", "crane", "validate", "--insecure", "--remote"]
    assert "PASS" in person.tool(*command, f"{person.cluster.registry}/{repository}:v1")


ATTACHED: dict[str, tuple[list[str], Callable[[subprocess.Popen[str]], object]]] = {
    "follow": (["--follow"], lambda running: running.stdout and running.stdout.readline()),
    "wait": (["--wait"], lambda running: read_until(running, "Running")),
}


@pytest.mark.parametrize("case", ATTACHED)
def test_while_it_is_attached(person: Person, image: str, case: str) -> None:
    words, attached = ATTACHED[case]
    name = f"refusals-{case}"
    running = person.start("train", "tiny.ipynb", "--image", image, "--name", name, "-p", "seconds=60", *words)
    attached(running)
    told = interrupt(running)
    assert told.startswith(f"nbcontainer: detached from {name}, which goes on — nbcontainer ")
    status = json.loads(person.run("status", name, "--json"))
    assert status["phase"] == "Running"
    again = person.start(*told.rpartition("nbcontainer ")[2].split())  # the line says how to come back
    assert again.stdout
    assert again.stdout.readline()
    if case == "follow":
        assert interrupt(again, times=5).startswith(f"nbcontainer: detached from {name}")
    else:
        again.communicate(timeout=GRACE)
