"""The page's side of the panel's benchmark: a JupyterLab in Chromium, and what its own instruments tell.

What this is: frames by requestAnimationFrame, heap and processor time by the browser's protocol, marks of a load.
What it is not: what is done with the page (panel.py).
In the flow: panel.py opens tabs of one desk's server and asks them.
"""

from __future__ import annotations

import itertools
import json
import os
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from bench.found import Busy, Frames
from tests.lab.desk import Desk

PATIENCE = 120_000  # ms
WITHOUT = {"disabledExtensions": {"@nbcontainer/labextension": True}}

# When Lab says that its layout is there, and when things were first painted: after the frame that shows them.
MARKS = """(() => {
  const marks = (window.nbMarks = {});
  const looks = {
    launcher: '.jp-LauncherCard', panel: '#nbcontainer-panel .nbc-section', rows: '.nbc-run-grid .nbc-phase'
  };
  const waiting = new Set(Object.keys(looks));
  const look = () => {
    for (const name of waiting) {
      if (document.querySelector(looks[name])) {
        waiting.delete(name);
        requestAnimationFrame(() => setTimeout(() => { marks[name] = performance.now(); }));
      }
    }
  };
  new MutationObserver(look).observe(document, { subtree: true, childList: true });
  let app;
  Object.defineProperty(window, 'jupyterapp', {
    configurable: true,
    get: () => app,
    set: value => {
      app = value;
      void app.restored.then(() => { marks.restored = performance.now(); });
    }
  });
})()"""

FRAMES = """() => {
  const stamps = [];
  let going = true;
  const tick = stamp => { stamps.push(stamp); if (going) requestAnimationFrame(tick); };
  requestAnimationFrame(tick);
  window.nbFrames = () => { going = false; return stamps; };
}"""

# As somebody who holds the scroll bar: from the top to the bottom in so many ms.
DRAG = """([selector, ms]) => new Promise(done => {
  const view = document.querySelector(selector);
  let began = 0;
  const move = stamp => {
    began ||= stamp;
    const part = Math.min(1, (stamp - began) / ms);
    view.scrollTop = part * (view.scrollHeight - view.clientHeight);
    if (part < 1) requestAnimationFrame(move); else done();
  };
  requestAnimationFrame(move);
})"""

# From an event of that kind to the frame after which `ready` holds; [kind, the body of a function].
REACTION = """([kind, ready]) => {
  const holds = new Function(`return (${ready})`);
  window.nbReaction = new Promise(done => {
    let began = 0;
    document.addEventListener(kind, event => { began = event.timeStamp; }, { capture: true });
    const look = () => {
      if (began && holds()) setTimeout(() => done(performance.now() - began)); else requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  });
}"""


class Site:
    """One person's server; its Lab can be loaded with the panel's extension and without."""

    def __init__(self, place: Path, settings: str) -> None:
        self.desk = Desk(place, settings)
        for folder in ("jupyter", "jupyter/labconfig"):
            (self.desk.home / folder).mkdir(exist_ok=True)
        config = {"LabApp": {"expose_app_in_browser": True}}
        (self.desk.home / "jupyter" / "jupyter_lab_config.json").write_text(json.dumps(config))
        self.desk.start()
        assert self.desk.process
        self.pid = self.desk.process.pid

    def extension(self, there: bool) -> None:
        """As `jupyter labextension enable` and `disable` write it."""
        page = self.desk.home / "jupyter" / "labconfig" / "page_config.json"
        page.write_text(json.dumps({} if there else WITHOUT))

    def url(self, workspace: str) -> str:
        return f"{self.desk.url}lab/workspaces/{workspace}?token={self.desk.token}"

    def saved(self, workspace: str, words: str) -> None:
        """Wait until the layout that is kept has these words."""
        until = time.monotonic() + 30
        while not any(words in each.read_text() for each in self.desk.home.glob(f"workspaces/{workspace}*")):
            if time.monotonic() > until:
                raise RuntimeError(f"Lab did not keep the layout of {workspace} with {words}")
            time.sleep(0.1)

    def printed(self, run: str, line: int) -> float:
        """When that line of the run's log was printed, by the pod's clock, which is this machine's."""
        request = urllib.request.Request(
            f"{self.desk.url}nbcontainer/api/logs", json.dumps({"name": run}).encode(), method="POST",
            headers={"Authorization": f"token {self.desk.token}", "Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            id = json.load(answer)["id"]
        found = self.desk.ask(f"nbcontainer/api/logs/{id}?from={line}&count=1")["lines"][0]
        return datetime.fromisoformat(found["time"][:26]).replace(tzinfo=timezone.utc).timestamp()

    @property
    def memory(self) -> float:
        """The server's resident memory in MB."""
        line = next(each for each in Path(f"/proc/{self.pid}/status").read_text().splitlines() if "VmRSS" in each)
        return int(line.split()[1]) / 1000

    @property
    def seconds(self) -> float:
        """Processor time that the server has used."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Tab:
    """One page with Lab in it."""

    def __init__(self, browser: Any, context: Any, site: Site, workspace: str) -> None:
        self.site = site
        self.page = context.new_page()
        self.page.set_default_timeout(PATIENCE)
        self.page.add_init_script(MARKS)
        self.messages = self.fetches = 0  # that the server sent over the websocket, and of lists of runs
        self.page.on("websocket", lambda socket: socket.on("framereceived", self._count_message))
        self.page.on("request", self._count_fetch)
        self.page.goto(site.url(workspace))
        self.page.wait_for_function("() => window.nbMarks?.restored && window.nbMarks.launcher")
        self._cdp = context.new_cdp_session(self.page)
        self._processes = browser.new_browser_cdp_session()
        self._cdp.send("Performance.enable")

    def marks(self) -> dict[str, float]:
        """Seconds since the navigation began."""
        found = self.page.evaluate("() => window.nbMarks")
        return {name: at / 1000 for name, at in found.items()}

    def command(self, name: str, words: Mapping[str, Any] | None = None) -> None:
        script = "([name, words]) => void window.jupyterapp.commands.execute(name, words)"
        self.page.evaluate(script, [name, dict(words or {})])

    def until(self, condition: str) -> None:
        """Wait for an expression of the page."""
        self.page.wait_for_function(f"() => {condition}")

    def close(self) -> None:
        self.page.close()

    def _count_message(self, _: Any) -> None:
        self.messages += 1

    def _count_fetch(self, request: Any) -> None:
        self.fetches += "/nbcontainer/api/runs?" in request.url

    # ---------------------------------------------------------------- instruments
    @contextmanager
    def frames(self) -> Iterator[Frames]:
        """Counts the frames while this lasts; what it gives is filled at the end."""
        found = Frames()
        self.page.evaluate(FRAMES)
        yield found
        stamps = self.page.evaluate("() => window.nbFrames()")
        gaps = [later - sooner for sooner, later in itertools.pairwise(stamps)]
        found.rate, found.longest = 1000 * len(gaps) / sum(gaps), max(gaps) / 1000

    def wheel(self, selector: str, pixels: int, seconds: float) -> None:
        """Turn the wheel over that element, as the browser itself takes it in."""
        box = self.page.locator(selector).bounding_box()
        middle = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
        self._cdp.send("Input.synthesizeScrollGesture", {
            **middle, "yDistance": -pixels, "speed": round(abs(pixels) / seconds), "gestureSourceType": "mouse"})

    def drag(self, selector: str, seconds: float) -> None:
        """Move the scroll bar from the top to the bottom."""
        self.page.evaluate(DRAG, [selector, seconds * 1000])

    def reaction(self, event: str, ready: str, act: Callable[[], None]) -> float:
        """Seconds from the last such event that `act` makes to the frame in which the expression holds."""
        self.page.evaluate(REACTION, [event, ready])
        act()
        return float(self.page.evaluate("() => window.nbReaction")) / 1000

    def heap(self) -> float:
        """Of JavaScript, in MB, after a collection."""
        self._cdp.send("HeapProfiler.collectGarbage")
        self._cdp.send("HeapProfiler.collectGarbage")  # what the first one's finalizers let go
        metrics = {each["name"]: each["value"] for each in self._cdp.send("Performance.getMetrics")["metrics"]}
        return float(metrics["JSHeapUsedSize"]) / 1e6

    @contextmanager
    def busy(self) -> Iterator[Busy]:
        """Processor time while this lasts; what it gives is filled at the end."""
        found = Busy()
        began, page, server = time.monotonic(), self._browser_seconds(), self.site.seconds
        yield found
        took = time.monotonic() - began
        found.page, found.server = (self._browser_seconds() - page) / took, (self.site.seconds - server) / took

    def _browser_seconds(self) -> float:
        found = self._processes.send("SystemInfo.getProcessInfo")["processInfo"]
        return float(sum(each["cpuTime"] for each in found))
