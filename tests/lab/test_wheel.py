"""The wheel as a user gets it: the panel is in it once, works in a clean environment without Node.js, and is small.

What this is: packaging, from the sources to Lab's own checks in a browser. What it is not: what the panel does.
The wheel is built by pip from a copy of what the repository tracks, with the panel that `make panel` has built.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path

import pytest

from tests.lab.conftest import FLAGS
from tests.support import require

pytestmark = [pytest.mark.xdist_group("wheel"), pytest.mark.timeout(1200)]

ROOT = Path(__file__).resolve().parents[2]
PANEL = ROOT / "nbcontainer" / "labextension"
SHARE = "data/share/jupyter/labextensions/@nbcontainer/labextension/"
MOST = 400_000  # bytes of JavaScript
SHIM = """\
const playwright = require(%s);
const launch = options => playwright.chromium.launch({ ...options, executablePath: %s, args: %s });
module.exports = { ...playwright, chromium: { launch } };
"""


def run(*command: str | Path, **words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, **words)  # type: ignore[call-overload,no-any-return]


def without_node(tmp: Path, **more: str) -> dict[str, str]:
    """An environment whose PATH has a shell and the usual tools, but no Node.js, and that is not CI's."""
    tools = tmp / "tools"
    tools.mkdir(exist_ok=True)
    for name in ("sh", "uname", "env"):
        found = shutil.which(name)
        if found and not (tools / name).exists():
            (tools / name).symlink_to(found)
    kept = {k: v for k, v in os.environ.items() if k not in ("CI", "NBCONTAINER_REQUIRE_PANEL", "PYTHONPATH")}
    return {**kept, "PATH": str(tools), "PIP_DISABLE_PIP_VERSION_CHECK": "1", **more}


def sources(place: Path, *, panel: bool) -> Path:
    """A copy of the tracked files, as a clone would have them; with or without the built panel."""
    listed = run("git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard").stdout
    for name in filter(None, listed.split("\0")):
        if name.startswith(("nbcontainer/", "labextension/")) or "/" not in name:
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(FileNotFoundError):  # deleted, and not committed yet
                shutil.copy2(ROOT / name, place / name)
    if panel:
        shutil.copytree(PANEL, place / "nbcontainer" / "labextension")
        os.utime(place / "nbcontainer" / "labextension" / "package.json")
    return place


def pip_wheel(source: Path, into: Path, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return run(sys.executable, "-m", "pip", "wheel", "-v", "--no-deps", "-w", into, source, env=env)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    require((PANEL / "package.json").exists(), "the built panel: make panel")
    tmp = tmp_path_factory.mktemp("wheel")
    done = pip_wheel(sources(tmp / "source", panel=True), tmp / "out", without_node(tmp, CI="true"))
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    (found,) = (tmp / "out").glob("nbcontainer-*.whl")
    return found


@pytest.fixture(scope="module")
def clean(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new virtual environment with the wheel and JupyterLab, made without Node.js."""
    place = tmp_path_factory.mktemp("clean")
    env = without_node(place)
    assert run(sys.executable, "-m", "venv", place / "venv").returncode == 0
    done = run(place / "venv/bin/python", "-m", "pip", "install", "-q", f"{wheel}[lab,kubernetes]", env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    return place / "venv"


def jupyter(clean: Path, *words: str) -> str:
    env = {**without_node(clean), "JUPYTER_CONFIG_DIR": str(clean / "no-config")}
    env["PATH"] = f"{clean / 'bin'}{os.pathsep}{env['PATH']}"
    done = run(clean / "bin" / "jupyter", *words, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    return re.sub(r"\x1b\[[0-9;]*m", "", done.stdout + done.stderr)


def test_the_wheel_has_the_panel_once(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    panel = [name for name in names if SHARE in name]
    assert len([name for name in names if "remoteEntry" in name]) == 1
    assert {Path(name).name for name in panel} >= {"package.json", "install.json", "plugin.json", "style.js"}
    assert not [name for name in names if name.startswith(("nbcontainer/labextension", "labextension"))]
    assert any(name.endswith("data/etc/jupyter/jupyter_server_config.d/nbcontainer.json") for name in names)
    assert "nbcontainer/server/openapi.yaml" in names


def test_the_javascript_is_small(wheel: Path) -> None:
    files = zipfile.ZipFile(wheel).infolist()
    sizes = {info.filename: info.file_size for info in files if info.filename.endswith(".js")}
    assert 20_000 < sum(sizes.values()) < MOST, sizes


def test_the_panel_has_the_version_of_the_package() -> None:
    import nbcontainer

    assert json.loads((ROOT / "labextension/package.json").read_text())["version"] == nbcontainer.__version__


def test_lab_finds_the_panel(clean: Path) -> None:
    listed = jupyter(clean, "labextension", "list")
    assert re.search(r"@nbcontainer/labextension v\S+ enabled OK \(python, nbcontainer\)", listed), listed


def test_the_server_extension_is_on(clean: Path) -> None:
    listed = jupyter(clean, "server", "extension", "list")
    assert re.search(r"nbcontainer\.server enabled", listed), listed
    assert re.search(r"nbcontainer\.server +(\S+ +)?OK", listed), listed


def test_lab_starts_without_an_error(clean: Path, tmp_path: Path) -> None:
    """
    `python -m jupyterlab.browser_check`. It would fetch Playwright by npm and a browser by npx; here its own
    browser-test.js runs on the Node.js and the Playwright that PyPI's playwright brings, with Debian's Chromium.
    """
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    require(chromium, "a Chromium: python -m tests.prepare")
    import playwright

    driver = Path(str(playwright.__file__)).parent / "driver"
    shim = clean / "share/jupyter/lab/browser_test/node_modules/playwright"
    shim.mkdir(parents=True, exist_ok=True)
    (shim / "index.js").write_text(SHIM % tuple(map(json.dumps, (str(driver / "package"), chromium, FLAGS))))
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "node").symlink_to(driver / "node")
    (tools / "npx").write_text("#!/bin/sh\nexit 0\n")
    (tools / "npx").chmod(0o755)
    env = {**without_node(tmp_path), "HOME": str(tmp_path), "PATH": f"{tools}:{clean / 'bin'}:/usr/bin:/bin"}
    root = ["--allow-root"] if os.geteuid() == 0 else []
    done = run(clean / "bin/python", "-m", "jupyterlab.browser_check", *root, env=env, cwd=tmp_path, timeout=600)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said[-8000:]
    assert "Browser test complete" in said
    assert "nbcontainer.server | extension was successfully loaded" in said


def test_without_node_the_rest_is_built_and_it_says_so(tmp_path: Path) -> None:
    done = pip_wheel(sources(tmp_path / "source", panel=False), tmp_path / "out", without_node(tmp_path))
    said = [line.strip() for line in (done.stdout + done.stderr).splitlines() if "JupyterLab panel" in line]
    assert done.returncode == 0, done.stderr
    assert len(said) == 1, said
    assert "left out" in said[0]
    assert "Node.js 20.19 or newer" in said[0]
    (found,) = (tmp_path / "out").glob("nbcontainer-*.whl")
    names = zipfile.ZipFile(found).namelist()
    assert "nbcontainer/api.py" in names
    assert not [name for name in names if SHARE in name]


@pytest.mark.parametrize("variable", [{"CI": "true"}, {"NBCONTAINER_REQUIRE_PANEL": "1"}])
def test_a_release_without_the_panel_fails(tmp_path: Path, variable: dict[str, str]) -> None:
    done = pip_wheel(sources(tmp_path / "source", panel=False), tmp_path / "out", without_node(tmp_path, **variable))
    assert done.returncode != 0
    assert "It is required" in done.stdout + done.stderr
    assert not list((tmp_path / "out").glob("*.whl"))


def test_an_old_node_is_named(tmp_path: Path) -> None:
    env = without_node(tmp_path)
    old = tmp_path / "tools" / "node"
    old.write_text(textwrap.dedent("""\
        #!/bin/sh
        echo v18.19.0
        """))
    old.chmod(0o755)
    done = pip_wheel(sources(tmp_path / "source", panel=False), tmp_path / "out", env)
    assert done.returncode == 0, done.stderr
    assert "is v18.19.0)" in done.stdout + done.stderr
