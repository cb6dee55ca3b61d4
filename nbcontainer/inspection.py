"""What a notebook would become, before anything is built.

What this is: a build's own steps up to the plan, each problem put down instead of ending the look, so that all else is
told. What it is not: a build: nothing is packed, pushed or written but the memories that capture keeps.
In the flow: options -> Notebook -> Environment -> ImagePlan -> *Inspection* -> `check`, the panel.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from nbcontainer import config, frameworks, last, locate, make, names, script, signatures
from nbcontainer import notebook as notebooks
from nbcontainer.errors import Interrupted, NbcontainerError, NotebookError, UsageError
from nbcontainer.image import reference as references
from nbcontainer.image.store import Store
from nbcontainer.model import (
    AppFile,
    Distribution,
    Environment,
    Event,
    Identity,
    ImagePlan,
    Interpreter,
    Notebook,
    Overlay,
    Progress,
    Script,
    Target,
)
from nbcontainer.options import CheckOptions
from nbcontainer.orchestrators import orchestrator
from nbcontainer.session import Session

_COMPRESSED = 0.45  # of their size, for layers not packed yet where no layer of the image tells
_REMEDY = re.compile(r"(?:; |: )((?:give|import|reload|rename|save) [^;:]+)$")  # how notes end that say what to do
_ZEROS = "sha256:" + "0" * 64
_UNKNOWN = Overlay("", "")
T = TypeVar("T")


@dataclass(frozen=True)
class Warned:
    """Something a person should know, and what to do about it, "" where that is not known."""

    message: str
    remedy: str = ""


@dataclass(frozen=True)
class LayerSeen:
    content: str
    size: int  # bytes, uncompressed, 0 = unknown
    kept: bool  # nothing to pack: the store has it, or a base image brings it
    compressed: int = 0  # bytes, 0 = unknown


@dataclass(frozen=True)
class Inspection:
    """All that could be found out; what couldn't is empty, and `error` says why."""

    notebook: Path
    identity: Identity
    kernel: str  # the kernelspec's name, "" when none is named
    base: str
    target: Target
    interpreter: Interpreter | None = None
    overlay: Overlay = _UNKNOWN
    distributions: tuple[Distribution, ...] = ()
    files: tuple[AppFile, ...] = ()
    warnings: tuple[Warned, ...] = ()
    parameters: tuple[signatures.Parameter, ...] = ()
    functions: tuple[signatures.Function, ...] = ()
    layers: tuple[LayerSeen, ...] = ()
    since: last.Since | None = None
    error: NbcontainerError | None = None

    @property
    def known(self) -> int:
        """Compressed bytes of the layers that are there."""
        return sum(each.compressed for each in self.layers if each.kept)

    @property
    def estimated(self) -> int:
        """About how many compressed bytes the whole image will have: what is there tells how well the rest packs."""
        told = [each for each in self.layers if each.kept and each.size]
        plain = sum(each.size for each in told)
        share = sum(each.compressed for each in told) / plain if plain else _COMPRESSED
        return self.known + round(share * sum(each.size for each in self.layers if not each.kept))

    def as_json(self) -> dict[str, Any]:
        python, place = self.interpreter, self.target
        facts = ("executable", "version", "platform", "chosen_by")
        return {
            "notebook": str(self.notebook),
            "identity": {name: getattr(self.identity, name) for name in ("id", "slug", "path", "owner")},
            "kernel": {"name": self.kernel, **{name: getattr(python, name, "") for name in facts}},
            "framework": {"name": self.overlay.framework, "evidence": self.overlay.evidence},
            "base": self.base,
            "target": {k: getattr(place, k) for k in ("name", "orchestrator", "namespace", "registry", "context")},
            "distributions": [
                {"name": d.name, "version": d.version, "size": d.size, "why": list(d.why), "modified": len(d.modified)}
                for d in self.distributions
            ],
            "files": [{"path": f.path, "size": f.size, "why": f.why, "module": f.module} for f in self.files],
            "warnings": [{"message": each.message, "remedy": each.remedy} for each in self.warnings],
            "parameters": [each.as_json() for each in self.parameters],
            "callables": [each.as_json() for each in self.functions],
            "size": {"known": self.known, "estimated": self.estimated},
            "layers": [{"content": x.content, "size": x.size, "kept": x.kept} for x in self.layers],
            "since_last": self.since.as_json() if self.since else None,
            "error": self.error.as_json()["error"] if self.error else None,
        }


def inspect(options: CheckOptions, session: Session) -> Inspection:
    """Look at the notebook. Raises NotebookError only where no notebook is named; all else is told in the result."""
    path = locate.locate(options.notebook, shell=session.shell)
    return _Look(options, session, path).look()


class _Look:
    """One look at a notebook, with the problems and notes so far."""

    def __init__(self, options: CheckOptions, session: Session, path: Path) -> None:
        self.options, self.path = options, path
        self.problems: list[NbcontainerError] = []
        self.notes: list[str] = []
        self.session = Session(self._hear, session.shell)
        self._emit = session.emit
        self.store = Store()

    def _hear(self, event: Event) -> None:
        """Notes that a step tells on its way are warnings here."""
        if isinstance(event, Progress) and event.stage == "note":
            self.notes.append(event.message)
        else:
            self._emit(event)

    def attempt(self, step: Callable[[], T]) -> T | None:
        """What `step` gives; None when it raises, which is put down."""
        try:
            return step()
        except Interrupted:
            raise
        except NbcontainerError as error:
            self.problems.append(error)
            return None

    def look(self) -> Inspection:
        settings = self.attempt(lambda: config.load(self.path.parent)) or config.defaults()
        where = self.attempt(lambda: make.target(self.options, settings))
        found = Inspection(
            notebook=self.path,
            identity=names.identity(self.path),
            kernel=self.options.kernel,
            base=self.options.base or settings["base"],
            target=where or Target(self.options.target or settings["target"], ""),
        )
        book = self.attempt(lambda: notebooks.read(self.path))
        if book is not None:
            found = self._read(found, book, settings)
        if where is not None:
            self.attempt(lambda: self._destination(where, found.identity))
        return self._ended(found)

    def _read(self, found: Inspection, book: Notebook, settings: config.Settings) -> Inspection:
        if make.live(self.options, self.session):
            self.notes += self.attempt(lambda: locate.check_saved(book, self.session.shell)) or ()
        book, converted = self._converted(book)
        self.notes += converted.notes
        found = replace(
            found,
            kernel=found.kernel or book.kernel,
            parameters=signatures.parameters(converted.parameters),
            functions=signatures.functions(script.table(book)),
        )
        python = self.attempt(lambda: make.python_of(book, self.options, self.session))
        if python is None:
            return found
        src = make.Source(book, converted, found.identity, python, settings, ())
        return self._captured(replace(found, interpreter=python), src)

    def _converted(self, book: Notebook) -> tuple[Notebook, Script]:
        """The notebook and its script, without the cells that can't be converted, each of which is put down."""
        try:
            return book, script.convert(book)
        except NotebookError:
            cells = []
            for cell in book.cells:
                alone = replace(book, cells=(cell,))
                fine = self.attempt(lambda alone=alone: script.table(alone)) is not None  # type: ignore[misc]
                cells.append(cell if fine else replace(cell, tags=cell.tags | {"skip-container"}))
            book = replace(book, cells=tuple(cells))
            return book, script.convert(book)

    def _captured(self, found: Inspection, src: make.Source) -> Inspection:
        options = self.options
        if options.platform:
            self.attempt(lambda: make.check_platform(options, src.interpreter))
            options = replace(options, platform="")
        env = self.attempt(lambda: make.environment(src, options, self.session, None, self.store, self.problems))
        if env is None:
            return found
        self.notes += env.notes
        found = replace(found, overlay=frameworks.detect(env.distributions), distributions=env.distributions,
                        files=env.files)
        standing = self.attempt(lambda: make.base(src, options, env, found.target, self.session, self.store))
        if standing is None:
            return found
        self.notes += standing.notes
        planned = self.attempt(lambda: make.planned(src, env, standing))
        return self._planned(replace(found, base=standing.name), env, planned[0]) if planned else found

    def _planned(self, found: Inspection, env: Environment, plan: ImagePlan) -> Inspection:
        seen = [LayerSeen(each.content, 0, True, each.size) for each in plan.base.layers]
        for each in (*plan.base.plans, *plan.layers):
            held = self.store.get(each.key)
            seen.append(LayerSeen(each.content, each.size, held is not None, held.size if held else 0))
        before = last.read(self.store, found.identity)
        since = last.since(before, plan, env.distributions, env.files) if before else None
        return replace(found, layers=tuple(seen), since=since)

    def _destination(self, where: Target, identity: Identity) -> None:
        """Raise what a build or a run on this target would raise about the image's name. No I/O."""
        if "@" in self.options.image:
            raise UsageError(f"--image {self.options.image}: a build makes its digest itself", "give repository[:tag]")
        if self.options.image:
            references.parse(self.options.image)
        if orchestrator(where).needs == "registry":
            make.destination(self.options, where, identity, _ZEROS)

    def _ended(self, found: Inspection) -> Inspection:
        """With the first problem as the error; further ones are warnings, before the notes."""
        first = self.problems[0] if self.problems else None
        warnings = [Warned(each.message, each.hint) for each in self.problems[1:]]
        warnings += [_split(note) for note in dict.fromkeys(self.notes)]
        return replace(found, error=first, warnings=tuple(warnings))


def _split(note: str) -> Warned:
    """A note as its message and, where it ends with what to do, the remedy."""
    remedy = _REMEDY.search(note)
    return Warned(note[: remedy.start()], remedy[1]) if remedy else Warned(note)
