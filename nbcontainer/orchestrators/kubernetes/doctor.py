"""Why a run waits or failed, in one line.

What this is: rules over conditions, container states and events, tried in order. What it is not: a cluster-scoped look
at nodes: all of it is what the run's own namespace tells. Pure.
In the flow: View -> RunStatus.reason, PodStatus.reason.
"""

from __future__ import annotations

import json
import re

from nbcontainer.errors import one_line
from nbcontainer.orchestrators.kubernetes import images, manifests
from nbcontainer.orchestrators.kubernetes.errors import quota
from nbcontainer.orchestrators.kubernetes.view import (
    Object,
    View,
    annotation,
    condition,
    conditions,
    container,
    leaving,
    overdue,
    ready,
    start_timeout,
    state,
    terminated,
)
from nbcontainer.orchestrators.marks import duration, plural, signal_name

CREATE = ("FailedCreate",)
_NO_ROOM = re.compile("OOM-killed|cannot allocate memory|cannot start a (stopped|container that)")  # runc


def reason(view: View) -> str:
    """Why the run waits, failed or is incomplete; "" when there is nothing to tell."""
    ended = annotation(view.owner, manifests.ENDED)
    if ended:
        return ended
    if leaving(view.owner):
        return f"stopping, {plural(len(view.pods), 'pod')} still ending" if view.pods else "stopping"
    why = one_line(_training(view) if view.training else _inference(view), 600)
    if overdue(view):
        return late(view, why)
    return why


def late(view: View, why: str) -> str:
    text = f"could not start within {duration(start_timeout(view.owner))}"
    return f"{text}: {why}" if why else text


def _training(view: View) -> str:
    if condition(view.owner, "Complete"):
        return ""
    failed = condition(view.owner, "Failed")
    if view.pods:
        found = pod(view, view.pods[0])
        if found or not failed:
            return found
    if failed:
        if failed.get("reason") == "DeadlineExceeded":
            return "ran longer than its deadline"
        if failed.get("reason") == "BackoffLimitExceeded" and not view.pods:
            return "its pod was deleted"
        return failed.get("message") or failed.get("reason") or "failed"
    if view.owner.get("spec", {}).get("suspend"):
        return "suspended: it waits for its queue to admit it"
    refused = view.about(view.owner, *CREATE)
    return creation(refused["message"]) if refused else "waiting for the cluster to create its pod"


def _inference(view: View) -> str:
    status, wanted = view.owner.get("status", {}), view.owner.get("spec", {}).get("replicas", 1)
    if not wanted:
        return "scaled to zero"
    waiting = [each for each in view.pods if not ready(each) and not leaving(each)]
    why = next((text for text in (pod(view, each) for each in waiting) if text), "")
    refused = condition(view.owner, "ReplicaFailure")
    if refused and len(view.pods) - sum(map(leaving, view.pods)) < wanted:
        why = creation(refused.get("message", ""))
    if not why and status.get("readyReplicas", 0) < wanted:
        return "waiting for the cluster to create its pods"
    if why and status.get("readyReplicas", 0) >= wanted:
        return f"the update is not through: {why}"
    return why


def pod(view: View, found: Object) -> str:
    """Why this pod waits or failed, "" when it runs and is ready, or ended well."""
    for rule in (_gone, _ended, _waiting, _scheduling, _not_ready):
        text = rule(view, found)
        if text:
            return one_line(text, 600)
    return ""


def creation(message: str) -> str:
    """The controller's sentence about a pod that it may not create."""
    text = re.sub(r'^(Error creating: )?(pods "[^"]*" is forbidden: )?', "", message)
    if "exceeded quota" in text:
        return quota(text)
    if "violates PodSecurity" in text:
        return f"the namespace's Pod Security level refuses the pod: {text}"
    return f"the cluster refuses to create the pod: {text}"


# ---------------------------------------------------------------- rules for a pod
def _gone(view: View, found: Object) -> str:
    """The node's or the cluster's doing, not the container's."""
    status = found.get("status", {})
    word, message = status.get("reason", ""), status.get("message", "")
    if word == "Evicted":
        return f"evicted: {message}"
    if view.training and leaving(found) and state(found, "terminated").get("exitCode") in (None, 137, 143):
        return "its pod was deleted"
    target = condition(found, "DisruptionTarget")
    if target:
        return f"interrupted by the cluster ({target.get('reason')}): {target.get('message')}"
    if status.get("phase") == "Failed" and word and not terminated(found):
        return f"{word}: {message}" if message else word
    return ""


def _ended(view: View, found: Object) -> str:
    end = state(found, "terminated")
    return exit_text(found, end) if end and (end.get("exitCode") or end.get("reason") == "OOMKilled") else ""


def exit_text(found: Object, end: Object) -> str:
    """Why a container ended: out of memory, the exception and its cell, else code and last words."""
    code, word = end.get("exitCode", 0), end.get("reason", "")
    if word == "OOMKilled":
        return f"out of memory: killed at its limit of {_limit(found, 'memory') or 'unknown size'}"
    if word in ("StartError", "ContainerCannotRun"):
        return _no_room(found, end.get("message", "")) or f"the container can't start: {end.get('message', '')}"
    said = _last_words(end.get("message", ""))
    if said.startswith("cell ") and code == 1:
        return said
    if code > 128 and not said:
        return f"killed by {signal_name(code - 128)} (exit code {code})"
    return f"{said} (exit code {code})" if said else f"exit code {code}"


def _no_room(found: Object, message: str) -> str:
    """Said of a pod that was killed before it ran, when it has a limit; else ""."""
    limit = _limit(found, "memory")
    told = bool(limit) and _NO_ROOM.search(message)
    return f"the container can't start: its memory limit of {limit} is probably too small" if told else ""


def _last_words(message: str) -> str:
    """The runtime's report {"cell": 3, "error": "ValueError: x"}, else the log's last line."""
    try:
        told = json.loads(message)
    except ValueError:
        told = None
    if isinstance(told, dict) and told.get("error"):
        error = one_line(str(told["error"]), 400)
        return f"cell {told['cell']}: {error}" if told.get("cell") else error
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    return one_line(lines[-1], 400) if lines else ""


def _waiting(view: View, found: Object) -> str:
    waits = state(found, "waiting")
    word, message = waits.get("reason", ""), waits.get("message", "")
    if word in images.REASONS:
        told = message if ": " in message else view.about(found, "Failed").get("message") or message
        return images.cause(container(found).get("image", ""), word, str(told))
    if word == "CrashLoopBackOff":
        end = terminated(found)
        last = exit_text(found, end) if end else message
        return f"keeps ending at once ({plural(container(found).get('restartCount', 0), 'restart')}): {last}"
    if word == "CreateContainerConfigError":
        return _configuration(message)
    if word in ("ContainerCreating", "PodInitializing"):
        return _creating(view, found)
    return f"{word}: {message}" if word and message else word


def _configuration(message: str) -> str:
    missing = re.search(r'(secret|configmap) "([^"]+)" not found', message)
    if missing:
        return f"there is no {missing[1]} '{missing[2]}' in the namespace"
    return f"the container can't be configured: {message}"


def _creating(view: View, found: Object) -> str:
    broken = view.about(found, "FailedMount", "FailedAttachVolume", "FailedCreatePodSandBox")
    pulling = view.about(found, "Pulling", "Pulled")
    if broken:
        what = "volume" if "Sand" not in broken["reason"] else "sandbox"
        return _no_room(found, broken.get("message", "")) or f"{what}: {broken.get('message', '')}"
    if pulling.get("reason") == "Pulling":
        return f"pulling image {container(found).get('image') or found['spec']['containers'][0]['image']}"
    return "starting"


def _scheduling(view: View, found: Object) -> str:
    if container(found):
        return ""
    told = next((c for c in conditions(found) if c.get("type") == "PodScheduled"), {})
    if told.get("status") == "True":
        return "starting"
    if told.get("reason") == "SchedulingGated":
        return "held back by a scheduling gate"
    message = told.get("message") or view.about(found, "FailedScheduling").get("message", "")
    if not message:
        return "waiting for the scheduler"
    message = re.sub(r"[.,]?\s*(no new claims to deallocate,?)?\s*preemption:.*$", "", message, flags=re.S)
    if "Insufficient nvidia.com/gpu" in message:
        return f"no node has {_limit(found, 'nvidia.com/gpu')} free nvidia.com/gpu: {message}"
    return f"no node takes it: {message}"


def _not_ready(view: View, found: Object) -> str:
    if not state(found, "running") or ready(found) or leaving(found) or not _probed(found):
        return ""
    told = view.about(found, "Unhealthy").get("message", "")
    code = re.search(r"(\w+) probe failed: HTTP probe failed with statuscode: (\d+)", told)
    if code:
        return f"not ready: its {code[1].lower()} probe is answered with {code[2]}"
    if told and "connection refused" not in told:
        return f"not ready: {told}"
    last = state(found, "terminated", "lastState")
    return f"restarted: {exit_text(found, last)}" if last and last.get("exitCode") else "loading: not ready yet"


def _probed(found: Object) -> bool:
    return any("readinessProbe" in each for each in found.get("spec", {}).get("containers", []))


def _limit(found: Object, resource: str) -> str:
    spec: Object = next(iter(found.get("spec", {}).get("containers", [])), {})
    return str(spec.get("resources", {}).get("limits", {}).get(resource, ""))
