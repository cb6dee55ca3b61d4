"""The main job by hand: Launch, watch, read the accuracy, serve, scale to five, ask, stop, in a real JupyterLab."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.lab.desk import Desk
from tests.lab.page import LONG, Panel, expect, opened


@pytest.fixture
def digits(desk: Callable[..., Desk], target: str) -> Desk:
    found = desk(settings=target)
    found.example("digits")
    (found.work / ".git").mkdir()  # a checkout, so that the notebook's path is short
    found.start()
    return found


@pytest.mark.timeout(900)
def test_the_whole_job_by_hand(browser: Any, digits: Desk, pictures: Path) -> None:
    with opened(browser, digits, height=1200) as panel:
        panel.open("digits.ipynb")
        panel.launch()
        panel.picture(pictures, "launch")
        training = _train(panel, pictures)
        _read_the_accuracy(panel, pictures)
        service = _serve(panel)
        _five_replicas(panel, service, pictures)
        _try_it(panel, service, pictures)
        _stop(panel, service)
        _stop(panel, training)
    assert digits.ask("nbcontainer/api/runs")["total"] == 0


def _train(panel: Panel, pictures: Path) -> str:
    """Train with another C than the notebook's; gives the run's name."""
    launch = panel.section("Launch")
    launch.get_by_role("textbox", name=re.compile(r"^C\b")).fill("0.5")
    expect(launch.get_by_text("%train -p C=0.5")).to_be_visible()
    launch.get_by_role("button", name="Train", exact=True).click()
    panel.saves()
    activity = panel.section("Activity")
    task = activity.get_by_role("listitem").filter(has_text="Train digits.ipynb").first
    expect(task.get_by_text("under way")).to_be_visible()
    panel.picture(pictures, "building")
    expect(task.get_by_text("submitted")).to_be_visible(timeout=LONG)
    return str(task.get_by_role("button", name=re.compile("^digits-")).inner_text())


def _read_the_accuracy(panel: Panel, pictures: Path) -> None:
    """In the log that opened by itself."""
    log = panel.page.get_by_role("log", name=re.compile("^Log of digits-"))
    expect(log.get_by_text(re.compile(r"accuracy 0\.\d+"))).to_be_visible(timeout=LONG)
    expect(panel.page.get_by_text("ended: Succeeded")).to_be_visible(timeout=LONG)
    panel.picture(pictures, "log")


def _serve(panel: Panel) -> str:
    launch = panel.section("Launch")
    launch.get_by_role("radio", name="Inference").check()
    launch.get_by_label("Function").select_option("predict")
    launch.get_by_role("button", name="Serve", exact=True).click()
    panel.saves()
    task = panel.section("Activity").get_by_role("listitem").filter(has_text="Serve digits.ipynb").first
    expect(task.get_by_text("submitted")).to_be_visible(timeout=LONG)
    return str(task.get_by_role("button", name=re.compile("^digits-")).inner_text())


def _row(panel: Panel, name: str) -> Any:
    return panel.section("Runs").get_by_role("row").filter(has=panel.page.get_by_text(name, exact=True))


def _details(panel: Panel, name: str) -> Any:
    """The run's details, below the list; a run that was just launched is chosen already."""
    found = panel.section("Runs").get_by_role("region", name=f"Details of {name}")
    if not found.is_visible():
        _row(panel, name).get_by_text(name, exact=True).click()
    expect(found).to_be_visible()
    found.scroll_into_view_if_needed()
    return found


def _five_replicas(panel: Panel, service: str, pictures: Path) -> None:
    row = _row(panel, service)
    expect(row.get_by_text("1/1")).to_be_visible(timeout=LONG)
    for _ in range(4):
        row.get_by_role("button", name=f"One replica more of {service}").click()
    expect(row.get_by_text("5/5")).to_be_visible(timeout=LONG)
    details = _details(panel, service)
    pods = details.get_by_role("list", name="Pods").get_by_role("listitem")
    expect(pods.filter(has_text="Running, ready")).to_have_count(5)
    panel.picture(pictures, "five")
    panel.theme("JupyterLab Dark")
    panel.page.set_viewport_size({"width": 760, "height": 1200})
    panel.picture(pictures, "dark-narrow")
    panel.page.set_viewport_size({"width": 1800, "height": 1200})
    panel.picture(pictures, "dark-wide")
    panel.theme("JupyterLab Light")
    panel.page.set_viewport_size({"width": 1400, "height": 1200})


def _try_it(panel: Panel, service: str, pictures: Path) -> None:
    panel.section("Runs").get_by_role("button", name="Try it").click()
    tab = panel.page.locator(".nbc-InferenceTab")
    pixels = json.dumps([0.0] * 64)
    tab.get_by_label("pixels").fill(pixels)
    tab.get_by_role("button", name="Send").click()
    expect(tab.get_by_text('"digit"')).to_be_visible()
    expect(tab.get_by_text("200")).to_be_visible()
    panel.picture(pictures, "inference")


def _stop(panel: Panel, name: str) -> None:
    row = _row(panel, name)
    _details(panel, name).get_by_role("button", name=re.compile("^(Stop|Remove)…$")).click()
    panel.page.get_by_role("dialog").get_by_role("button", name="Stop").click()
    expect(row).to_have_count(0, timeout=LONG)
