"""`make bench`: nbcontainer beside docker, buildah, podman and crane in one run; writes docs/benchmarks.md.

What this is: the order of the run and its command line. What it is not: a tool (ours.py, rivals.py), a measure
(measure.py) or the page (page.py). Tools take turns in an order that changes every round, so that a busy moment of the
machine hits all of them.
"""

from __future__ import annotations

import argparse
import compileall
import functools
import os
import random
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench import dockerd, measure, ours, page, panel, panel_page, rivals, wheels  # noqa: E402
from bench.found import Found  # noqa: E402
from bench.stage import Stage  # noqa: E402
from tests.cluster import build  # noqa: E402


@dataclass
class Result:
    """What was measured of one tool. Seconds; `edit` has the registry's view and the layers that were new."""

    name: str
    version: str = ""
    cold: list[float] = field(default_factory=list)
    cold_bytes: int = 0
    peak: float = 0.0  # MB
    edit: list[float] = field(default_factory=list)
    wire: list[measure.Wire] = field(default_factory=list)
    new: list[int] = field(default_factory=list)
    same: list[float] = field(default_factory=list)
    same_requests: int = 0
    mounted: list[float] = field(default_factory=list)
    mounted_bytes: int = 0
    failed: str = ""


@dataclass(frozen=True)
class Rounds:
    cold: int
    edit: int
    mounted: int
    small: int


FULL, QUICK = Rounds(2, 20, 5, 10), Rounds(1, 5, 2, 3)


class Run:
    def __init__(self, stage: Stage, quick: bool) -> None:
        self.stage, self.quick = stage, quick
        self.rounds = QUICK if quick else FULL
        self.tools: dict[str, Any] = {}
        self.results: list[Result] = []
        self.load: list[float] = []
        self.extra: dict[str, measure.Numbers] = {}
        self._random = random.Random(1)

    def add(self, name: str, make: Callable[[], Any]) -> None:
        """Set a tool up; one that can't run is listed with the reason."""
        try:
            tool = make()
        except measure.Failed as why:
            self.results.append(Result(name, failed=str(why)))
            return
        self.tools[tool.name] = tool
        self.results.append(Result(tool.name, tool.version))

    def _each(self, what: str, step: Callable[[Any, Result], None]) -> None:
        """One round over all tools that still run, in a new order."""
        waiting = [each for each in self.results if not each.failed]
        self._random.shuffle(waiting)
        for result in waiting:
            try:
                step(self.tools[result.name], result)
            except measure.Failed as why:
                result.failed = f"{what}: {why}"
        self.load.append(os.getloadavg()[0])

    def cold(self) -> None:
        def step(tool: Any, result: Result) -> None:
            if hasattr(tool, "cold"):
                ran, wire = tool.cold(self.stage)
                result.cold.append(ran.seconds)
                result.cold_bytes, result.peak = wire.bytes, max(result.peak, ran.peak)
                say(f"cold  {ran.seconds:7.2f} s  {result.name}")

        for _ in range(self.rounds.cold):
            self._each("cold", step)

    def edits(self) -> None:
        """One round is not counted: it fills caches and repositories."""
        for number in range(self.rounds.edit + 1):
            self._each("edit", self._warm if number == 0 else self._edit)
        for number in range(self.rounds.mounted):
            self._each("new repository", functools.partial(self._mount, number))

    def _warm(self, tool: Any, result: Result) -> None:
        self.stage.edit(tool.folder)
        tool.publish(self._place(result))

    def _edit(self, tool: Any, result: Result) -> None:
        place = self._place(result)
        before = measure.layers(place)
        line = self.stage.edit(tool.folder)
        counter = measure.Counter(self.stage.registry)
        counter.start()
        result.edit.append(tool.publish(place))
        result.wire.append(counter.stop())
        after = measure.layers(place)
        result.new.append(len(set(after) - set(before)))
        if not measure.holds(place, after[-1], line):
            raise measure.Failed("the pushed image has not got the edit")
        counter.start()
        result.same.append(tool.publish(place))
        result.same_requests = counter.stop().requests

    def _mount(self, number: int, tool: Any, result: Result) -> None:
        counter = measure.Counter(self.stage.registry)
        counter.start()
        result.mounted.append(tool.publish(self._place(result, f"-copy{number}")))
        result.mounted_bytes = counter.stop().bytes

    def _place(self, result: Result, suffix: str = "") -> str:
        return self.stage.place(f"tool{self.results.index(result)}{suffix}")

    def small(self) -> None:
        """What is nbcontainer's own: loading, and help."""
        for name, step in (("load", ours.load_seconds), ("help", ours.help_seconds)):
            self.extra[name] = measure.Numbers(tuple(step() for _ in range(self.rounds.small)))

    def close(self) -> None:
        for tool in self.tools.values():
            tool.close()


def say(text: str) -> None:
    print(f"== {text}", file=sys.stderr, flush=True)


def tools(run: Run, find_links: str, daemon: dockerd.Daemon | measure.Failed) -> None:
    stage = run.stage

    def docker(installer: str) -> rivals.Docker:
        if isinstance(daemon, measure.Failed):
            raise daemon
        return rivals.Docker(stage, installer, find_links, daemon)

    for base in (stage.base, "host"):
        run.add("%containerize in a kernel", functools.partial(ours.Kernel, stage, base))
        run.add("nbcontainer build", functools.partial(ours.Command, stage, base))
    for installer in ("uv",) if run.quick else ("pip", "uv"):
        run.add(f"docker build + push (BuildKit), {installer}", functools.partial(docker, installer))
        run.add(f"buildah bud --layers + push, {installer}",
                functools.partial(rivals.Buildah, stage, "buildah", installer, find_links))
    if not run.quick:
        run.add("podman build --layers + push, uv", lambda: rivals.Buildah(stage, "podman", "uv", find_links))
    run.add(rivals.Crane.name, lambda: rivals.Crane(stage, prepared(run)))


def prepared(run: Run) -> str:
    """An image with the environment in it, for crane to stand on: nbcontainer's own."""
    place = run.stage.place("prepared")
    ours.Command(run.stage, run.stage.base).publish(place)
    return place


def started(folder: Path) -> dockerd.Daemon | measure.Failed:
    try:
        return dockerd.Daemon(folder)
    except measure.Failed as why:
        return why


def with_panel(run: Run) -> Found | None:
    """What the panel's benchmark finds; where it can't run it is listed with the reason."""
    say("the panel in JupyterLab")
    try:
        return panel.measured(run.quick)
    except measure.Failed as why:
        run.results.append(Result("the panel in JupyterLab (`bench/panel.py`)", failed=str(why)))
        return None


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="bench/run.py", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer rounds and rivals: two minutes, not ten")
    parser.add_argument("--page", type=Path, default=ROOT / "docs/benchmarks.md", help="where the page is written")
    found = parser.parse_args(arguments)
    if build.built() is None:
        say("the registry isn't built: python -m tests.cluster build")
        return 2
    began = time.monotonic()
    compileall.compile_dir(ROOT / "nbcontainer", quiet=1)  # as an installation does
    say("fetching the wheels (once)")
    folder = wheels.wheelhouse()
    server, stage = wheels.Server(folder), Stage()
    daemon = started(stage.folder / "docker")
    run = Run(stage, found.quick)
    try:
        say("setting up the tools")
        tools(run, server.url, daemon)
        run.cold()
        say("one-line edits, one tool after the other")
        run.edits()
        run.small()
    finally:
        run.close()
        if isinstance(daemon, dockerd.Daemon):
            daemon.close()
        server.close()
        stage.close()
    seconds = time.monotonic() - began
    loaded = with_panel(run)
    text = page.page(run, seconds)
    found.page.write_text(panel_page.joined(text, panel_page.section(loaded)) if loaded else text)
    print(page.summary(run))
    held = [*page.limits(run), *(panel_page.limits(loaded) if loaded else ())]
    missed = [each.text for each in held if not each.held]
    say(f"{found.page} written" + (f"; MISSED: {'; '.join(missed)}" if missed else "; all limits hold"))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
