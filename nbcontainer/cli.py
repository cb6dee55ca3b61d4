"""The command line: `nbcontainer VERB …`, a thin door to the api.

What this is: parsing, showing, exit codes (0 done, 2 usage/configuration/notebook, 1 all else, 130 interrupted). What
it is not: any step of the work.
In the flow: the last arrow; results go to stdout, progress to stderr, with --json one JSON object on stdout.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from nbcontainer.errors import Interrupted, NbcontainerError, UsageError
from nbcontainer.options import VERBS, Parser, add_options, from_namespace

if TYPE_CHECKING:
    import argparse

    from nbcontainer.model import Event, Log, RunStatus
    from nbcontainer.run import Run
    from nbcontainer.session import Session


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; gives the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    as_json, debug = "--json" in words, "--debug" in words
    try:
        found = parser(words).parse_args(words)
        if not found.verb:
            parser(()).print_help()
            return 2
        return _run(found)
    except NbcontainerError as error:
        return _tell(error, as_json, debug)
    except KeyboardInterrupt:
        return _tell(Interrupted("interrupted"), as_json, False)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 141
    except Exception as error:  # a bug of ours is still one line, the traceback only on request
        if debug:
            raise
        return _tell(NbcontainerError(f"{type(error).__name__}: {error}", "this is a bug: --debug shows where"),
                     as_json, False)
    finally:
        if arguments is None:  # this process ends now: a second Ctrl-C would only draw a traceback
            signal.signal(signal.SIGINT, signal.SIG_IGN)


def parser(words: Sequence[str]) -> Parser:
    """The whole command's parser; only the verb that `words` names gets its options (they cost start-up time)."""
    from nbcontainer import __version__

    top = Parser(prog="nbcontainer", description="Turn a notebook into a container image and run it.")
    top.add_argument("--version", action="version", version=f"nbcontainer {__version__}")
    verbs = top.add_subparsers(dest="verb", metavar="VERB")
    chosen = next((word for word in words if word in VERBS), None)
    for verb, (options, about) in VERBS.items():
        if chosen and verb != chosen:
            continue
        sub = verbs.add_parser(verb, help=about, description=about)
        if verb == chosen:
            add_options(sub, options)
            sub.add_argument("--json", action="store_true", help="print one JSON object (lines when following)")
            sub.add_argument("--debug", action="store_true", help="show tracebacks")
            sub.add_argument("--quiet", "-q", action="store_true", help="no progress")
    return top


def _run(found: argparse.Namespace) -> int:
    from nbcontainer import api
    from nbcontainer.session import Session
    from nbcontainer.terminal import Terminal

    signal.signal(signal.SIGTERM, _interrupt)
    options = from_namespace(VERBS[found.verb][0], found)
    terminal = Terminal(sys.stderr, quiet=found.quiet, as_json=found.json)
    session = Session(emit=terminal.show)
    try:
        result = getattr(api, _FUNCTIONS.get(found.verb, found.verb))(options, session)
    finally:
        terminal.clear()
    return SHOWN[found.verb](result, options, found.json, session, terminal)


def _interrupt(number: int, frame: Any) -> NoReturn:
    raise KeyboardInterrupt


_FUNCTIONS = {"config": "settings"}


# ---------------------------------------------------------------- what each verb shows
def _build(result: Any, options: Any, as_json: bool, session: Session, terminal: Any) -> int:
    from nbcontainer import show
    from nbcontainer.model import ImagePlan

    if isinstance(result, ImagePlan):
        print(json.dumps(result.as_json(), indent=None if as_json else 2))
    else:
        print(json.dumps(result.as_json()) if as_json else show.image_text(result))
    return 0


def _check(found: Any, options: Any, as_json: bool, session: Session, terminal: Any) -> int:
    """A problem is part of the answer: it is told on stdout, and by the exit code."""
    from nbcontainer import show_check

    print(json.dumps(found.as_json()) if as_json else show_check.inspection_text(found))
    return found.error.exit_code if found.error else 0


def _submitted(run: Run, options: Any, as_json: bool, session: Session, terminal: Any) -> int:
    from nbcontainer.model import Progress

    if options.follow or options.wait:
        session.emit(Progress("run", f"attached to {run.name}; Ctrl-C detaches, the run goes on"))
    if options.follow:
        status = run.follow(_but_the_result(_follower(as_json, terminal), as_json, ready=False))
        if not as_json:
            _print_run(status, False)
        return 0
    if options.wait:
        _print_run(run.wait(_but_the_result(session.emit, as_json)), as_json, terminal)
        return 0
    _print_run(run.last, as_json, terminal)
    return 0


def _status(run: Run, options: Any, as_json: bool, session: Session, terminal: Any) -> int:
    if getattr(options, "wait", False):
        _print_run(run.wait(_but_the_result(session.emit, as_json), timeout=options.timeout), as_json, terminal)
    else:
        _print_run(run.last, as_json, terminal)
    return 0


def _logs(run: Run, options: Any, as_json: bool, session: Session, terminal: Any) -> int:
    several = len(run.last.pods) > 1 and not options.pod
    try:
        for line in run.logs(follow=options.follow, tail=options.tail, pod=options.pod, previous=options.previous):
            _print_log(line, as_json, several)
    except KeyboardInterrupt:
        raise Interrupted(f"detached from {run.name}, which goes on") from None
    if as_json:
        print(json.dumps(run.status().as_json()), flush=True)
    return 0


def _forward(result: Any, options: Any, as_json: bool, session: Session, terminal: Any) -> int:
    run, held = result
    print(json.dumps(run.last.as_json()) if as_json else f"{held.url} leads to {run.name} until Ctrl-C", flush=True)
    try:
        signal.pause()
    except KeyboardInterrupt:
        raise Interrupted(f"{held.url} closed") from None
    finally:
        held.close()
    return 0


def _runs(runs: list[Run], options: Any, as_json: bool, session: Session, terminal: Any) -> int:
    from nbcontainer import show

    statuses = [run.last for run in runs]
    print(json.dumps([each.as_json() for each in statuses]) if as_json else show.runs_text(statuses))
    return 0


def _manifest(objects: list[dict[str, Any]], options: Any, as_json: bool, session: Session, terminal: Any) -> int:
    if as_json:
        print(json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))
        return 0
    import yaml

    print(yaml.safe_dump_all(objects, sort_keys=False, allow_unicode=True), end="")
    return 0


def _config(settings: Any, options: Any, as_json: bool, session: Session, terminal: Any) -> int:
    from nbcontainer import show

    flat = dict(settings.values)
    for name, table in settings.targets.items():
        flat.update({f"targets.{name}.{key}": value for key, value in table.items()})
    if as_json:
        print(json.dumps({key: {"value": each.value, "source": each.source} for key, each in flat.items()}))
    else:
        rows = [[key, json.dumps(each.value), each.source] for key, each in flat.items()]
        print("\n".join("  ".join(row) for row in show.aligned(rows)))
    return 0


SHOWN: dict[str, Callable[..., int]] = {
    "build": _build,
    "check": _check,
    "train": _submitted,
    "serve": _submitted,
    "scale": _status,
    "status": _status,
    "stop": _status,
    "logs": _logs,
    "forward": _forward,
    "runs": _runs,
    "manifest": _manifest,
    "config": _config,
}


# ---------------------------------------------------------------- printing
def _follower(as_json: bool, terminal: Any) -> Callable[[Event], None]:
    from nbcontainer.model import Finished, Log

    def emit(event: Event) -> None:
        if isinstance(event, Log):
            terminal.clear()
            _print_log(event, as_json, False)
        elif isinstance(event, Finished) and as_json:
            print(json.dumps(event.status.as_json()), flush=True)
        else:
            terminal.show(event)

    return emit


def _but_the_result(emit: Callable[[Event], None], as_json: bool, *, ready: bool = True) -> Callable[[Event], None]:
    """`emit` without the state that the result, printed next, begins with: an end, with `ready` all replicas ready."""
    from nbcontainer import run
    from nbcontainer.model import StateChanged

    def but(event: Event) -> None:
        if isinstance(event, StateChanged) and not as_json:
            status = event.status
            if status.ended or (ready and status.kind == "inference" and run.ready(status)):
                return
        emit(event)

    return but


def _print_log(log: Log, as_json: bool, with_pod: bool) -> None:
    if as_json:
        print(json.dumps({"event": "Log", "pod": log.pod, "time": log.time, "line": log.line}), flush=True)
    else:
        print(f"[{log.pod}] {log.line}" if with_pod else log.line, flush=True)


def _print_run(status: RunStatus, as_json: bool, terminal: Any = None) -> None:
    from nbcontainer import show

    if terminal is not None:
        terminal.clear()
    print(json.dumps(status.as_json()) if as_json else show.run_text(status, "nbcontainer status"), flush=True)


def _tell(error: NbcontainerError, as_json: bool, debug: bool) -> int:
    if debug and not isinstance(error, UsageError):
        import traceback

        traceback.print_exception(error)
    if as_json:
        print(json.dumps(error.as_json()))
    else:
        hint = f" — {error.hint}" if error.hint else ""
        print(f"nbcontainer: {error.message}{hint}", file=sys.stderr)
    return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
