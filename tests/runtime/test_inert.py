"""nbcontainer's own lines do nothing inside an image."""

from __future__ import annotations

from pathlib import Path

from tests.runtime.images import Image

SAID = "nbcontainer: does nothing inside the image; its lines are skipped\n"
CELLS = [
    "%load_ext nbcontainer\nimport nbcontainer",
    "run = %train --cpu 2\n%status\n%scale inference 5",
    "%%train\nthis is no Python",
    "from nbcontainer import train, serve\nimport nbcontainer.api as api\nfrom nbcontainer.options import TrainOptions",
    "run.wait().status.phase == 'Succeeded'",
    "[p.name for p in run.pods], len(run), bool(run), f'{run} {run.url:>5}', str(run) == repr(run)",
    "with nbcontainer.forward('x') as held:\n    held.url",
    "run.replicas > 3, run + 1 is run, -run is run, run['a'][0] is run, 'x' in run, int(run), run == run",
    "nbcontainer.train(TrainOptions(cpu='2'), parameters={'a': 1}) is run",
    "import pickle, copy\npickle.loads(pickle.dumps(run)) is run, copy.copy(run) is run",
    "(await run) is run, hasattr(run, '_repr_html_'), callable(run)",
    "nbcontainer.load_ipython_extension(None)\nrun.x = 5\nrun['y'] = 6",
    "run",
]


def test_everything_is_harmless_and_said_once(tmp_path: Path) -> None:
    ran = Image(tmp_path, CELLS).train()
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr == SAID
    shown = "<nbcontainer does nothing inside the image>"
    assert ran.stdout.splitlines() == [
        "False",
        f"([], 0, False, '{shown} {shown}', True)",
        "(False, True, True, True, False, 0, True)",
        "True", "(True, True)", "(True, False, True)", shown,
    ]


def test_it_wins_over_an_installed_nbcontainer_in_workers_too(tmp_path: Path) -> None:
    cells = [
        "import multiprocessing as mp, importlib.util\ndef f(x):\n    import nbcontainer\n    return repr(nbcontainer)",
        "import nbcontainer\nprint(nbcontainer)",
        "with mp.get_context('spawn').Pool(1) as pool:\n    print(pool.map(f, [1])[0])",
        "print(importlib.util.find_spec('nbcontainer.api').origin)",
    ]
    image = Image(tmp_path, cells)
    package = image.work / "nbcontainer"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('the real one')\n")
    ran = image.train()
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines() == ["<nbcontainer does nothing inside the image>"] * 2 + ["None"]
