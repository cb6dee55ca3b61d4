"""Install lines as requirements: what people write in notebooks."""

from __future__ import annotations

from pathlib import Path

import pytest

from nbcontainer import requirements
from tests.notebook.parts import converted

LINES = {
    "%pip install numpy": ["numpy"],
    "!pip install numpy==1.2 'pandas>=2,<3'": ["numpy==1.2", "pandas>=2,<3"],
    "!pip3 install -q -U numpy": ["numpy"],
    "!pip3.11 install a": ["a"],
    "%pip install foo[bar,baz]~=1.0": ["foo[bar,baz]~=1.0"],
    "!{sys.executable} -m pip install a": ["a"],
    "!$sys.executable -m pip install a": ["a"],
    "!python3 -m pip install --upgrade pip a": ["a"],
    "!uv pip install a --index-url https://example.org/simple b": ["a", "b"],
    "pip install a": ["a"],
    "!pip install a > /dev/null 2>&1": ["a"],
    "!pip install -q a 2>/dev/null | tail -1": ["a"],
    "!pip install a && pip install b; pip install c": ["a", "b", "c"],
    "!pip install a # b c": ["a"],
    "!pip install a \\\n  b \\\n  --quiet": ["a", "b"],
    "%pip install 'a; python_version < \"3\"'": ["a; python_version < \"3\""],
    "%pip install git+https://example.org/x/y.git#egg=why": ["why"],
    "%pip install dist/some_thing-1.2-py3-none-any.whl": ["some_thing"],
    "%pip install a@https://example.org/a.zip": ["a"],
    "%pip install": [],
}
NOT_INSTALLS = ["!pip list", "%pip freeze", "!echo pip install a", "x = 'pip install a'", "!pipx install a",
                "# !pip install a", "pip.install(a)", "!pip uninstall -y a", "!npm install a", "!apt-get install a"]


@pytest.mark.parametrize("line", LINES)
def test_names_are_taken(line: str, tmp_path: Path) -> None:
    assert requirements.is_install(line)
    assert requirements.of_line(line, tmp_path, 3) == (LINES[line], [])


@pytest.mark.parametrize("line", NOT_INSTALLS)
def test_other_lines_are_not_installs(line: str) -> None:
    assert not requirements.is_install(line)


@pytest.mark.parametrize(("line", "expected"), [
    ("!pip install $name", "cell 3: '$name' depends on a variable and is not looked at"),
    ("!pip install {name}", "cell 3: '{name}' depends on a variable and is not looked at"),
    ("!pip install 'a", "cell 3: '!pip install 'a' can't be read as an install line"),
    ("!mamba install -n env -c conda-forge --yes a=1.2", "cell 3: conda's 'a=1.2' is taken when it is imported"),
    ("%pip install -r nope.txt", "cell 3: the requirements file nope.txt is not there"),
    ("%pip install -e ./mine", "cell 3 installs ./mine as editable: its source is taken when it is imported"),
    ("%pip install ./mine", "cell 3: './mine' names no distribution; import it and it is taken"),
    ("!pip install -q && ls -l", "cell 3: 'ls -l' after an install does not run in the container"),
])
def test_what_cant_be_taken_is_said(line: str, expected: str, tmp_path: Path) -> None:
    assert requirements.of_line(line, tmp_path, 3) == ([], [expected])


def test_requirements_files(tmp_path: Path) -> None:
    (tmp_path / "my reqs.txt").write_text(
        "# all\n\nnumpy>=1  # why\n-i https://example.org\nfoo==1 \\\n  --hash=sha256:aa\nhttps://example.org/x.whl\n"
        "bar @ https://example.org/bar.whl\n")
    (tmp_path / "latin.txt").write_bytes(b"\xe9")
    assert requirements.of_line("%pip install -r 'my reqs.txt' baz", tmp_path, 1) == (
        ["numpy>=1", "foo==1", "bar @ https://example.org/bar.whl", "baz"], [])
    assert requirements.of_line("%pip install --requirement=latin.txt", tmp_path, 1) == (
        [], ["cell 1: the requirements file latin.txt can't be read"])


def test_in_a_notebook_they_are_taken_with_their_cell_and_not_run(tmp_path: Path) -> None:
    made = converted(tmp_path, "import sys\n!{sys.executable} -m pip install a\nx = 1", "%%capture\n%pip install b",
                     "%%bash\npip install c\nls", "if True:\n    !pip install d")
    assert made.requirements == ((1, "a"), (2, "b"), (3, "c"), (4, "d"))
    assert made.ipython == "cell 3 uses %%bash"
    assert "pip install a" not in made.text.replace("# !{sys.executable} -m pip install a", "")
    assert "    pass  # !pip install d" in made.text
