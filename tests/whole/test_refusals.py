"""Bad input on the whole path: one clear line, the exit code that scripts rely on, and nothing left behind."""

from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster import build
from tests.cluster.keys import Authority
from tests.registry.proxy import Fault, Proxy
from tests.registry_server import start_registry
from tests.whole.person import TINY, Person

FOR_GOOD = 999


@pytest.fixture(autouse=True)
def nothing_left(person: Person) -> Iterator[None]:
    """What no refusal leaves: runs, temporary files, files beside the notebook, a tag of the target's registry."""
    before = sorted(person.work.rglob("*"))
    yield
    assert person.temporary() == []
    assert [each for each in sorted(person.work.rglob("*")) if each.suffix != ".ipynb"] == [
        each for each in before if each.suffix != ".ipynb"]
    assert person.objects() == []


# ---------------------------------------------------------------- the notebook
def old(person: Person) -> Path:
    path = person.work / "old.ipynb"
    path.write_text(json.dumps({"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": []}))
    return path


def text(person: Person) -> Path:
    path = person.work / "text.ipynb"
    path.write_text("print(1)")
    return path


NOTEBOOKS: dict[str, tuple[Callable[[Person], Path], str, str]] = {  # (it, stage, what the line says)
    "missing": (lambda p: p.work / "missing.ipynb", "notebook", "missing.ipynb"),
    "not json": (text, "notebook", "text.ipynb is not JSON"),
    "nbformat 3": (old, "notebook", "nbformat 3"),
    "another language": (
        lambda p: p.notebook("r.ipynb", "x", kernelspec={"name": "ir", "language": "R"}), "notebook", "R"),
    "kernelspec": (
        lambda p: p.notebook("k.ipynb", "x", kernelspec={"name": "nö; $(x)", "language": "python"}),
        "environment", "k.ipynb names the kernelspec 'nö; $(x)'"),
    "import": (lambda p: p.notebook("i.ipynb", "x = 1", "import no_such_thing"), "environment", "cell 2"),
    "syntax": (lambda p: p.notebook("s.ipynb", "x = 1", "y = 1\nz = = 2"), "notebook", "s.ipynb, cell 2, line 2"),
}


@pytest.mark.parametrize("case", NOTEBOOKS)
def test_a_notebook_that_cannot_be(person: Person, case: str) -> None:
    make, stage, says = NOTEBOOKS[case]
    path = make(person)
    error = person.refused(2, "train", str(path), "--name", "NAME")
    assert error.stage == stage
    assert says in error.text
    assert person.tags(f"{person.prefix}/{path.stem}") == []


# ---------------------------------------------------------------- the registry
@pytest.fixture
def proxied(person: Person) -> Iterator[Callable[..., Proxy]]:
    """Make a proxy before the cluster's registry: proxied(Fault(...), ...)."""
    made: list[Proxy] = []

    def make(*faults: Fault) -> Proxy:
        made.append(Proxy(person.cluster.registry, *faults))
        return made[-1]

    yield make
    for each in made:
        each.close()


def every(status: int) -> list[Fault]:
    return [Fault(method, "/v2/.", times=FOR_GOOD, status=status) for method in ("GET", "HEAD", "POST", "PUT")]


def push_is_refused(person: Person, place: str, says: str, **env: str) -> None:
    """A training run whose image can't be pushed is no run."""
    error = person.refused(1, "train", "tiny.ipynb", "--name", "NAME", "--image", f"{place}:v1", env=env)
    assert error.stage == "registry"
    assert says in error.text
    assert place in error.text


def test_a_registry_that_is_down(person: Person) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        place = f"127.0.0.1:{server.getsockname()[1]}/x"
    push_is_refused(person, place, "refuses the connection — is the registry running there")


def test_a_registry_that_asks_for_a_login(person: Person, tmp_path: Path) -> None:
    locked = start_registry(tmp_path, htpasswd={"ada": "secret"})
    try:
        push_is_refused(person, f"{locked.host}/x", "asks for a login (401)")
    finally:
        locked.close()


def test_a_registry_that_denies(person: Person, proxied: Callable[..., Proxy]) -> None:
    push_is_refused(person, f"{proxied(*every(403)).host}/{person.prefix}/denied", "denies it (403)")
    assert person.tags(f"{person.prefix}/denied") == []


def test_a_registry_with_a_certificate_of_an_unknown_authority(person: Person, tmp_path: Path) -> None:
    tls = start_registry(tmp_path / "tls", tls=Authority(tmp_path / "ca", "nobody's CA"))
    try:
        push_is_refused(person, f"{tls.host}/x", "signed by an authority unknown here")
    finally:
        tls.close()


def broken(times: int) -> list[Fault]:
    return [Fault(method, "/blobs/uploads/", times=times, larger=1_000_000, cut=1_000_000) for method in
            ("PATCH", "PUT", "POST")]


def test_a_registry_that_breaks_off_for_good(person: Person, proxied: Callable[..., Proxy]) -> None:
    push_is_refused(person, f"{proxied(*broken(FOR_GOOD)).host}/{person.prefix}/broken", "broke off the connection")
    assert person.tags(f"{person.prefix}/broken") == []


def test_a_push_that_breaks_off_is_carried_on(person: Person, proxied: Callable[..., Proxy]) -> None:
    proxy = proxied(*broken(1))
    person.run("build", "tiny.ipynb", "--push", "--image", f"{proxy.host}/{person.prefix}/resumed:v1")
    assert any(fault.times == 0 for fault in proxy.faults), "nothing was cut"
    command = [f"{build.built()}/nbaddons", "crane", "validate", "--insecure", "--remote"]
    place = f"{person.cluster.registry}/{person.prefix}/resumed:v1"
    assert "PASS" in person.tool(*command, place)


# ---------------------------------------------------------------- the cluster
def kubeconfig(person: Person, change: Callable[[Any], None], folder: Path) -> dict[str, str]:
    found = yaml.safe_load(person.cluster.kubeconfig.read_text())
    change(found)
    path = folder / "it's a $(config)"
    path.write_text(yaml.safe_dump(found))
    return {"NBCONTAINER_KUBECONFIG": str(path)}


def test_no_cluster(person: Person, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        nobody = f"https://127.0.0.1:{server.getsockname()[1]}"
    env = kubeconfig(person, lambda c: c["clusters"][0]["cluster"].update(server=nobody), tmp_path)
    error = person.refused(1, "train", "tiny.ipynb", env=env)
    assert f"the cluster at {nobody} can't be reached: connection refused" in error.text
    assert error.stage == "target"


SETTINGS: dict[str, tuple[dict[str, str], str]] = {
    "kubeconfig": ({"NBCONTAINER_KUBECONFIG": "/no such/$(config)"}, "no kubeconfig at /no such/$(config)"),
    "context": ({"NBCONTAINER_CONTEXT": "nö; $(x)"}, "has no context 'nö; $(x)' — it has: test"),
    "cpu": ({"NBCONTAINER_CPU": "many"}, "NBCONTAINER_CPU: 'cpu' can't be 'many' — write 2 or 500m"),
    "registry": ({"NBCONTAINER_REGISTRY": "no such/$(x)"}, "no such/$(x)"),
}


@pytest.mark.parametrize("case", SETTINGS)
def test_a_setting_that_cannot_be(person: Person, case: str) -> None:
    env, says = SETTINGS[case]
    error = person.refused(2, "train", "tiny.ipynb", env=env)
    assert says in error.text
    assert error.stage in ("configuration", "usage")


def test_no_engine(person: Person) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        nobody = f"tcp://127.0.0.1:{server.getsockname()[1]}"
    error = person.refused(1, "train", "tiny.ipynb", "--target", "local", env={"NBCONTAINER_ENGINE": nobody})
    assert f"the target's engine {nobody} does not answer: connection refused — start it" in error.text


def test_credentials_that_the_cluster_does_not_know(person: Person, tmp_path: Path) -> None:
    env = kubeconfig(person, lambda c: c["users"][0]["user"].update(token="expired"), tmp_path)
    error = person.refused(1, "train", "tiny.ipynb", env=env)
    assert "the cluster does not accept the credentials (401) — log in to the cluster again" in error.text


def test_a_namespace_where_the_account_may_nothing(person: Person) -> None:
    for words in (("train", "tiny.ipynb"), ("runs",), ("stop", "x")):
        error = person.refused(1, *words, "--namespace", "default")
        assert "nbcontainer may not " in error.text
        assert "in namespace default — ask its administrator for the Role" in error.text
    assert person.tags(f"{person.prefix}/tiny") == []


def test_a_name_of_another_notebook(person: Person, image: str) -> None:
    shutil.copy(person.work / "tiny.ipynb", person.work / "other.ipynb")
    person.run("serve", "other.ipynb:print", "--name", "refusals-other", "--replicas", "0", "--image", image)
    try:
        for words in (("train", "tiny.ipynb"), ("serve", "tiny.ipynb:print")):
            error = person.refused(1, *words, "--name", "refusals-other")
            assert f"the name 'refusals-other' belongs to {person.work}/other.ipynb of " in error.text
            assert error.text.endswith("choose another with --name")
        assert person.tags(f"{person.prefix}/tiny") == []
    finally:
        person.clear()


@pytest.mark.parametrize("kind", ["service", "deployment"])
def test_a_name_that_is_not_ours(person: Person, kind: str) -> None:
    made = {"service": ("clusterip", "refusals-theirs", "--tcp=80"), "deployment": ("refusals-theirs", "--image=x",
                                                                                    "--replicas=0")}
    person.kubectl("create", kind, *made[kind])
    try:
        error = person.refused(1, "serve", "tiny.ipynb:print", "--name", "refusals-theirs")
        assert f"the name 'refusals-theirs' belongs to a {kind} that nbcontainer did not make" in error.text
        assert person.tags(f"{person.prefix}/tiny") == []
        assert person.kubectl("get", kind, "refusals-theirs", "-o", "name")
    finally:
        person.kubectl("delete", kind, "refusals-theirs")


# ---------------------------------------------------------------- what is served
CALLABLES = {
    "nobody": "no cell defines 'nobody'",
    "number": "number is of type int, not a function",
    "locked": "locked uses lock (a lock), which can't be pickled",
}


@pytest.mark.parametrize("name", CALLABLES)
def test_a_callable_that_cannot_be_served(person: Person, name: str) -> None:
    path = person.notebook("serve.ipynb", TINY[0], "import threading\nlock = threading.Lock()\nnumber = 3",
                           "def locked(x):\n    with lock:\n        return x")
    error = person.refused(1, "serve", f"{path}:{name}")
    assert CALLABLES[name] in error.text
    assert error.stage == "state"
    assert person.tags(f"{person.prefix}/serve") == []
