"""The magics: `%containerize`, `%train`, `%serve`, `%scale`, `%status`, `%logs`, `%forward`, `%stop`, `%runs` and
`%manifest`.

What this is: a thin door to the api with the CLI's options. What it is not: any step of the work.
In the flow: a line -> options -> api -> an object with a text and an HTML form; nothing only prints. Loading is cheap:
the api, the widgets and their libraries are imported by the first magic that runs.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable
from functools import cached_property
from typing import Any

from nbcontainer.errors import Interrupted, NbcontainerError, UsageError
from nbcontainer.options import magic_parser, parse_magic

MAGICS = {
    "containerize": "build",
    "train": "train",
    "serve": "serve",
    "scale": "scale",
    "status": "status",
    "logs": "logs",
    "forward": "forward",
    "stop": "stop",
    "runs": "runs",
    "manifest": "manifest",
}
_KEY = "_nbcontainer_magics"


class Magics:
    """One kernel's magics and what they hold: watches and forwarded ports."""

    def __init__(self, shell: Any) -> None:
        self.shell = shell
        self.forwards: list[Any] = []

    @cached_property
    def hub(self) -> Any:
        from nbcontainer.live import Hub

        return Hub()

    def seen(self) -> list[str]:
        """Names of the runs that this kernel has seen, newest first."""
        names: list[str] = self.hub.names()
        return names

    def call(self, magic: str, line: str) -> Any:
        """Run a magic's line. Whatever goes wrong is an NbcontainerError: one line in the cell."""
        try:
            return self._call(magic, line)
        except NbcontainerError as error:
            error.hint = _as_magics(error.hint)
            raise
        except KeyboardInterrupt:
            raise Interrupted(f"%{magic} was interrupted", "run the cell again to go on") from None
        except Exception as error:
            if os.environ.get("NBCONTAINER_DEBUG"):
                raise
            said = f"{type(error).__name__}: {error}"
            raise NbcontainerError(said, "this is a bug: %env NBCONTAINER_DEBUG=1 shows where") from error

    def _call(self, magic: str, line: str) -> Any:
        verb = MAGICS[magic]
        words = words_of(line, magic)
        if "-h" in words or "--help" in words:
            from nbcontainer.live import Text

            return Text(magic_parser(verb, magic).format_help())
        if magic == "containerize" and "--check" in words:
            verb, words = "check", [word for word in words if word != "--check"]
        options = parse_magic(verb, magic, words)
        return getattr(self, f"_{verb}")(options)

    def _session(self, emit: Any = None) -> Any:
        from nbcontainer.model import silent
        from nbcontainer.session import Session

        return Session(emit or silent, self.shell)

    def _steps(self, verb: Callable[[Any, Any], Any], options: Any) -> Any:
        """Call a verb that builds, with its progress in the cell."""
        from nbcontainer.live import Steps

        steps = Steps()
        try:
            result = verb(options, self._session(steps.show))
        except BaseException:
            steps.notes.clear()
            steps.end()
            raise
        steps.end()
        return result

    def _build(self, options: Any) -> Any:
        from nbcontainer import api, show
        from nbcontainer.live import Text
        from nbcontainer.model import ImagePlan

        made = self._steps(api.build, options)
        if isinstance(made, ImagePlan):
            import json

            return Text(json.dumps(made.as_json(), indent=2), value=made)
        return Text(show.image_text(made), show.image_html(made), made)

    def _check(self, options: Any) -> Any:
        from nbcontainer import api, show_check
        from nbcontainer.live import Text

        found = api.check(options, self._session())
        return Text(show_check.inspection_text(found), show_check.inspection_html(found), found)

    def _submitted(self, verb: Callable[[Any, Any], Any], options: Any) -> Any:
        run = self._live(self._steps(verb, options))
        if options.follow or options.wait:
            self._attached(run, options)
        return run

    def _train(self, options: Any) -> Any:
        from nbcontainer import api

        return self._submitted(api.train, options)

    def _serve(self, options: Any) -> Any:
        from nbcontainer import api

        return self._submitted(api.serve, options)

    def _attached(self, run: Any, options: Any) -> None:
        """Follow or wait in this cell; an interrupt detaches and leaves the run going."""
        from nbcontainer.live import Follower, run_bundle

        follower = Follower()
        run.display = follower.display
        try:
            if getattr(options, "follow", False):
                run.follow(follower.show)
            else:
                run.wait(follower.show, timeout=getattr(options, "timeout", None) if run.kind == "inference" else None)
        except Interrupted as detached:
            follower.display.put(run_bundle(run.last))
            print(f"{detached.message}; {_as_magics(detached.hint)}")

    def _live(self, run: Any) -> Any:
        from nbcontainer.live import LiveRun

        return LiveRun(run._runner, run.last, run.image, self.hub, self._address)

    def _address(self, status: Any) -> str:
        """The newest address on this machine that %forward holds for a run, "" when it holds none."""
        run = (status.target, status.namespace, status.name)
        return next((held.url for leads_to, held in reversed(self.forwards) if leads_to == run), "")

    def _scale(self, options: Any) -> Any:
        from nbcontainer import api

        run = self._live(api.scale(options, self._session()))
        if options.wait:
            self._attached(run, options)
        return run

    def _status(self, options: Any) -> Any:
        from nbcontainer import api

        return self._live(api.status(options, self._session()))

    def _stop(self, options: Any) -> Any:
        from nbcontainer import api

        return self._live(api.stop(options, self._session()))

    def _logs(self, options: Any) -> Any:
        from nbcontainer import api, show
        from nbcontainer.live import Lines

        run = api.status(options, self._session())
        lines = []
        several = len(run.last.pods) > 1 and not options.pod
        try:
            for log in run.logs(follow=options.follow, tail=options.tail, pod=options.pod, previous=options.previous):
                lines.append(log)
                if options.follow:
                    print(f"[{log.pod}] {log.line}" if several else log.line, flush=True)
        except KeyboardInterrupt:
            print(f"detached from {run.name}, which goes on; {show.reattach(run.last, '%logs')} -f")
        return None if options.follow else Lines(run, lines)

    def _forward(self, options: Any) -> Any:
        from nbcontainer import api

        run, held = api.forward(options, self._session())
        self.forwards.append(((run.last.target, run.last.namespace, run.name), held))
        return self._live(run)

    def _runs(self, options: Any) -> Any:
        from nbcontainer import api, show
        from nbcontainer.live import Text

        found = api.runs(options, self._session())
        statuses = [run.last for run in found]
        return Text(show.runs_text(statuses), show.runs_html(statuses), found)

    def _manifest(self, options: Any) -> Any:
        import yaml

        from nbcontainer import api
        from nbcontainer.live import Text

        objects = self._steps(api.manifest, options)
        return Text(yaml.safe_dump_all(objects, sort_keys=False, allow_unicode=True), value=objects)

    def close(self) -> None:
        if "hub" in self.__dict__:
            self.hub.close()
        for _, held in self.forwards:
            held.close()
        self.forwards.clear()


def load(shell: Any) -> None:
    """Register the magics with `shell`; a second time changes nothing."""
    if getattr(shell, _KEY, None) is not None:
        return
    magics = Magics(shell)
    setattr(shell, _KEY, magics)
    for magic, verb in MAGICS.items():
        shell.register_magic_function(_function(magics, magic, verb), "line", magic)
    from nbcontainer import completion

    completion.register(shell, MAGICS, magics.seen)
    import atexit

    atexit.register(magics.close)


def unload(shell: Any) -> None:
    magics = getattr(shell, _KEY, None)
    if magics is None:
        return
    magics.close()
    for magic in MAGICS:
        shell.magics_manager.magics["line"].pop(magic, None)
    from nbcontainer import completion

    completion.unregister(shell)
    setattr(shell, _KEY, None)


def words_of(line: str, magic: str) -> list[str]:
    """The words of a magic's line without a comment at its end: a '#' outside quotes and at the start of a word."""
    for comment in re.finditer(r"(?:^|\s)#", line):
        try:
            return shlex.split(line[: comment.start()])
        except ValueError:  # the '#' is inside quotes
            continue
    try:
        return shlex.split(line)
    except ValueError as error:
        raise UsageError(f"%{magic}: {error}", "close the quotes") from None


def _as_magics(hint: str) -> str:
    """A hint's commands as a cell would give them: '%logs x' for 'nbcontainer logs x'."""
    of = {verb: magic for magic, verb in MAGICS.items()}
    return re.sub(rf"\bnbcontainer ({'|'.join(of)})\b", lambda found: f"%{of[found[1]]}", hint)


def _function(magics: Magics, magic: str, verb: str) -> Callable[[str], Any]:
    def call(line: str = "") -> Any:
        return magics.call(magic, line)

    call.__name__ = magic
    call.__doc__ = magic_parser(verb, magic).format_help()
    return call


__all__ = ["MAGICS", "load", "unload"]
