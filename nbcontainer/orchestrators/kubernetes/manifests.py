"""A workload as Kubernetes objects: plain dicts, exactly what is submitted and what `manifest` prints.

What this is: a pure function with the names of our labels and annotations. What it is not: anything that talks to a
cluster. Pods pass the `restricted` Pod Security level and always carry requests and limits.
In the flow: Workload -> manifests -> Run.
"""

from __future__ import annotations

from typing import Any

from nbcontainer.model import SERVE_PORT, USER, Workload
from nbcontainer.orchestrators import marks
from nbcontainer.orchestrators.marks import DRAIN, KEEP_FINISHED, KIND, MANAGED, MANAGER, NOTEBOOK, RUN

Object = dict[str, Any]

CONTAINER = "main"
ENDED = "nbcontainer.io/ended"  # why a client ended a run that couldn't start; "" or absent while it lives
SUBMISSION = "nbcontainer.io/submission"  # one value per submit, so that a retried create knows its own
SUBMITTED = "nbcontainer.io/submitted"  # when a service was last submitted or restarted, by the server's clock

LEAVE = 5  # seconds in which proxies forget a pod before its SIGTERM
# Where nothing was asked: small requests, so that a laptop's cluster takes five replicas, and roomy limits.
DEFAULTS = {
    "training": ({"cpu": "250m", "memory": "512Mi"}, {"cpu": "2", "memory": "2Gi"}),
    "inference": ({"cpu": "100m", "memory": "256Mi"}, {"cpu": "1", "memory": "1Gi"}),
}


def render(workload: Workload, namespace: str = "") -> list[Object]:
    """The objects of `workload`, in the order in which they are submitted; `namespace` "" leaves it out."""
    objects = [_job(workload)] if workload.kind == "training" else [_service(workload), _deployment(workload)]
    if namespace:
        for each in objects:
            each["metadata"]["namespace"] = namespace
    return objects


def selector(name: str = "", kind: str = "", notebook: str = "") -> str:
    """A label selector for nbcontainer's objects that match every given value."""
    pairs = {MANAGED: MANAGER, RUN: name, KIND: kind, NOTEBOOK: notebook}
    return ",".join(f"{key}={value}" for key, value in pairs.items() if value)


def _metadata(workload: Workload) -> Object:
    return {"name": workload.name, "labels": marks.labels(workload), "annotations": marks.details(workload)}


def _job(workload: Workload) -> Object:
    spec = {
        "backoffLimit": 0,  # the user's own exception is final ...
        "podFailurePolicy": {  # ... a drained or preempted node is not the user's
            "rules": [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}]
        },
        "ttlSecondsAfterFinished": KEEP_FINISHED,
        "template": _template(workload, {"restartPolicy": "Never", "terminationGracePeriodSeconds": 30}, {}),
    }
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": _metadata(workload), "spec": spec}


def _deployment(workload: Workload) -> Object:
    pod = {"terminationGracePeriodSeconds": LEAVE + DRAIN + 5}
    spec = {
        "replicas": workload.replicas,
        "revisionHistoryLimit": 3,
        "minReadySeconds": 2,
        "progressDeadlineSeconds": max(round(workload.start_timeout), 3),
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
        "selector": {"matchLabels": {RUN: workload.name, KIND: workload.kind}},
        "template": _template(workload, pod, _serving(workload)),
    }
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": _metadata(workload), "spec": spec}


def _service(workload: Workload) -> Object:
    spec = {
        "type": "ClusterIP",
        "selector": {RUN: workload.name, KIND: workload.kind},
        "ports": [{"name": "http", "port": 80, "protocol": "TCP", "targetPort": "http"}],
    }
    return {"apiVersion": "v1", "kind": "Service", "metadata": _metadata(workload), "spec": spec}


def _serving(workload: Workload) -> Object:
    """What only a server's container has: its port, its probes, and the pause in which proxies forget it."""

    def probe(path: str, period: int, failures: int) -> Object:
        get = {"path": path, "port": "http"}
        return {"httpGet": get, "periodSeconds": period, "timeoutSeconds": 5, "failureThreshold": failures}

    return {
        "ports": [{"name": "http", "containerPort": SERVE_PORT, "protocol": "TCP"}],
        "startupProbe": probe("/healthz", 1, max(round(workload.start_timeout), 10)),
        "readinessProbe": probe("/readyz", 2, 3),
        "livenessProbe": probe("/healthz", 10, 6),
        "lifecycle": {"preStop": {"sleep": {"seconds": LEAVE}}},
    }


def _template(workload: Workload, pod: Object, container: Object) -> Object:
    volumes = {"tmp": "/tmp", "work": "/work", "outputs": "/outputs"}
    mounts = [{"name": name, "mountPath": path} for name, path in volumes.items()]
    disks: list[Object] = [{"name": name, "emptyDir": {}} for name in volumes]
    if workload.kind == "training":  # data loaders with worker processes need more than the usual 64 MB
        mounts.append({"name": "shm", "mountPath": "/dev/shm"})
        disks.append({"name": "shm", "emptyDir": {"medium": "Memory"}})
    spec: Object = {
        **pod,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [{**_container(workload), "volumeMounts": mounts, **container}],
        "volumes": disks,
    }
    if workload.pull_secrets:
        spec["imagePullSecrets"] = [{"name": name} for name in workload.pull_secrets]
    annotations = {"kubectl.kubernetes.io/default-container": CONTAINER}
    return {"metadata": {"labels": marks.labels(workload), "annotations": annotations}, "spec": spec}


def _container(workload: Workload) -> Object:
    found: Object = {
        "name": CONTAINER,
        "image": workload.image,
        "args": list(workload.args),
        "env": [{"name": key, "value": _literal(value)} for key, value in marks.environment(workload).items()],
        "resources": _resources(workload),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    if workload.secrets:
        found["envFrom"] = [{"secretRef": {"name": name}} for name in workload.secrets]
    return found


def _literal(value: str) -> str:
    """`value` as the container will see it: the kubelet expands $(NAME) and reads $$ as one $."""
    return value.replace("$", "$$") if "$(" in value or "$$" in value else value


def _resources(workload: Workload) -> Object:
    asked = workload.resources
    requests, limits = (dict(each) for each in DEFAULTS[workload.kind])
    for name, value in (("cpu", asked.cpu), ("memory", asked.memory)):
        if value:
            requests[name] = limits[name] = value
    if asked.gpu:
        requests["nvidia.com/gpu"] = limits["nvidia.com/gpu"] = str(asked.gpu)
    return {"requests": requests, "limits": limits}
