"""A notebook's script in a process of its own does what the notebook does in a kernel."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.runtime.images import Image, ended


def test_last_values_are_shown_as_a_kernel_shows_them(tmp_path: Path) -> None:
    cells = ["1 + 1", "x = 3", "'text';", "None", "x  # comment; with a semicolon", "if x:\n    x", "_ * 2"]
    cells.append("display(x, 'y')")
    ran = Image(tmp_path, cells).train()
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.splitlines() == ["2", "3", "6", "3", "'y'"]


def test_the_script_is_the_real_main_module(tmp_path: Path) -> None:
    cells = [
        "import sys, __main__\nX = 5",
        "print(__name__, __main__.X, sys.modules['__main__'] is __main__, __main__.__file__ == sys.argv[0])",
        "def f():\n    return 1  # one\nclass C:\n    pass",
        "import inspect\nprint(inspect.getsource(f) + inspect.getsource(C))",
        "import pickle\nprint(pickle.loads(pickle.dumps(C())).__class__ is C)",
    ]
    ran = Image(tmp_path, cells).train()
    assert ran.stderr == ""
    lines = ran.stdout.splitlines()
    assert lines[0] == "__main__ 5 True True"
    assert lines[1:] == ["def f():", "    return 1  # one", "class C:", "    pass", "", "True"]


def test_reads_and_writes_beside_the_notebook_leave_the_image_alone(tmp_path: Path) -> None:
    image = Image(
        tmp_path,
        [
            "import helper, sys, os\nprint(helper.VALUE, open('data.txt').read(), open('sub/more.txt').read())",
            "open('data.txt', 'w').write('changed');\nopen('new.txt', 'w').write('new');",
            "print(sys.path[0] == os.path.dirname(helper.__file__), os.path.islink('big.bin'))",
        ],
        **{"helper.py": "VALUE = 'helped'", "data.txt": "data", "sub/more.txt": "more"},
        **{"big.bin": "x" * (10 * 2**20 + 1)},
    )
    ran = image.train()
    assert ran.stdout.splitlines() == ["helped data more", "True True"], ran.stderr
    assert (image.app / "data.txt").read_text() == "data"
    assert (image.work / "data.txt").read_text() == "changed"
    assert not (image.app / "new.txt").exists()


def test_cells_with_ipython_syntax(tmp_path: Path) -> None:
    cells = [
        "name = 'world'\n!echo hello {name}",
        "%%bash\necho from bash; pwd",
        "%%writefile made.py\nVALUE = 7",
        "import made\nmade.VALUE",
        "_",
        "files = !echo a; echo b\nlist(files)",
        "%time total = sum(range(10))\ntotal",
        "get_ipython().user_ns is globals()",
        "from IPython.display import HTML, display\ndisplay(HTML('<b>x</b>'), 5)",
        "!exit 3\n_exit_code",
    ]
    image = Image(tmp_path, cells)
    ran = image.train()
    assert (ran.returncode, ran.stderr) == (0, "")
    lines = [line for line in ran.stdout.splitlines() if "time" not in line and "total:" not in line]
    assert lines == [
        "hello world", "from bash", str(image.work), "Writing made.py", "7", "7", "['a', 'b']", "45", "True",
        "<IPython.core.display.HTML object>", "5", "3",
    ]


def test_a_module_that_a_cell_writes_wins_over_the_one_that_was_there(tmp_path: Path) -> None:
    cells = ["%%writefile helper.py\nVALUE = 'new'", "import helper\nhelper.VALUE"]
    ran = Image(tmp_path, cells, **{"helper.py": "VALUE = 'old'"}).train()
    assert ran.stdout.splitlines() == ["Overwriting helper.py", "'new'"], ran.stderr


def test_top_level_await_and_tasks_that_live_across_cells(tmp_path: Path) -> None:
    cells = [
        "import asyncio\nasync def work(x):\n    await asyncio.sleep(0.01)\n    return x * 2",
        "task = asyncio.create_task(work(4))",
        "await work(2)",
        "print(await task)",
        "[await work(x) for x in range(2)]",
    ]
    ran = Image(tmp_path, cells).train()
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.splitlines() == ["4", "8", "[0, 2]"]


def test_a_notebook_without_await_may_run_a_loop_itself(tmp_path: Path) -> None:
    ran = Image(tmp_path, ["import asyncio\nasync def f():\n    return 1\nasyncio.run(f())"]).train()
    assert ran.stdout == "1\n", ran.stderr


def test_future_imports_hold_for_later_cells(tmp_path: Path) -> None:
    cells = ["x = 1", "from __future__ import annotations", "def f(a: unknown): ...\nf.__annotations__"]
    ran = Image(tmp_path, cells).train()
    assert ran.stdout == "{'a': 'unknown'}\n", ran.stderr


# ---------------------------------------------------------------- parameters
VALUES = {
    "a": math.nan, "b": -math.inf, "c": None, "d": True, "e": "quote ' \" \\ \n é", "f": [1, {"k": [False, math.inf]}],
    "g": 10**30, "h": 1e-7,
}


def test_parameters_are_assigned_after_the_tagged_cell(tmp_path: Path) -> None:
    cells = [
        "before = 'a' in dir()",
        ("a = b = c = d = e = f = g = h = 0\nderived = a", ["parameters"]),
        "import json\nprint(json.dumps([before, derived, a, b, c, d, e, f, g, h]))",
    ]
    image = Image(tmp_path, cells)
    ran = image.train(VALUES)
    before, derived, *values = json.loads(ran.stdout)
    assert (before, derived) == (False, 0)
    assert math.isnan(values.pop(0))
    assert values == list(VALUES.values())[1:]
    assert image.train().stdout.startswith("[false, 0, 0, 0")


@pytest.mark.parametrize("text", ["[1]", "{", '{"no name": 1}', '{"class": 1}'])
def test_parameters_that_are_none_end_it_before_a_cell_runs(tmp_path: Path, text: str) -> None:
    ran = Image(tmp_path, ["print('ran')"]).train(NBCONTAINER_PARAMETERS=text)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith("nbcontainer: ")
    assert len(ran.stderr.splitlines()) == 1


# ---------------------------------------------------------------- the end
def test_an_exception_names_cell_and_line_and_says_why_in_one_line(tmp_path: Path) -> None:
    cells = ["import helper\ndef outer():\n    x = 1\n    return helper.fail(x)", "1", "\nouter()"]
    image = Image(tmp_path, cells, **{"helper.py": "def fail(x):\n    raise ValueError('boom\\nand more')\n"})
    ran = image.train()
    assert (ran.returncode, ran.stdout) == (1, "1\n")
    lines = ran.stderr.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[1:3] == ["  Cell 3, line 2, in <module>", "    outer()"]
    assert "  Cell 1, line 4, in outer" in lines
    assert "    return helper.fail(x)" in lines
    assert lines[-1] == "nbcontainer: cell 3: ValueError: boom and more"
    assert "nbcontainer_runtime" not in ran.stderr
    assert image.reason.read_text() == "cell 3: ValueError: boom and more"


def test_a_chained_exception_and_one_in_an_awaiting_cell(tmp_path: Path) -> None:
    raises = "try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    raise KeyError('k') from e"
    ran = Image(tmp_path, [f"import asyncio\nawait asyncio.sleep(0)\n{raises}"]).train()
    assert ran.returncode == 1
    assert "Cell 1, line 4" in ran.stderr
    assert "Cell 1, line 6" in ran.stderr
    assert ran.stderr.splitlines()[-1] == "nbcontainer: cell 1: KeyError: 'k'"


def test_a_long_reason_is_cut_for_the_termination_message(tmp_path: Path) -> None:
    image = Image(tmp_path, ["raise ValueError('é' * 9000)"])
    assert image.train().returncode == 1
    assert len(image.reason.read_bytes()) == 4096


@pytest.mark.parametrize(
    ("cell", "code"),
    [("import sys; sys.exit(7)", 7), ("exit()", 0), ("raise SystemExit('why')", 1), ("!true\nquit(4)", 4),
     ("import asyncio; await asyncio.sleep(0); raise SystemExit(5)", 5), ("import os; os.kill(os.getpid(), 9)", -9)],
)
def test_the_exit_code_is_the_scripts_own(tmp_path: Path, cell: str, code: int) -> None:
    image = Image(tmp_path, ["print('first')", cell, "print('never')"])
    ran = image.train()
    assert (ran.returncode, ran.stdout) == (code, "first\n")
    assert ran.stderr == ("why\n" if code == 1 else "")
    assert image.reason.read_text() == ""


@pytest.mark.parametrize(
    # exec: a child that the shell forked would hold our pipe, where no container's end ends it
    "wait", ["import time; time.sleep(60)", "import asyncio; await asyncio.sleep(60)", "!exec sleep 60"]
)
def test_sigterm_ends_it_with_143_and_runs_finally(tmp_path: Path, wait: str) -> None:
    image = Image(tmp_path, ["import atexit; atexit.register(print, 'cleaned');", f"print('waiting')\n{wait}"])
    with ended(image.start()) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "waiting\n"
        time.sleep(0.2)
        process.send_signal(signal.SIGTERM)
        out, errors = process.communicate(timeout=20)
    assert process.returncode == 143
    assert out == "cleaned\n"
    assert errors.splitlines()[-1] == "nbcontainer: cell 2: stopped by SIGTERM"


def test_the_notebooks_own_sigterm_handler_wins(tmp_path: Path) -> None:
    cells = [
        "import signal, sys, time\nsignal.signal(signal.SIGTERM, lambda *a: sys.exit(9));",
        "print('waiting')\ntime.sleep(60)",
    ]
    with ended(Image(tmp_path, cells).start()) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "waiting\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 9


def test_stdout_and_stderr_keep_their_order(tmp_path: Path) -> None:
    loop = "for i in range(3):\n    print('out', i)\n    print('err', i, file=sys.stderr)"
    image = Image(tmp_path, [f"import sys\n{loop}\n!echo shell", "'last'"])
    merged = tmp_path / "log"
    with open(merged, "w") as file:
        command = [sys.executable, "-u", str(image.root / "opt/nbcontainer/runtime/run.py"), "train"]
        environment = {**os.environ, "NBCONTAINER_ROOT": str(image.root), "IPYTHONDIR": str(tmp_path)}
        subprocess.run(command, env=environment, stdout=file, stderr=subprocess.STDOUT, check=True, timeout=60)
    expected = [f"{name} {i}" for i in range(3) for name in ("out", "err")]
    assert merged.read_text().splitlines() == [*expected, "shell", "'last'"]


def test_pyplot_shows_nothing_and_says_nothing(tmp_path: Path) -> None:
    cells = ["%matplotlib inline\nimport matplotlib.pyplot as plt", "plt.plot([1, 2]);\nplt.show()"]
    cells.append("plt.savefig('a.png')")
    image = Image(tmp_path, cells)
    ran = image.train(MPLBACKEND="module://matplotlib_inline.backend_inline", MPLCONFIGDIR=str(tmp_path / "mpl"))
    assert (ran.returncode, ran.stdout) == (0, ""), ran.stderr
    assert (image.work / "a.png").stat().st_size > 1000
