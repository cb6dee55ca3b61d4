"""A cell's Python: the text with IPython's own syntax taken out, and what that syntax names.

What this is: light, line by line, good enough to find imports and files; line numbers stay. What it is not: IPython's
transformer, or the conversion that runs (script.py). In the flow: Cell -> *plain Python* -> imports.
"""

from __future__ import annotations

import ast
import re
import shlex
import warnings
from dataclasses import dataclass, field

_PYTHON_BODY = {"time", "timeit", "capture", "prun", "matplotlib"}
_PYTHON_LINE = re.compile(r"%(?:time|timeit|prun|memit|mprun)\b((?:\s+-\S+(?:\s+\d+\b)?)*)\s*(.*)")
_SHELL_BODY = {"bash", "sh", "script", "!", "system", "sx", "cmd"}
_NO_PYTHON = {"html", "HTML", "js", "javascript", "latex", "markdown", "svg", "SVG", "perl", "ruby", "R", "sql",
              "julia", "cython", "python2", "writefile", "file", *_SHELL_BODY}
_ASSIGNED = re.compile(r"(\s*)([\w.,\s\[\]*'\"]+?)\s*=\s*([!%].*)")
_HELP = re.compile(r"\s*(\?{1,2}\s*[%\w.*]+|[%\w.*\[\]'\"]+\?{1,2})\s*$")
_SKIPPED = re.compile(r"('''|\"\"\")(?:\\.|(?!\1).)*\1|'(?:\\.|[^'\\\n])*'|\"(?:\\.|[^\"\\\n])*\"|#[^\n]*", re.S)


@dataclass
class Plain:
    """A cell's Python, and what its IPython lines name."""

    text: str
    shell: list[tuple[str, int]] = field(default_factory=list)  # words of shell lines, with their lines
    run: list[tuple[str, int]] = field(default_factory=list)  # files of %run
    loaded: list[tuple[str, int]] = field(default_factory=list)  # modules of %load_ext
    written: list[str] = field(default_factory=list)  # files of %%writefile
    guess: bool = False  # the body of a cell magic that may or may not be Python


def plain(source: str) -> Plain:
    """The Python of a cell."""
    if parsed(source) is not None:
        return Plain(source)
    found = Plain("")
    lines = source.split("\n")
    first = next((i for i, line in enumerate(lines) if line.strip()), 0)
    if lines[first].lstrip().startswith("%%"):
        lines = _body(lines, first, found)
        if parsed("\n".join(lines)) is not None:
            found.text = "\n".join(lines)
            return found
    outside = _outside(lines)
    number = 0
    while number < len(lines):
        last = number
        if outside[number] and lines[number].lstrip()[:1] in ("%", "!"):
            while lines[last].endswith("\\") and last + 1 < len(lines):
                last += 1
        whole = " ".join(line.rstrip("\\") for line in lines[number : last + 1]) if last > number else lines[number]
        lines[number : last + 1] = [_line(whole, number + 1, found) if outside[number] else lines[number],
                                    *[""] * (last - number)]
        number = last + 1
    found.text = "\n".join(lines)
    return found


def parsed(source: str) -> ast.Module | None:
    """The tree of Python that may await at its top level, None for what is no Python."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
            tree = compile(source, "<cell>", "exec", flags, dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None
    return tree if isinstance(tree, ast.Module) else None


def _body(lines: list[str], first: int, found: Plain) -> list[str]:
    """The lines of a cell below its cell magic that are Python; the others become empty."""
    words = _words(lines[first].strip()[2:])
    name = words[0] if words else ""
    rest = [*[""] * (first + 1), *lines[first + 1 :]]
    if name in ("writefile", "file"):
        found.written += [word for word in words[1:] if not word.startswith("-")][:1]
    if name in _SHELL_BODY:
        for number, line in enumerate(rest, 1):
            found.shell += [(word, number) for word in _words(line)]
    if name in _NO_PYTHON:
        return [""] * len(lines)
    if name in ("time", "timeit", "prun"):
        said = _PYTHON_LINE.fullmatch(lines[first].strip()[1:])
        rest[first] = said[2] if said else ""
    found.guess = name not in _PYTHON_BODY
    return rest


def _outside(lines: list[str]) -> list[bool]:
    """Of each line, whether it starts a statement: inside no text, no bracket, and after no backslash."""
    source = "\n".join(lines)
    masked = _SKIPPED.sub(lambda hit: "".join("\n" if c == "\n" else "_" for c in hit[0]), source)
    depth, found = 0, []
    continued = False
    for line, shown in zip(lines, masked.split("\n"), strict=True):
        text = bool(line) and shown[:1] == "_" and line[0] not in "_'\"#"
        found.append(depth == 0 and not continued and not text)
        command = found[-1] and line.lstrip()[:1] in ("%", "!")
        if not command:
            depth = max(0, depth + sum(map(shown.count, "([{")) - sum(map(shown.count, ")]}")))
        continued = shown.endswith("\\") and not command
    return found


def _line(line: str, number: int, found: Plain) -> str:
    """One line without IPython's syntax."""
    stripped = line.lstrip()
    indent = line[: len(line) - len(stripped)]
    assigned = _ASSIGNED.fullmatch(line)
    if assigned:
        _command(assigned[3], number, found)
        return f"{assigned[1]}{assigned[2]} = None"
    if stripped.startswith(("%", "!")):
        return indent + (_command(stripped, number, found) or "pass")
    return f"{indent}pass" if _HELP.fullmatch(line) else line


def _command(text: str, number: int, found: Plain) -> str:
    """Note what a magic or a shell line names; gives the Python that it runs."""
    if text.startswith("!"):
        found.shell += [(word, number) for word in _words(text.lstrip("!"))]
        return ""
    timed = _PYTHON_LINE.fullmatch(text)
    if timed:
        return timed[2]
    words = _words(text[1:])
    name, rest = (words[0], words[1:]) if words else ("", [])
    if name == "run":
        found.run += [(word, number) for word in rest if not word.startswith("-")][:1]
    elif name in ("load_ext", "reload_ext"):
        found.loaded += [(word, number) for word in rest[:1]]
    elif name in ("sx", "system", "sc"):
        found.shell += [(word, number) for word in rest]
    return ""


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()
