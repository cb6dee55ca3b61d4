"""What the registry tests share: a real registry, images to push, a home without logins, other tools' judgement."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nbcontainer.builders import native
from nbcontainer.image import http as wire
from nbcontainer.image import push as pushes
from nbcontainer.image import registry as registries
from nbcontainer.image.reference import parse
from nbcontainer.image.store import Store
from nbcontainer.model import Base, BuiltImage, Emit, Entry, ImagePlan, LayerPlan, silent
from tests.cluster import build, instance
from tests.registry.proxy import Fault, Proxy
from tests.registry_server import Registry, start_registry
from tests.support import require

_SPEAKING = ("DOCKER_CONFIG", "REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "SSL_CERT_FILE",
             "SSL_CERT_DIR", "NBCONTAINER_PLAIN_HTTP_LOGIN")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A user without logins, settings or a cache, in a process that has spoken to nobody yet."""
    place = tmp_path / "home"
    place.mkdir()
    monkeypatch.setenv("XDG_CACHE_HOME", str(instance.cache().parents[1]))  # where the built programs are
    monkeypatch.setenv("HOME", str(place))
    for name in list(os.environ):
        if name in _SPEAKING or name.startswith("NBCONTAINER_REGISTRY") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("NBCONTAINER_CACHE", str(tmp_path / "cache"))
    new_process()
    yield place
    new_process()


def new_process() -> None:
    """Forget what this process learned of registries, as a new one would know nothing."""
    for client in wire._clients.values():
        client.close()
    wire._clients.clear()
    registries._hosts.clear()


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """An open registry on loopback."""
    found = start_registry(tmp_path_factory.mktemp("registry"))
    yield found
    found.close()


@pytest.fixture
def proxied(registry: Registry) -> Iterator[Callable[..., Proxy]]:
    """Make a proxy before the open registry: proxied(Fault(...), …, mounts=…, single=…)."""
    made: list[Proxy] = []

    def make(*faults: Fault, mounts: bool = True, single: bool = False) -> Proxy:
        made.append(Proxy(registry.host, *faults, mounts=mounts, single=single))
        return made[-1]

    yield make
    for each in made:
        each.close()


def image(notebook: str = "print(1)", *, library: int = 300_000, seed: int = 1) -> BuiltImage:
    """An image of two library layers (`library` incompressible bytes, and a few) and the notebook's."""
    noise = random.Random(seed).randbytes(library)
    layers = [
        _layer("numpy 2.0", {"opt/lib/numpy.so": noise}),
        _layer("six 1.0", {"opt/lib/six.py": b"import sys\n" + noise[:10]}),
        _layer("notebook", {"app/nb.py": notebook.encode()}),
    ]
    plan = ImagePlan(Base("host", "/usr/bin/python3"), tuple(layers), "linux/amd64", {"A": "b"}, {"io.x": "y"},
                     ("/usr/bin/python3",), ("train",))
    return native.build(plan, Store(), silent)


def _layer(content: str, files: dict[str, bytes]) -> LayerPlan:
    key = hashlib.sha256(repr((content, files)).encode()).hexdigest()
    return LayerPlan(content, key, lambda: [Entry(path, source=data) for path, data in files.items()])


def push(built: BuiltImage, place: str, *, ca: str = "", plain_http: bool = False, emit: Emit = silent) -> str:
    """Push to `place` ("host/repository[:tag]") as make.push does; the default tag is the digest's start."""
    to = parse(place)
    to = to if to.tag else to.with_tag(built.digest[7:19])
    return pushes.push(built, to, tags=[to.tag], ca=ca, plain_http=plain_http, emit=emit)


def digest_at(place: str) -> str:
    """The digest that a tag has for skopeo, "" when there is none."""
    require(shutil.which("skopeo"), "skopeo is not installed")
    command = ["skopeo", "inspect", "--tls-verify=false", "--no-tags", f"docker://{place}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode and "manifest unknown" in done.stderr:
        return ""
    assert not done.returncode, done.stderr
    return str(json.loads(done.stdout)["Digest"])


def validate(place: str) -> None:
    """Have crane read the image at `place` whole: every digest, size and diffID."""
    assert "PASS" in crane("validate", "--insecure", "--remote", place)


def crane(*arguments: str) -> str:
    """What crane printed; the test fails where crane does."""
    programs = build.built()
    require(programs, "the test cluster's programs are not built: python -m tests.cluster build")
    command = [str(programs / "nbaddons"), "crane", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr
    return done.stdout + done.stderr
