"""What cells and modules import and which files they name, IPython's own lines included."""

from __future__ import annotations

from pathlib import Path

import pytest

from nbcontainer.environment import cells, imports
from nbcontainer.environment.memory import Memory


def names(source: str) -> list[tuple[str, int, bool]]:
    found, _ = imports.of_cell(source)
    return [each[:3] for each in found[0]]


def files(source: str) -> list[tuple[str, str]]:
    found, _ = imports.of_cell(source)
    return [(text, kind) for text, _, kind in found[1]]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import a.b as c, d", [("a.b", 1, False), ("d", 1, False)]),
        ("from a import b, c\nfrom e import *", [("a.b", 1, False), ("a.c", 1, False), ("e", 2, False)]),
        ("try:\n  import a\nexcept (KeyError, ImportError):\n  import b", [("a", 2, True), ("b", 4, False)]),
        ("try:\n  import a\nexcept KeyError: pass", [("a", 2, False)]),
        ("try:\n  import a\nexcept:\n  pass\nelse:\n  import b", [("a", 2, True), ("b", 6, False)]),
        ("import typing\nif typing.TYPE_CHECKING:\n  import a", [("typing", 1, False), ("a", 3, True)]),
        ("with contextlib.suppress(ImportError):\n  import a", [("a", 2, True)]),
        ("def f():\n  import a\nasync def g():\n  from b import c", [("a", 2, False), ("b.c", 4, False)]),
        ("import importlib\nm = importlib.import_module('a.b')", [("importlib", 1, False), ("a.b", 2, False)]),
        ("x = await f()\nimport a", [("a", 2, False)]),
        ("%load_ext autoreload\n%load_ext sql\nimport a", [("a", 3, False), ("sql", 2, False)]),
        ("%time import a", [("a", 1, False)]),
        ("%%time\nimport a", [("a", 2, False)]),
        ("%%timeit -n 3 import a\nimport b", [("a", 1, False), ("b", 2, False)]),
        ("%%capture out\nimport a\n!ls", [("a", 2, False)]),
        ("%%unknown\nimport a", [("a", 2, True)]),
        ("%%bash\nimport a", []),
        ("%%writefile x.py\nimport a", []),
        ("files = !ls\nimport a", [("a", 2, False)]),
        ("a?\n?b\nimport c", [("c", 3, False)]),
        ('x = """\n%matplotlib\n!ls\nimport a"""\n%pwd\nimport b', [("b", 6, False)]),
        ("x = (7\n% 4)\n%pwd\nimport b", [("b", 4, False)]),
        ("!ls \\\n  -l\nimport b", [("b", 3, False)]),
        ("if 1:\n    !ls\n    import b", [("b", 3, False)]),
        ("if broken(\nimport a", []),
        ("", []),
    ],
)
def test_imports_of_a_cell(source: str, expected: list[tuple[str, int, bool]]) -> None:
    assert names(source) == expected


def test_a_relative_import_keeps_its_level() -> None:
    assert imports.of_code("from ..a import b\nfrom . import c")[0] == (("a.b", 1, False, 2), ("c", 2, False, 1))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("open('a.csv')", ["a.csv"]),
        ("open('a.csv', 'w'); open('b', mode='ab'); open('c', 'rb')", ["c"]),
        ("pd.read_csv(filepath_or_buffer='data/a.csv')", ["data/a.csv"]),
        ("df.to_csv('a.csv'); plt.savefig('b.png'); json.dump(x, 'c')", []),
        ("p = 'a.csv'\nopen(p)", ["a.csv"]),
        ("Path('data') / 'x.json'\nnp.load(Path('data') / 'x.npy')", ["data", "data/x.npy"]),
        ("open(os.path.join('data', 'a.txt'))", ["data/a.txt"]),
        ("Path('a.txt').read_text()", ["a.txt"]),
        ("Path('a.txt').open('w')", ["a.txt"]),
        ("requests.get('https://x/y')", []),
        ("open(name)", []),
    ],
)
def test_files_that_code_opens(source: str, expected: list[str]) -> None:
    assert {text for text, kind in files(source) if kind == "open"} == set(expected)


def test_files_that_ipython_lines_name() -> None:
    assert files("%run -i train.py x") == [("train.py", "run")]
    assert files("!python tool.py 'a b.txt'") == [("python", "shell"), ("tool.py", "shell"), ("a b.txt", "shell")]
    assert ("cat", "shell") in files("%%bash\ncat rows.csv")
    assert imports.of_cell("%%writefile -a made.py\nx = 1")[1] == ("made.py",)


def test_folders_put_on_the_path() -> None:
    found, _ = imports.of_cell("import sys\nsys.path.insert(0, 'lib')\nsys.path.append('../x')")
    assert found[2] == ("<lib", ">../x")


def test_lines_stay_where_they_are() -> None:
    source = "%%capture\n!ls \\\n -l\nx = !pwd\nfor i in x:\n    %time f(i)\n"
    assert cells.plain(source).text.count("\n") == source.count("\n")
    assert cells.parsed(cells.plain(source).text) is not None


def test_what_was_read_is_remembered_by_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    memory = Memory(tmp_path, tmp_path / "nb.ipynb")
    first = memory.cell("import a")
    memory.keep()
    monkeypatch.setattr(imports, "of_cell", lambda _: pytest.fail("read again"))
    assert Memory(tmp_path, tmp_path / "nb.ipynb").cell("import a") == first
