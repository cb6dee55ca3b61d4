"""What the cluster said about one run: its Job or Deployment, its pods, their events, and small questions to them.

What this is: the objects as dicts with accessors that take missing fields. What it is not: judgement (status.py for
phases, doctor.py for reasons). Pure.
In the flow: client or reflector -> View -> RunStatus.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from nbcontainer.orchestrators import marks
from nbcontainer.orchestrators.kubernetes import manifests

Object = dict[str, Any]
EPOCH = datetime.fromtimestamp(0, timezone.utc)


@dataclass(frozen=True)
class View:
    """`owner` is the Job or Deployment; `pods` are newest first, `events` newest last; `now` is the server's time."""

    owner: Object
    pods: tuple[Object, ...]
    events: tuple[Object, ...]
    now: datetime
    target: str = ""

    @property
    def training(self) -> bool:
        return bool(label(self.owner, marks.KIND) == "training")

    def about(self, thing: Object, *reasons: str) -> Object:
        """The newest event about `thing` with one of `reasons`, {} when there is none."""
        uid = thing["metadata"].get("uid")
        found = [e for e in self.events if e.get("involvedObject", {}).get("uid") == uid and e.get("reason") in reasons]
        return found[-1] if found else {}


def view(owner: Object, pods: Iterable[Object], events: Iterable[Object], now: datetime, target: str = "") -> View:
    """The View of `owner`, of all pods and events that may or may not belong to it."""
    run = label(owner, marks.RUN), label(owner, marks.KIND)
    mine = [p for p in pods if (label(p, marks.RUN), label(p, marks.KIND)) == run and _owned(p, owner)]
    mine.sort(key=lambda pod: (created(pod), pod["metadata"]["name"]), reverse=True)
    uids = {thing["metadata"].get("uid") for thing in (owner, *mine)}
    told = [event for event in events if event.get("involvedObject", {}).get("uid") in uids]
    return View(owner, tuple(mine), tuple(sorted(told, key=_event_time)), now, target)


def _owned(pod: Object, owner: Object) -> bool:
    """A Job's pod names its Job; a Deployment's pod names a ReplicaSet, so its labels must do."""
    jobs = [each["uid"] for each in pod["metadata"].get("ownerReferences") or [] if each.get("kind") == "Job"]
    return not jobs or owner["metadata"].get("uid") in jobs


def label(thing: Object, key: str) -> str:
    return str((thing["metadata"].get("labels") or {}).get(key, ""))


def annotation(thing: Object, key: str) -> str:
    return str((thing["metadata"].get("annotations") or {}).get(key, ""))


def created(thing: Object) -> datetime:
    return moment(thing["metadata"].get("creationTimestamp")) or EPOCH


def condition(thing: Object, kind: str) -> Object:
    """The condition `kind` that is set on `thing`, {} when it isn't or has another value than "True"."""
    return next((c for c in conditions(thing) if c.get("type") == kind and c.get("status") == "True"), {})


def conditions(thing: Object) -> list[Object]:
    return thing.get("status", {}).get("conditions") or []


def container(pod: Object) -> Object:
    """The status of the run's container, {} before the kubelet wrote one."""
    found = pod.get("status", {}).get("containerStatuses") or []
    return next((each for each in found if each.get("name") == manifests.CONTAINER), found[0] if found else {})


def state(pod: Object, kind: str, field: str = "state") -> Object:
    """The container's state `kind` ("waiting", "running", "terminated"), {} when it is in another."""
    return (container(pod).get(field) or {}).get(kind) or {}


def terminated(pod: Object) -> Object:
    """The container's end: this instance's, else the last one's."""
    return state(pod, "terminated") or state(pod, "terminated", "lastState")


def started(pod: Object) -> bool:
    """Whether the container has ever run."""
    ran = (state(pod, "running"), state(pod, "terminated"), state(pod, "terminated", "lastState"))
    return any(moment(each.get("startedAt")) not in (None, EPOCH) for each in ran)


def ready(pod: Object) -> bool:
    return bool(condition(pod, "Ready")) and not leaving(pod)


def leaving(thing: Object) -> bool:
    return bool(thing["metadata"].get("deletionTimestamp"))


def start_timeout(owner: Object) -> float:
    """Seconds that the run may take to start, 0 = no limit."""
    try:
        return float(annotation(owner, marks.START_TIMEOUT) or 0)
    except ValueError:
        return 0.0


def deadline(owner: Object) -> datetime | None:
    """Until when the run has to have started, by the server's clock; None when nothing limits that."""
    limit = start_timeout(owner)
    if not limit or owner.get("spec", {}).get("suspend"):
        return None
    since = moment(annotation(owner, manifests.SUBMITTED)) or created(owner)
    since = max(since, moment(owner.get("status", {}).get("startTime")) or EPOCH)
    return since + timedelta(seconds=limit)


def overdue(found: View) -> bool:
    """Whether the run has not started within its start timeout, by the server's clock."""
    until = deadline(found.owner)
    if until is None or found.now < until:
        return False
    if found.training:  # pods of an ended one may be gone
        ended = condition(found.owner, "Complete") or condition(found.owner, "Failed")
        return not ended and not any(started(pod) for pod in found.pods)
    late = any(c.get("reason") == "ProgressDeadlineExceeded" for c in conditions(found.owner))
    return late and not found.owner.get("status", {}).get("availableReplicas")


def moment(text: Any) -> datetime | None:
    """An API timestamp as an aware UTC datetime."""
    if not isinstance(text, str) or not text:
        return None
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(timezone.utc)
    except ValueError:
        return None


def _event_time(event: Object) -> datetime:
    series = event.get("series") or {}
    times = (series.get("lastObservedTime"), event.get("lastTimestamp"), event.get("eventTime"),
             event["metadata"].get("creationTimestamp"))
    return next((found for found in map(moment, times) if found), EPOCH)
