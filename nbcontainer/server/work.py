"""A task's work: its verb, called as the other doors call it.

What this is: a session whose emit goes to the task, and what the result means for it. What it is not: any step of the
work (api.py).
In the flow: Request -> api -> the task's image, run or YAML.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nbcontainer.model import Event, Image, RunStatus
from nbcontainer.server.task import Task

Changed = Callable[[], None]
RunJson = Callable[[RunStatus], dict[str, Any]]  # as the contract has it


def work(task: Task, changed: Changed, run_json: RunJson) -> None:
    """Do it, in this thread. Raises what the verb raises, Interrupted when it is called off."""
    from nbcontainer.session import Session

    def emit(event: Event) -> None:
        task.hear(event)
        changed()
        task.reins.check()

    def made(image: Image) -> None:
        task.made(image)
        changed()

    session = Session(emit, made=made)
    result = task.reins.run(lambda: _verb(task.verb)(task.request.options, session))  # type: ignore[union-attr]
    if task.verb == "build":
        task.made(result)
    elif task.verb == "manifest":
        import yaml

        task.yaml = yaml.safe_dump_all(result, sort_keys=False, allow_unicode=True)
    else:
        task.run = run_json(result.last)


def _verb(name: str) -> Callable[..., Any]:
    from nbcontainer import api

    found: Callable[..., Any] = getattr(api, name)
    return found
