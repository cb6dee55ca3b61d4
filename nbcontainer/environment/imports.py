"""What code imports and which files it names.

What this is: facts of a cell or a module, as plain tuples that marshal keeps. What it is not: the decision who provides
them (roots.py), or whether a file is there (local.py). In the flow: Cell or module -> *imports, files, paths*.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from nbcontainer.environment import cells

Import = tuple[str, int, bool, int]  # (dotted name, line, guarded, level of a relative import)
Named = tuple[str, int, str]  # (path as written, line, "open" | "written" | "listed" | "run" | "shell")
Found = tuple[tuple[Import, ...], tuple[Named, ...], tuple[str, ...]]  # the last: "<" or ">" and a folder for sys.path

_GUARDS = {"ImportError", "ModuleNotFoundError", "Exception", "BaseException"}
_OF_IPYTHON = {"autoreload", "storemagic"}
_MAKES = ("to_", "save", "write", "dump")  # calls whose file is an output
_LISTS = {"listdir", "scandir", "glob", "iglob", "rglob", "iterdir", "walk"}
_WRITES = ("to_", "save", "write", "dump", "print", "log", "mkdir", "makedirs", "remove", "unlink", "rename", "exists",
           "is_", "isfile", "isdir", "glob", "set_", "add_", "startswith", "endswith", "split", "replace", "join")
_NAMES = {"filename", "file", "path", "filepath", "filepath_or_buffer", "fname", "io", "fp", "data", "source"}


def of_cell(source: str) -> tuple[Found, tuple[str, ...]]:
    """(what a cell's Python and its IPython lines name, the files that it writes by %%writefile)."""
    found = cells.plain(source)
    imports, named, paths = of_code(found.text)
    extensions = [(name, line, False, 0) for name, line in found.loaded if name not in _OF_IPYTHON]
    written = [(name, 1, "written") for name in found.written]
    run = [(name, line, "run") for name, line in found.run]
    files = [*written, *named, *run, *((name, line, "shell") for name, line in found.shell)]
    if found.guess:
        imports = tuple((name, line, True, level) for name, line, _, level in imports)
    return ((*imports, *extensions), tuple(files), paths), tuple(found.written)


def of_code(text: str) -> Found:
    """What Python code names; nothing where it is no Python."""
    tree = cells.parsed(text)
    if tree is None:
        return (), (), ()
    seen = _Seen()
    seen.visit(tree)
    return tuple(dict.fromkeys(seen.imports)), tuple(dict.fromkeys(seen.named)), tuple(dict.fromkeys(seen.paths))


class _Seen(ast.NodeVisitor):
    """One pass over a tree."""

    def __init__(self) -> None:
        self.imports: list[Import] = []
        self.named: list[Named] = []
        self.paths: list[str] = []
        self._guarded = False
        self._texts: dict[str, str] = {}  # names that hold a literal text

    # ------------------------------------------------------------ imports
    def visit_Import(self, node: ast.Import) -> None:
        self.imports += [(each.name, node.lineno, self._guarded, 0) for each in node.names]

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for each in node.names:
            name = ".".join(filter(None, [node.module, each.name if each.name != "*" else ""]))
            self.imports.append((name, node.lineno, self._guarded, node.level))

    def visit_Try(self, node: ast.Try) -> None:
        self._within(node.body, any(_catches(each.type) for each in node.handlers))
        for each in [*node.handlers, *node.orelse, *node.finalbody]:
            self.visit(each)

    visit_TryStar = visit_Try

    def visit_With(self, node: ast.With) -> None:
        calls = [each.context_expr for each in node.items if isinstance(each.context_expr, ast.Call)]
        for each in node.items:
            self.visit(each)
        suppressed = any(_last(call.func) == "suppress" and any(map(_catches, call.args)) for call in calls)
        self._within(node.body, suppressed)

    def visit_If(self, node: ast.If) -> None:
        self.visit(node.test)
        self._within(node.body, _last(node.test) == "TYPE_CHECKING")
        for each in node.orelse:
            self.visit(each)

    def _within(self, body: Sequence[ast.stmt], guarded: bool) -> None:
        before, self._guarded = self._guarded, self._guarded or guarded
        for each in body:
            self.visit(each)
        self._guarded = before

    # ------------------------------------------------------------ files, paths, imports by call
    def visit_Assign(self, node: ast.Assign) -> None:
        text = self._text(node.value)
        for target in node.targets:
            if isinstance(target, ast.Name):
                self._texts.pop(target.id, None)
                if text is not None:
                    self._texts[target.id] = text
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        name, texts = _last(node.func), list(self._arguments(node))
        if name in ("import_module", "__import__") and texts and texts[0] and not texts[0].startswith("."):
            self.imports.append((texts[0], node.lineno, self._guarded, 0))
        elif name in ("insert", "append") and _dotted(node.func) in ("sys.path.insert", "sys.path.append"):
            text = self._text(node.args[-1]) if node.args else None
            self.paths += [("<" if name == "insert" else ">") + text] if text else []
        else:
            self._names(node, name, texts)
        self.generic_visit(node)

    def _names(self, node: ast.Call, name: str, texts: list[str]) -> None:
        """What a call does with the paths among its arguments."""
        how = "open"
        if name in _LISTS:
            how = "listed"
            owner = self._text(node.func.value) if isinstance(node.func, ast.Attribute) else None
            texts = [owner] if owner else texts
        elif name.startswith(_MAKES) or self._writes(node, name):
            how = "written"
        elif name.startswith(_WRITES):
            return
        self.named += [(text, node.lineno, how) for text in texts if _like_path(text)]

    def _arguments(self, node: ast.Call) -> Iterator[str]:
        given = [*node.args[:1], *(each.value for each in node.keywords if each.arg in _NAMES)]
        if isinstance(node.func, ast.Attribute) and node.func.attr in ("open", "read_text", "read_bytes"):
            given.append(node.func.value)  # Path("x").read_text()
        for each in given:
            text = self._text(each)
            if text is not None:
                yield text

    def _writes(self, node: ast.Call, name: str) -> bool:
        """Whether a call of open() or of a path's open() asks to write."""
        if name != "open":
            return False
        place = 1 if isinstance(node.func, ast.Name) else 0
        modes = [*node.args[place : place + 1], *(each.value for each in node.keywords if each.arg == "mode")]
        texts = [each.value for each in modes if isinstance(each, ast.Constant) and isinstance(each.value, str)]
        return any(set(text) & set("wax") and set(text) <= set("rwaxbt+") for text in texts)

    def _text(self, node: ast.expr) -> str | None:
        """The text that an expression of literals gives: a constant, a name of one, a path joined of them."""
        if isinstance(node, ast.Constant):
            return node.value if isinstance(node.value, str) else None
        if isinstance(node, ast.Name):
            return self._texts.get(node.id)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            return _joined([self._text(node.left), self._text(node.right)])
        if isinstance(node, ast.Call) and (_last(node.func) in ("Path", "PurePath")
                                           or _dotted(node.func) in ("os.path.join", "path.join")):
            return _joined([self._text(each) for each in node.args])
        return None


def _joined(parts: Sequence[str | None]) -> str | None:
    known = [part for part in parts if part is not None]
    return "/".join(part.rstrip("/") for part in known) if known and len(known) == len(parts) else None


def _like_path(text: str) -> bool:
    return 0 < len(text) < 256 and "\n" not in text and "\0" not in text and "://" not in text


def _catches(node: ast.expr | None) -> bool:
    if node is None:
        return True
    if isinstance(node, ast.Tuple):
        return any(map(_catches, node.elts))
    return _last(node) in _GUARDS


def _last(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""
