"""What a page, a kernel and a server that go away leave as it was: builds, logs and runs belong to none of them."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Cluster
from tests.lab.conftest import settings
from tests.lab.desk import Desk
from tests.lab.gate import Gate
from tests.lab.page import LONG, PATIENCE, Panel, expect, opened

LINES = ("n = 3\npause = 0.05",
         "import time\nfor i in range(n):\n    print('line', i, flush=True)\n    time.sleep(pause)")


@pytest.fixture(scope="module")
def gate(cluster: Cluster) -> Iterator[Gate]:
    """Between the desk and the target `slow`'s registry."""
    found = Gate(cluster.registry)
    yield found
    found.close()


@pytest.fixture(scope="module")
def desk_of_ann(shared_desk: Callable[..., Desk], target: str, gate: Gate, cluster: Cluster) -> Desk:
    slow = settings(cluster, gate.host).partition("[targets.test]")[2]
    found = shared_desk(settings=f"{target}[targets.slow]{slow}")
    found.start()
    return found


@pytest.fixture
def ann(desk_of_ann: Desk) -> Desk:
    return desk_of_ann.tidy()


def begin(panel: Panel, name: str, **parameters: str) -> str:
    """Train the notebook in front; gives the run's name once its log is open."""
    launch = panel.section("Launch")
    for key, value in parameters.items():
        launch.get_by_role("textbox", name=re.compile(rf"^{key}\b")).fill(value)
    launch.get_by_role("button", name="Train", exact=True).click()
    panel.saves()
    task = panel.section("Activity").get_by_role("listitem").filter(has_text=f"Train {name}").first
    run = task.get_by_role("button", name=re.compile(r"-[0-9a-f]{8}-\w+$"))
    expect(run).to_be_visible(timeout=LONG)
    return str(run.inner_text())


def held_build(panel: Panel, gate: Gate) -> Any:
    """Containerize and push, up to a push that goes no further; gives the part of the page that shows the build."""
    panel.root.get_by_label("Runs on").select_option("slow")
    expect(panel.root.get_by_text("about ").first).to_be_visible(timeout=LONG)
    here = panel.section("This notebook")
    here.get_by_label("and push").check()
    gate.hold()
    here.get_by_role("button", name="Containerize").click()
    panel.saves()
    expect(here.get_by_text("The image is being made")).to_be_visible()
    expect(pushing(here)).to_be_visible(timeout=LONG)
    return here


def pushing(here: Any) -> Any:
    return here.get_by_role("listitem").filter(has_text=re.compile("^push ")).get_by_role("img", name="Under way")


def whole(panel: Panel, log: Any) -> list[str]:
    """The lines that the notebook printed, as the download has them."""
    with panel.page.expect_download() as fetched:
        log.get_by_role("button", name="Download the whole log").click()
    text = Path(fetched.value.path()).read_text()
    return re.findall(r"\bline \d+$", text, re.MULTILINE)


def test_a_build_goes_on_while_the_page_is_loaded_again(browser: Any, ann: Desk, gate: Gate) -> None:
    ann.notebook("built.ipynb", *LINES)
    with opened(browser, ann) as panel:
        panel.open("built.ipynb")
        panel.launch()
        held_build(panel, gate)
        panel.page.reload()
        here = panel.section("This notebook")
        expect(here.get_by_text("The image is being made")).to_be_visible()
        expect(pushing(here)).to_be_visible()
        gate.release()
        expect(here.get_by_text("Image ready in")).to_be_visible(timeout=LONG)
        expect(here.get_by_role("button", name="Copy the reference")).to_be_visible()


def test_a_log_is_followed_on_after_a_reload(browser: Any, ann: Desk) -> None:
    ann.notebook("followed.ipynb", *LINES, tags={0: "parameters"})
    with opened(browser, ann) as panel:
        panel.open("followed.ipynb")
        panel.launch()
        run = begin(panel, "followed.ipynb", n="400")
        log = panel.log(run)
        expect(log.get_by_text(re.compile(r"^line \d{2}$")).first).to_be_visible(timeout=LONG)
        panel.page.reload()
        tab = panel.page.get_by_role("tab", name=run)  # behind the notebook, which the address names
        expect(panel.section("Activity").get_by_role("button", name=run)).to_be_visible()
        tab.click()
        expect(log.get_by_text("following")).to_be_visible()
        with opened(browser, ann) as other:  # a browser that was not here before
            other.open("followed.ipynb")
            other.launch()
            expect(other.section("Runs").get_by_role("row").filter(has_text=run)).to_be_visible()
            expect(other.section("Activity").get_by_role("button", name=run)).to_be_visible()
        tab.click()  # Lab may have brought the notebook to the front meanwhile
        expect(log.get_by_text("line 399", exact=True)).to_be_visible(timeout=LONG)
        expect(log.get_by_text("ended: Succeeded")).to_be_visible(timeout=LONG)
        assert whole(panel, log) == [f"line {i}" for i in range(400)]


def test_a_server_that_is_killed(browser: Any, ann: Desk, gate: Gate) -> None:
    ann.notebook("killed.ipynb", *LINES, tags={0: "parameters"})
    with opened(browser, ann) as panel:
        panel.open("killed.ipynb")
        panel.launch()
        run = begin(panel, "killed.ipynb", n="3000")
        log = panel.log(run)
        expect(log.get_by_text(re.compile(r"^line \d{2}$")).first).to_be_visible(timeout=LONG)
        here = held_build(panel, gate)
        seen = len(whole(panel, log))
        ann.kill()
        _without_its_server(panel)
        ann.start()
        expect(panel.root.locator(".nbc-connection")).to_be_empty()
        expect(here.get_by_text("Interrupted: the server was restarted while this ran")).to_be_visible()
        _the_log_goes_on(panel, log, seen)
        gate.release()
        here.get_by_role("button", name="Retry").click()
        expect(here.get_by_text("Image ready in")).to_be_visible(timeout=LONG)
        expect(here.get_by_text("Interrupted")).to_have_count(0)
    assert [each["state"] for each in ann.ask("nbcontainer/api/tasks") if each["notebook"] == "killed.ipynb"] == [
        "done", "done"]


def _without_its_server(panel: Panel) -> None:
    """The panel says so, and Lab's own dialog about it is put aside whenever it comes."""
    said = panel.page.get_by_role("dialog").filter(has_text="Server Connection Error")
    panel.page.add_locator_handler(said, lambda shown: shown.get_by_role("button").first.click())
    expect(panel.root.get_by_text(re.compile("Reconnecting|The server is gone"))).to_be_visible()
    expect(panel.root.get_by_text("The server is gone, trying again")).to_be_visible()


def _the_log_goes_on(panel: Panel, log: Any, before: int) -> None:
    """From the first line, none lost and none doubled, and more come than there were."""
    until = time.monotonic() + PATIENCE / 1000
    while len(lines := whole(panel, log)) <= before + 20:
        assert time.monotonic() < until, f"{len(lines)} lines, there were {before}"
        panel.page.wait_for_timeout(500)
    assert lines == [f"line {i}" for i in range(len(lines))]
    expect(log.get_by_text("following")).to_be_visible()


def test_a_kernel_that_is_restarted(browser: Any, ann: Desk) -> None:
    ann.notebook("kernel.ipynb", *LINES, tags={0: "parameters"})
    with opened(browser, ann) as panel:
        panel.open("kernel.ipynb")
        panel.launch()
        run = begin(panel, "kernel.ipynb")
        expect(panel.log(run).get_by_text("ended: Succeeded")).to_be_visible(timeout=LONG)
        panel.page.get_by_role("tab", name="kernel.ipynb").click()
        rows = panel.section("Runs").get_by_role("row")
        expect(rows).to_have_count(1)
        before = [each["id"] for each in ann.ask("api/kernels")]
        panel.page.get_by_role("button", name="Restart the kernel", exact=True).click()
        with panel.page.expect_response(lambda answer: "/restart" in answer.url) as answer:
            panel.page.locator(".jp-Dialog .jp-mod-warn, .jp-Dialog .jp-mod-accept").click()
        assert answer.value.ok
        assert [each["id"] for each in ann.ask("api/kernels")] == before
        expect(rows).to_have_count(1)
        expect(rows.filter(has_text=run).get_by_text("Succeeded")).to_be_visible()
        expect(panel.section("Activity").get_by_role("button", name=run)).to_be_visible()
