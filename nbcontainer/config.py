"""Settings: option > NBCONTAINER_<KEY> > project file > user file > default, each with where it came from.

What this is: reading and checking settings and targets. What it is not: credentials (image/credentials.py).
In the flow: beside it; the api asks once per verb. A project file can name targets but can't turn TLS off.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from nbcontainer.errors import ConfigError
from nbcontainer.model import QUANTITY, Target

DEFAULTS: Mapping[str, Any] = {
    "target": "",  # "" = local, or the pod's own cluster inside a pod
    "registry": "",
    "pull_registry": "",
    "pull_secrets": (),
    "ca": "",
    "plain_http": False,
    "context": "",
    "kubeconfig": "",
    "namespace": "",
    "engine": "",
    "base": "auto",
    "ca_bundle": "",
    "max_file": 10 * 2**20,
    "cpu": "",
    "memory": "",
    "start_timeout": 600.0,
}
TARGET_KEYS = tuple(each.name for each in fields(Target) if each.name != "name")
_QUANTITIES = {"cpu": "write 2 or 500m", "memory": "write 4Gi or 512Mi"}
_NOT_IN_PROJECT = ("plain_http", "kubeconfig", "engine")  # a cloned project must not weaken or redirect a machine
_POD_TOKEN = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")


@dataclass(frozen=True)
class Value:
    value: Any
    source: str


@dataclass(frozen=True)
class Settings:
    """All settings for one notebook folder."""

    values: Mapping[str, Value]
    targets: Mapping[str, Mapping[str, Value]]

    def __getitem__(self, key: str) -> Any:
        return self.values[key].value

    def target(self, name: str = "", **options: Any) -> Target:
        """The target `name` (default: the setting `target`), its keys overlaid by environment and `options`."""
        chosen = name or self["target"] or ("cluster" if in_pod() else "local")
        if chosen not in self.targets:
            raise ConfigError(
                f"no target '{chosen}' in the settings",
                f"known: {', '.join(sorted(self.targets))}; add [targets.{chosen}] to {user_file()}",
            )
        own = self.targets[chosen]
        found: dict[str, Any] = {}
        for key in TARGET_KEYS:
            if options.get(key):
                found[key] = options[key]
            elif key in self.values and self.values[key].source.startswith("NBCONTAINER_"):
                found[key] = self.values[key].value
            elif key in own:
                found[key] = own[key].value
            elif key in self.values:
                found[key] = self.values[key].value
        return Target(name=chosen, **found)


def user_file() -> Path:
    root = os.environ.get("XDG_CONFIG_HOME") or os.path.join(os.path.expanduser("~"), ".config")
    return Path(root) / "nbcontainer" / "nbcontainer.toml"


def in_pod() -> bool:
    return "KUBERNETES_SERVICE_HOST" in os.environ and _POD_TOKEN.exists()


def defaults() -> Settings:
    """The settings that hold without any file or variable."""
    targets = {"local": {"orchestrator": Value("local", "default")}}
    if in_pod():
        targets["cluster"] = {"orchestrator": Value("kubernetes", "default")}
    return Settings({key: Value(value, "default") for key, value in DEFAULTS.items()}, targets)


def load(folder: Path | None = None) -> Settings:
    """The settings that hold in `folder` (default: here)."""
    own = defaults()
    values = dict(own.values)
    targets = {name: dict(table) for name, table in own.targets.items()}
    project = project_file(folder or Path.cwd())
    for file, is_project in ((user_file(), False), (project, True)):
        if file is not None and file.is_file():
            _merge(_read(file), str(file), is_project, values, targets)
    for key in DEFAULTS:
        variable = f"NBCONTAINER_{key.upper()}"
        if os.environ.get(variable):
            values[key] = Value(_checked(key, os.environ[variable], variable), variable)
    return Settings(values, targets)


def project_file(folder: Path) -> Path | None:
    """The nearest nbcontainer.toml, or pyproject.toml with [tool.nbcontainer], from `folder` up to the git root."""
    folder = folder.resolve()
    for place in (folder, *folder.parents):
        own = place / "nbcontainer.toml"
        if own.is_file():
            return own
        shared = place / "pyproject.toml"
        if shared.is_file() and b"tool.nbcontainer" in shared.read_bytes():
            return shared
        if (place / ".git").exists():
            return None
    return None


def _read(file: Path) -> Mapping[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        found = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{file}: {error}", "it must be TOML that this user can read") from None
    table: Mapping[str, Any] = found
    if file.name == "pyproject.toml":
        table = found.get("tool", {}).get("nbcontainer", {})
    return table


def _merge(
    found: Mapping[str, Any], file: str, project: bool, values: dict[str, Value], targets: dict[str, dict[str, Value]]
) -> None:
    for key, value in found.items():
        if key == "targets":
            if not isinstance(value, dict) or not all(isinstance(each, dict) for each in value.values()):
                raise ConfigError(f"{file}: [targets.NAME] must be tables")
            for name, table in value.items():
                targets[name] = {**_table(table, f"{file}, targets.{name}", project)}
        elif key not in DEFAULTS:
            raise ConfigError(f"{file}: unknown setting '{key}'", f"known: {', '.join(DEFAULTS)}, targets")
        else:
            _allowed(key, value, file, project)
            values[key] = Value(_checked(key, value, file), file)


def _table(table: Mapping[str, Any], where: str, project: bool) -> dict[str, Value]:
    found = {}
    for key, value in table.items():
        if key not in TARGET_KEYS:
            raise ConfigError(f"{where}: unknown key '{key}'", f"known: {', '.join(TARGET_KEYS)}")
        _allowed(key, value, where, project)
        found[key] = Value(str(value) if key == "orchestrator" else _checked(key, value, where), where)
    if "orchestrator" not in found:
        found["orchestrator"] = Value("kubernetes", "default")
    return found


def _allowed(key: str, value: Any, where: str, project: bool) -> None:
    if project and key in _NOT_IN_PROJECT and value:
        raise ConfigError(f"{where}: a project file can't set '{key}'", f"set it in {user_file()} or the environment")


def _checked(key: str, value: Any, where: str) -> Any:
    """`value` as the setting's own type; text from the environment is converted."""
    like = DEFAULTS[key]
    text = isinstance(value, str)
    try:
        if isinstance(like, bool):
            if text and value.lower() in ("1", "true", "yes", "on", "0", "false", "no", "off"):
                return value.lower() in ("1", "true", "yes", "on")
            if isinstance(value, bool):
                return value
        elif isinstance(like, tuple):
            if text or isinstance(value, list):
                return tuple(str(each) for each in (value.replace(",", " ").split() if text else value))
        elif isinstance(like, (int, float)) and not isinstance(value, bool):
            return type(like)(value)
        elif text and (key not in _QUANTITIES or not value or re.fullmatch(QUANTITY, value)):
            return value
    except (TypeError, ValueError):
        pass
    raise ConfigError(f"{where}: '{key}' can't be {value!r}", _QUANTITIES.get(key, f"it is of the kind {like!r}"))
