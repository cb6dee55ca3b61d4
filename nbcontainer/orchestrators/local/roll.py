"""From one revision of a service to the next: earlier replicas leave once the new ones are ready.

What this is: the part that a cluster's controllers have elsewhere: a thread of whoever submitted, and of anybody who
looks and finds it undone. Every step may be repeated. What it is not: the making of replicas (submit.py).
In the flow: submit -> *roll* -> one revision.
"""

from __future__ import annotations

import atexit
import threading
import time

from nbcontainer.errors import TargetError
from nbcontainer.orchestrators import Selector
from nbcontainer.orchestrators.local import containers
from nbcontainer.orchestrators.local.engine import Engine, Refused
from nbcontainer.orchestrators.local.status import crashing
from nbcontainer.orchestrators.local.submit import remove
from nbcontainer.orchestrators.local.view import Container, Reader, View

PAUSE = 0.2  # seconds between looks at the new replicas

_threads: dict[tuple[str, str], threading.Thread] = {}
_lock = threading.Lock()


def unsettled(view: View) -> bool:
    """Whether something is left to do that needs no waiting."""
    if view.kind != "inference":
        return False
    late = any(view.overdue(each) and each.state != "exited" for each in view.wanted)
    return late or any(each.leaving for each in view.replicas) or bool(view.old and _through(view))


def _through(view: View) -> bool:
    """Whether the newest revision serves as wanted."""
    return bool(view.newest) and all(each.ready for each in view.wanted)


def settle(reader: Reader, name: str) -> threading.Thread:
    """Finish, in a thread, what was begun; this process stays for it, unless it is interrupted."""
    key = (reader.engine.url, name)
    with _lock:
        running = _threads.get(key)
        if running is not None and running.is_alive():
            return running
        _threads[key] = thread = threading.Thread(target=_settle, args=(reader, name), daemon=True, name=f"roll {name}")
        thread.start()
    return thread


@atexit.register
def _finish() -> None:
    try:
        for thread in list(_threads.values()):
            thread.join()
    except KeyboardInterrupt:  # whoever looks next goes on
        pass


def _settle(reader: Reader, name: str) -> None:
    try:
        while _step(reader, name):
            time.sleep(PAUSE)
    except TargetError:  # the engine has gone, or the run has: whoever looks next sees
        pass


def _step(reader: Reader, name: str) -> bool:
    """One look, and what it asks for; True when there is something to wait for."""
    engine = reader.engine
    views = reader.views(Selector(name=name, kind="inference"))
    if not views:
        return False
    view = views[0]
    end(engine, [each for each in view.wanted if view.overdue(each) and each.state != "exited"], keep=True)
    leaving = [each for each in view.replicas if each.leaving]
    if view.old and _through(view):
        leaving += [leave(engine, each) for each in view.old]
    if leaving:
        end(engine, leaving)
        return True
    hopeless = any(crashing(each) or view.overdue(each) for each in view.wanted)
    return bool(view.old) and not hopeless


def leave(engine: Engine, each: Container) -> Container:
    """Mark a replica as one that is no longer wanted."""
    try:
        with engine.asking(f"renaming {each.name}") as api:
            api.rename(each.id, each.name + containers.LEAVING)
    except Refused as error:
        if not error.gone:
            raise
    return each


def end(engine: Engine, leaving: list[Container], *, keep: bool = False, grace: int = containers.GRACE) -> None:
    """Let all of them drain at the same time, then remove them with their volumes (unless `keep`)."""
    alive = [each for each in leaving if each.state in ("running", "restarting", "paused")]
    for each in alive:
        _signal(engine, each)
    for each in alive:
        _stop(engine, each, grace)
    for each in () if keep else leaving:
        remove(engine, each.id)


def _signal(engine: Engine, each: Container) -> None:
    try:
        with engine.asking(f"stopping {each.name}") as api:
            api.kill(each.id, "SIGTERM")
    except Refused as error:
        if error.code not in (404, 409, 500):  # it ended by itself
            raise


def _stop(engine: Engine, each: Container, grace: int) -> None:
    try:
        with engine.asking(f"stopping {each.name}") as api:
            api.stop(each.id, timeout=grace)
    except Refused as error:
        if error.code not in (304, 404, 409, 500):
            raise


__all__ = ["end", "leave", "settle", "unsettled"]
