"""Installs and builds what the tests need beside Python packages, once; says what it does.

What this is: the part of `make test` before pytest. What it is not: a fixture; tests start what they use themselves.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

PACKAGES = (
    "buildah busybox-static ca-certificates conntrack containernetworking-plugins docker.io git iproute2 iptables "
    "openssl podman runc skopeo slirp4netns uidmap fuse-overlayfs"
).split()


def missing() -> list[str]:
    if shutil.which("dpkg-query") is None:
        return []
    found = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *PACKAGES], capture_output=True, text=True,
        check=False,
    )
    there = {line.split()[0] for line in found.stdout.splitlines() if line.endswith(" installed")}
    return [name for name in PACKAGES if name not in there]


def packages() -> None:
    wanted = missing()
    if not wanted:
        return
    command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *wanted]
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        print(f"== the real-part tests need: sudo {' '.join(command)}")
        return
    print(f"== installing {' '.join(wanted)}", flush=True)
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    # a service that a package would start is not wanted: the tests start their own on private sockets
    subprocess.run(["apt-get", "update", "-qq"], env=quiet, check=True, stdout=subprocess.DEVNULL)
    subprocess.run(command, env=quiet, check=True, stdout=subprocess.DEVNULL)


def cluster() -> None:
    if os.environ.get("NBCONTAINER_TEST_KUBECONFIG") or os.geteuid() != 0:
        return
    subprocess.run([sys.executable, "-m", "tests.cluster", "build"], check=True)


if __name__ == "__main__":
    packages()
    cluster()
