"""Installs and builds what the tests need beside Python packages, once; says what it does.

What this is: the part of `make test` before pytest. What it is not: a fixture; tests start what they use themselves.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

from tests.cluster import build

PACKAGES = (
    "buildah", "busybox-static", "ca-certificates", "chromium", "conntrack", "containernetworking-plugins",
    "docker.io", "faketime", "fonts-dejavu-core", "fuse-overlayfs", "git", "iproute2", "iptables", "mount", "openssl",
    "podman", "procps", "python3-six", "runc", "skopeo", "slirp4netns", "tzdata", "uidmap",
)


def say(text: str) -> None:
    print(f"== {text}", flush=True)


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
        say(f"the real-part tests need: sudo {' '.join(command)}")
        return
    say(f"installing {' '.join(wanted)}")
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for each in (["apt-get", "update", "-qq"], command):
        done = subprocess.run(each, env=quiet, check=False, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"{' '.join(each)} failed:\n{done.stdout}{done.stderr}")


def cluster() -> None:
    if os.environ.get("NBCONTAINER_TEST_KUBECONFIG") or os.geteuid() != 0:
        return
    try:
        build.build(say)
    except RuntimeError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    packages()
    cluster()
