"""A pod without a Docker socket, its image built by nbcontainer: Jupyter in it containerizes and trains."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.instance import ACCOUNT
from tests.conftest import Cluster
from tests.support import require
from tests.whole.jupyter import Jupyter

ROOT = Path(__file__).parents[2]
TOKEN = "in-the-pod"
LAB = "import jupyterlab, ipykernel, ipywidgets, kubernetes, sklearn, matplotlib\n"
WORK = (  # what a person does in the pod
    "%load_ext nbcontainer",
    "%containerize",
    "%train --name $name --follow",
)


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with nbcontainer installed as users have it, and with all else that the tests' has."""
    place = tmp_path_factory.mktemp("lab")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", str(place), str(ROOT)], check=True)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(place / "venv")], check=True)
    found = place / "venv" / "bin" / "python"
    wheel = next(place.glob("nbcontainer-*.whl"))
    subprocess.run([*pip, "--python", str(found), "install", "--no-deps", "--no-index", str(wheel)], check=True)
    site = next((place / "venv" / "lib").glob("python*/site-packages"))
    (site / "more.pth").write_text(str(next(Path(sys.prefix).glob("lib/python*/site-packages"))) + "\n")
    return found


@pytest.fixture(scope="module")
def image(python: Path, cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The image with Jupyter in it, pushed: its reference by digest."""
    folder = tmp_path_factory.mktemp("build")
    cell = {"cell_type": "code", "id": "a", "metadata": {}, "execution_count": None, "outputs": [], "source": LAB}
    book = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (folder / "lab.ipynb").write_text(json.dumps(book))
    command = [str(python), "-m", "nbcontainer.cli", "build", str(folder / "lab.ipynb"), "--python", str(python),
               "--include", "nbcontainer", "--push", "--json", "--quiet"]
    env = {**os.environ, "NBCONTAINER_CACHE": str(folder / "cache"), "NBCONTAINER_PLAIN_HTTP": "1",
           "NBCONTAINER_REGISTRY": f"{cluster.registry}/pod"}
    env.pop("PYTHONPATH", None)
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return str(json.loads(done.stdout)["reference"])


def pod(name: str, image: str, cluster: Cluster) -> dict[str, Any]:
    """What the restricted level lets through: no root, no capability, no writable root, no socket."""
    mounts = {"tmp": "/tmp", "work": "/work", "outputs": "/outputs"}
    container = {
        "name": "main",
        "image": image.partition("@")[0].rpartition(":")[0] + "@" + image.partition("@")[2],
        "command": ["jupyter", "lab"],
        "args": ["--ip=0.0.0.0", "--no-browser", f"--IdentityProvider.token={TOKEN}", "--ServerApp.root_dir=/work"],
        "ports": [{"containerPort": 8888}],
        "readinessProbe": {"tcpSocket": {"port": 8888}, "periodSeconds": 1},
        "env": [
            {"name": "NBCONTAINER_REGISTRY", "value": f"{cluster.registry}/from-pod"},
            {"name": "NBCONTAINER_PLAIN_HTTP", "value": "1"},
        ],
        "securityContext": {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True,
                            "capabilities": {"drop": ["ALL"]}},
        "volumeMounts": [{"name": key, "mountPath": path} for key, path in mounts.items()],
        "resources": {"requests": {"cpu": "250m", "memory": "512Mi"}, "limits": {"cpu": "2", "memory": "3Gi"}},
    }
    spec = {
        "serviceAccountName": ACCOUNT,
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 1,
        "securityContext": {"runAsNonRoot": True, "runAsUser": 65532, "runAsGroup": 65532, "fsGroup": 65532,
                            "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
        "volumes": [{"name": key, "emptyDir": {}} for key in mounts],
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


@pytest.fixture(scope="module")
def jupyter(image: str, cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jupyter]:
    require(shutil.which(cluster.kubectl), "kubectl is needed")
    name = f"lab-{os.urandom(3).hex()}"
    kubectl = [cluster.kubectl, "--kubeconfig", str(cluster.admin), "-n", cluster.restricted]
    subprocess.run([*kubectl, "apply", "-f", "-"], input=json.dumps(pod(name, image, cluster)), text=True, check=True,
                   capture_output=True)
    forward = None
    try:
        subprocess.run([*kubectl, "wait", f"pod/{name}", "--for=condition=Ready", "--timeout=180s"], check=True,
                       capture_output=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        forward = subprocess.Popen([*kubectl, "port-forward", f"pod/{name}", f"{port}:8888"],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        server = Jupyter(f"http://127.0.0.1:{port}", TOKEN)
        server.ready(60)
        yield server
    finally:
        if forward is not None:
            forward.terminate()
            forward.wait()
        subprocess.run([*kubectl, "delete", "pod", name, "--wait=false"], check=False, capture_output=True)


def test_a_notebook_in_a_pod_containerizes_and_trains(jupyter: Jupyter, cluster: Cluster, image: str) -> None:
    name = f"from-pod-{os.urandom(3).hex()}"
    book = json.loads((ROOT / "examples/digits/digits.ipynb").read_text())
    work = [text.replace("$name", name) for text in WORK]
    for number, text in enumerate(work):
        book["cells"].append({"cell_type": "code", "id": f"work-{number}", "metadata": {}, "execution_count": None,
                              "outputs": [], "source": text})
    jupyter.save("digits.ipynb", book)
    jupyter.save("digits_tools.py", (ROOT / "examples/digits/digits_tools.py").read_text())
    kernel = jupyter.session("digits.ipynb")
    jupyter.run(kernel, work[0], 60)
    built = jupyter.run(kernel, work[1], 240)
    digest = re.search(r"sha256:[0-9a-f]{64}", built)
    assert digest, built
    trained = jupyter.run(kernel, work[2], 240)
    assert re.search(r"^accuracy 0\.\d+$", trained, re.M), trained
    assert "Succeeded" in trained
    assert f"{cluster.registry}/from-pod/digits@{digest[0]}" in trained
    jupyter.run(kernel, f"%stop {name}", 60)
    on_pod = jupyter.run(kernel, "%containerize --base pod", 240)  # the image that the kernel itself runs in
    assert f"base {image.partition('@')[0].rpartition(':')[0]}@{image.partition('@')[2]}" in on_pod, on_pod
