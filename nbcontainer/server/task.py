"""One verb being done by this server, or done by it or an earlier one: what is asked, how far it is, what came of it.

What this is: a task's facts, kept up to date from the session's events, and their JSON. What it is not: the thread
that works (work.py), or the list (tasks.py).
In the flow: Progress, Image, Run -> *Task* -> the bus, the journal.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from nbcontainer.errors import NbcontainerError
from nbcontainer.model import Event, Image, Progress
from nbcontainer.server.reins import Reins
from nbcontainer.server.requests import Request

ENDED = ("done", "failed", "cancelled", "interrupted")
_NOTES = 200
_IMAGE = ("reference", "digest", "size", "layers", "framework", "seconds")  # what a list of tasks shows


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass
class Task:
    """`options` are as asked, without env; `request` has the values of env, and is gone after a restart."""

    verb: str
    notebook: str
    target: str
    options: Mapping[str, Any]
    env_names: tuple[str, ...]
    request: Request | None = None
    id: str = field(default_factory=lambda: secrets.token_hex(8))
    state: str = "queued"
    created: str = field(default_factory=_now)
    ended: str | None = None
    seconds: float = 0.0
    steps: dict[str, dict[str, Any]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    image: dict[str, Any] | None = None
    run: dict[str, Any] | None = None
    yaml: str = ""
    error: dict[str, Any] | None = None
    reins: Reins = field(default_factory=Reins)
    _began: float = field(default_factory=time.monotonic)

    @property
    def over(self) -> bool:
        return self.state in ENDED

    def begin(self) -> None:
        self.state, self._began = "running", time.monotonic()

    def hear(self, event: Event) -> None:
        """A step's progress: the newest of each stage is kept, in the order in which the stages began."""
        if not isinstance(event, Progress):
            return
        if event.stage == "note":
            self.note(event.message)
        elif event.stage != "image":  # the Image itself comes to made()
            before = self.steps.get(event.stage)
            self.steps[event.stage] = {
                "stage": event.stage, "message": event.message, "done": event.done, "total": event.total,
                "unit": event.unit, "began": before["began"] if before else round(self._passed(), 3),
            }

    def note(self, text: str) -> None:
        if text not in self.notes and len(self.notes) < _NOTES:
            self.notes.append(text)

    def made(self, image: Image) -> None:
        for note in image.warnings:
            self.note(note)
        self.image = image.as_json()

    def end(self, state: str, error: NbcontainerError | None = None) -> None:
        self.state, self.ended, self.seconds = state, _now(), self._passed()
        self.error = error.as_json()["error"] if error else None

    def as_json(self, whole: bool = True) -> dict[str, Any]:
        """As the contract has it; a list leaves out the image's distributions."""
        image = self.image
        if image and not whole:
            image = {name: image[name] for name in _IMAGE}
        return {
            "id": self.id, "verb": self.verb, "notebook": self.notebook, "target": self.target, "state": self.state,
            "created": self.created, "ended": self.ended,
            "seconds": round(self.seconds if self.over else self._passed(), 1 if not self.over else 3),
            "steps": [dict(each) for each in tuple(self.steps.values())], "notes": list(self.notes),
            "request": {"options": dict(self.options), "env_names": list(self.env_names)},
            "image": image, "run": self.run, "yaml": self.yaml, "error": self.error,
        }

    def _passed(self) -> float:
        return time.monotonic() - self._began


def of_request(request: Request, target: str) -> Task:
    return Task(request.verb, request.notebook, target, request.given, request.env_names, request)


def of_json(told: Mapping[str, Any]) -> Task:
    """A task of the journal. Raises KeyError or TypeError for what is none."""
    asked = told["request"]
    plain = {name: told[name] for name in ("id", "state", "created", "ended", "seconds", "image", "run", "yaml",
                                           "error")}
    steps = {str(each["stage"]): dict(each) for each in told["steps"]}
    return Task(told["verb"], told["notebook"], told["target"], dict(asked["options"]), tuple(asked["env_names"]),
                steps=steps, notes=list(told["notes"]), **plain)
