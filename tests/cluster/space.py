"""The node: process, mount and network namespaces of its own, held by one process, so that nothing outlives it.

What this is: made with unshare(1), entered with nsenter(1), gone when its first process is killed: components, shims,
containers, mounts, links and iptables rules with it. Only control groups and folders are left to remove.
What it is not: protection from what runs inside; it is root.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from tests.cluster.build import locked
from tests.cluster.instance import Instance, cache

CGROUPS = Path("/sys/fs/cgroup")
# what programs write outside the folders that they are told: kept inside, in memory
MEMORY = ("/run", "/var/lib/cni", "/var/lib/kubelet", "/var/log")
# the kubelet sets these for the whole machine
SETTINGS = ("vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops")


def holder(instance: Instance) -> int:
    """The pid of the process that holds the namespaces, 0 when there is none."""
    return holders().get(instance.run, 0)


def holders() -> dict[Path, int]:
    """The pids of all clusters' holders on this machine; a holder's last argument tells whose it is."""
    found = {}
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            words = Path(f"/proc/{entry}/cmdline").read_bytes().split(b"\0")[:-1]
        except OSError:
            continue
        if len(words) == 2 and words[0].endswith(b"/pause") and words[1].startswith(b"/"):
            found[Path(os.fsdecode(words[1]))] = int(entry)
    return found


def inside(pid: int) -> list[str]:
    """What to put before a command that shall run in the node."""
    return ["nsenter", "--target", str(pid), "--pid", "--net", "--mount", "--"]


def create(instance: Instance, pause: Path) -> int:
    """Make the namespaces, their network and their folders; gives the holder's pid."""
    command = ["unshare", "--pid", "--net", "--mount", "--fork", "--kill-child", "--mount-proc", "--propagation",
               "slave", str(pause), str(instance.run)]
    with locked(_kept().with_suffix(".lock")):
        _keep_settings()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL, start_new_session=True, cwd="/")
        process.returncode = 0  # it outlives us
        _until(lambda: holder(instance), 5, "unshare made no namespaces: is this a container without CAP_SYS_ADMIN?")
    pid = holder(instance)
    _network(instance, pid)
    for folder in MEMORY:
        Path(folder).mkdir(parents=True, exist_ok=True)
        _do(*inside(pid), "mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", folder)
    for group in _groups(instance):
        group.mkdir(exist_ok=True)
    return pid


def _network(instance: Instance, pid: int) -> None:
    """A link between this machine and the node, and the way to pods and services over it."""
    node = inside(pid)
    _do("ip", "link", "add", instance.name, "type", "veth", "peer", "name", "eth0", "netns", str(pid))
    _do("ip", "address", "add", f"{instance.host}/24", "dev", instance.name)
    _do("ip", "link", "set", instance.name, "up")
    _do(*node, "ip", "link", "set", "lo", "up")
    _do(*node, "ip", "address", "add", f"{instance.node}/24", "dev", "eth0")
    _do(*node, "ip", "link", "set", "eth0", "up")
    _do(*node, "ip", "route", "add", "default", "via", instance.host)
    _do(*node, "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")
    for net in (instance.pods, instance.services):
        _do("ip", "route", "replace", net, "via", instance.node)


def destroy(instance: Instance) -> None:
    """End everything that runs in the node and remove what namespaces don't take with them. Safe to repeat."""
    pid = holder(instance)
    if pid:
        os.kill(pid, signal.SIGKILL)  # the kernel then ends every process of its namespace, and waits for them
        _until(lambda: not holder(instance), 30, "the node's processes do not end")
    subprocess.run(["ip", "link", "delete", instance.name], capture_output=True, check=False)
    _until(lambda: all(map(_removed, _groups(instance))), 10, "control groups are still in use")
    with locked(_kept().with_suffix(".lock")):
        if not holders():
            _restore_settings()


def _until(done: Callable[[], object], seconds: float, complaint: str) -> None:
    until = time.monotonic() + seconds
    while not done():
        if time.monotonic() > until:
            raise RuntimeError(complaint)
        time.sleep(0.02)


def _groups(instance: Instance) -> list[Path]:
    """Our control group in every hierarchy: several on version 1, one on version 2."""
    if (CGROUPS / "cgroup.controllers").exists():
        return [CGROUPS / instance.name]
    hierarchies = {Path(os.path.realpath(each)) for each in CGROUPS.iterdir() if each.is_dir()}
    return [each / instance.name for each in sorted(hierarchies)]


def _removed(group: Path) -> bool:
    """Whether the control group and all below it are gone now."""
    for folder, _, _ in os.walk(group, topdown=False):
        try:
            os.rmdir(folder)
        except FileNotFoundError:
            continue
        except OSError:
            return False
    return not group.exists()


def _kept() -> Path:
    """What the machine had before the first of the clusters that are up; the last that goes restores it."""
    return cache() / "state" / "settings"


def _keep_settings() -> None:
    if not holders() and not _kept().exists():
        _kept().write_text("".join(f"{name} {Path('/proc/sys', name).read_text().strip()}\n" for name in SETTINGS))


def _restore_settings() -> None:
    if _kept().exists():
        for line in _kept().read_text().splitlines():
            name, value = line.split()
            Path("/proc/sys", name).write_text(value)
        _kept().unlink()


def _do(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
