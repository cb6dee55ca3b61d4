"""One image, unchanged, under containerd (a kubelet), dockerd and podman; inside is what the kernel has."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from tests.cluster import build
from tests.conftest import Cluster
from tests.local import engines
from tests.support import require

CELL = """\
import importlib.metadata, json, platform, sys
import matplotlib, pandas, sklearn
inside = {d.metadata["Name"]: d.version for d in importlib.metadata.distributions()}
print("INSIDE", json.dumps({"python": platform.python_version(), "prefix": sys.prefix, "distributions": inside}))
"""


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("everywhere")
    cell = {"cell_type": "code", "id": "a", "metadata": {}, "execution_count": None, "outputs": [], "source": CELL}
    book = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (folder / "inside.ipynb").write_text(json.dumps(book))
    return folder


def run(work: Path, *words: str, **more: str) -> str:
    own = {"HOME": str(work), "XDG_CONFIG_HOME": str(work), "NBCONTAINER_CACHE": str(work / "cache")}
    env = {**os.environ, **own, **more}
    done = subprocess.run(
        [sys.executable, "-m", "nbcontainer.cli", *words, "--python", sys.executable, "--quiet"], env=env, cwd=work,
        capture_output=True, text=True, check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def image(work: Path, cluster: Cluster) -> dict[str, Any]:
    """The image as build tells of it, pushed."""
    found: dict[str, Any] = json.loads(run(work, "build", "inside.ipynb", "--push", "--json", **pushing(cluster)))
    return found


def pushing(cluster: Cluster) -> dict[str, str]:
    return {"NBCONTAINER_REGISTRY": f"{cluster.registry}/everywhere", "NBCONTAINER_PLAIN_HTTP": "1"}


def inside(shown: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(next(x for x in shown.splitlines() if x.startswith("INSIDE ")).partition(" ")[2])
    return found


def check(found: dict[str, Any], image: dict[str, Any]) -> None:
    """The interpreter, the distributions and their versions are those of the kernel here."""
    assert found["python"] == image["python"] == ".".join(map(str, sys.version_info[:3]))
    told = {each["name"].lower(): each["version"] for each in image["distributions"]}
    assert {name.lower(): version for name, version in found["distributions"].items()} == told
    assert {name: metadata.version(name) for name in told} == told
    assert {"scikit-learn", "pandas", "matplotlib", "numpy", "scipy"} <= set(told)


def on_the_cluster(work: Path, cluster: Cluster, *words: str, pull: str = "") -> tuple[str, dict[str, Any]]:
    """(the log, the run) of a training run on the cluster."""
    (work / "nbcontainer").mkdir(exist_ok=True)
    (work / "nbcontainer" / "nbcontainer.toml").write_text(
        f'[targets.test]\norchestrator = "kubernetes"\nkubeconfig = "{cluster.kubeconfig}"\n'
        f'namespace = "{cluster.namespace}"\nregistry = "{cluster.registry}/everywhere"\nplain_http = true\n'
        + (f'pull_registry = "{pull}"\n' if pull else "")
    )
    name = f"inside-{os.urandom(3).hex()}"
    shown = run(work, "train", "inside.ipynb", "--target", "test", "--name", name, "--follow", *words)
    stopped = subprocess.run(
        [sys.executable, "-m", "nbcontainer.cli", "stop", name, "--target", "test", "--json"], check=True, text=True,
        env={**os.environ, "XDG_CONFIG_HOME": str(work)}, cwd=work, capture_output=True,
    )
    return shown, json.loads(stopped.stdout)


def test_under_a_kubelet(work: Path, cluster: Cluster, image: dict[str, Any]) -> None:
    shown, status = on_the_cluster(work, cluster)
    assert status["image"].endswith(f"@{image['digest']}")
    check(inside(shown), image)


def test_the_registry_may_have_another_name_inside(work: Path, cluster: Cluster, image: dict[str, Any]) -> None:
    """Pushed by the one name, pulled by the other, which this machine doesn't know; --image skips the build."""
    require(cluster.alias, "this cluster's registry has one name only")
    shown, status = on_the_cluster(work, cluster, "--image", image["reference"], pull=f"{cluster.alias}/everywhere")
    assert status["image"] == f"{cluster.alias}/everywhere/inside@{image['digest']}"
    check(inside(shown), image)


@pytest.fixture(params=["docker", "podman"])
def engine(request: pytest.FixtureRequest) -> Iterator[str]:
    start = engines.dockerd if request.param == "docker" else engines.podman_service
    with tempfile.TemporaryDirectory(prefix="nbc-") as folder, start(Path(folder)) as url:
        yield url


def test_under_an_engine(work: Path, image: dict[str, Any], engine: str) -> None:
    shown = run(work, "train", "inside.ipynb", "--target", "local", "--name", "inside", "--follow",
                NBCONTAINER_ENGINE=engine)
    assert image["digest"][7:19] in shown  # the reference that ran
    check(inside(shown), image)
    subprocess.run([sys.executable, "-m", "nbcontainer.cli", "stop", "inside", "--target", "local"], check=True,
                   env={**os.environ, "NBCONTAINER_ENGINE": engine}, cwd=work, capture_output=True)


def test_other_tools_accept_it(image: dict[str, Any]) -> None:
    programs = build.built()
    require(programs, "the programs of tests/cluster are not built")
    place, _, digest = image["reference"].partition("@")
    validated = subprocess.run([f"{programs}/nbaddons", "crane", "validate", "--insecure", "--remote", place],
                               capture_output=True, text=True, check=False)
    assert "PASS" in validated.stdout, validated.stderr
    inspected = subprocess.run(["skopeo", "inspect", "--tls-verify=false", f"docker://{place}"], capture_output=True,
                               text=True, check=True)
    assert json.loads(inspected.stdout)["Digest"] == digest == image["digest"]
