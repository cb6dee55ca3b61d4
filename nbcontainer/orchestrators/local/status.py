"""Containers as the engine has them -> RunStatus, with the reason in one line.

What this is: a total mapping; the log's last words are asked for only where a container has failed. What it is not: the
reading (view.py) or any change (roll.py).
In the flow: View -> RunStatus.
"""

from __future__ import annotations

from collections.abc import Callable

from nbcontainer.errors import one_line
from nbcontainer.model import Phase, PodStatus, Replicas, RunStatus
from nbcontainer.orchestrators import marks
from nbcontainer.orchestrators.local import containers
from nbcontainer.orchestrators.local.view import Container, View

Words = Callable[[Container], list[str]]  # the newest lines of a container's log, oldest first
KILLED = 137  # the exit code after SIGKILL
CRASHES = 2  # restarts after which a replica that isn't ready counts as failed


def run_status(view: View, words: Words) -> RunStatus:
    """The run as the engine has it."""
    first, training = view.first, view.kind == "training"
    url = address(view)
    end = first if training and first.state == "exited" else None
    starts = [each.started for each in view.containers if each.role in ("run", "replica") and each.started]
    return RunStatus(
        name=view.name,
        kind=view.kind,
        target=view.target,
        namespace="",
        phase=phase(view),
        reason=reason(view, words),
        image=first.labels.get(marks.IMAGE, ""),
        replicas=Replicas() if training else replicas(view),
        pods=tuple(pod(view, each, words) for each in shown(view)),
        url=url,
        local_url=url,
        exit_code=end.exit_code if end else None,
        created=view.containers[0].created,
        started=min(starts, default=None),
        finished=end.finished if end else None,
        notebook=first.labels.get(marks.NOTEBOOK, ""),
        notebook_path=first.labels.get(marks.PATH, ""),
        owner=first.labels.get(marks.OWNER, ""),
    )


def address(view: View) -> str:
    port = view.holder.labels.get(containers.PORT, "") if view.holder else ""
    return f"http://127.0.0.1:{port}" if port else ""


def shown(view: View) -> list[Container]:
    """What is a pod to a person, newest first."""
    return [each for each in reversed(view.containers) if each.role in ("run", "replica")]


def phase(view: View) -> Phase:
    if view.kind == "training":
        return _training(view.first)
    if _portless(view):
        return "Failed"
    if any(each.ready for each in view.replicas if not each.leaving) or not view.wanted:
        return "Running" if view.newest else "Pending"
    return "Failed" if all(crashing(each) or view.overdue(each) for each in view.wanted) else "Pending"


def _training(run: Container) -> Phase:
    if run.state == "exited":
        return "Failed" if run.exit_code or run.out_of_memory else "Succeeded"
    return "Running" if run.state in ("running", "paused", "restarting") else "Pending"


def _portless(view: View) -> bool:
    return view.holder is None or view.holder.state == "exited"


def crashing(each: Container) -> bool:
    """It has ended by itself again and again, or for good."""
    over = each.state == "exited" and not each.exit_code  # the engine starts only what failed again
    return not each.ready and (each.restarts >= CRASHES or over)


def replicas(view: View) -> Replicas:
    wanted = len(view.wanted)
    updated = sum(each.ready for each in view.wanted)
    serving = sum(each.ready for each in view.replicas if not each.leaving)
    return Replicas(wanted=wanted, ready=max(updated, min(wanted, serving)), updated=updated)


# ---------------------------------------------------------------- reasons
def reason(view: View, words: Words) -> str:
    """Why the run waits, failed or is incomplete; "" when there is nothing to tell."""
    if view.kind == "training":
        return pod_reason(view.first, words)
    if _portless(view):
        return "the container that holds its port has ended: serve again"
    if not view.wanted:
        return "scaled to zero" if view.newest else "starting"
    waiting = [each for each in view.wanted if not each.ready]
    why = next((text for text in (pod_reason(each, words) for each in waiting) if text), "")
    if why and any(view.overdue(each) for each in waiting):
        why = f"could not start within {marks.duration(view.start_timeout)}: {why}"
    return f"the update is not through: {why}" if why and any(each.ready for each in view.old) else why


def pod_reason(each: Container, words: Words) -> str:
    """Why this container waits or failed, "" when it runs and is ready, or ended well."""
    if each.ready or (each.role == "run" and each.state != "exited"):
        return "" if each.state != "created" else "starting"
    if each.restarts or each.state == "restarting":
        again = marks.plural(each.restarts, "restart")
        return one_line(f"keeps ending at once ({again}): {_ended(each, words)}", 600)
    if each.state == "exited":
        return one_line(_ended(each, words), 600)
    return "loading: not ready yet" if each.state == "running" else "starting"


def _ended(each: Container, words: Words) -> str:
    """Why a container ended: out of memory, the exception and its cell, else code and last words."""
    code = each.exit_code
    if each.out_of_memory:
        return "out of memory" + (f": killed at its limit of {_size(each.memory)}" if each.memory else "")
    if each.error and not each.started:
        return f"the container can't start: {each.error}"
    if not code and each.role == "run":
        return ""
    lines = words(each)
    told = next((line for line in reversed(lines) if line.startswith("nbcontainer: ") and line != containers.READY), "")
    if told:
        told = told.removeprefix("nbcontainer: ")
        return told if code in (0, 1) else f"{told} (exit code {code})"
    if code == KILLED and each.memory:  # podman does not say what killed it
        return f"killed (exit code {code}), most likely out of memory: its limit is {_size(each.memory)}"
    if code > 128:
        return f"killed by {marks.signal_name(code - 128)} (exit code {code})"
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    ending = f"exit code {code}" if each.state == "exited" else "it ended"
    return f"{one_line(last, 400)} ({ending})" if last else ending


def _size(size: int) -> str:
    for unit, power in (("Gi", 30), ("Mi", 20), ("Ki", 10)):
        if size >= 1 << power and size % (1 << power) == 0:
            return f"{size >> power}{unit}"
    return f"{size} bytes"


def pod(view: View, each: Container, words: Words) -> PodStatus:
    return PodStatus(
        name=each.pod,
        phase=_pod_phase(each),
        ready=each.ready and not each.leaving,
        restarts=each.restarts,
        created=each.created,
        reason="" if each.ready or each.leaving else pod_reason(each, words),
        image_id=each.image_id,
        exit_code=each.exit_code if each.state == "exited" else None,
    )


def _pod_phase(each: Container) -> str:
    if each.leaving:
        return "Terminating"
    if each.out_of_memory and each.state == "exited":
        return "OOMKilled"
    if each.state == "exited":
        return "Error" if each.exit_code else "Completed"
    return {"running": "Running", "restarting": "CrashLoopBackOff", "created": "Pending"}.get(each.state, each.state)
