"""Objects as a cluster reports them -> RunStatus: the phases, and pods as people read them.

What this is: a pure, total mapping. What it is not: the reasons (doctor.py) or the reading (reflector.py, find).
In the flow: View -> RunStatus.
"""

from __future__ import annotations

import re
from datetime import datetime

from nbcontainer.model import Phase, PodStatus, Replicas, RunStatus
from nbcontainer.orchestrators import marks
from nbcontainer.orchestrators.kubernetes import doctor, manifests
from nbcontainer.orchestrators.kubernetes.view import (
    EPOCH,
    Object,
    View,
    annotation,
    condition,
    container,
    created,
    label,
    leaving,
    moment,
    overdue,
    ready,
    started,
    state,
    terminated,
)


def run_status(view: View) -> RunStatus:
    """The run as the cluster has it."""
    meta, training = view.owner["metadata"], view.training
    namespace = meta.get("namespace", "")
    return RunStatus(
        name=meta["name"],
        kind="training" if training else "inference",
        target=view.target,
        namespace=namespace,
        phase=phase(view),
        reason=doctor.reason(view),
        image=view.owner["spec"]["template"]["spec"]["containers"][0]["image"],
        replicas=Replicas() if training else _replicas(view.owner),
        pods=tuple(pod_status(view, pod) for pod in reversed(view.pods)),
        url="" if training else f"http://{meta['name']}.{namespace}.svc",
        exit_code=_exit_code(view) if training else None,
        created=created(view.owner),
        started=_started(view),
        finished=_finished(view) if training else None,
        notebook=label(view.owner, marks.NOTEBOOK),
        notebook_path=annotation(view.owner, marks.PATH),
        owner=annotation(view.owner, marks.OWNER),
    )


def phase(view: View) -> Phase:
    """Where the run is; every combination of conditions has an answer."""
    if leaving(view.owner):
        return "Stopped"
    if view.training and condition(view.owner, "Complete"):
        return "Succeeded"
    if view.training and condition(view.owner, "Failed"):
        return "Failed"
    if annotation(view.owner, manifests.ENDED) or overdue(view):
        return "Failed"
    if view.training:
        return "Running" if any(started(pod) and not leaving(pod) for pod in view.pods[:1]) else "Pending"
    status, wanted = view.owner.get("status", {}), view.owner.get("spec", {}).get("replicas", 1)
    if status.get("readyReplicas") or not wanted:
        return "Running"
    return "Failed" if _crashing(view) else "Pending"


def _crashing(view: View) -> bool:
    """No replica is ready and each of them has ended by itself again and again."""
    live = [pod for pod in view.pods if not leaving(pod)]
    return bool(live) and all(
        container(pod).get("restartCount", 0) >= 2 and state(pod, "waiting").get("reason") == "CrashLoopBackOff"
        for pod in live
    )


def _replicas(owner: Object) -> Replicas:
    status = owner.get("status", {})
    return Replicas(
        wanted=owner.get("spec", {}).get("replicas", 1),
        ready=status.get("readyReplicas", 0),
        updated=status.get("updatedReplicas", 0) if _observed(owner) else 0,
    )


def _observed(owner: Object) -> bool:
    """Whether the status is about the newest spec."""
    return bool(owner.get("status", {}).get("observedGeneration", 0) >= owner["metadata"].get("generation", 0))


def pod_status(view: View, pod: Object) -> PodStatus:
    status = container(pod)
    end = terminated(pod)
    return PodStatus(
        name=pod["metadata"]["name"],
        phase=pod_phase(view, pod),
        ready=ready(pod),
        restarts=status.get("restartCount", 0),
        created=created(pod),
        reason="" if ready(pod) else doctor.pod(view, pod),
        image_id=_digest(status.get("imageID", "")),
        exit_code=end.get("exitCode") if end else None,
    )


def pod_phase(view: View, pod: Object) -> str:
    """What `kubectl get pods` would call it, and Pulling while an image is pulled."""
    status = pod.get("status", {})
    if leaving(pod) and status.get("phase") in ("Pending", "Running"):
        return "Terminating"
    waits, end = state(pod, "waiting").get("reason", ""), state(pod, "terminated")
    if waits == "ContainerCreating" and view.about(pod, "Pulling", "Pulled").get("reason") == "Pulling":
        return "Pulling"
    if status.get("reason"):
        return str(status["reason"])
    if end:
        return str(end.get("reason") or ("Completed" if not end.get("exitCode") else "Error"))
    return str(waits or status.get("phase") or "Unknown")


def _digest(image_id: str) -> str:
    found = re.search(r"sha256:[0-9a-f]{64}", image_id)
    return found[0] if found else image_id


def _exit_code(view: View) -> int | None:
    end = state(view.pods[0], "terminated") if view.pods else {}
    return int(end["exitCode"]) if "exitCode" in end else None


def _started(view: View) -> datetime | None:
    states = [(container(pod).get(key) or {}) for pod in view.pods for key in ("state", "lastState")]
    times = [moment(each.get("startedAt")) for found in states for each in found.values() if each]
    return min((time for time in times if time and time != EPOCH), default=None)


def _finished(view: View) -> datetime | None:
    ended = condition(view.owner, "Complete") or condition(view.owner, "Failed")
    if not ended:
        return None
    pod = moment(state(view.pods[0], "terminated").get("finishedAt")) if view.pods else None
    done = moment(view.owner.get("status", {}).get("completionTime")) or moment(ended.get("lastTransitionTime"))
    return pod if pod and pod != EPOCH else done
