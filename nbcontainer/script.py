"""Notebook -> Script: what nbconvert's PythonExporter would write, made fit to run elsewhere.

What this is: the conversion; IPython's transformer only sees cells that aren't plain Python. What it is not: the runner
(runtime/). Differences from nbconvert, on purpose: our own magics, install lines and display settings (`%matplotlib`,
`%autoreload`, `%config`) become comments; markdown, empty cells and cells tagged skip-container stay out; line ends are
\\n; plain cells keep their leading blank lines, so that a message's line is the cell's.
In the flow: Notebook -> *Script* -> the notebook's layer.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from nbcontainer import requirements
from nbcontainer.errors import NotebookError
from nbcontainer.model import Cell, Notebook, Script
from nbcontainer.names import slug

OURS = "containerize|train|serve|scale|status|logs|forward|stop|runs|manifest"
_OURS = re.compile(rf"^\s*(?:%%?|\?{{1,2}}%%?)(?:{OURS})\b|^\s*%(?:re|un)?load_ext\s+nbcontainer\b")
_OURS_ASSIGNED = re.compile(rf"^(\s*)([\w.,\s\[\]'\"]+?)\s*=\s*%(?:{OURS})\b")
_DISPLAY_ONLY = re.compile(r"^\s*%(?:matplotlib|autoreload|config|(?:re)?load_ext\s+autoreload)\b")
_CONTINUES = re.compile(r"^\s*(?:[%!]|[^#'\"=]+=\s*[%!])")
_CELL_MAGIC = re.compile(r"\s*%%(!|\w+)")
_OF_PYTHON = ("capture", "prun", "time", "timeit")  # cell magics whose body is Python, or a shell's
_OF_SHELL = ("bash", "sh", "!", "sx", "system")
_ONLY_IN_FUNCTIONS = re.compile(r"^(?:return|yield|break|continue|nonlocal)\b", re.M)
_ASKS_IPYTHON = re.compile(r"^[^#'\"\n]*\bget_ipython\(", re.M)
_TOO_MUCH = (SyntaxError, ValueError, RecursionError, MemoryError)  # what a parser raises at odd texts
_HEAD = "#!/usr/bin/env python\n# coding: utf-8\n"


class Expression(str):
    """The source text of a parameter's default that is no literal."""


@dataclass
class Converted:
    """One cell on its way."""

    cell: Cell
    text: str
    plain: str = ""  # the text before IPython's transformer, as a kernel takes it
    ipython: str = ""  # what needs IPython
    is_async: bool = False
    first: int = 0  # line in the script
    last: int = 0
    requirements: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def convert(notebook: Notebook) -> Script:
    """The notebook as one Python file. Raises NotebookError with cell and line for what doesn't parse."""
    cells = table(notebook)
    reason = next((f"cell {c.cell.number} uses {c.ipython}" for c in cells if c.ipython), "")
    return Script(
        name=f"{slug(notebook.path.name)}.nb.py",  # never importable, so that it shadows no module beside it
        text=text(cells),
        requirements=tuple((c.cell.number, line) for c in cells for line in c.requirements),
        ipython=reason,
        parameters=parameters(notebook),
        notes=tuple(note for c in cells for note in c.notes),
    )


def table(notebook: Notebook) -> list[Converted]:
    """The code cells that run, converted, with their lines in the script."""
    cells = [_converted(c, notebook) for c in notebook.code if "skip-container" not in c.tags and c.source.strip()]
    line = _HEAD.count("\n") + 1
    for each in cells:
        each.first = line + 4  # a blank line, the marker and two blank lines stand before the cell's own
        each.last = each.first + each.text.count("\n")
        line = each.last + 2
    return cells


def text(cells: list[Converted]) -> str:
    """The whole file."""
    return _HEAD + "".join(f"\n# In[{each.cell.number}]:\n\n\n{each.text}\n\n" for each in cells)


def parameters(notebook: Notebook) -> Mapping[str, Any]:
    """{name: default} of the cell tagged 'parameters'; a default that is no literal is given as its source text."""
    found: dict[str, Any] = {}
    for cell in notebook.code:
        if "parameters" not in cell.tags:
            continue
        try:
            body = ast.parse(cell.source).body
        except (SyntaxError, ValueError):
            return found
        for node in body:
            targets = node.targets if isinstance(node, ast.Assign) else []
            if isinstance(node, ast.AnnAssign) and node.value is not None:
                targets = [node.target]
            for target in targets:
                if isinstance(target, ast.Name) and isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value:
                    found[target.id] = _default(node.value)
        break
    return found


def _default(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError):
        return Expression(ast.unparse(node))


def _converted(cell: Cell, notebook: Notebook) -> Converted:
    source = cell.source.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n")
    made = Converted(cell, source, source)
    if _parses(made):
        made.ipython = "get_ipython()" if _ASKS_IPYTHON.search(source) else ""
        return made
    made.text = made.plain = _without_ours(made, notebook)
    if _parses(made):
        return made
    uses = _first_magic(made.text)
    made.text = _transformed(made, uses, notebook)
    if not _parses(made):
        raise _syntax_error(made, notebook)
    if "get_ipython()" in made.text:
        made.ipython = uses or "IPython's syntax"
    return made


def _parses(made: Converted) -> bool:
    kind = _kind(made.text)
    made.is_async = kind == "async"
    return bool(kind)


@lru_cache(maxsize=4096)  # in a kernel only the edited cell is parsed again
def _kind(text: str) -> str:
    """'plain', 'async' for top-level await, '' for what isn't Python."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of odd escapes; the run itself will say so
        for kind, flags in (("plain", 0), ("async", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)):
            try:
                compile(text, "<cell>", "exec", flags | _depth(text), dont_inherit=True)
                return kind
            except _TOO_MUCH:
                continue
    return ""


def _depth(text: str) -> int:
    """Parsing finds all mistakes but a few, which only compiling finds."""
    return 0 if _ONLY_IN_FUNCTIONS.search(text) else ast.PyCF_ONLY_AST


def _without_ours(made: Converted, notebook: Notebook) -> str:
    """The cell with our magics, install lines and display settings as comments; the number of lines stays."""
    lines = made.text.split("\n")
    head = next((at for at, line in enumerate(lines) if line.strip()), 0)
    magic = _CELL_MAGIC.match(lines[head])
    if magic and _OURS.match(lines[head]):
        return "\n".join(f"# {line}" for line in lines)
    if magic and magic[1] not in (*_OF_PYTHON, *_OF_SHELL):
        return made.text  # a text of its own, as %%writefile's
    shell = "!" if magic and magic[1] in _OF_SHELL else ""
    kept = _without_ours_in(lines, head + 1 if magic else 0, shell, made, notebook)
    if magic and kept != lines and all(not line.strip() or line.lstrip().startswith("#") for line in kept[head + 1 :]):
        kept[head] = f"# {kept[head]}"  # nothing is left to run
    return "\n".join(kept)


def _without_ours_in(lines: list[str], first: int, shell: str, made: Converted, notebook: Notebook) -> list[str]:
    kept, inside, at = lines[:first], _inside_strings(lines), first
    while at < len(lines):
        end = at + 1
        while lines[end - 1].rstrip().endswith("\\") and end < len(lines) and (shell or _CONTINUES.match(lines[at])):
            end += 1
        kept += lines[at:end] if at in inside else _line("\n".join(lines[at:end]), shell, made, notebook)
        at = end
    return kept


def _inside_strings(lines: list[str]) -> set[int]:
    """The places of lines that begin inside a string, where a `%train` is only text."""
    plain = [re.sub(r"^(\s*)[%!?].*", r"\1pass", line) for line in lines]
    inside: set[int] = set()
    began: list[int] = []  # of the f-strings that are open, where Python has tokens for their ends
    try:
        for token in tokenize.generate_tokens(io.StringIO("\n".join(plain)).readline):
            kind = tokenize.tok_name[token.type]
            if kind in ("FSTRING_START", "TSTRING_START"):
                began.append(token.start[0])
            elif kind == "STRING" or (kind in ("FSTRING_END", "TSTRING_END") and began):
                start = token.start[0] if kind == "STRING" else began.pop()
                inside.update(range(start, token.end[0]))
    except (tokenize.TokenError, SyntaxError):
        pass  # what was seen before holds
    return inside


def _line(line: str, shell: str, made: Converted, notebook: Notebook) -> list[str]:
    assigned = _OURS_ASSIGNED.match(line)
    indent = line[: len(line) - len(line.lstrip())]
    comments = [f"{indent}# {part.strip()}" for part in line.split("\n")]
    if assigned:
        said = comments[0].split("=", 1)[1].strip()
        comments[0] = f'{assigned[1]}{assigned[2]} = __import__("nbcontainer")  # {said}'
        return comments
    if requirements.is_install(shell + line.lstrip()):
        found, notes = requirements.of_line(shell + line.lstrip(), notebook.path.parent, made.cell.number)
        made.requirements += found
        made.notes += notes
    elif shell or not (_OURS.match(line) or _DISPLAY_ONLY.match(line)):
        return line.split("\n")
    if indent and not shell:
        comments[0] = f"{indent}pass  # {comments[0].strip()[2:]}"
    return comments


def _first_magic(source: str) -> str:
    """The first IPython syntax in a cell, as a message names it."""
    for line in source.split("\n"):
        found = re.match(r"\s*(%%?\w+|!!?|\?)", line) or re.match(r"[^#'\"]*=\s*(%\w+|!)", line)
        if found:
            return found[1]
        if re.search(r"[\w)]\?{1,2}\s*$", line):
            return "?"
    return ""


def _transformed(made: Converted, uses: str, notebook: Notebook) -> str:
    """The text as IPython's transformer gives it: magics, prompts, an indented cell."""
    try:
        import IPython.core.inputtransformer2  # noqa: F401
    except ImportError:
        if not uses:
            return made.text
        raise NotebookError(
            f"{notebook.path.name}, cell {made.cell.number} uses {uses}, and IPython isn't installed here",
            "pip install nbcontainer[notebook]",
        ) from None
    return _by_ipython(made.text)


@lru_cache(maxsize=512)
def _by_ipython(text: str) -> str:
    from IPython.core.inputtransformer2 import TransformerManager

    try:
        return str(TransformerManager().transform_cell(text)).rstrip("\n")  # type: ignore[no-untyped-call,unused-ignore]
    except _TOO_MUCH:
        return text


def _syntax_error(made: Converted, notebook: Notebook) -> NotebookError:
    said, line, shown = "can't be read as Python", 1, ""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            compile(made.text, "<cell>", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT | _depth(made.text), dont_inherit=True)
        except SyntaxError as error:
            said, line, shown = error.msg, error.lineno or 1, (error.text or "").strip()
        except (RecursionError, MemoryError):
            said = "too deeply nested"
        except ValueError as error:
            said = str(error)
    return NotebookError(
        f"{notebook.path.name}, cell {made.cell.number}, line {line}: {said}" + (f": {shown}" if shown else ""),
        "mend the cell, or tag it skip-container to leave it out",
    )
