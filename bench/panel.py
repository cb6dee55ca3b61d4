"""The panel in JupyterLab under load: thousands of runs, a log of a million lines; a part of `make bench`.

What this is: the order of the measuring, and its command line. What it is not: the cluster's side (crowd.py), the
page's instruments (lab.py) or the text (panel_page.py). All is real: server, Chromium, cluster, Jobs, a pod's log.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import gzip
import os
import random
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench import panel_page  # noqa: E402
from bench.crowd import NEEDLE, Crowd  # noqa: E402
from bench.found import FULL, QUICK, Changes, Found, LogTimes, Size  # noqa: E402
from bench.lab import Site, Tab  # noqa: E402
from bench.measure import Failed  # noqa: E402
from tests.cluster import build, control  # noqa: E402
from tests.cluster.instance import Instance  # noqa: E402
from tests.conftest import Cluster  # noqa: E402
from tests.lab.conftest import FLAGS  # noqa: E402

STATIC = ROOT / "nbcontainer" / "labextension" / "static"
GRID, LOG = ".nbc-run-grid", ".nbc-log-lines"
PANEL = "nbcontainer:open-panel"
PAUSES = (0.6, 1.5)  # seconds after each piece of the log; the second where lines were lost with the first


def say(text: str) -> None:
    print(f"== {text}", file=sys.stderr, flush=True)


class Bench:
    def __init__(self, browser: Any, crowd: Crowd, site: Site, size: Size) -> None:
        self.browser, self.crowd, self.site = browser, crowd, site
        self.context = browser.new_context(viewport={"width": 1400, "height": 950})
        self.found = Found(size)
        self._random = random.Random(1)

    @contextlib.contextmanager
    def tab(self, workspace: str, extension: bool = True) -> Iterator[Tab]:
        self.site.extension(extension)
        tab = Tab(self.browser, self.context, self.site, workspace)
        try:
            yield tab
        finally:
            tab.close()
            self.found.load.append(os.getloadavg()[0])

    def scripts(self) -> None:
        """What the wheel has of JavaScript."""
        data = [each.read_bytes() for each in sorted(STATIC.glob("*.js"))]
        self.found.raw = sum(map(len, data))
        self.found.packed = sum(len(gzip.compress(each, 9)) for each in data)

    # ---------------------------------------------------------------- loads
    def loads(self) -> None:
        """Lab with the panel open as it was left, and Lab without the extension, in turns."""
        with self.tab("with") as tab:
            tab.command(PANEL)
            tab.until("window.nbMarks.rows")
            self.site.saved("with", '"current":"nbcontainer-panel"')
        with self.tab("without", extension=False):
            pass  # so that the browser has its files of both
        for _ in range(self.found.size.loads):
            for there in self._random.sample([True, False], 2):
                self._load(there)

    def _load(self, there: bool) -> None:
        with self.tab("with" if there else "without", there) as tab:
            if there:
                tab.until("window.nbMarks.rows")
            (self.found.there if there else self.found.absent).append(tab.marks())

    def resting(self, name: str, tab: Tab) -> None:
        """Heap, and processor time while nothing happens."""
        time.sleep(3)  # what loading still does
        self.found.heap[name] = tab.heap()
        with tab.busy() as self.found.busy[name]:
            tab.page.wait_for_timeout(1000 * self.found.size.idle)

    def lab(self) -> None:
        """Lab alone, then with the panel there but closed."""
        for name, there in (("without", False), ("closed", True)):
            with self.tab(name, there) as tab:
                self.resting(name, tab)
        self.found.memory["closed"] = self.site.memory

    # ---------------------------------------------------------------- runs
    def runs(self) -> None:
        with self.tab("with") as tab:
            tab.until("window.nbMarks.rows")
            self.resting("runs", tab)
            tab.page.locator(GRID).scroll_into_view_if_needed()
            self._scroll(tab, GRID, "runs", 44 * self.found.size.runs)
            self._filter(tab)
            self.found.heap["runs scrolled"] = tab.heap()
            self._change(tab)
            self.found.memory["runs"] = self.site.memory

    def _scroll(self, tab: Tab, selector: str, name: str, pixels: int) -> None:
        tab.page.evaluate(f"() => {{ document.querySelector('{selector}').scrollTop = 0; }}")
        with tab.frames() as self.found.frames[f"{name}, wheel"]:
            tab.wheel(selector, pixels, self.found.size.scroll)
        with tab.frames() as self.found.frames[f"{name}, scroll bar"]:
            tab.drag(selector, self.found.size.scroll)

    def _filter(self, tab: Tab) -> None:
        box = tab.page.locator("#nbcontainer-panel").get_by_role("searchbox", name="Filter by name, reason or notebook")
        step = self.found.size.runs // 6
        for name in self.crowd.names[step : 6 * step : step]:
            rows = f"document.querySelector('{GRID}')?.getAttribute('aria-rowcount')"
            ready = f"{rows} === '1' && document.querySelector('{GRID} .nbc-run-name').textContent === '{name}'"
            self.found.filter.append(tab.reaction("input", ready, functools.partial(box.press_sequentially, name)))
            box.fill("")
            tab.until(f"{rows} === '{self.found.size.runs}'")

    def _change(self, tab: Tab) -> None:
        """Many runs change while the list is looked at."""
        names, made = self.crowd.names[-self.found.size.changed :], []
        chip = "document.querySelector('.nbc-chip[data-phase=Failed] .nbc-chip-count')?.textContent"
        before = tab.messages, tab.fetches
        thread = threading.Thread(target=lambda: made.append(self.crowd.end(names)))
        with tab.busy() as busy, tab.frames() as self.found.frames["runs, changing"]:
            began = time.monotonic()
            thread.start()
            tab.until(f"{chip} === '{len(names)}'")
            shown = time.monotonic() - began
        thread.join()
        messages, fetches = tab.messages - before[0], tab.fetches - before[1]
        self.found.changes = Changes(made[0], shown, messages, fetches, busy)

    # ---------------------------------------------------------------- log
    def log(self) -> None:
        for number, pause in enumerate(PAUSES):
            with self.tab(f"log-{number}") as tab:
                if self._log(tab, pause):
                    return
        raise Failed("lines of the log were rotated away before they were read: the machine is too busy")

    def _log(self, tab: Tab, pause: float) -> bool:
        """False where lines were lost on the way to the tab."""
        name = self.crowd.talk(self.found.size.lines, pause)
        tab.command("nbcontainer:open-log", {"name": name})
        tab.page.locator(LOG).wait_for()
        times = self._follow(tab, name)
        if times is None:
            return False
        self.found.memory["log"] = self.site.memory
        self._scroll(tab, LOG, "log", 60_000)
        self.found.log = LogTimes(*times, *self._moves(tab))
        self.found.heap["log scrolled"] = tab.heap()
        tab.page.get_by_role("button", name="Wrap", exact=True).click()
        self._scroll(tab, f"{LOG}.nbc-mod-wrap", "log wrapped", 60_000)
        self.found.heap["log wrapped"] = tab.heap()
        return True

    def _follow(self, tab: Tab, name: str) -> tuple[float, float] | None:
        """Seconds that the pod printed, and until the tab had all lines after that; None where it never had."""
        lines = self.found.size.lines
        foot = "document.querySelector('.nbc-log-foot').textContent"
        tab.until(f"parseInt({foot}) > 1")
        with tab.frames() as self.found.frames["log, following"]:
            tab.until(f"{foot}.startsWith('{lines:,} lines') || {foot}.includes('ended')")
            there = time.time()
        shown = tab.page.evaluate(f"() => {foot}")
        if not shown.startswith(f"{lines:,} lines"):
            say(f"the tab has only {shown}")
            return None
        first, last = self.site.printed(name, 1), self.site.printed(name, lines - 1)
        say(f"{lines:,} lines printed in {last - first:.1f} s, in the tab {there - last:.1f} s later")
        return last - first, there - last

    def _moves(self, tab: Tab) -> tuple[float, float, float]:
        last, near = self.found.size.lines - 1, tab.page.locator(LOG)

        def row(number: int) -> str:
            return f"document.querySelector('{LOG} [data-row=\"{number}\"] .nbc-log-text')"

        near.focus()
        top = tab.reaction("keydown", row(0), lambda: near.press("Home"))
        end = tab.reaction("keydown", row(last), lambda: near.press("End"))
        near.press("Home")
        tab.until(row(0))
        box = tab.page.get_by_role("searchbox", name="Search the log")
        box.fill(NEEDLE)
        found = f"document.querySelector('{LOG} .nbc-mod-found')?.textContent.includes('{NEEDLE}')"
        return top, end, tab.reaction("keydown", found, lambda: box.press("Enter"))


@contextlib.contextmanager
def chromium() -> Iterator[Any]:
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not path:
        raise Failed("there is no Chromium: python -m tests.prepare")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


@contextlib.contextmanager
def crowded(cluster: Cluster, size: Size) -> Iterator[Crowd]:
    """A namespace with that many runs; it is removed whatever happens."""
    crowd = Crowd(cluster)
    try:
        say(f"{size.runs:,} suspended Jobs made in {crowd.gather(size.runs):.1f} s")
        yield crowd
    finally:
        say("removing them")
        crowd.close()


@contextlib.contextmanager
def site(crowd: Crowd) -> Iterator[Site]:
    cluster = crowd.cluster
    settings = (
        f'target = "test"\n[targets.test]\norchestrator = "kubernetes"\nkubeconfig = "{cluster.kubeconfig}"\n'
        f'namespace = "{crowd.namespace}"\nregistry = "{cluster.registry}/bench"\nplain_http = true\n'
    )
    with tempfile.TemporaryDirectory(prefix="nbbench-") as place:
        found = Site(Path(place), settings)
        try:
            yield found
        finally:
            found.desk.stop()


def measured(quick: bool) -> Found:
    """The whole of it. Raises Failed where something is missing on this machine, or broke."""
    lacks = control.missing() or ("" if STATIC.exists() else "the panel is not built: make panel")
    if lacks:
        raise Failed(lacks)
    from playwright.sync_api import Error

    began, size = time.monotonic(), QUICK if quick else FULL
    try:
        found = _measured(size)
    except (Error, RuntimeError) as why:
        raise Failed(str(why).splitlines()[0]) from why
    found.seconds = time.monotonic() - began
    return found


def _measured(size: Size) -> Found:
    instance, programs = Instance.chosen(), build.built()
    with control.used(instance), chromium() as browser:
        cluster = Cluster(instance.limited, instance.admin, instance.registry, kubectl=f"{programs}/kubectl")
        with crowded(cluster, size) as crowd, site(crowd) as desk:
            bench = Bench(browser, crowd, desk, size)
            for step in (bench.scripts, bench.lab, bench.loads, bench.runs, bench.log):
                say(f"the panel: {step.__name__}")
                step()
    return bench.found


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="bench/panel.py", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer runs, lines and loads: one minute, not five")
    parser.add_argument("--page", type=Path, help="a page of benchmarks whose part about the panel is written anew")
    asked = parser.parse_args(arguments)
    try:
        found = measured(asked.quick)
    except Failed as why:
        say(str(why))
        return 2
    print(panel_page.section(found))
    if asked.page:
        asked.page.write_text(panel_page.joined(asked.page.read_text(), panel_page.section(found)))
    missed = [each.text for each in panel_page.limits(found) if not each.held]
    say(f"MISSED: {'; '.join(missed)}" if missed else "all aims are met")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
