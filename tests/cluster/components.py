"""The command lines of the cluster's components, in the order of their start.

What this is: plain lists. What it is not: their configuration files (files.py) or their start (control.py).
"""

from __future__ import annotations

from pathlib import Path

from tests.cluster.instance import Instance

Commands = dict[str, list[str]]


def first(instance: Instance, programs: Path) -> Commands:
    """What needs no API server, and the API server."""
    run, kubernetes, addons = instance.run, str(programs / "nbcluster"), str(programs / "nbaddons")
    return {
        "etcd": [kubernetes, "etcd", "--data-dir", f"{run}/etcd"],
        "apiserver": [kubernetes, *_apiserver(instance)],
        "registry": [addons, "registry", f"{run}/registry.yaml", f"{run}/log/registry-requests.jsonl"],
        "containerd": [str(programs / "containerd"), "--config", f"{run}/containerd.toml"],
    }


def _apiserver(instance: Instance) -> list[str]:
    pki = instance.run / "pki"
    return [
        "kube-apiserver",
        "--etcd-servers=http://127.0.0.1:2379",
        f"--bind-address={instance.node}",
        f"--advertise-address={instance.node}",
        "--secure-port=6443",
        f"--service-cluster-ip-range={instance.services}",
        f"--tls-cert-file={pki}/apiserver.crt",
        f"--tls-private-key-file={pki}/apiserver.key",
        f"--token-auth-file={pki}/tokens.csv",
        f"--client-ca-file={pki}/ca.crt",
        "--authorization-mode=RBAC",
        "--allow-privileged=true",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={pki}/accounts.pub",
        f"--service-account-signing-key-file={pki}/accounts.key",
        "--kubelet-preferred-address-types=InternalIP",
        "--enable-aggregator-routing=true",
        f"--requestheader-client-ca-file={pki}/ca.crt",
        "--requestheader-allowed-names=front-proxy",
        "--requestheader-username-headers=X-Remote-User",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        f"--proxy-client-cert-file={pki}/front-proxy.crt",
        f"--proxy-client-key-file={pki}/front-proxy.key",
    ]


def then(instance: Instance, programs: Path) -> Commands:
    """What works for, or with, a ready API server."""
    run, kubernetes, addons = instance.run, str(programs / "nbcluster"), str(programs / "nbaddons")
    login = f"--kubeconfig={instance.admin}"
    return {
        "kubelet": [
            kubernetes, "kubelet", login, f"--config={run}/kubelet.yaml", f"--root-dir={run}/kubelet",
            f"--hostname-override={instance.name}", f"--node-ip={instance.node}",
        ],
        "controllers": [
            kubernetes, "kube-controller-manager", login, f"--service-account-private-key-file={run}/pki/accounts.key",
            f"--root-ca-file={run}/pki/ca.crt", "--leader-elect=false", "--horizontal-pod-autoscaler-sync-period=5s",
            "--use-service-account-credentials=false",
        ],
        "scheduler": [kubernetes, "kube-scheduler", login, "--leader-elect=false"],
        "proxy": [
            kubernetes, "kube-proxy", login, "--proxy-mode=iptables", f"--cluster-cidr={instance.pods}",
            f"--hostname-override={instance.name}", "--conntrack-max-per-core=0",
            "--conntrack-tcp-timeout-established=0s", "--conntrack-tcp-timeout-close-wait=0s",
        ],
        "dns": [addons, "coredns", "-conf", f"{run}/Corefile"],
        "metrics": [
            addons, "metrics-server", login, f"--authentication-kubeconfig={instance.admin}",
            f"--authorization-kubeconfig={instance.admin}", f"--bind-address={instance.node}", "--secure-port=4443",
            f"--cert-dir={run}/pki/metrics", "--kubelet-insecure-tls", "--kubelet-preferred-address-types=InternalIP",
            "--metric-resolution=15s",  # it must be over the time that it gives a kubelet
        ],
    }
