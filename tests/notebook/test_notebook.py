""".ipynb -> Notebook: shapes that editors save, and everything that is no notebook, one line each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nbcontainer import notebook
from nbcontainer.errors import NotebookError
from tests.notebook.parts import saved

EMPTY: dict[str, Any] = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []}


def with_cell(**cell: Any) -> str:
    return json.dumps({**EMPTY, "cells": [cell]})


BAD: dict[str, tuple[bytes | str, str]] = {
    "empty": ("", "is not JSON: Expecting value at line 1, column 1"),
    "half": ('{"cells": [', "is not JSON"),
    "text": ("x = 1\n", "is not JSON"),
    "a list": ("[]", "is JSON but no notebook: it has no nbformat"),
    "a number": ("3", "is JSON but no notebook"),
    "null": ("null", "is JSON but no notebook"),
    "no nbformat": ('{"cells": []}', "it has no nbformat"),
    "nbformat as text": ('{"nbformat": "4", "cells": []}', "it has no nbformat"),
    "nbformat true": ('{"nbformat": true, "cells": []}', "it has no nbformat"),
    "nbformat 3": ('{"nbformat": 3, "worksheets": []}', "is nbformat 3; nbcontainer reads nbformat 4"),
    "nbformat 5": ('{"nbformat": 5, "cells": []}', "is nbformat 5"),
    "no cells": ('{"nbformat": 4}', "it has no list of cells"),
    "cells as object": ('{"nbformat": 4, "cells": {}}', "it has no list of cells"),
    "a cell that is text": ('{"nbformat": 4, "cells": ["x"]}', "cell 1 is no cell"),
    "a cell of no kind": (with_cell(source="x"), "cell 1 is no cell (cell_type None)"),
    "a cell of another kind": (with_cell(cell_type="sql", source="x"), "cell 1 is no cell (cell_type 'sql')"),
    "a source of numbers": (with_cell(cell_type="code", source=[1]), "cell 1 is no cell"),
    "no source": (with_cell(cell_type="code"), "cell 1 is no cell"),
    "R": (json.dumps({**EMPTY, "metadata": {"kernelspec": {"name": "ir", "language": "R"}}}), "is a notebook of R"),
    "Julia": (json.dumps({**EMPTY, "metadata": {"language_info": {"name": "julia"}}}), "is a notebook of julia"),
    "Latin-1": (b'{"a": "\xe9"}', "is not UTF-8 text (byte 7)"),
    "UTF-16": ('{"nbformat": 4}'.encode("utf-16"), "is not UTF-8 text (byte 0)"),
    "nested": ("[" * 200000, "is nested too deeply to be a notebook"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_notebook_is_one_line(case: str, tmp_path: Path) -> None:
    content, expected = BAD[case]
    path = tmp_path / "a b's é.ipynb"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    for reading in (notebook.read, notebook.stripped):
        if reading is notebook.stripped and case in ("R", "Julia"):
            continue
        with pytest.raises(NotebookError) as raised:
            reading(path)
        assert expected in raised.value.message
        assert str(path) in raised.value.message


def test_places_that_hold_no_file(tmp_path: Path) -> None:
    with pytest.raises(NotebookError, match=r"there is no notebook .*nope\.ipynb"):
        notebook.read(tmp_path / "nope.ipynb")
    with pytest.raises(NotebookError, match="is a folder"):
        notebook.read(tmp_path)
    with pytest.raises(NotebookError, match="Not a directory"):
        notebook.read(saved(tmp_path / "n.ipynb") / "x.ipynb")
    with pytest.raises(NotebookError, match="can't be read"):
        notebook.read(tmp_path / ("n" * 300))
    with pytest.raises(NotebookError, match="can't be read"):
        notebook.read(tmp_path / "a\0b.ipynb")
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(NotebookError, match="can't be read"):
        notebook.read(tmp_path / "loop")


def test_cells_as_editors_save_them(tmp_path: Path) -> None:
    cells = [
        {"cell_type": "markdown", "source": ["# a\n", "b"], "metadata": {}},
        {"cell_type": "code", "source": ["x = 1\n", "y"], "metadata": {"tags": ["parameters", "z"]}, "extra": [1]},
        {"cell_type": "raw", "source": "", "metadata": None},
        {"cell_type": "code", "source": "é", "metadata": {"tags": "not a list"}},
    ]
    path = tmp_path / "n.ipynb"
    text = json.dumps({**EMPTY, "cells": cells, "metadata": {"kernelspec": {"name": "my kernel"}}}, ensure_ascii=False)
    path.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    found = notebook.read(path)
    assert found.kernel == "my kernel"
    assert [(each.number, each.kind, each.source) for each in found.cells] == [
        (1, "markdown", "# a\nb"), (2, "code", "x = 1\ny"), (3, "raw", ""), (4, "code", "é")]
    assert found.cells[1].tags == {"parameters", "z"}
    assert [each.number for each in found.code] == [2, 4]
    path.write_text(json.dumps({**EMPTY, "metadata": [], "cells": []}))
    assert notebook.read(path).language == "python"


def test_stripped_is_the_same_whatever_ran(tmp_path: Path) -> None:
    """Outputs, counts, ids, trust, editors' metadata and the kernel's name leave no trace; the cells do."""
    import nbformat

    first = saved(tmp_path / "a.ipynb", "x = 1", ("y = 2", "b", "a"))
    plain = notebook.stripped(first)
    ran = json.loads(first.read_text())
    ran["cells"][0].update(execution_count=7, id="zzz", source=["x = ", "1"], outputs=[
        {"output_type": "stream", "name": "stdout", "text": "secret"}])
    ran["cells"][0]["metadata"] = {"execution": {"iopub.status.busy": "2026"}, "vscode": {"languageId": "python"}}
    ran["cells"][1]["metadata"]["tags"] = ["a", "b"]
    ran["metadata"] = {"kernelspec": {"name": "venv-7", "display_name": "My env"}, "widgets": {"state": {}},
                       "language_info": {"name": "python", "version": "3.99"}}
    ran["nbformat_minor"] = 4
    second = tmp_path / "b.ipynb"
    second.write_text(json.dumps(ran, indent=4))
    assert notebook.stripped(second) == plain
    nbformat.validate(nbformat.reads(plain.decode(), as_version=4))
    ran["cells"][0]["source"] = "x = 2"
    second.write_text(json.dumps(ran))
    assert notebook.stripped(second) != plain
