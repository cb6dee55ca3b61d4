"""What a person may change: the panel's side, the keys of its commands; and how else it is reached than by Launch."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.lab.desk import Desk
from tests.lab.page import Panel, expect, opened

OURS = "@nbcontainer/labextension/plugin"
KEYS = {"shortcuts": [
    {"command": "nbcontainer:open-panel", "keys": ["Alt Shift K"], "selector": "body", "disabled": True},
    {"command": "nbcontainer:open-panel", "keys": ["Ctrl Alt J"], "selector": "body"},
]}


@pytest.fixture
def plain(desk: Callable[..., Desk]) -> Desk:
    found = desk()
    found.notebook("small.ipynb", "print('line')")
    return found


def test_the_side_and_the_keys_are_the_persons_own(browser: Any, plain: Desk) -> None:
    plain.user_setting(OURS, {"side": "right"})
    plain.user_setting("@jupyterlab/shortcuts-extension/shortcuts", KEYS)
    plain.start()
    with opened(browser, plain) as panel:
        panel.open("small.ipynb")
        expect(panel.page.locator("#jp-main-content-panel")).to_be_visible()
        icon = panel.page.locator(".jp-SideBar.jp-mod-right").get_by_role("tab", name="Containers")
        expect(icon).to_be_visible()
        panel.page.keyboard.press("Alt+Shift+K")
        expect(panel.root).to_be_hidden()
        panel.page.keyboard.press("Control+Alt+j")
        expect(panel.section("This notebook")).to_be_visible()
        box = panel.root.bounding_box()
        assert box["x"] > 700
        _layout_saved(plain)
        panel.page.reload()
        expect(panel.section("This notebook")).to_be_visible()


def _layout_saved(desk: Desk) -> None:
    """Wait until Lab has written that the panel is open: it does so some seconds later."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        saved = desk.ask("lab/api/workspaces/default")["data"].get("layout-restorer:data", {})
        if "nbcontainer-panel" in json.dumps(saved.get("right", {}).get("current")):
            return
        time.sleep(0.2)
    raise AssertionError(f"the layout was not saved: {saved}")


def test_a_cells_menu_leads_to_it(browser: Any, plain: Desk) -> None:
    plain.start()
    with opened(browser, plain) as panel:
        panel.open("small.ipynb")
        panel.page.locator(".jp-Notebook .jp-Cell").first.click(button="right")
        panel.page.locator(".lm-Menu-itemLabel").get_by_text("Launch in a Container…").first.click()
        expect(panel.section("Launch").get_by_role("button", name="Train", exact=True)).to_be_visible()


def test_the_palette_has_the_commands_with_their_keys(browser: Any, plain: Desk) -> None:
    plain.start()
    with opened(browser, plain) as panel:
        panel.open("small.ipynb")
        palette = _palette(panel)
        for word in ("Show Containers", "Launch in a Container", "Containerize", "Insert the Magic of a Training"):
            palette.locator("input").fill(word)
            item = palette.locator(".lm-CommandPalette-item").filter(has_text=re.compile(f"{word}.*Alt", re.S))
            expect(item.first).to_be_visible()


def _palette(panel: Panel) -> Any:
    """Lab's palette, open: one that is opened while Lab still starts goes again when the notebook takes the focus."""
    found = panel.page.locator("#modal-command-palette")
    until = time.monotonic() + 60
    while time.monotonic() < until:
        panel.page.locator(".lm-MenuBar-itemLabel", has_text="View").click()
        panel.page.locator(".lm-Menu-item", has_text="Activate Command Palette").click()
        panel.page.wait_for_timeout(1000)
        if found.is_visible():
            return found
    raise AssertionError("the palette does not stay open")
