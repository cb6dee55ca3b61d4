"""What a build does about the JupyterLab panel: hatch calls this for wheels, editable installs and source archives.

What this is: the decision whether the panel is built, taken as it is, or left out. What it is not: how it is built,
which is build_panel.py beside this. In the flow: pip or build -> hatchling -> this.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import build_panel

SHARE = f"share/jupyter/labextensions/{build_panel.NAME}"


class PanelHook(BuildHookInterface[Any]):
    PLUGIN_NAME = "panel"

    def dependencies(self) -> list[str]:
        """Asked before the build: nothing is fetched for a panel that is there or can't be built."""
        try:
            build_panel.node()
        except build_panel.PanelError:
            return []
        return ["jupyter-builder>=1.2,<2"] if build_panel.stale() else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return  # `make panel` builds and links it
        try:
            build_panel.build(self.app.display_info)
        except build_panel.PanelError as error:
            self._without(error)
        if self.target_name == "wheel" and build_panel.built():
            build_data["shared_data"][str(build_panel.BUILT)] = SHARE
            build_data["shared_data"][str(build_panel.HERE / "install.json")] = f"{SHARE}/install.json"

    def _without(self, error: build_panel.PanelError) -> None:
        """Users get the rest; a release or a CI build must not come out without the panel."""
        what = "as it was built before" if build_panel.built() else "left out"
        text = f"nbcontainer: the JupyterLab panel is {what}, as it can't be built here: {error}"
        if os.environ.get("CI") == "true" or os.environ.get("NBCONTAINER_REQUIRE_PANEL") == "1":
            self.app.abort(f"{text}. It is required (CI or NBCONTAINER_REQUIRE_PANEL is set).")
        self.app.display_warning(f"{text}. Everything else works.")
