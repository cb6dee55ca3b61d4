"""Where JupyterLab isn't the whole of it: Notebook 7, a server below a hub's base URL, and kernels without any Lab."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.lab.desk import Desk
from tests.lab.page import LONG, Panel, expect, opened

CELLS = ("n = 3", "for i in range(n):\n    print('line', i)", "def double(x):\n    return 2 * x")


def begin(panel: Panel) -> str:
    """Launch, Train; gives the run's name."""
    panel.open("small.ipynb")
    panel.launch()
    panel.section("Launch").get_by_role("button", name="Train", exact=True).click()
    panel.saves()
    run = panel.section("Activity").get_by_role("button", name=re.compile(r"^small-[0-9a-f]{8}-\w+$"))
    expect(run).to_be_visible(timeout=LONG)
    return str(run.inner_text())


def read(panel: Panel, run: str) -> None:
    """The log opened by itself, and has all."""
    log = panel.log(run)
    expect(log.get_by_text("line 2", exact=True)).to_be_visible(timeout=LONG)
    expect(log.get_by_text("ended: Succeeded")).to_be_visible(timeout=LONG)
    with panel.page.expect_download() as fetched:
        log.get_by_role("button", name="Download the whole log").click()
    assert re.findall(r"line \d", Path(fetched.value.path()).read_text()) == ["line 0", "line 1", "line 2"]


@pytest.fixture
def small(desk: Callable[..., Desk], target: str) -> Callable[..., Desk]:
    def make(**words: Any) -> Desk:
        found = desk(settings=target, **words)
        found.notebook("small.ipynb", *CELLS, tags={0: "parameters"})
        found.start()
        return found

    return make


def test_in_notebook_7(browser: Any, small: Callable[..., Desk], pictures: Path) -> None:
    with opened(browser, small(app="notebook")) as panel:
        run = begin(panel)
        read(panel, run)
        log = panel.log(run)
        assert log.bounding_box()["height"] > 200
        panel.picture(pictures, "notebook7")
        _another_beside_it(panel, run)
        panel.page.reload()
        panel.launch()
        row = panel.section("Runs").get_by_role("row").filter(has_text=run)
        expect(row.get_by_text("Succeeded")).to_be_visible()
        panel.section("Activity").get_by_role("button", name="Logs").click()
        expect(log.get_by_text("line 2", exact=True)).to_be_visible()


def _another_beside_it(panel: Panel, run: str) -> None:
    """A second tab comes to the front, and the first one when it is asked for again."""
    details = panel.section("Runs").get_by_role("region", name=f"Details of {run}")
    details.get_by_role("button", name=re.compile(f"^{run}-")).click()
    tabs, shown = panel.page.locator("#jp-down-stack"), panel.page.locator(".nbc-LogTab").filter(visible=True)
    expect(tabs.get_by_role("tab", name=re.compile(f"^{run}-"))).to_have_attribute("aria-selected", "true")
    expect(shown.get_by_text("line 2", exact=True)).to_be_visible()
    details.get_by_role("button", name="Log", exact=True).click()
    expect(tabs.get_by_role("tab", name=run, exact=True)).to_have_attribute("aria-selected", "true")
    expect(shown.get_by_text("line 2", exact=True)).to_be_visible()


def test_below_a_hubs_base_url(browser: Any, small: Callable[..., Desk]) -> None:
    """As JupyterHub starts it, the name of a person who is called by an address."""
    with opened(browser, small(base_url="/user/ann@example.com/")) as panel:
        sockets: list[str] = []
        panel.page.on("websocket", lambda socket: sockets.append(socket.url))
        run = begin(panel)
        read(panel, run)
        assert any("/user/ann@example.com/nbcontainer/api/events" in each.replace("%40", "@") for each in sockets)
        expect(panel.root.locator(".nbc-connection")).to_have_attribute("data-nbc-status", "live")


WITHOUT_LAB = """
import json, sys
class Gone:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("jupyter_server", "jupyterlab", "jupyterlab_server", "notebook"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Gone())
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
before = set(sys.modules)
import nbcontainer
shell.run_line_magic("load_ext", "nbcontainer")
shell.run_line_magic("containerize", "--notebook small.ipynb --dry-run")
print(json.dumps(sorted(set(sys.modules) - before)))
"""


def test_the_magics_without_lab(tmp_path: Path) -> None:
    """Where no Lab is installed (VS Code, nbclient, a hosted kernel) they work, and ask for no part of its server."""
    Desk(tmp_path).notebook("small.ipynb", *CELLS)
    env = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "NBCONTAINER_CACHE": str(tmp_path / "cache")}
    done = subprocess.run([sys.executable, "-c", WITHOUT_LAB], cwd=tmp_path / "work", env=env, text=True,
                          capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    came = json.loads(done.stdout.splitlines()[-1])
    assert "nbcontainer.magics" in came
    assert not [each for each in came if each.partition(".")[0] in ("jupyter_server", "jupyterlab", "notebook")
                or each.startswith(("nbcontainer.server", "tornado.web"))]
    assert "small" in done.stdout, done.stdout
