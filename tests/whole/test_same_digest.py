"""Two users, two folders, two venvs on one interpreter; other umask, clock, locale and hash seed: one digest."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.keys import Authority
from tests.support import require

ROOT = Path(__file__).parents[2]
SYSTEM = "/usr/bin/python3"
NEEDS = ("cloudpickle", "pyelftools", "packaging", "PyYAML")  # what nbcontainer itself runs with
USES = ("numpy", "python-dateutil")  # one large with shared objects, one small that requires another
CELLS = (
    "import numpy as np\nfrom dateutil import parser\nimport helper",
    "seed = 1",
    "print(helper.double(np.arange(3)), open('data.csv').read())",
)


class Person:
    """Someone with a user id, a home, a venv, a notebook, and a way to start programs."""

    def __init__(self, name: str, uid: int, home: Path, *, umask: int, env: dict[str, str], before: list[str]) -> None:
        self.name, self.uid, self.home, self.umask, self.before = name, uid, home, umask, before
        self.env = {
            **{k: v for k, v in os.environ.items() if k.startswith(("PIP_", "SSL_", "REQUESTS_"))},
            "PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(home), "USER": name, **env,
        }
        self.python = str(home / "venv" / "bin" / "python")

    def run(self, *command: str, fake: bool = False) -> str:
        done = subprocess.run(
            [*(self.before if fake else []), *command], env=self.env, user=self.uid, group=self.uid, extra_groups=[],
            umask=self.umask, cwd=self.home, capture_output=True, text=True, check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def setup(self, wheels: Path, sources: Path) -> None:
        self.run(SYSTEM, "-m", "venv", self.python.removesuffix("/bin/python"))
        pip = [self.python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-index"]
        self.run(*pip, "--find-links", str(wheels), *NEEDS, *USES)
        self.env["PYTHONPATH"] = str(sources)

    def notebook(self, folder: str, *, ran: bool) -> Path:
        """The same cells; `ran` has outputs, counts and metadata as a used notebook has."""
        place = self.home / folder
        place.mkdir()
        cells = [
            {"cell_type": "code", "id": f"{self.name}{n}", "metadata": {"scrolled": True} if ran else {},
             "execution_count": n if ran else None, "source": text if ran else text.splitlines(keepends=True),
             "outputs": [{"output_type": "stream", "name": "stdout", "text": "1\n"}] if ran else []}
            for n, text in enumerate(CELLS, 1)
        ]
        cells[1]["metadata"] = {"tags": ["parameters"]}
        made = {"cells": cells, "metadata": {"language_info": {"name": "python", "version": f"3.{self.uid}"}},
                "nbformat": 4, "nbformat_minor": 5}
        (place / "the book.ipynb").write_text(json.dumps(made, indent=4 if ran else None))
        (place / "helper.py").write_text("def double(x):\n    return 2 * x\n")
        (place / "data.csv").write_text("a,b\n1,2\n")
        for path in (place, *place.iterdir()):
            os.chown(path, self.uid, self.uid)
        return place / "the book.ipynb"

    def build(self, notebook: Path) -> dict[str, Any]:
        command = [self.python, "-m", "nbcontainer.cli", "build", str(notebook), "--python", self.python, "--json"]
        found: dict[str, Any] = json.loads(self.run(*command, "--quiet", fake=True))
        return found


@pytest.fixture(scope="module")
def people() -> Iterator[tuple[Person, Person]]:
    require(os.geteuid() == 0, "root is needed to act for two users")
    require(sys.platform == "linux" and Path(SYSTEM).exists(), f"{SYSTEM} is needed")
    require(shutil.which("faketime"), "faketime is needed for another clock")
    top = Path(tempfile.mkdtemp(prefix="nbcontainer-people-"))  # pytest's own folders are closed to other users
    top.chmod(0o755)
    try:
        yield _people(top)
    finally:
        shutil.rmtree(top)


def _people(top: Path) -> tuple[Person, Person]:
    sources = top / "sources"
    shutil.copytree(ROOT / "nbcontainer", sources / "nbcontainer", ignore=shutil.ignore_patterns("__pycache__"))
    made = []
    for name, uid, umask, env, before in (
        ("ann", 64101, 0o022, {"LANG": "C.UTF-8", "PYTHONHASHSEED": "1", "TZ": "UTC"}, []),
        ("bob", 64102, 0o077, {"LANG": "C", "LC_ALL": "POSIX", "PYTHONHASHSEED": "2", "TZ": "Asia/Tokyo"},
         ["faketime", "-f", "-400d"]),
    ):
        home = top / f"{name}-has-a-home" if uid % 2 else top / name
        home.mkdir()
        os.chown(home, uid, uid)
        made.append(Person(name, uid, home, umask=umask, env=env, before=before))
    ann, bob = made
    wheels = top / "wheels"
    ann.run(SYSTEM, "-m", "venv", str(ann.home / "fetch"))
    subprocess.run(
        [str(ann.home / "fetch/bin/python"), "-m", "pip", "download", "-q", "--disable-pip-version-check",
         "--only-binary", ":all:", "-d", str(wheels), *NEEDS, *USES], check=True,
    )
    for each in made:
        each.setup(wheels, sources)
    return ann, bob


def test_two_users_build_one_digest(people: tuple[Person, Person]) -> None:
    ann, bob = people
    first = ann.build(ann.notebook("work", ran=False))
    second = bob.build(bob.notebook("a folder with spaces", ran=True))
    contents = [[(x["content"], x["digest"]) for x in each["layers"]] for each in (first, second)]
    assert contents[0] == contents[1]
    assert first["digest"] == second["digest"]
    assert all(layer["new"] for layer in second["layers"])  # nothing was shared between the two stores


def test_one_changed_cell_is_one_new_layer(people: tuple[Person, Person]) -> None:
    ann, _ = people
    notebook = ann.notebook("edited", ran=False)
    before = ann.build(notebook)
    notebook.write_text(notebook.read_text().replace("seed = 1", "seed = 2"))
    after = ann.build(notebook)
    differing = [x for x, y in zip(after["layers"], before["layers"], strict=True) if x["digest"] != y["digest"]]
    assert [x["content"] for x in differing] == ["notebook"]
    assert [x["content"] for x in after["layers"] if x["new"]] == ["notebook"]


def test_the_certificates_are_a_layer_of_their_own(people: tuple[Person, Person]) -> None:
    ann, _ = people
    notebook = ann.notebook("certified", ran=False)
    before = ann.build(notebook)
    bundle = ann.home / "company.pem"
    company = Authority(ann.home / "authority", "company")
    bundle.write_text(Path("/etc/ssl/certs/ca-certificates.crt").read_text() + company.certificate.read_text())
    bundle.chmod(0o644)
    ann.env["NBCONTAINER_CA_BUNDLE"] = str(bundle)
    try:
        after = ann.build(notebook)
    finally:
        del ann.env["NBCONTAINER_CA_BUNDLE"]
    differing = [x for x, y in zip(after["layers"], before["layers"], strict=True) if x["digest"] != y["digest"]]
    assert [x["content"] for x in differing] == ["certificates"]
