"""What the engine has: containers as it lists and inspects them, grouped into runs.

What this is: reading, and the words of two engines made one. What it is not: a judgement (status.py).
In the flow: engine -> View -> RunStatus.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Any

from nbcontainer.model import Kind
from nbcontainer.orchestrators import Selector, marks
from nbcontainer.orchestrators.local import containers
from nbcontainer.orchestrators.local.engine import Engine, Refused
from nbcontainer.orchestrators.local.stream import Stream

LISTS = 40  # tries, a twentieth of a second apart
_STATES = {"configured": "created", "initialized": "created", "stopped": "exited", "stopping": "running",
           "dead": "exited"}
_STAMP = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)?")


@dataclass(frozen=True)
class Container:
    """One container, inspected. `state`: created, running, restarting, paused, removing or exited."""

    id: str
    name: str
    labels: dict[str, str] = field(repr=False)
    state: str = "created"
    exit_code: int = 0
    out_of_memory: bool = False
    error: str = ""
    created: datetime | None = None
    started: datetime | None = None
    finished: datetime | None = None
    restarts: int = 0
    image_id: str = ""
    memory: int = 0  # bytes, its limit, 0 = none
    ready: bool = False  # its line was seen

    @property
    def role(self) -> str:
        return self.labels.get(containers.ROLE, "")

    @property
    def revision(self) -> str:
        return self.labels.get(containers.REVISION, "")

    @property
    def began(self) -> datetime | None:
        """A moment before the present start's first line and after the last line before it.

        The middle of the pause: engines stamp a start after its first lines, and an end before its last ones.
        """
        if self.finished is None or self.started is None or self.finished > self.started:
            return self.started
        return self.finished + (self.started - self.finished) / 2

    @property
    def leaving(self) -> bool:
        return self.name.endswith(containers.LEAVING)

    @property
    def pod(self) -> str:
        """The name that people see, the same while it leaves."""
        return self.name.removesuffix(containers.LEAVING)


@dataclass(frozen=True)
class View:
    """One run: all its containers, oldest first, and the moment of looking."""

    name: str
    containers: tuple[Container, ...]
    target: str
    now: datetime

    @property
    def kind(self) -> Kind:
        return "training" if self.first.labels.get(marks.KIND) == "training" else "inference"

    @property
    def first(self) -> Container:
        """The container that tells of the run: the newest description of it."""
        described = [each for each in self.containers if each.role in ("run", "template")]
        return (described or list(self.containers))[-1]

    @property
    def holder(self) -> Container | None:
        return next((each for each in self.containers if each.role == "port"), None)

    @property
    def replicas(self) -> list[Container]:
        """All that serve or will, those that leave too."""
        return [each for each in self.containers if each.role == "replica"]

    @property
    def newest(self) -> str:
        """The revision that is wanted, "" before the first is complete."""
        return max((each.revision for each in self.containers if each.role == "template"), default="")

    @property
    def wanted(self) -> list[Container]:
        return [each for each in self.replicas if each.revision == self.newest and not each.leaving]

    @property
    def old(self) -> list[Container]:
        """Replicas of earlier revisions that still serve."""
        return [each for each in self.replicas if each.revision < self.newest and not each.leaving]

    @property
    def start_timeout(self) -> float:
        return float(self.first.labels.get(marks.START_TIMEOUT, "600"))

    def overdue(self, each: Container) -> bool:
        """Whether a replica has had its time to become ready."""
        if each.ready or each.created is None:
            return False
        return (self.now - each.created).total_seconds() > self.start_timeout

    def spec(self) -> dict[str, Any]:
        """What a replica of the newest revision is: see containers.template."""
        found: dict[str, Any] = json.loads(self.first.labels[containers.SPEC])
        return found


class Reader:
    """Reads runs from one engine; remembers which containers have said that they are ready."""

    def __init__(self, engine: Engine, target: str) -> None:
        self.engine, self._target = engine, target
        self._ready: set[tuple[str, str]] = set()

    def views(self, selector: Selector) -> list[View]:
        wanted = {marks.MANAGED: marks.MANAGER, marks.RUN: selector.name, marks.KIND: selector.kind,
                  marks.NOTEBOOK: selector.notebook}
        labels = [f"{key}={value}" for key, value in wanted.items() if value]
        listed = self._listed(labels)
        runs: dict[str, list[Container]] = {}
        for each in listed:
            found = self._inspected(each["Id"])
            if found is not None and found.labels.get(marks.RUN):
                runs.setdefault(found.labels[marks.RUN], []).append(found)
        now = datetime.now(timezone.utc)
        return [View(name, tuple(sorted(group, key=_age)), self._target, now) for name, group in runs.items()]

    def _listed(self, labels: list[str]) -> list[dict[str, Any]]:
        """The engine's list; podman fails it when a container is removed at that moment."""
        for _ in range(LISTS):
            try:
                with self.engine.asking("runs") as api:
                    return list(api.containers(all=True, filters={"label": labels}))
            except Refused as error:
                failure = error
                if not error.gone:
                    break
                time.sleep(0.05)
        raise failure

    def _inspected(self, identity: str) -> Container | None:
        try:
            with self.engine.asking("runs") as api:
                found = container(api.inspect_container(identity))
            if found.role != "replica" or found.state != "running":
                return found
            return replace(found, ready=self._said_ready(found))
        except Refused as error:
            if error.gone:  # removed meanwhile
                return None
            raise

    def _said_ready(self, found: Container) -> bool:
        key = (found.id, str(found.started))
        if key not in self._ready and said(self.engine, found, lambda line: line == containers.READY):
            self._ready.add(key)
        return key in self._ready


def said(engine: Engine, found: Container, matches: Callable[[str], bool]) -> bool:
    """Whether a line of the container's present instance matches."""
    since = {"since": found.began.timestamp()} if found.restarts and found.began else {}
    with engine.asking(f"log of {found.name}") as api:
        stream = Stream(api, found.id, stdout=1, stderr=0, follow=0, **since)
        try:
            return any(matches(line.decode("utf-8", "replace").rstrip("\r")) for line in stream)
        finally:
            stream.close()


def container(found: dict[str, Any]) -> Container:
    """A container from what its inspection says."""
    state, host = found.get("State") or {}, found.get("HostConfig") or {}
    status = str(state.get("Status", "")).lower()
    return Container(
        id=found["Id"],
        name=str(found.get("Name", "")).lstrip("/"),
        labels=dict((found.get("Config") or {}).get("Labels") or {}),
        state=_STATES.get(status, status),
        exit_code=int(state.get("ExitCode") or 0),
        out_of_memory=bool(state.get("OOMKilled")),
        error=str(state.get("Error") or ""),
        created=moment(found.get("Created")),
        started=moment(state.get("StartedAt")),
        finished=moment(state.get("FinishedAt")),
        restarts=int(found.get("RestartCount") or 0),
        image_id=_digest(str(found.get("Image", ""))),
        memory=int(host.get("Memory") or 0),
    )


def _digest(image: str) -> str:
    return f"sha256:{image}" if len(image) == 64 else image


def _age(found: Container) -> tuple[float, str]:
    return (found.created.timestamp() if found.created else 0.0, found.name)


def moment(text: Any) -> datetime | None:
    """A stamp of the engine in UTC, to the microsecond; None for one of the year 1 (never) or 1970."""
    found = _STAMP.fullmatch(text) if isinstance(text, str) else None
    if found is None or text.startswith(("0001", "1970")):
        return None
    seconds, fraction, zone = found.groups("")
    whole = datetime.fromisoformat(seconds + (zone if zone not in ("", "Z") else "+00:00"))
    return whole.replace(microsecond=int(fraction[:6].ljust(6, "0"))).astimezone(timezone.utc)
