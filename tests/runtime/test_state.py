"""A callable by value, from a live namespace and from one run of the script."""

from __future__ import annotations

import importlib
import os
import sys
import threading
import time
import types
from pathlib import Path
from typing import Any

import pytest

from nbcontainer import state
from nbcontainer.environment import interpreter
from nbcontainer.errors import StateError
from nbcontainer.model import Event, Notebook, Progress, State, silent
from tests.runtime.images import read, write_notebook

HERE = Notebook(Path("/nowhere/nb.ipynb"), ())


def _namespace(source: str) -> dict[str, Any]:
    """What a kernel's user namespace would be: functions of __main__."""
    module = types.ModuleType("__main__")
    exec(source, module.__dict__)
    return module.__dict__


def _taken(source: str, name: str = "predict") -> State:
    return state.from_namespace(name, _namespace(source), notebook=HERE)


def test_a_live_function_with_what_it_uses() -> None:
    source = (
        "import numpy as np\nfrom json import dumps\nfactor = np.ones(2)\nclass Box:\n    value = 3\n"
        "def helper(x):\n    return dumps(x)\n"
        "def predict(x, *, y=1):\n    return helper(x), factor * y, Box.value\n"
    )
    found = _taken(source)
    assert (found.name, found.parameters, found.notes) == ("predict", ("x", "y"), ())
    assert {"numpy", "json"} <= {name.split(".")[0] for name in found.modules}
    assert "__main__" not in found.modules


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("def predlct(x): pass", "nb.ipynb: this kernel has no 'predict'; did you mean 'predlct'?"),
        ("predict = 5", "nb.ipynb: predict is of type int, not a function or another callable"),
        ("import threading\nlock = threading.Lock()\ndef predict(x):\n    return lock, x",
         "predict uses lock (a lock), which can't be pickled: "),
        ("import threading\nclass M:\n    pass\nmodel = M()\nmodel.parts = [1, {'l': threading.Lock()}]\n"
         "def f(x):\n    return model\ndef predict(x):\n    return [f(y) for y in x]",
         "predict uses f.model.parts[1]['l'] (a lock), which can't be pickled: "),
        ("def make():\n    file = (x for x in 'ab')\n    return lambda x: (file, x)\npredict = make()",
         "predict uses file (a generator), which can't be pickled: "),
    ],
)
def test_what_cannot_be_served_is_named_in_one_line(source: str, said: str) -> None:
    with pytest.raises(StateError) as caught:
        _taken(source)
    assert caught.value.message.startswith(said)
    assert "\n" not in str(caught.value)


# ---------------------------------------------------------------- helper modules
HELPER = (
    "LIMIT = 3\ncount = 0\ncache = {}\n\ndef scale(x):\n    global count\n    count += 1\n    return x * LIMIT\n\n"
    "class Model:\n    def run(self, x):\n        return x\n"
)


@pytest.fixture
def helper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    (tmp_path / "own_helper.py").write_text(HELPER)
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    yield importlib.import_module("own_helper")
    del sys.modules["own_helper"]


USES = (
    "import own_helper\nfrom own_helper import scale\n"
    "def predict(x):\n    return scale(x), own_helper.Model().run(x)\n"
)


def test_a_helper_goes_by_name_without_a_note_while_it_is_its_file(helper: Any) -> None:
    helper.scale(1)
    helper.cache["a"] = 1
    Path(helper.__file__).write_text("# a comment above\n" + HELPER)
    found = _taken(USES)
    assert "own_helper" in found.modules
    assert found.notes == ()
    assert b"LIMIT" not in found.pickle


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [("x * LIMIT", "x + LIMIT", "scale"), ("LIMIT = 3", "LIMIT = 4", "LIMIT"),
     ("        return x\n", "        return -x\n", "Model.run"), (HELPER, "def scale(:\n", "the module"),
     ("def scale", "def scaled", "scaled")],
)
def test_a_helper_edited_after_its_import_is_noted(helper: Any, old: str, new: str, what: str) -> None:
    Path(helper.__file__).write_text(HELPER.replace(old, new))
    (note,) = _taken(USES).notes
    assert note.startswith(f"{helper.__file__}: {what} in memory is not what the file says")


def test_a_helper_changed_in_memory_is_noted(helper: Any) -> None:
    helper.scale = eval("lambda x: 0", {"__name__": "__main__"})
    (note,) = _taken("import own_helper\ndef predict(x):\n    return own_helper.scale(x)\n").notes
    assert ": scale in memory is not" in note


# ---------------------------------------------------------------- from the script
def _from_script(folder: Path, cells: list[str], name: str = "predict", timeout: float = 60, **files: str) -> Any:
    path = write_notebook(folder / "nb.ipynb", cells)
    for key, text in files.items():
        (folder / key).parent.mkdir(exist_ok=True)
        (folder / key).write_text(text)
    events: list[Event] = []
    found, script = read(path)
    python = interpreter.choose(found, python=sys.executable)
    made = state.from_script(found, script, name, python, timeout=timeout, emit=events.append)
    return made, events


def test_the_script_runs_once_in_a_scratch_folder(tmp_path: Path) -> None:
    made, events = _from_script(
        tmp_path,
        [
            "import helper, os\ntext = open('data.txt').read() + open('sub/more.txt').read()",
            "open('data.txt', 'w').write('x')",
            "open('new.txt', 'w').write('x'); print('noise'); await __import__('asyncio').sleep(0.5)",
            "run = %train\n!true",
            "class Model:\n    def __call__(self, x: int, scale=2):\n        return helper.up(text), x * scale",
            "predict = Model()",
        ],
        **{"helper.py": "def up(x):\n    return x.upper()\n", "data.txt": "data", "sub/more.txt": "more"},
    )
    assert made.parameters == ("x", "scale")
    assert "helper" in made.modules
    assert sorted(os.listdir(tmp_path)) == ["data.txt", "helper.py", "nb.ipynb", "sub"]
    assert (tmp_path / "data.txt").read_text() == "data"
    steps = [event for event in events if isinstance(event, Progress)]
    told = [step.message for step in steps]
    assert "running nb.ipynb: cell 3 of 6" in told  # it takes a while; the others may be too short to be seen
    assert set(told) <= {f"running nb.ipynb: cell {number} of 6" for number in range(1, 7)}
    assert {step.total for step in steps} == {6}


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (["x = 1", "def predict(x):\n    return 1\nraise ValueError('boom')"],
         "nb.ipynb failed before predict could be taken: cell 2: ValueError: boom"),
        (["def predct(x):\n    return 1"], "nb.ipynb: no cell defines 'predict'; did you mean 'predct'?"),
        (["predict = 3"], "nb.ipynb: predict is of type int, not a function or another callable"),
        (["import sys", "sys.exit(3)"], "nb.ipynb: cell 2 ends the script (exit 3)"),
        (["import os; os._exit(5)"], "nb.ipynb failed before predict could be taken: it ended without a word"),
        (["import threading; lock = threading.Lock()\ndef predict(x):\n    return lock"],
         "nb.ipynb: predict uses lock (a lock), which can't be pickled: "),
    ],
)
def test_a_script_that_gives_no_callable(tmp_path: Path, cells: list[str], said: str) -> None:
    with pytest.raises(StateError) as caught:
        _from_script(tmp_path, cells)
    assert caught.value.message.startswith(said)


def test_a_script_that_takes_too_long_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    keeps = f"open({str(pid)!r}, 'w').write(str(p.pid))\np.wait()"
    starts = "import subprocess\np = subprocess.Popen(['sleep', '60'])"
    with pytest.raises(StateError) as caught:
        _from_script(tmp_path / "nb", ["1", f"{starts}\n{keeps}"], timeout=2)
    assert caught.value.message == "nb.ipynb was still running after 2 s, in cell 2"
    assert "--timeout" in caught.value.hint
    until = time.monotonic() + 5
    while time.monotonic() < until and Path(f"/proc/{pid.read_text()}/cmdline").exists():
        if "zombie" in Path(f"/proc/{pid.read_text()}/status").read_text():
            break
        time.sleep(0.05)
    else:
        assert time.monotonic() < until, "the child still runs"


def test_an_interrupt_ends_the_script(tmp_path: Path) -> None:
    def stop(event: Event) -> None:
        if isinstance(event, Progress) and event.done == 1:
            raise KeyboardInterrupt

    found, script = read(write_notebook(tmp_path / "nb.ipynb", ["import time; time.sleep(60)"]))
    python = interpreter.choose(found, python=sys.executable)
    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        state.from_script(found, script, "predict", python, timeout=60, emit=stop)
    assert threading.active_count() == before


def test_large_files_are_linked_and_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from nbcontainer import scratch

    monkeypatch.setattr(scratch, "COPIED", 1000)
    made, events = _from_script(
        tmp_path, ["size = len(open('big.txt').read())\ndef predict(x):\n    return size"], **{"big.txt": "x" * 5000}
    )
    assert made.parameters == ("x",)
    assert any(isinstance(e, Progress) and e.message.startswith("big.txt is linked") for e in events)


def test_nothing_of_a_run_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "scratch"))
    monkeypatch.setattr("tempfile.tempdir", None)
    (tmp_path / "scratch").mkdir()
    found, script = read(write_notebook(tmp_path / "nb" / "nb.ipynb", ["def predict(x): return x"]))
    python = interpreter.choose(found, python=sys.executable)
    state.from_script(found, script, "predict", python, timeout=60, emit=silent)
    assert os.listdir(tmp_path / "scratch") == []
