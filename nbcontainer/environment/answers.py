"""An interpreter's answers, remembered while nothing was installed or removed.

What this is: the probe run (in this process or another) and its cache. What it is not: the choice of interpreter.
In the flow: interpreter.py and capture.py ask it; on the edit path it costs some stats and one small file.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nbcontainer.errors import RequirementError

TIMEOUT = 60.0  # seconds; a cold network disk is slow
_FORMAT = 3
_PROBE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "probe.py")
_ASKED = ("PYTHONPATH", "PYTHONHOME", "PYTHONNOUSERSITE", "PYTHONUSERBASE", "PYTHONSAFEPATH", "HOME")
_memory: dict[str, tuple[Any, dict[str, Any]]] = {}


def live(cache_dir: Path) -> dict[str, Any]:
    """The answer of this very process."""
    facts = _facts()
    place = _place(cache_dir, ["live", facts["executable"], facts["version"], facts["sys_path"]])
    known = _read(place)
    if known:
        return known
    from nbcontainer.environment import probe

    answer = {**facts, "distributions": probe.distributions(facts["sys_path"])}
    _write(place, answer)
    return answer


_process: dict[str, Any] = {}


def _facts() -> dict[str, Any]:
    """The probe's facts; only sys.path changes while a process lives."""
    import sys

    from nbcontainer.environment import probe

    if not _process:
        _process.update(probe.facts())
    return {**_process, "sys_path": [os.path.abspath(entry) for entry in sys.path if isinstance(entry, str)]}


def ask(
    executable: str, env: Mapping[str, str], cache_dir: Path, cwd: Path, flags: Sequence[str] = ()
) -> dict[str, Any]:
    """The answer of the Python `executable` with `flags`, started with `env` in `cwd`. Raises RequirementError."""
    known, place = _known([executable, *flags], env, cache_dir, cwd)
    return known or _started([executable, *flags, "-B", _PROBE], env, place, cwd)


def ask_wrapper(argv: Sequence[str], env: Mapping[str, str], cache_dir: Path, cwd: Path) -> dict[str, Any]:
    """The answer of whatever Python the command `argv` starts `ipykernel_launcher` in. Raises RequirementError.

    The command runs once as it is, with a folder first on PYTHONPATH whose `ipykernel_launcher` is the probe.
    """
    known, place = _known(argv, env, cache_dir, cwd, wrapper=True)
    if known:
        return known
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "ipykernel").mkdir()
        source = Path(_PROBE).read_text(encoding="utf-8")
        (Path(folder) / "ipykernel_launcher.py").write_text(source, encoding="utf-8")
        (Path(folder) / "ipykernel" / "__main__.py").write_text(
            "import runpy\nrunpy.run_module('ipykernel_launcher', run_name='__main__')\n", encoding="utf-8"
        )
        path = os.pathsep.join(filter(None, [folder, {**os.environ, **env}.get("PYTHONPATH", "")]))
        connection = os.path.join(folder, "connection.json")
        command = [part.replace("{connection_file}", connection) for part in argv]
        return _started(command, {**env, "PYTHONPATH": path}, place, cwd)


def _known(
    argv: Sequence[str], env: Mapping[str, str], cache_dir: Path, cwd: Path, *, wrapper: bool = False
) -> tuple[dict[str, Any] | None, Path]:
    around = {**os.environ, **env}
    identity = [list(argv), sorted(env.items()), [around.get(name) for name in _ASKED], _stat(argv[0])]
    relative = any(not os.path.isabs(entry) for entry in around.get("PYTHONPATH", "").split(os.pathsep) if entry)
    identity.append(str(cwd) if relative or wrapper else "")
    place = _place(cache_dir, identity)
    return _read(place), place


def _started(command: list[str], env: Mapping[str, str], place: Path, cwd: Path) -> dict[str, Any]:
    """Run `command` once, and remember the answer that it writes."""
    import subprocess
    import tempfile

    name = command[0]
    with tempfile.TemporaryDirectory() as folder:
        said_to = os.path.join(folder, "answer.json")
        around = {**os.environ, **env, "NBCONTAINER_ANSWER": said_to}
        try:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=around,
                cwd=cwd, start_new_session=True,
            )
        except OSError as error:
            raise RequirementError(f"{name} can't be started: {error.strerror}", _HINT) from None
        problem = _waited(process)
        try:
            answer: dict[str, Any] = json.loads(Path(said_to).read_bytes())
        except (OSError, ValueError):
            raise RequirementError(f"{name} is no Python that can be asked: {problem}", _HINT) from None
    _write(place, answer)
    return answer


_HINT = "name a Python of 3.8 or newer with --python PATH"


def _waited(process: Any) -> str:
    """Wait for `process`; gives its last words. One that takes too long is ended with all that it started."""
    import signal
    import subprocess

    try:
        said = process.communicate(timeout=TIMEOUT)[1].decode(errors="replace").strip().splitlines()
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return f"no answer in {TIMEOUT:.0f} s"
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise
    return said[-1] if said else f"it ended with code {process.returncode} and no answer"


def _signature(answer: Mapping[str, Any]) -> list[Any]:
    """Changes when anything on sys.path is installed, removed, or its RECORD or a .pth is written."""
    facts: list[Any] = [_FORMAT, [_stat(path) for path in answer["watched"]]]
    for folder in answer["sys_path"]:
        try:
            names = os.listdir(folder)
        except OSError:
            continue
        for name in sorted(names):
            if name.endswith((".pth", ".egg-link")):
                facts.append([name, _stat(f"{folder}/{name}")])
            elif name.endswith((".dist-info", ".egg-info")):
                place = f"{folder}/{name}"
                facts.append([place, _stat(f"{place}/RECORD") or _stat(place)])
    return facts


def _stat(path: str) -> list[int] | None:
    try:
        facts = os.stat(path)
    except OSError:
        return None
    return [facts.st_size, facts.st_mtime_ns]


# ---------------------------------------------------------------- the cache
def _place(cache_dir: Path, identity: list[Any]) -> Path:
    name = hashlib.sha256(repr([_FORMAT, identity]).encode("utf-8", "surrogateescape")).hexdigest()[:32]
    return cache_dir / f"probe-{name}.json"


def _read(place: Path) -> dict[str, Any] | None:
    """The answer kept at `place`, if nothing that it tells of has changed."""
    now = _stat(str(place))
    if now is None:
        return None
    seen, held = _memory.get(str(place), (None, {}))
    if seen != now:
        try:
            held = json.loads(place.read_bytes())
        except (OSError, ValueError):
            return None
        _memory[str(place)] = (now, held)
    answer: dict[str, Any] = held["answer"]
    return answer if held["signature"] == _signature(answer) else None


def _write(place: Path, answer: dict[str, Any]) -> None:
    text = json.dumps({"signature": _signature(answer), "answer": answer})
    write(place, text.encode("utf-8", "surrogateescape"))


def write(place: Path, content: bytes) -> None:
    """Put `content` at `place` in one step; what can't be kept is found again the next time."""
    import tempfile

    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=place.parent)
    except OSError:
        return
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.replace(name, place)
    except OSError:
        os.unlink(name)
