"""Runs that can't start or fail on a real cluster: the command that waits says why in one line and with exit code 1."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kubernetes.real import until
from tests.support import require
from tests.whole.person import GRACE, TINY, Person

ODD = "it's \"odd\"; $(touch x) `y` & | > é漢\n%s {b} \\n $HOME $(HOME) $$"
ODD_NAME = "it's \"odd\"; $(touch x) `y` & | > é漢\n.ipynb"


@pytest.fixture(autouse=True)
def nothing_left(person: Person) -> Iterator[None]:
    """After stop, which is what the lines here advise, nothing is left."""
    yield
    person.clear()
    assert person.temporary() == []


NO_GPU = "no node has 1 free nvidia.com/gpu: 0/1 nodes are available: 1 Insufficient nvidia.com/gpu"
TRAIN, SERVE = ("train", "tiny.ipynb"), ("serve", "tiny.ipynb:print")
WAITING: list[tuple[tuple[str, ...], str]] = [  # (words, what the line says): none of it starts
    ((*TRAIN, "--gpu", "1"), NO_GPU),
    ((*SERVE, "--gpu", "1"), NO_GPU),
    ((*TRAIN, "--cpu", "900"), "no node takes it: 0/1 nodes are available: 1 Insufficient cpu"),
    ((*TRAIN, "--secret", "no-such"), "there is no secret 'no-such' in the namespace"),
    ((*TRAIN, "--image", "WRONG"), "image WRONG can't be pulled: the registry has no such image"),
]


def test_runs_that_cannot_start(person: Person, image: str) -> None:
    wrong = f"{person.cluster.registry}/{person.prefix}/shared@sha256:{'0' * 64}"
    common = ("--name", "NAME", "--wait", "--start-timeout", "10s")
    runs = [[wrong if each == "WRONG" else each for each in words] for words, _ in WAITING]
    told = person.all_refused([(*words[:2], "--image", image, *words[2:], *common) for words in runs])
    for error, (_, says) in zip(told, WAITING, strict=True):
        why = f"could not start within 10 s: {says.replace('WRONG', wrong)}"
        assert error.text == f"nbcontainer: NAME failed: {why} — remove it with: nbcontainer stop NAME --target test"
        assert error.stage == "run"
    assert until(lambda: person.objects("pods") == [])


@pytest.fixture
def quota(person: Person) -> Iterator[str]:
    """No memory at all in the namespace, while the test lasts."""
    person.kubectl("create", "quota", "refusals", "--hard=limits.memory=1Mi")
    until(lambda: "limits.memory" in person.kubectl("get", "quota", "refusals", "-o", "jsonpath={.status.used}"))
    yield "refusals"
    person.kubectl("delete", "quota", "refusals")


def test_a_quota_that_is_exceeded(person: Person, image: str, quota: str) -> None:
    words = ("--name", "NAME", "--image", image, "--memory", "1Gi", "--wait", "--start-timeout", "3s")
    for error in person.all_refused([(*TRAIN, *words), (*SERVE, *words)]):
        assert f"could not start within 3 s: exceeded quota {quota}: requested: limits.memory=1Gi" in error.text
    assert person.objects("pods") == []


@pytest.fixture
def closed(person: Person) -> Iterator[None]:
    """No Jobs and Services may be made in the namespace, while the test lasts."""
    person.kubectl("create", "quota", "closed", "--hard=count/jobs.batch=0,count/deployments.apps=0")
    until(lambda: "jobs" in person.kubectl("get", "quota", "closed", "-o", "jsonpath={.status.used}"))
    yield
    person.kubectl("delete", "quota", "closed")


@pytest.mark.usefixtures("closed")
def test_a_quota_of_objects(person: Person, image: str) -> None:
    for words, kind in ((TRAIN, "jobs.batch"), (SERVE, "deployments.apps")):
        error = person.refused(1, *words, "--name", "NAME", "--image", image)
        assert f"exceeded quota closed: requested: count/{kind}=1" in error.text
        assert error.stage == "target"
        assert person.objects() == [], "the Service of a Deployment that may not be is gone"


# ---------------------------------------------------------------- it starts, and fails
FAILING: dict[str, tuple[list[str], list[str], str]] = {  # (cells, words, what the line says)
    "exception": (["def f():\n    raise ValueError('no digits\\nhere')", "f()"], [],
                  "cell 3: ValueError: no digits here"),
    "exit": (["import sys", "sys.exit(3)"], [], "exit code 3"),
    "memory": (["x = b'1' * 500 * 2**20"], ["--memory", "48Mi"], "out of memory: killed at its limit of 48Mi"),
}


def test_runs_that_fail(person: Person) -> None:
    runs = []
    for case, (cells, words, _) in FAILING.items():
        path = person.notebook(f"{case}.ipynb", "", *cells)
        runs.append(("train", str(path), "--name", "NAME", "--wait", *words))
    for error, (_, _, says) in zip(person.all_refused(runs), FAILING.values(), strict=True):
        assert error.text == f"nbcontainer: NAME failed: {says} — see its log with: nbcontainer logs NAME --target test"
        assert error.stage == "run"


def test_a_run_that_somebody_stops(person: Person, image: str) -> None:
    running = person.start(*TRAIN, "--name", "refusals-stopped", "--image", image, "-p", "seconds=60", "--follow", "-q")
    assert running.stdout
    assert running.stdout.readline() == "TEXT ''\n"
    person.run("stop", "refusals-stopped")
    _, said = running.communicate(timeout=GRACE)
    assert running.returncode == 1
    told = "nbcontainer: refusals-stopped was stopped before its end — nbcontainer runs lists what there is"
    assert said.splitlines()[-1] == told


# ---------------------------------------------------------------- odd names and values
def test_odd_names_and_values_arrive_in_the_pod(person: Person) -> None:
    folder = person.work / "a b's; $(touch x)\né"
    folder.mkdir()
    path = person.notebook(ODD_NAME, *TINY, folder=folder)
    shown = person.run("train", str(path), "--name", "refusals-odd", "-p", f"text={ODD}", "--env", f"ODD={ODD}",
                       "--follow")
    assert f"TEXT {ODD!a}" in shown.splitlines()
    assert f"ENV {ODD!a}" in shown.splitlines()
    assert "Succeeded" in shown
    assert person.run("logs", "training", "--notebook", str(path)).splitlines()[0] == f"TEXT {ODD!a}"
    assert not list(person.home.rglob("[xy]"))


# ---------------------------------------------------------------- where nothing can be written
@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A disk of four megabytes."""
    place = tmp_path / "a disk"
    place.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(place)], check=False)
    require(done.returncode == 0, "a small disk of the test's own: mount takes root")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk(person: Person, small: Path) -> None:
    error = person.refused(1, "train", "tiny.ipynb", env={"NBCONTAINER_CACHE": str(small)})
    assert f"{small}/store: No space left on device — free some space or set NBCONTAINER_CACHE" in error.text
    assert error.stage == "build"
    assert person.temporary(small) == []
    assert person.objects() == []


def test_a_full_disk_for_the_image(person: Person, small: Path) -> None:
    for kind in ("oci", "oci-archive"):
        error = person.refused(1, "build", "tiny.ipynb", "--output", f"{kind}:{small}/NAME")
        assert f"{small}/NAME can't be written: No space left on device — name another place" in error.text
        assert list(small.iterdir()) == []


def test_a_cache_that_cannot_be_written(person: Person, small: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small)], check=True)
    file = person.work / "tiny.ipynb"
    for place, says in ((small, "Read-only file system"), (file, "Not a directory")):
        error = person.refused(1, "train", "tiny.ipynb", env={"NBCONTAINER_CACHE": str(place)})
        assert f"{place}/" in error.text
        assert f"can't be made: {says} — set NBCONTAINER_CACHE to a folder that you may write" in error.text


def test_a_folder_that_cannot_be_written(person: Person, small: Path) -> None:
    """Nothing is written beside a notebook: it builds, and its function is taken from a copy."""
    path = person.notebook("read only.ipynb", *TINY, "open('made', 'w').close()", "def double(x):\n    return 2 * x",
                           folder=small)
    subprocess.run(["mount", "-o", "remount,ro", str(small)], check=True)
    person.run("serve", f"{path}:double", "--replicas", "0", "--name", "refusals-read-only")
    assert [each.name for each in small.iterdir()] == [path.name]
    person.run("stop", "refusals-read-only")
