"""Processes that a notebook spawns find its functions and repeat none of its work."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.runtime.images import Image

POOL = "import multiprocessing as mp\ncontext = mp.get_context('{}')\n"


@pytest.mark.parametrize("method", ["spawn", "forkserver", "fork"])
def test_a_pool_runs_functions_of_the_notebook_without_a_main_guard(tmp_path: Path, method: str) -> None:
    cells = [
        "import asyncio, os\nopen('ran', 'a').write('x');",
        ("K = 1", ["parameters"]),
        "await asyncio.sleep(0)\nslow = await asyncio.sleep(0, 'slow')",
        "from collections import namedtuple\nPoint = namedtuple('Point', 'x y')\nclass Base:\n    pass",
        "class Thing(Base):\n    factor = K\n    def __init__(self, x):\n        self.x = x",
        "def helper(x):\n    return x * Thing.factor\n",
        "def work(thing, point):\n    return helper(thing.x) + point.y, slow, os.getpid()\n",
        "!true",
        POOL.format(method) + "with context.Pool(2) as pool:\n"
        "    found = pool.starmap(work, [(Thing(i), Point(0, 10)) for i in range(3)])",
        "print([f[0] for f in found], {f[1] for f in found}, os.getpid() in {f[2] for f in found})",
    ]
    image = Image(tmp_path, cells)
    ran = image.train({"K": 5})
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout == "[10, 15, 20] {'slow'} False\n"
    assert (image.work / "ran").read_text() == "x"


def test_a_worker_takes_what_stood_when_it_began(tmp_path: Path) -> None:
    cells = [
        POOL.format("spawn") + "x = 2\ndef f(y):\n    return x + y",
        "def run():\n    with context.Pool(1) as pool:\n        return pool.map(f, [1])",
        "run()",
        "x = 7\nrun()",
        "raise_if_run_again = run()\nrun()",
        "def f(y):\n    return -y\nrun()",
    ]
    ran = Image(tmp_path, cells).train(seconds=40)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.splitlines() == ["[3]", "[8]", "[8]", "[-1]"]


def test_a_process_and_an_executor(tmp_path: Path) -> None:
    cells = [
        POOL.format("spawn") + "import nbcontainer\nfrom concurrent.futures import ProcessPoolExecutor",
        "def say(x):\n    print('said', x, flush=True)\n    return x",
        "p = context.Process(target=say, args=(1,))\np.start(); p.join()\np.exitcode",
        "with ProcessPoolExecutor(1, mp_context=context) as pool:\n    print(list(pool.map(say, [2])))",
    ]
    ran = Image(tmp_path, cells).train()
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.splitlines() == ["said 1", "0", "said 2", "[2]"]


def test_joblib_workers(tmp_path: Path) -> None:
    cells = [
        "from joblib import Parallel, delayed\nK = 3\ndef f(x):\n    return x * K",
        "Parallel(n_jobs=2)(delayed(f)(i) for i in range(3))",
    ]
    ran = Image(tmp_path, cells).train()
    assert (ran.returncode, ran.stdout) == (0, "[0, 3, 6]\n"), ran.stderr
