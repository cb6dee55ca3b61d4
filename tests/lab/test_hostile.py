"""Text that would be markup, script or a terminal's command, or a mebibyte long, wherever a person meets text."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.lab.desk import Desk
from tests.lab.page import LONG, Panel, expect, opened

MARKUP = "<img src=x onerror=window.__owned=1>"
SCRIPT = f"{MARKUP}<script>window.__owned=2</script>"
NAME = f"{MARKUP} \"q' & ünï 雪.ipynb"
LONGEST = 1_000_000
PRINTS = (
    f"label = {MARKUP!r}\nrepeat = 1",
    "import time\n"
    f"print({SCRIPT!r})\n"
    f"print('\\x1b[31mred\\x1b[0m \\x1b]0;title\\x07\\x1b[2J\\x1b]8;;javascript:alert(1)\\x1b\\\\link', {MARKUP!r})\n"
    f"print({SCRIPT!r} + 'A' * {LONGEST} + {SCRIPT!r})\n"
    "print('label', label)\nprint('the end')",
    "def answer(x: str) -> str:\n    return x",
)


@pytest.fixture(scope="module")
def desk_of_ann(shared_desk: Callable[..., Desk], target: str) -> Desk:
    """`NBCONTAINER_OWNER` is who a run says that it belongs to."""
    found = shared_desk(settings=target, env={"NBCONTAINER_OWNER": MARKUP})
    found.start()
    return found


@pytest.fixture
def ann(desk_of_ann: Desk) -> Desk:
    return desk_of_ann.tidy()


def harmless(panel: Panel) -> None:
    """Nothing of it ran, nothing of it is an element, and the page answers."""
    found = panel.page.evaluate("""() => new Promise(done => {
        const began = performance.now();
        requestAnimationFrame(() => setTimeout(() => done({
            owned: window.__owned ?? null, title: document.title, milliseconds: performance.now() - began,
            made: [...document.querySelectorAll('[onerror], img[src="x"], a[href^="javascript:"], .nbc-panel script')]
                .map(each => each.outerHTML.slice(0, 200)),
        })));
    })""")
    assert found["owned"] is None
    assert found["made"] == []
    assert found["title"] != "title"
    assert found["milliseconds"] < 3000, found


def task_of(panel: Panel, title: str) -> Any:
    return panel.section("Activity").get_by_role("listitem").filter(has_text=title).first


def test_a_notebook_a_parameter_and_a_log(browser: Any, ann: Desk) -> None:
    ann.notebook(NAME, *PRINTS, tags={0: "parameters"})
    with opened(browser, ann) as panel:
        panel.open(NAME)
        panel.launch()
        expect(panel.root.get_by_text(NAME, exact=True).first).to_be_visible()
        launch = panel.section("Launch")
        field = launch.get_by_role("textbox", name=re.compile(r"^label\b"))
        expect(field).to_have_value(MARKUP)
        field.fill(f"'; {SCRIPT}")
        expect(launch.get_by_text(SCRIPT)).to_be_visible()  # the magic that would do the same
        harmless(panel)
        launch.get_by_role("button", name="Train", exact=True).click()
        panel.saves()
        expect(task_of(panel, "Train <img").get_by_text("submitted")).to_be_visible(timeout=LONG)
        _in_the_log(panel)
        _among_the_runs(panel)


def _in_the_log(panel: Panel) -> None:
    log = panel.log(re.compile(""))
    expect(log.get_by_text("ended: Succeeded")).to_be_visible(timeout=LONG)
    expect(log.get_by_text("the end", exact=True)).to_be_visible()
    expect(log.get_by_text(SCRIPT, exact=True)).to_be_visible()
    expect(log.get_by_text(f"label '; {SCRIPT}", exact=True)).to_be_visible()
    expect(log.get_by_text(f"red link {MARKUP}", exact=True)).to_be_visible()
    expect(log.get_by_text(re.compile("characters more, in the download"))).to_be_visible()
    harmless(panel)
    for name in ("Wrap", "Times", "Wrap"):
        log.get_by_role("button", name=name).click()
        harmless(panel)
    box = log.get_by_role("searchbox", name="Search the log")
    box.fill("<script>")
    box.press("Enter")
    expect(log.get_by_text(re.compile("of [34] lines"))).to_be_visible()
    expect(log.locator("mark").first).to_have_text("<script>")
    harmless(panel)


def _among_the_runs(panel: Panel) -> None:
    runs = panel.section("Runs")
    expect(runs.get_by_role("region").get_by_text(NAME)).to_be_visible()
    expect(runs.get_by_role("region").get_by_text(MARKUP, exact=True)).to_be_visible()  # the owner
    harmless(panel)


def test_an_error_and_a_warning(browser: Any, ann: Desk) -> None:
    """A served notebook's cells run here: what they raise is the task's error."""
    big = f"{MARKUP}.csv"
    with (ann.work / big).open("wb") as file:
        file.truncate(11_000_000)
    ann.notebook("raises.ipynb", f"open({big!r}).close()",
                 f"raise ValueError('\\x1b[31m' + {SCRIPT!r} + 'A' * {LONGEST} + {SCRIPT!r})",
                 "def answer(x):\n    return x")
    with opened(browser, ann) as panel:
        panel.open("raises.ipynb")
        panel.launch()
        expect(panel.section("This notebook").get_by_role("list", name="Warnings")).to_contain_text(big)
        harmless(panel)
        launch = panel.section("Launch")
        launch.get_by_role("radio", name="Inference").check()
        launch.get_by_role("button", name="Serve", exact=True).click()
        panel.saves()
        task = task_of(panel, "Serve raises.ipynb")
        expect(task.get_by_text(re.compile("^failed · "))).to_be_visible(timeout=LONG)
        expect(task.get_by_role("alert")).to_contain_text(MARKUP)
        harmless(panel)
        for each in task.get_by_role("button", name=re.compile("Show all")).all():
            each.click()
        harmless(panel)


def test_a_run_as_a_cluster_may_tell_of_it(browser: Any, ann: Desk) -> None:
    """Names that this cluster would refuse, and a sentence of a mebibyte, put into the server's answers on the way."""
    sentence = SCRIPT + "A" * LONGEST + SCRIPT

    def falsify(route: Any) -> None:
        answer = route.fetch()
        told = answer.json()
        for run in told.get("runs", [])[:1]:
            run.update(name=SCRIPT, reason=sentence, owner=sentence, url="javascript:window.__owned=3",
                       local_url="javascript:window.__owned=4", kind="inference", notebook_path=sentence)
            run["pods"] = [{"name": MARKUP, "phase": MARKUP, "ready": True, "restarts": 1, "reason": sentence,
                            "exit_code": None}]
        route.fulfill(response=answer, body=json.dumps(told))

    ann.notebook(NAME, *PRINTS, tags={0: "parameters"})
    with opened(browser, ann) as panel:
        panel.page.route(re.compile(r"/nbcontainer/api/runs(\?|$)"), falsify)
        panel.open(NAME)
        panel.launch()
        runs = panel.section("Runs")
        runs.get_by_label("Runs of").select_option("all")
        row = runs.get_by_role("row").filter(has_text=SCRIPT).first
        expect(row).to_be_visible(timeout=LONG)
        harmless(panel)
        row.get_by_text(SCRIPT, exact=True).click()
        # the details ask the server for the run of that name, which refuses it
        expect(runs.get_by_role("alert").or_(runs.locator(".nbc-run-details")).first).to_be_visible()
        harmless(panel)
