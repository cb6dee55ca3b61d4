"""The cluster up and down: what is started when, what is waited for, and what an earlier run left.

What this is: the order of the steps. What it is not: their content, which lies in the modules beside this one.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests import images
from tests.cluster import build, components, files, objects, space
from tests.cluster.api import Api
from tests.cluster.instance import NAMESPACE, Instance
from tests.cluster.processes import Record

Say = Callable[[str], None]
BORROWED = "borrowed"  # a file that marks a cluster which tests started for themselves
PATIENCE = 90.0  # seconds that each wait may take; the whole takes ten


def missing() -> str:
    """What a cluster lacks on this machine, "" when nothing."""
    if os.geteuid() != 0:
        return "the test cluster needs root (or set NBCONTAINER_TEST_KUBECONFIG)"
    wanted = ("nsenter", "unshare", "ip", "iptables", "conntrack", "runc", "openssl")
    absent = [each for each in wanted if shutil.which(each, path=_path()) is None]
    if not Path("/usr/lib/cni/ptp").exists():
        absent.append("/usr/lib/cni/ptp")
    if absent:
        return f"the test cluster needs {', '.join(absent)}: python -m tests.prepare"
    return "" if build.built() else "the test cluster's programs are not built: python -m tests.cluster build"


def running(instance: Instance) -> bool:
    """Whether it is up and whole."""
    return bool(
        space.holder(instance) and instance.limited.exists() and not _record(instance).dead() and Api(instance).ready()
    )


def up(instance: Instance, say: Say) -> bool:
    """Start it; False when it was up already. Whatever an earlier run left is removed first."""
    programs = build.build(say)
    lacks = missing()
    if lacks:
        raise RuntimeError(lacks)
    with build.locked(instance.state / "lock"):
        if running(instance):
            return False
        _remove(instance)
        try:
            _start(instance, programs)
        except BaseException:
            space.destroy(instance)  # the logs stay
            raise
    return True


def down(instance: Instance) -> None:
    """Stop it and remove everything but the programs."""
    with build.locked(instance.state / "lock"):
        _remove(instance)


@contextmanager
def used(instance: Instance) -> Iterator[None]:
    """Up while this lasts; the last of several users at the same time stops it, unless it was up before them all."""
    instance.state.mkdir(parents=True, exist_ok=True)
    with (instance.state / "users").open("w") as users:
        fcntl.flock(users, fcntl.LOCK_SH)
        if up(instance, lambda text: None):
            (instance.run / BORROWED).touch()
        try:
            yield
        finally:
            try:
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pass  # another one stops it
            else:
                if (instance.run / BORROWED).exists():
                    down(instance)


def _remove(instance: Instance) -> None:
    space.destroy(instance)
    shutil.rmtree(instance.run, ignore_errors=True)


def _record(instance: Instance) -> Record:
    return Record(instance.run / "processes.json")


def _path() -> str:
    return f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin"


def _start(instance: Instance, programs: Path) -> None:
    files.write(instance)
    node = space.inside(space.create(instance, programs / "pause"))
    _launch(instance, node, programs, components.first(instance, programs))
    _until(lambda: _pushed(instance, programs), instance, "the registry does not answer")
    api = Api(instance)
    _until(api.ready, instance, "the API server is not ready")
    _launch(instance, node, programs, components.then(instance, programs))
    for thing in objects.everything(instance):
        api.apply(thing)
    files.kubeconfig(instance, instance.limited, "nbcontainer", api.token(), NAMESPACE)
    _until(api.schedulable, instance, "the node does not become ready")


def _launch(instance: Instance, node: list[str], programs: Path, commands: components.Commands) -> None:
    environment = {"PATH": f"{programs}:{_path()}", "HOME": str(instance.run), "LANG": "C.UTF-8"}
    for name, command in commands.items():
        _record(instance).start(name, [*node, *command], instance.run / "log" / f"{name}.log", environment)


def _pushed(instance: Instance, programs: Path) -> bool:
    try:
        images.push(instance.registry, "pause", "1", {"pause": (programs / "pause").read_bytes()},
                    Entrypoint=["/pause"], User="65535")
    except OSError:
        return False
    return True


def _until(done: Callable[[], bool], instance: Instance, complaint: str) -> None:
    until = time.monotonic() + PATIENCE
    while not done():
        dead = _record(instance).dead()
        if dead:
            log = instance.run / "log" / f"{dead[0]}.log"
            raise RuntimeError(f"{dead[0]} has ended: {_tail(log)}")
        if time.monotonic() > until:
            raise RuntimeError(f"{complaint} after {PATIENCE:g} s; logs are in {instance.run / 'log'}")
        time.sleep(0.05)


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").strip().splitlines()[-5:])
