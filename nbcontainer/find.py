"""Which run a name means, and on which target: what every verb on a run begins with.

What this is: 'training', 'inference' and no name mean the caller's notebook's newest run. What it is not: memory: the
target is asked, so that another process or a restarted kernel finds the same.
In the flow: options -> *orchestrator and status* -> Run.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from nbcontainer import config, names
from nbcontainer.errors import NotebookError, RunNotFound, UsageError
from nbcontainer.model import Identity, Kind, RunStatus
from nbcontainer.options import NamedOptions
from nbcontainer.orchestrators import Orchestrator, Selector, orchestrator
from nbcontainer.session import Session

ALIASES: Mapping[str, Kind] = {"training": "training", "inference": "inference"}


def find(options: NamedOptions, session: Session) -> tuple[Orchestrator, RunStatus]:
    """The run that `options` names. Raises RunNotFound, or UsageError with the list when several could be meant."""
    notebook = _notebook(options.notebook, session)
    settings = config.load(notebook.parent if notebook else None)
    where = settings.target(options.target, namespace=options.namespace)
    runner = orchestrator(where)
    if options.name and options.name not in ALIASES:
        return runner, runner.status(options.name)
    identity = names.identity(notebook) if notebook else None
    kind = ALIASES.get(options.name, "")
    candidates = runner.find(Selector(kind=kind, notebook=identity.id if identity else ""))
    if not candidates:
        of = f" of {identity.path}" if identity else ""
        raise RunNotFound(f"no {kind or 'run'}{of} on target '{where.name}'", "nbcontainer runs lists what there is")
    return runner, _newest(candidates, options.name, identity)


def _newest(candidates: list[RunStatus], name: str, identity: Identity | None) -> RunStatus:
    """The newest that lives, else the newest; without a known notebook only one that is alone."""
    if identity is None and len(candidates) > 1:
        listed = ", ".join(each.name for each in candidates[:8])
        raise UsageError(f"'{name or 'the newest run'}' could be any of {len(candidates)}: {listed}",
                         "name one, or say --notebook NB")
    return next((each for each in candidates if not each.ended), candidates[0])


def _notebook(argument: str, session: Session) -> Path | None:
    """The notebook that the caller speaks of, None when none is known."""
    if not argument and session.shell is None and not os.environ.get("NBCONTAINER_NOTEBOOK"):
        return None
    from nbcontainer import locate

    try:
        return locate.locate(argument, shell=session.shell)
    except NotebookError:
        if argument:
            raise
        return None
