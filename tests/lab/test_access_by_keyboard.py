"""Who has no mouse, or no eyes: axe finds nothing serious in either theme, and the keyboard does the whole job."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.lab.desk import ROOT, Desk
from tests.lab.page import LONG, Panel, expect, opened
from tests.support import require

AXE = ROOT / "labextension" / "node_modules" / "axe-core" / "axe.min.js"
THEMES = "@jupyterlab/apputils-extension/themes"
PRINTS = ("n = 3\nbig = True\nname = 'ann'\nsizes = [1, 2]",
          "for code in range(31, 38):\n    print(f'\\x1b[{code}mcolour {code}\\x1b[0m plain \\x1b[1;4mbold\\x1b[0m')",
          "def double(x: int, quick: bool = True) -> int:\n    '''Twice x.'''\n    return 2 * x")


@pytest.fixture(scope="module")
def desk_of_ann(shared_desk: Callable[..., Desk], target: str) -> Desk:
    """With a run of each kind, and something that failed."""
    found = shared_desk(settings=target)
    found.notebook("small.ipynb", *PRINTS, tags={0: "parameters"})
    found.notebook("wrong.ipynb", "raise ValueError('wrong')", "def f(x):\n    return x")
    found.start()
    for verb, notebook, options in (("serve", "wrong", {"callable": "f"}), ("train", "small", {}),
                                    ("serve", "small", {"callable": "double"}), ("build", "small", {})):
        found.tell("nbcontainer/api/tasks", {"verb": verb, "notebook": f"{notebook}.ipynb", "options": options})
    until = time.monotonic() + LONG / 1000
    while any(each["ended"] is None for each in found.ask("nbcontainer/api/tasks")):
        assert time.monotonic() < until
        time.sleep(0.2)
    return found


@pytest.fixture
def ann(desk_of_ann: Desk) -> Desk:
    return desk_of_ann.tidy()


def checked(panel: Panel, place: str) -> None:
    """What axe finds serious or critical below `place`: nothing."""
    require(AXE.exists(), "axe-core: make panel")
    if not panel.page.evaluate("() => 'axe' in window"):
        panel.page.evaluate(AXE.read_text(encoding="utf-8"))
    found = panel.page.evaluate("place => axe.run(place, {resultTypes: ['violations']})", place)
    assert found["passes"] or found["violations"], f"{place} is empty"
    serious = [f"{each['id']}: {node['html'][:200]} {node['failureSummary'][:300]}"
               for each in found["violations"] if each["impact"] in ("serious", "critical") for node in each["nodes"]]
    assert not serious, "\n".join(serious)


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_axe_finds_nothing_serious(browser: Any, ann: Desk, theme: str, pictures: Path) -> None:
    ann.user_setting(THEMES, {"theme": theme})
    shade = "true" if theme.endswith("Light") else "false"
    with opened(browser, ann, height=2600) as panel:
        panel.open("small.ipynb")
        expect(panel.page.locator(f'body[data-jp-theme-light="{shade}"]')).to_be_attached()
        panel.launch()
        checked(panel, "#nbcontainer-panel")
        _all_of_the_panel(panel)
        panel.picture(pictures, f"panel {theme}")
        checked(panel, "#nbcontainer-panel")
        activity = panel.section("Activity")
        activity.get_by_role("listitem").filter(has_text="Train").get_by_role("button", name="Logs").click()
        _the_log(panel)
        panel.picture(pictures, f"log {theme}")
        activity.get_by_role("listitem").filter(has_text="Serve small").get_by_role("button", name="Try it").click()
        _the_try_it_form(panel)
        panel.picture(pictures, f"try it {theme}")


def _all_of_the_panel(panel: Panel) -> None:
    """Everything unfolded, a run chosen, and values in the form that can't be."""
    runs = panel.section("Runs")
    runs.get_by_role("row").filter(has_text="1/1").click(timeout=LONG)
    expect(runs.get_by_role("button", name="Stop…")).to_be_visible()
    launch = panel.section("Launch")
    launch.get_by_role("textbox", name=re.compile(r"^n\b")).fill("no number")
    launch.get_by_role("textbox", name="CPU").fill("-1")
    folded = panel.root.locator("button[aria-expanded=false]")
    while folded.count():
        folded.first.click()
    launch.get_by_role("button", name="Add a variable").click()
    expect(panel.section("Activity").get_by_text(re.compile(r"^failed ·"))).to_be_visible()


def _the_log(panel: Panel) -> None:
    log = panel.log(re.compile(""))
    expect(log.get_by_text("ended: Succeeded")).to_be_visible(timeout=LONG)
    log.get_by_role("button", name="Times").click()
    box = log.get_by_role("searchbox", name="Search the log")
    box.fill("plain")
    box.press("Enter")
    expect(log.locator("mark").first).to_be_visible()
    checked(panel, ".nbc-LogTab")


def _the_try_it_form(panel: Panel) -> None:
    tab = panel.page.locator(".nbc-InferenceTab")
    tab.get_by_label(re.compile(r"^x\b")).fill("21")
    checked(panel, ".nbc-InferenceTab")
    tab.get_by_role("button", name="Send").click()
    expect(tab.get_by_role("region", name="Answers")).to_contain_text("42", timeout=LONG)
    checked(panel, ".nbc-InferenceTab")


# ---------------------------------------------------------------- by keyboard
def reach(panel: Panel, wanted: Any, key: str = "Tab", most: int = 80) -> None:
    """Press `key` until `wanted` has the focus, and see that it shows; no step of the way may be a trap."""
    for _ in range(most):
        if wanted.count() == 1 and wanted.evaluate("each => each === document.activeElement"):
            break
        panel.page.keyboard.press(key)
    else:
        here = panel.page.evaluate("() => document.activeElement.outerHTML.slice(0, 300)")
        raise AssertionError(f"{wanted} is not reached by {key}; the focus is on {here}")
    assert wanted.evaluate("""each => [each, each.parentElement].some(node => {
        const style = getComputedStyle(node);
        const outlined = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0;
        return outlined || style.boxShadow !== 'none';
    })"""), f"the focus on {wanted} can't be seen"


def test_from_launch_to_the_log_by_keyboard(browser: Any, ann: Desk) -> None:
    with opened(browser, ann) as panel:
        keys = panel.page.keyboard
        panel.open("small.ipynb")
        keys.press("Alt+Shift+l")
        launch = panel.section("Launch")
        reach(panel, launch.get_by_role("radio", name="Training"))
        keys.press("ArrowRight")
        expect(launch.get_by_role("radio", name="Inference")).to_be_checked()
        keys.press("ArrowLeft")
        reach(panel, launch.get_by_role("textbox", name=re.compile(r"^n\b")))
        keys.press("Control+a")
        keys.type("many")
        expect(launch.get_by_role("status").filter(has_text="needs another look")).to_be_visible()
        keys.press("Control+a")
        keys.type("5")
        expect(launch.get_by_text("%train -p n=5")).to_be_visible()
        reach(panel, launch.get_by_role("button", name="Train", exact=True))
        keys.press("Enter")
        _saved_by_keyboard(panel)
        _announced(panel)
        task = panel.section("Activity").get_by_role("listitem").filter(has_text="Train").first
        log = panel.log(re.compile(""))
        expect(log.get_by_text("ended: Succeeded")).to_be_visible(timeout=LONG)
        _back_and_into_the_log(panel, task, log)


def _saved_by_keyboard(panel: Panel) -> None:
    asked = panel.page.get_by_role("button", name="Save and go on")
    under_way = panel.section("Activity").get_by_text(re.compile(r"^\d+ under way$"))
    asked.or_(under_way).first.wait_for()
    if asked.is_visible():
        expect(asked).to_be_focused()
        panel.page.keyboard.press("Enter")


def _announced(panel: Panel) -> None:
    """A screen reader hears that it goes on, and what became of it, from a region that was there before."""
    said = panel.section("Activity").get_by_role("status").filter(has_text="Train small.ipynb:")
    expect(said).to_have_text(re.compile("waiting|under way|submitted"))
    expect(said).to_have_text("Train small.ipynb: submitted", timeout=LONG)


def _back_and_into_the_log(panel: Panel, task: Any, log: Any) -> None:
    keys = panel.page.keyboard
    keys.press("Alt+Shift+l")
    reach(panel, task.get_by_role("button", name="Logs"))
    keys.press("Enter")
    reach(panel, log.get_by_role("button", name="Wrap"))
    keys.press("Space")
    expect(log.get_by_role("button", name="Wrap")).to_have_attribute("aria-pressed", "true")
    reach(panel, log.get_by_role("log"))
    keys.press("Home")
    keys.press("End")
