"""Which notebook: an argument, a variable, or what Jupyter says of this kernel; never a question to the user.

What this is: the order of the places that know, and the check that the saved file is what ran here. What it is not: a
reader of notebooks (notebook.py) or a client of Jupyter servers (jupyter.py).
In the flow: the first step; the path goes to the reader.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from nbcontainer import jupyter
from nbcontainer.errors import NotebookError
from nbcontainer.model import Notebook
from nbcontainer.script import OURS

_OUR_LINE = re.compile(rf"\s*(?:#.*|(?:[\w.]+\s*=\s*)?%(?:{OURS})\b.*|%(?:re|un)?load_ext\s+nbcontainer\s*)?")
_LIKE = 0.5  # share of words that makes a cell an earlier wording of another


def locate(argument: str = "", *, shell: Any = None) -> Path:
    """The notebook's absolute path. `shell` is the live IPython shell, None outside a kernel.

    Raises NotebookError when nothing names a notebook. A file that an argument names need not exist.
    """
    if argument:
        return _plain(Path(argument).expanduser())
    named = os.environ.get("NBCONTAINER_NOTEBOOK")
    if named:
        path = _plain(Path(named).expanduser())
        if not path.is_file():
            raise NotebookError(f"NBCONTAINER_NOTEBOOK names {named}, which is no file", "set it to the .ipynb's path")
        return path
    found = (_of_servers() if shell is not None else None) or _of_session_name(shell) or _of_editor(shell)
    if found is None:
        raise NotebookError("which notebook? nothing here tells its file", _hint(shell))
    return _plain(found)


def check_saved(notebook: Notebook, shell: Any) -> tuple[str, ...]:
    """Notes on how `notebook`, as saved, differs from what ran in `shell`; () when it doesn't.

    Raises NotebookError when the two share no cell: then it is another notebook, or one that was never saved.
    """
    ran = _history(shell)
    if not ran:
        return ()
    saved = {_normal(cell.source) for cell in notebook.cells}
    current = max(ran)
    others = {number: text for number, text in ran.items() if number != current}
    telling = {number: text for number, text in others.items() if not _only_ours(text)} or others or ran
    if not any(text in saved for text in telling.values()):
        raise NotebookError(
            f"{notebook.path} shares no cell with what ran in this kernel",
            "save the notebook, or name the right one: --notebook PATH",
        )
    missing = [n for n, text in others.items() if text not in saved and not _only_ours(text)]
    missing = [number for number in missing if not _reworded(number, others, saved)]
    if not missing:
        return ()
    shown = ", ".join(f"In [{number}]" for number in missing[-3:]) + (" and others" if len(missing) > 3 else "")
    return (f"{shown} ran in this kernel but can't be found in {notebook.path.name} as saved: save it to take them",)


def _of_servers() -> Path | None:
    connection = jupyter.connection_file()
    kernel = jupyter.kernel_id(connection)
    found = jupyter.notebooks(kernel, connection) if kernel else []
    if len(found) > 1:
        names = " and ".join(path.name for path in found)
        raise NotebookError(f"this kernel is shared by {names}", "name one: --notebook PATH")
    return found[0] if found else None


def _of_session_name(shell: Any) -> Path | None:
    """JPY_SESSION_NAME: where the server saw the notebook when the kernel started."""
    named = os.environ.get("JPY_SESSION_NAME", "")
    if not named.endswith(".ipynb"):
        return None
    visited = shell.user_ns.get("_dh") if shell is not None else None
    start = Path(str(visited[0])) if visited else Path.cwd()
    return next((path for path in (start / named, start / Path(named).name) if path.is_file()), None)


def _of_editor(shell: Any) -> Path | None:
    named = shell.user_ns.get("__vsc_ipynb_file__") if shell is not None else None
    return Path(named) if isinstance(named, str) and Path(named).is_file() else None


def _plain(path: Path) -> Path:
    """Absolute, with its folder's links followed: one notebook has one path, whichever way it was named."""
    return Path(os.path.realpath(path.parent)) / path.name if path.name not in ("", "..") else path.resolve()


def _hint(shell: Any) -> str:
    option = "--notebook PATH" if shell is not None else "name it: nbcontainer VERB NB"
    return f"{option}, or set NBCONTAINER_NOTEBOOK"


def _history(shell: Any) -> dict[int, str]:
    """{execution number: source} of what ran in this session, without empty cells."""
    raw = getattr(getattr(shell, "history_manager", None), "input_hist_raw", None) or []
    texts = {number: _normal(str(source)) for number, source in enumerate(raw) if number}
    return {number: text for number, text in texts.items() if text}


def _normal(source: str) -> str:
    return "\n".join(line.rstrip() for line in source.strip().splitlines())


def _only_ours(text: str) -> bool:
    return all(_OUR_LINE.fullmatch(line) for line in text.splitlines())


def _reworded(number: int, ran: dict[int, str], saved: set[str]) -> bool:
    """Whether a saved cell that ran later is a new wording of `ran[number]`: an edit, not something unsaved."""
    words = set(re.findall(r"\w+", ran[number]))
    for later, text in ran.items():
        if later > number and text in saved:
            others = set(re.findall(r"\w+", text))
            if len(words & others) >= _LIKE * max(len(words), len(others)) > 0:
                return True
    return False
