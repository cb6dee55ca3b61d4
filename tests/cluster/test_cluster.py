"""The test cluster itself: what the other tests rely on, and that it leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import images
from tests.cluster import control, space
from tests.cluster.instance import Instance
from tests.conftest import Cluster
from tests.support import require

BUSYBOX = Path("/bin/busybox")  # Debian's busybox-static


def kubectl(cluster: Cluster, *arguments: str, feed: Any = None, admin: bool = True) -> str:
    command = [cluster.kubectl, "--kubeconfig", str(cluster.admin if admin else cluster.kubeconfig), *arguments]
    done = subprocess.run(command, input=json.dumps(feed), capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def busybox(cluster: Cluster) -> str:
    require(BUSYBOX.exists(), "busybox-static is not installed: python -m tests.prepare")
    files = {"bin/busybox": BUSYBOX.read_bytes()}
    return images.push(cluster.registry, "busybox", "1", files, Entrypoint=["/bin/busybox"])


@pytest.fixture(scope="module")
def web(cluster: Cluster, busybox: str) -> Iterator[str]:
    """The name of a service with two pods; each has a CPU request, so that an autoscaler can work."""
    labels = {"app": "web"}
    loop = "while :; do printf 'HTTP/1.0 200 OK\\r\\n\\r\\nhello\\n' | busybox nc -l -p 8000; done"
    container = {"name": "web", "image": busybox, "args": ["sh", "-c", loop.replace("busybox", "/bin/busybox")],
                 "resources": {"requests": {"cpu": "50m"}}}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [container], "terminationGracePeriodSeconds": 0}}
    spec: dict[str, Any] = {"replicas": 2, "selector": {"matchLabels": labels}, "template": pod}
    service = {"selector": labels, "ports": [{"port": 80, "targetPort": 8000}]}
    scaler = {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}, "maxReplicas": 3,
              "metrics": [{"type": "Resource", "resource": {
                  "name": "cpu", "target": {"type": "Utilization", "averageUtilization": 60}}}]}
    things = [
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec},
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": service},
        {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "web"},
         "spec": scaler},
    ]
    whole = {"apiVersion": "v1", "kind": "List", "items": things}
    kubectl(cluster, "-n", cluster.namespace, "apply", "-f", "-", feed=whole)
    said = kubectl(cluster, "-n", cluster.namespace, "rollout", "status", "deployment/web", "--timeout=60s")
    assert "successfully rolled out" in said
    yield "web"
    kubectl(cluster, "-n", cluster.namespace, "delete", "-f", "-", "--wait=false", feed=whole)


def run(cluster: Cluster, image: str, script: str) -> str:
    """What `script` prints in a pod."""
    name = f"once-{time.monotonic_ns()}"
    container = {"name": "main", "image": image, "args": ["sh", "-c", script]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
           "spec": {"containers": [container], "restartPolicy": "Never", "terminationGracePeriodSeconds": 0}}
    space_ = ("-n", cluster.namespace)
    kubectl(cluster, *space_, "apply", "-f", "-", feed=pod)
    kubectl(cluster, *space_, "wait", f"pod/{name}", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=30s")
    said = kubectl(cluster, *space_, "logs", name)
    kubectl(cluster, *space_, "delete", "pod", name, "--wait=false")
    return said


def test_a_pod_reaches_names_services_the_registry_and_the_api_server(cluster: Cluster, busybox: str, web: str) -> None:
    script = f"""
        address() {{ /bin/busybox nslookup -type=a $1 | /bin/busybox awk '/^Name/ {{ getline; print $2 }}'; }}
        get() {{ printf 'GET %s HTTP/1.0\\r\\n\\r\\n' $3 | /bin/busybox nc -w 5 $1 $2; }}
        get $(address web.{cluster.namespace}.svc.cluster.local) 80 /
        get {cluster.registry.replace(":", " ")} /v2/ | /bin/busybox head -n 1
        /bin/busybox nc -w 5 $(address kubernetes.default.svc.cluster.local) 443 </dev/null && echo by-api
        /bin/busybox nslookup example.invalid || echo no-such-name
        /bin/busybox cat /etc/resolv.conf
    """
    said = run(cluster, busybox, script)
    told = [line.strip() for line in said.splitlines()]
    assert {"hello", "HTTP/1.0 200 OK", "by-api", "no-such-name"} <= set(told), said
    assert f"search {cluster.namespace}.svc.cluster.local" in said


def test_the_limited_account_has_the_documented_role_only(cluster: Cluster) -> None:
    for namespace in (cluster.namespace, cluster.restricted):
        said = kubectl(cluster, "-n", namespace, "auth", "can-i", "--list", "--no-headers", admin=False)
        assert "jobs.batch" in said
        assert "secrets" not in said
    for question in (("list", "nodes"), ("list", "pods", "-A"), ("get", "secrets"), ("create", "pods")):
        assert "no" in kubectl(cluster, "auth", "can-i", *question, admin=False).splitlines(), question


def test_the_restricted_namespace_refuses_a_plain_pod(cluster: Cluster, busybox: str) -> None:
    said = kubectl(cluster, "-n", cluster.restricted, "run", "plain", "--image", busybox)
    assert 'violates PodSecurity "restricted' in said


def test_usage_is_measured_and_an_autoscaler_can_use_it(cluster: Cluster, web: str) -> None:
    until = time.monotonic() + 90
    ask = ("-n", cluster.namespace, "get", "hpa", web, "-o")
    while "True" not in (said := kubectl(cluster, *ask, "jsonpath={.status.conditions[?(@.type=='ScalingActive')]}")):
        assert time.monotonic() < until, said
        time.sleep(1)
    assert "web" in kubectl(cluster, "-n", cluster.namespace, "top", "pods")


@pytest.fixture
def other() -> Iterator[tuple[Instance, dict[str, str]]]:
    """Another cluster beside the session's, and the environment that chooses it."""
    require(not control.missing(), control.missing())
    instance = Instance(97)
    yield instance, {**os.environ, "NBCONTAINER_CLUSTER_INSTANCE": "97"}
    control.down(instance)


def test_up_after_an_up_that_was_killed_and_down_leave_nothing(other: tuple[Instance, dict[str, str]]) -> None:
    instance, environment = other
    command = [sys.executable, "-m", "tests.cluster"]
    alone = not space.holders()
    settings = [Path("/proc/sys", name).read_text() for name in space.SETTINGS]
    first = subprocess.Popen([*command, "up"], env=environment, stdout=subprocess.DEVNULL)
    while not (instance.run / "log/apiserver.log").exists():
        time.sleep(0.01)
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert space.holder(instance)
    assert not control.running(instance)
    told = subprocess.run([*command, "up"], env=environment, capture_output=True, text=True, check=True).stdout
    assert told.startswith("ready in")
    again = subprocess.run([*command, "up"], env=environment, capture_output=True, text=True, check=True).stdout
    assert again.startswith("it is up already")
    assert subprocess.run([*command, "down"], env=environment, check=False).returncode == 0
    links = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=True).stdout
    assert f" {instance.name}" not in links
    assert not space.holder(instance)
    assert not list(space.CGROUPS.glob(f"*/{instance.name}"))
    assert str(instance.state) not in Path("/proc/mounts").read_text()
    assert not instance.run.exists()
    if alone and not space.holders():
        assert [Path("/proc/sys", name).read_text() for name in space.SETTINGS] == settings
