"""Objects as a 1.36 API server reports them, cut to what is read, and a hostile workload."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from nbcontainer.model import Identity, Resources, Workload

Object = dict[str, Any]
BEGAN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
DIGEST = "sha256:" + "ab" * 32
IMAGE = f"registry.example/digits@{DIGEST}"
HOSTILE = 'a "quoted" \'name\'\nnäme; $(rm -rf /) $$ `id` \u2028 🎈'


def at(seconds: float) -> str:
    return (BEGAN + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def identity(path: str = "notebooks/Digits.ipynb", owner: str = "ada", id8: str = "0123abcd") -> Identity:
    return Identity(id=id8, slug="digits", path=path, owner=owner)


def workload(kind: Any = "training", **more: Any) -> Workload:
    words: dict[str, Any] = {
        "kind": kind,
        "name": "digits-0123abcd" + ("-bcdfg" if kind == "training" else ""),
        "identity": identity(),
        "image": IMAGE,
        "args": ("train",) if kind == "training" else ("serve",),
        "framework": "sklearn",
    }
    return Workload(**{**words, **more})


def hostile(kind: Any) -> Workload:
    return workload(
        kind,
        identity=identity(path=HOSTILE, owner=HOSTILE),
        env={"HOSTILE": HOSTILE, "HOME_OF": "$(HOME)"},
        parameters={"name": HOSTILE, "n": 3, "nested": {"x": [1.5, None, True]}} if kind == "training" else {},
        secrets=("api-key", "other"),
        pull_secrets=("pull",),
        resources=Resources("500m", "1Gi", 1),
        replicas=3,
        annotations={"example.com/note": HOSTILE},
        keep_outputs=kind == "training",
    )


def meta(name: str, uid: str, kind: str = "training", **more: Any) -> Object:
    labels = {
        "app.kubernetes.io/managed-by": "nbcontainer",
        "nbcontainer.io/run": "run",
        "nbcontainer.io/kind": kind,
        "nbcontainer.io/notebook": "0123abcd",
    }
    annotations = {
        "nbcontainer.io/path": "notebooks/Digits.ipynb",
        "nbcontainer.io/owner": "ada",
        "nbcontainer.io/start-timeout": "600",
        **more.pop("annotations", {}),
    }
    return {"name": name, "uid": uid, "namespace": "team", "labels": labels, "annotations": annotations,
            "creationTimestamp": at(0), "resourceVersion": "7", "generation": 1, **more}


def condition(kind: str, status: str = "True", reason: str = "", message: str = "", when: float = 9) -> Object:
    return {"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": at(when)}


def _template() -> Object:
    limits = {"cpu": "1", "memory": "2Gi"}
    return {"spec": {"containers": [{"name": "main", "image": IMAGE, "resources": {"limits": limits}}]}}


def job(*conditions: Object, annotations: Object | None = None, spec: Object | None = None, **status: Any) -> Object:
    return {
        "kind": "Job",
        "metadata": meta("run", "job-uid", annotations=annotations or {}),
        "spec": {"template": _template(), **(spec or {})},
        "status": {"conditions": list(conditions), "startTime": at(0), **status},
    }


def deployment(*conditions: Object, wanted: int = 1, annotations: Object | None = None, **status: Any) -> Object:
    return {
        "kind": "Deployment",
        "metadata": meta("run", "deployment-uid", "inference", annotations=annotations or {}),
        "spec": {"template": _template(), "replicas": wanted},
        "status": {"conditions": list(conditions), "observedGeneration": 1, **status},
    }


def pod(state: Object | None = None, *, last: Object | None = None, restarts: int = 0, phase: str = "Pending",
        conditions: tuple[Object, ...] = (), kind: str = "training", name: str = "run-x1", created: float = 1,
        limits: Object | None = None, **status: Any) -> Object:
    """A pod whose container is in `state`; without one it has no container status yet."""
    container = {"name": "main", "image": IMAGE, "imageID": f"registry.example/digits@{DIGEST}", "ready": False,
                 "restartCount": restarts, "state": state, "lastState": last or {}, "containerID": "containerd://1"}
    spec = _template()["spec"]
    spec["restartPolicy"] = "Never" if kind == "training" else "Always"
    if limits:
        spec["containers"][0]["resources"]["limits"].update(limits)
    if kind == "inference":
        spec["containers"][0]["readinessProbe"] = {"httpGet": {"path": "/readyz", "port": "http"}}
    owner = [{"kind": "Job", "uid": "job-uid"}] if kind == "training" else [{"kind": "ReplicaSet", "uid": "rs"}]
    metadata = meta(name, f"{name}-uid", kind, creationTimestamp=at(created), ownerReferences=owner)
    containers = {"containerStatuses": [container]} if state is not None else {}
    return {"metadata": metadata, "spec": spec,
            "status": {"phase": phase, "conditions": list(conditions), **containers, **status}}


def waiting(reason: str, message: str = "") -> Object:
    return {"waiting": {"reason": reason, "message": message}}


def running(since: float = 2) -> Object:
    return {"running": {"startedAt": at(since)}}


def ended(code: int, reason: str = "", message: str = "", since: float = 2, until: float = 8) -> Object:
    word = reason or ("Completed" if code == 0 else "Error")
    return {"terminated": {"exitCode": code, "reason": word, "message": message, "startedAt": at(since),
                           "finishedAt": at(until)}}


def event(about: Object, reason: str, message: str, when: float = 5) -> Object:
    return {"metadata": {"name": f"e{when}", "uid": f"event-{reason}-{when}", "creationTimestamp": at(when)},
            "involvedObject": {"uid": about["metadata"]["uid"]}, "reason": reason, "message": message,
            "lastTimestamp": at(when)}
