"""Notebook -> script: what nbconvert writes, but for the differences that script.py's head names."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from nbcontainer import notebook, script
from nbcontainer.errors import NotebookError
from tests.notebook.parts import converted, only, saved

SAME = {
    "plain": ["x = 1\nprint(x)", "y = 2"],
    "last expression": ["x = 1\nx", "x;"],
    "top-level await": ["import asyncio\nawait asyncio.sleep(0)", "async for a in b():\n    print(a)"],
    "shell": ["!ls -l | wc", "files = !ls\nfiles", "!!pwd", "def f():\n\t!ls\n\treturn 1"],
    "cell magics": ["%%bash\nfor a in 1 2; do\n  echo $a\ndone", "%%writefile a.py\nx = 1\n%train stays\n",
                    "%%time\nx = 1", "%%html\n<b>%matplotlib inline</b>"],
    "line magics": ["%time sum(range(9))", "t = %timeit -o 1", "%env A=b", "%cd /tmp\nx = 1"],
    "help": ["print?", "x??", "?print"],
    "prompts and indents": [">>> x = 1\n>>> x", "   x = 1\n   y = 2"],
    "non-ASCII": ["größe = 'é — 漢字 \U0001f600'", "#ümlaut"],
    "tabs": ["if True:\n\tx = 1\n\ty = '\t'"],
    "strings": ["s = '''\n%train is text\n!ls\n'''", "x = '%train'  # %train"],
    "strings beside magics": ["s = '''\n%train is text\n'''\n!ls"],
    "continued": ["%time x = 1 + \\\n    2", "!echo a \\\n  b", "x = 1 + \\\n    2"],
    "comments": ["# only a comment", "# coding: latin-1\nx = 1"],
    "huge": ["data = [\n" + "".join(f"    {n},\n" for n in range(30000)) + "]"],
    "odd escapes": ["pattern = '\\d'"],
}


def nbconverted(path: Path) -> str:
    import nbconvert

    text: str = nbconvert.PythonExporter(exclude_markdown=True).from_filename(str(path))[0]
    return text


@pytest.mark.parametrize("case", SAME)
def test_the_script_is_nbconverts(case: str, tmp_path: Path) -> None:
    path = saved(tmp_path / "n.ipynb", *SAME[case])
    ours = script.convert(notebook.read(path)).text
    assert re.sub(r"# In\[\d+\]:", "# In[ ]:", ours) == nbconverted(path)


def test_the_example_is_nbconverts() -> None:
    path = Path(__file__).parents[2] / "examples" / "digits" / "digits.ipynb"
    ours = script.convert(notebook.read(path)).text
    assert re.sub(r"# In\[\d+\]:", "# In[ ]:", ours) == nbconverted(path)


OURS = {
    "%train": "# %train",
    "%train --cpu 2 \\\n  -p a=1\nx = 1": "# %train --cpu 2 \\\n# -p a=1\nx = 1",
    "run = %train -p a=1": 'run = __import__("nbcontainer")  # %train -p a=1',
    "run = %train \\\n  -p a=1\nrun": 'run = __import__("nbcontainer")  # %train \\\n# -p a=1\nrun',
    "if x:\n    run = %serve f": 'if x:\n    run = __import__("nbcontainer")  # %serve f',
    "if x:\n    %stop training\ny = 1": "if x:\n    pass  # %stop training\ny = 1",
    "%load_ext nbcontainer\nx = 1": "# %load_ext nbcontainer\nx = 1",
    "%reload_ext nbcontainer": "# %reload_ext nbcontainer",
    "%train?": "# %train?",
    "?%train\nx = 1": "# ?%train\nx = 1",
    "%%train\nx": "# %%train\n# x",
    "%matplotlib inline\nx = 1": "# %matplotlib inline\nx = 1",
    "%config InlineBackend.figure_format = 'svg'": "# %config InlineBackend.figure_format = 'svg'",
    "%load_ext autoreload\n%autoreload 2": "# %load_ext autoreload\n# %autoreload 2",
    "for a in b:\n    %matplotlib inline": "for a in b:\n    pass  # %matplotlib inline",
    "%%capture\n!pip install a": "# %%capture\n# !pip install a",
    "%%bash\npip install a": "# %%bash\n# pip install a",
    "%containerize --dry-run\n%status\n%logs\n%scale a 1\n%forward a\n%runs\n%manifest":
        "# %containerize --dry-run\n# %status\n# %logs\n# %scale a 1\n# %forward a\n# %runs\n# %manifest",
}


@pytest.mark.parametrize("source", OURS)
def test_our_own_lines_are_left_out_and_need_no_ipython(source: str, tmp_path: Path) -> None:
    assert only(tmp_path, source) == OURS[source]
    assert converted(tmp_path, source).ipython == ""
    compile(OURS[source], "<script>", "exec")


@pytest.mark.parametrize("source", ["%trainer", "%load_ext nbcontainer_other", "%servers", "%statuses x"])
def test_magics_of_others_stay(source: str, tmp_path: Path) -> None:
    assert "get_ipython()" in only(tmp_path, source)


def test_what_needs_ipython_is_said_with_its_reason(tmp_path: Path) -> None:
    assert converted(tmp_path, "x = 1", "%train").ipython == ""
    for source, what in {"!ls": "!", "%%bash\nls": "%%bash", "x = %time 1": "%time", "x = !ls": "!", "x?": "?",
                         "get_ipython().system('ls')": "get_ipython()", "if a:\n    %cd /": "%cd"}.items():
        assert converted(tmp_path, "y = 1", source).ipython == f"cell 2 uses {what}"
    assert converted(tmp_path, "  x = 1").ipython == "", "an indented cell runs without IPython"
    assert converted(tmp_path, "print('get_ipython()')  # get_ipython()").ipython == ""


def test_tags(tmp_path: Path) -> None:
    made = converted(tmp_path, ("%bad syntax(", "skip-container"), ("a = 1\nb: int = 2\nc = a + 1", "parameters"),
                     ("a = 9", "other"))
    assert "bad syntax" not in made.text
    assert made.parameters == {"a": 1, "b": 2, "c": "a + 1"}
    assert "# In[2]:\n\n\na = 1" in made.text, "cells keep the numbers that they have in the notebook"


def test_lines_of_the_table_are_lines_of_the_text(tmp_path: Path) -> None:
    cells = ("\n\nx = 1\n\n", "", "%%bash\nls\n\npwd", "a = 1\r\nb = 2\rc = 3", "# é\n\fd = 4", "s = '\u2028'", "y")
    found = notebook.read(saved(tmp_path / "n.ipynb", *cells))
    table = script.table(found)
    lines = script.text(table).split("\n")
    assert [each.cell.number for each in table] == [1, 3, 4, 5, 6, 7]
    for each in table:
        assert lines[each.first - 1 : each.last] == each.text.split("\n")
    assert table[2].text == "a = 1\nb = 2\nc = 3"


BAD = {
    "x = 1\ny = (2,\nz = 3": "cell 2, line 2: '(' was never closed: y = (2,",
    "for": "cell 2, line 1: invalid syntax: for",
    "return 1": "cell 2, line 1: 'return' outside function",
    "x = 1\nbreak": "cell 2, line 2: 'break' outside loop",
    "!ls\nx = = 1": "cell 2, line 2: invalid syntax: x = = 1",
    "x = '": "cell 2, line 1: unterminated string literal",
    "if x:\n  a\n b": "cell 2, line 3: unindent does not match",
    "x = 1\0": "cell 2, line 1: source code",
    "x = '\ud800'": "cell 2, line 1: 'utf-8' codec can't encode",
    "(" * 5000 + ")" * 5000: "cell 2, line 1: too ",
    "x = " + "-" * 100000 + "1": "cell 2, line 1: too ",
}


@pytest.mark.parametrize("source", BAD, ids=lambda source: repr(source)[:30])
def test_a_syntax_error_names_cell_and_line(source: str, tmp_path: Path) -> None:
    with pytest.raises(NotebookError) as raised:
        converted(tmp_path, "fine = 1", source)
    assert raised.value.message.startswith(f"n.ipynb, {BAD[source]}")
    assert raised.value.hint == "mend the cell, or tag it skip-container to leave it out"
    assert "\n" not in raised.value.message
    assert len(raised.value.message) < 2100


def test_plain_cells_import_nothing_heavy(tmp_path: Path) -> None:
    path = saved(tmp_path / "n.ipynb", "import os\nx = 1", "%train", "%matplotlib inline", "!pip install a", "await x")
    code = (
        "import sys, json\n"
        "from pathlib import Path\n"
        "from nbcontainer import notebook, script\n"
        f"path = Path({str(path)!r})\n"
        "script.convert(notebook.read(path)); notebook.stripped(path)\n"
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(json.loads(ran.stdout))
    assert not loaded & {"IPython", "nbformat", "nbconvert", "jsonschema", "jupyter_core", "docker", "kubernetes"}
    assert ran.stderr == ""


def test_without_ipython_the_error_says_how_to_get_it(tmp_path: Path) -> None:
    path = saved(tmp_path / "n.ipynb", "!ls")
    code = (
        "import sys\nsys.modules['IPython'] = None\n"
        "from pathlib import Path\n"
        "from nbcontainer import notebook, script\n"
        f"script.convert(notebook.read(Path({str(path)!r})))\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "n.ipynb, cell 1 uses !, and IPython isn't installed here (pip install nbcontainer[notebook])" in ran.stderr
