"""What the tests of bases share: a cache of their own, images unpacked as a root folder, programs run in it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from nbcontainer.builders import native
from nbcontainer.environment import host
from nbcontainer.image import plan as plans
from nbcontainer.image.store import Store
from nbcontainer.model import Base, BuiltImage, Entry, Environment, Overlay, silent
from tests.cluster.keys import Authority
from tests.environment.parts import captured, notebook
from tests.support import require

AROUND = {"HOME": "/tmp", "LANG": "C.UTF-8", "MPLCONFIGDIR": "/tmp/matplotlib", "PYTHONDONTWRITEBYTECODE": "1",
          "SSL_CERT_FILE": "/etc/ssl/certs/ca-certificates.crt", "PATH": "/opt/nbcontainer/env/bin:/usr/bin:/bin"}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own, no active environment, no settings of certificates or libraries."""
    monkeypatch.setenv("NBCONTAINER_CACHE", str(tmp_path / "cache"))
    for name in ("VIRTUAL_ENV", "CONDA_PREFIX", "PYTHONPATH", "LD_LIBRARY_PATH", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "cache"


def environment(folder: Path, cell: str = "import json", python: str = sys.executable) -> Environment:
    """What a notebook with the one cell needs of `python`."""
    return captured(notebook(folder, cell), python, Store().cache_dir("environment"))


def based(env: Environment, ca_bundle: str = "") -> Base:
    return host.host_base(env, cache_dir=Store().cache_dir("host"), ca_bundle=ca_bundle, emit=silent)


def built(env: Environment, base: Base) -> BuiltImage:
    """An image of the environment on `base`, with a notebook of one line."""
    plan = plans.image_plan(
        environment=env, base=base, overlay=Overlay("plain", ""),
        notebook=[Entry("app/nb.py", source=b"print('notebook')\n")],
        runtime=[Entry("opt/nbcontainer/runtime/run.py", source=b"print('runtime')\n")],
    )
    return native.build(plan, Store(), silent)


class Root:
    """An image's files as a folder, and what runs in it: as a user without rights, with nothing but a /dev/null."""

    keys: Sequence[str] = ()  # of the layers that the base is made of
    authority: Authority  # whom it trusts, where a test has said so

    def __init__(self, image: BuiltImage, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        for layer in image.layers:
            assert layer.path
            with tarfile.open(layer.path) as archive:
                if hasattr(tarfile, "fully_trusted_filter"):
                    archive.extractall(folder, filter="fully_trusted")
                else:
                    archive.extractall(folder)
        for name, minor in (("null", 3), ("urandom", 9)):
            os.mknod(folder / "dev" / name, 0o20666, os.makedev(1, minor))
            os.chmod(folder / "dev" / name, 0o666)

    def run(self, *command: str, user: str = "65532:65532", **around: str) -> str:
        """What the command printed; it has to end well and print no error."""
        enter = [str(shutil.which("chroot")), f"--userspec={user}", str(self.folder)]
        done = subprocess.run([*enter, *command], env={**AROUND, **around}, capture_output=True, text=True,
                              check=False, stdin=subprocess.DEVNULL)
        assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
        return done.stdout

    def python(self, code: str, *, user: str = "65532:65532") -> str:
        return self.run("/opt/nbcontainer/env/bin/python", "-W", "ignore", "-c", code, user=user)


@pytest.fixture(scope="session")
def may_chroot() -> None:
    require(os.geteuid() == 0 and shutil.which("chroot"), "only root can change the root folder")


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory, may_chroot: None) -> Iterator[Root]:
    """scikit-learn, pandas and matplotlib of this environment on this machine, unpacked."""
    folder = tmp_path_factory.mktemp("digits")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NBCONTAINER_CACHE", str(folder / "cache"))
        env = environment(folder, "import sklearn, pandas, matplotlib.pyplot")
        authority = Authority(folder / "keys", "a private CA")
        base = based(env, str(authority.certificate))
        root = Root(built(env, base), folder / "root")
        root.keys, root.authority = [plan.key for plan in base.plans], authority
        yield root
    shutil.rmtree(folder, ignore_errors=True)
