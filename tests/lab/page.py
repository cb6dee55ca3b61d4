"""The panel in a browser, as a person sees it: found by roles and names, never by how it is made.

What this is: the moves that several tests share. What it is not: an expectation of any of them.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from re import Pattern
from typing import Any
from urllib.parse import quote

from tests.lab.desk import Desk

PATIENCE = 90_000  # ms that a change in the page may take on a loaded machine
LONG = 240_000  # ms for a cold build, a pull, a run


class Panel:
    """One browser tab with JupyterLab (or Notebook 7) and the panel in it; `errors` are the page's uncaught ones."""

    def __init__(self, browser: Any, desk: Desk, *, width: int = 1400, height: int = 950, dark: bool = False) -> None:
        self.desk = desk
        self.context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light",
            accept_downloads=True,
        )
        self.page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE)
        self.errors: list[str] = []
        self.page.on("pageerror", self._thrown)

    def _thrown(self, error: Any) -> None:
        """Notebook 7's own settings throw at each start; what is thrown by the panel's code names its files."""
        if self.desk.app == "jupyterlab" or "/@nbcontainer/" in (error.stack or ""):
            self.errors.append(str(error))

    def open(self, notebook: str = "") -> None:
        place = {"jupyterlab": "lab/tree/" if notebook else "lab", "notebook": "notebooks/" if notebook else "tree"}
        self.page.goto(f"{self.desk.url}{place[self.desk.app]}{quote(notebook)}?token={self.desk.token}")
        if notebook:
            self.page.locator(".jp-Notebook .jp-Cell").filter(visible=True).first.wait_for()

    def launch(self) -> None:
        """The button in the notebook's toolbar."""
        toolbar = self.page.locator(".jp-Notebook-toolbar, .jp-NotebookPanel-toolbar").filter(visible=True)
        toolbar.get_by_role("button", name="Launch").click()
        self.root.get_by_text("about ", exact=False).first.wait_for(timeout=LONG)

    @property
    def root(self) -> Any:
        return self.page.locator("#nbcontainer-panel")

    def section(self, name: str) -> Any:
        """The part of the panel under the heading `name`."""
        return self.root.get_by_role("region", name=name, exact=True)

    def log(self, run: str | Pattern[str]) -> Any:
        """The tab with the log of `run`."""
        name = re.compile(f"^Log of {run.pattern}") if isinstance(run, Pattern) else f"Log of {run}"
        lines = self.page.get_by_role("log", name=name, exact=True)
        return self.page.locator(".nbc-LogTab").filter(has=lines)

    def saves(self) -> None:
        """Say "Save and go on" where the page asks: Lab itself changes a notebook's metadata when its kernel starts."""
        asked = self.page.get_by_role("button", name="Save and go on")
        begun = self.section("Activity").get_by_role("listitem").filter(has_text="under way").first
        asked.or_(begun).first.wait_for()
        if asked.is_visible():
            asked.click()

    def theme(self, name: str) -> None:
        """By the menu, as a person."""
        self.page.locator(".lm-MenuBar-itemLabel", has_text="Settings").click()
        self.page.locator(".lm-Menu-itemLabel").get_by_text("Theme", exact=True).click()
        self.page.locator(".lm-Menu-itemLabel").get_by_text(name, exact=True).click()
        light = "Light" in name
        self.page.locator(f"body[data-jp-theme-light={'true' if light else 'false'}]").wait_for(state="attached")

    def picture(self, place: Path, name: str) -> None:
        self.page.screenshot(path=str(place / f"{name}.png"))

    def close(self) -> None:
        self.context.close()


@contextlib.contextmanager
def opened(browser: Any, desk: Desk, **words: Any) -> Iterator[Panel]:
    """A tab that is closed at the end; the page must have thrown nothing."""
    panel = Panel(browser, desk, **words)
    try:
        yield panel
        assert not panel.errors, panel.errors
    finally:
        panel.close()


def expect(locator: Any) -> Any:
    """Playwright's expectations, with this machine's patience."""
    from playwright.sync_api import expect as expects

    expects.set_options(timeout=PATIENCE)
    return expects(locator)
