""".ipynb -> Notebook: json with checks of our own.

What this is: reading and stripping notebooks without nbformat, whose import alone takes a second. What it is not: the
conversion (script.py) or the search for the file (locate.py).
In the flow: .ipynb -> *Notebook* -> Script.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from nbcontainer.errors import NotebookError
from nbcontainer.model import Cell, Notebook


def read(path: Path) -> Notebook:
    """The notebook at `path`. Raises NotebookError, one line, for anything that is no Python notebook of nbformat 4."""
    found = _parsed(path)
    metadata = found.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    spec = metadata.get("kernelspec")
    spec = spec if isinstance(spec, dict) else {}
    info = metadata.get("language_info")
    language = str((info.get("name") if isinstance(info, dict) else "") or spec.get("language") or "python")
    if language.lower() not in ("python", "ipython"):
        raise NotebookError(f"{path} is a notebook of {language}", "nbcontainer runs Python notebooks")
    cells = tuple(_cell(number, cell, path) for number, cell in enumerate(found["cells"], 1))
    return Notebook(path.absolute(), cells, str(spec.get("name") or ""), "python")


def stripped(path: Path) -> bytes:
    """The notebook without outputs, counts and volatile metadata: the same for every run, tool and machine."""
    found = _parsed(path)
    cells = []
    for number, cell in enumerate(found["cells"], 1):
        read_cell = _cell(number, cell, path)
        made: dict[str, Any] = {
            "cell_type": read_cell.kind,
            "id": f"cell-{number}",
            "metadata": {"tags": sorted(read_cell.tags)} if read_cell.tags else {},
            "source": read_cell.source,
        }
        if read_cell.kind == "code":
            made.update(execution_count=None, outputs=[])
        cells.append(made)
    whole = {
        "cells": cells,
        "metadata": {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(whole, sort_keys=True, ensure_ascii=False, indent=1).encode("utf-8", "surrogatepass")


def _parsed(path: Path) -> dict[str, Any]:
    """The file as JSON, with the shape of nbformat 4."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise NotebookError(f"there is no notebook {path}", "check the path, or save the notebook first") from None
    except IsADirectoryError:
        raise NotebookError(f"{path} is a folder", "name the .ipynb file in it") from None
    except UnicodeDecodeError as error:
        raise NotebookError(f"{path} is not UTF-8 text (byte {error.start})", "a notebook is UTF-8 JSON") from None
    except (OSError, ValueError) as error:
        raise NotebookError(f"{path} can't be read: {getattr(error, 'strerror', None) or error}") from None
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        hint = "the file is empty: save the notebook first" if not text.strip() else "a notebook is a JSON file"
        raise NotebookError(f"{path} is not JSON: {error.msg} at {where}", hint) from None
    except RecursionError:
        raise NotebookError(f"{path} is nested too deeply to be a notebook") from None
    if not isinstance(found, dict) or type(found.get("nbformat")) is not int:
        raise NotebookError(f"{path} is JSON but no notebook: it has no nbformat")
    if found["nbformat"] != 4:
        raise NotebookError(
            f"{path} is nbformat {found['nbformat']}; nbcontainer reads nbformat 4",
            "convert a copy: jupyter nbconvert --to notebook --nbformat 4",
        )
    if not isinstance(found.get("cells"), list):
        raise NotebookError(f"{path} is no notebook: it has no list of cells")
    return found


def _cell(number: int, cell: Any, path: Path) -> Cell:
    kind = cell.get("cell_type") if isinstance(cell, dict) else None
    source = cell.get("source") if isinstance(cell, dict) else None
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        source = "".join(source)
    if kind not in ("code", "markdown", "raw") or not isinstance(source, str):
        raise NotebookError(f"{path}: cell {number} is no cell (cell_type {kind!r})")
    metadata = cell.get("metadata")
    tags = metadata.get("tags") if isinstance(metadata, dict) else None
    known = frozenset(str(tag) for tag in tags) if isinstance(tags, list) else frozenset()
    return Cell(number, kind, source, known)
