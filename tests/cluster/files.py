"""The configuration files of the cluster's components, and its keys.

What this is: an Instance -> files in its run folder. What it is not: command lines (components.py) or Kubernetes
objects (objects.py).
"""

from __future__ import annotations

import base64
import json
import secrets
import textwrap
from pathlib import Path
from typing import Any

import yaml

from tests.cluster.instance import ALIAS, Instance
from tests.cluster.keys import Authority, private_key, public_key


def write(instance: Instance, memory: str = "100Mi") -> None:
    """Write all of them; `memory` is what the kubelet leaves to the machine before it evicts pods."""
    run = instance.run
    for folder in ("cni", "pki", "log"):
        (run / folder).mkdir(parents=True, exist_ok=True)
    _keys(instance)
    (run / "containerd.toml").write_text(_containerd(instance))
    (run / "cni/10-pods.conflist").write_text(json.dumps(_pod_network(instance)))
    for name in (instance.registry, ALIAS):
        hosts = run / "certs.d" / name / "hosts.toml"
        hosts.parent.mkdir(parents=True, exist_ok=True)
        hosts.write_text(f'server = "http://{instance.registry}"\n')
    (run / "kubelet.yaml").write_text(yaml.safe_dump(_kubelet(instance, memory)))
    (run / "registry.yaml").write_text(yaml.safe_dump(_registry(instance)))
    (run / "Corefile").write_text(_names(instance))


def _keys(instance: Instance) -> None:
    pki = instance.run / "pki"
    authority = Authority(pki, "nbcontainer test cluster")
    names = ["localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"]
    addresses = ["127.0.0.1", instance.node, instance.api_service]
    alternatives = [*(f"DNS:{each}" for each in names), *(f"IP:{each}" for each in addresses)]
    authority.sign("apiserver", "/CN=kube-apiserver", ",".join(alternatives))
    authority.sign("front-proxy", "/CN=front-proxy")
    public_key(private_key(pki / "accounts.key"), pki / "accounts.pub")
    token = secrets.token_hex(16)
    tokens = pki / "tokens.csv"
    tokens.touch(0o600)
    tokens.write_text(f'{token},admin,admin,"system:masters"\n')
    kubeconfig(instance, instance.admin, "admin", token, "default")


def kubeconfig(instance: Instance, path: Path, user: str, token: str, namespace: str) -> None:
    """A file that needs no other: it may be copied into a pod."""
    authority = base64.b64encode((instance.run / "pki/ca.crt").read_bytes()).decode()
    config = {
        "apiVersion": "v1", "kind": "Config", "current-context": "test",
        "clusters": [{"name": "test", "cluster": {
            "server": instance.server, "certificate-authority-data": authority}}],
        "users": [{"name": user, "user": {"token": token}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": user, "namespace": namespace}}],
    }
    path.touch(0o600)
    path.write_text(yaml.safe_dump(config))


def _containerd(instance: Instance) -> str:
    """State and sockets lie in /run, which is the node's own; without CAP_SYS_RESOURCE runc may lower no OOM score."""
    return textwrap.dedent(f"""\
        version = 3
        root = "{instance.run}/images"
        state = "/run/containerd"
        [grpc]
          address = "/run/containerd/containerd.sock"
        [plugins.'io.containerd.cri.v1.images']
          snapshotter = "overlayfs"
          discard_unpacked_layers = true
        [plugins.'io.containerd.cri.v1.images'.pinned_images]
          sandbox = "{instance.pause}"
        [plugins.'io.containerd.cri.v1.images'.registry]
          config_path = "{instance.run}/certs.d"
        [plugins.'io.containerd.cri.v1.runtime']
          restrict_oom_score_adj = true
        [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
          runtime_type = "io.containerd.runc.v2"
        [plugins.'io.containerd.cri.v1.runtime'.cni]
          bin_dirs = ["/usr/lib/cni"]
          conf_dir = "{instance.run}/cni"
        """)


def _pod_network(instance: Instance) -> dict[str, Any]:
    """One link per pod instead of a bridge: all is routed, so no kernel needs br_netfilter."""
    addresses = {"type": "host-local", "ranges": [[{"subnet": instance.pods}]], "routes": [{"dst": "0.0.0.0/0"}]}
    return {"cniVersion": "1.0.0", "name": "pods", "plugins": [{"type": "ptp", "ipam": addresses}]}


def _kubelet(instance: Instance, memory: str) -> dict[str, Any]:
    """Who reaches the node's address may use the kubelet: that is this machine and its pods only."""
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{instance.name}",
        "failCgroupV1": False,
        "failSwapOn": False,
        "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
        "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
        "authorization": {"mode": "AlwaysAllow"},
        "address": instance.node,
        "evictionHard": {"memory.available": memory, "nodefs.available": "1%", "imagefs.available": "1%"},
        "podCIDR": instance.pods,
        "clusterDNS": [instance.node],
        "clusterDomain": "cluster.local",
        "podLogsDir": f"{instance.run}/pod-logs",
        "volumePluginDir": f"{instance.run}/volume-plugins",
        "containerLogMaxSize": "1Mi",
        "containerLogMaxFiles": 3,
        "containerLogMonitorInterval": "3s",
        "serializeImagePulls": False,
        "shutdownGracePeriod": "0s",
        "nodeStatusReportFrequency": "1m",
    }


def _registry(instance: Instance) -> dict[str, Any]:
    return {
        "version": "0.1",
        "log": {"level": "error", "accesslog": {"disabled": True}},
        "storage": {
            "filesystem": {"rootdirectory": f"{instance.run}/registry"},
            "delete": {"enabled": True},
            "maintenance": {"uploadpurging": {"enabled": False}},
        },
        "http": {"addr": f"{instance.node}:5000", "secret": secrets.token_hex(16)},
    }


def _names(instance: Instance) -> str:
    """Nothing outside the cluster has a name here: quick answers instead of timeouts."""
    return textwrap.dedent(f"""\
        cluster.local:53 in-addr.arpa:53 ip6.arpa:53 {{
          bind {instance.node}
          errors
          kubernetes cluster.local in-addr.arpa ip6.arpa {{
            kubeconfig {instance.admin} test
            pods insecure
          }}
        }}
        .:53 {{
          bind {instance.node}
          template ANY ANY . {{
            rcode NXDOMAIN
          }}
        }}
        """)
