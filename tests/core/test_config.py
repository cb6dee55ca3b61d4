"""Settings: option > variable > project file > user file > default, each with where it came from."""

from __future__ import annotations

from pathlib import Path

import pytest

from nbcontainer import config
from nbcontainer.errors import ConfigError


@pytest.fixture(autouse=True)
def _clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    for key in config.DEFAULTS:
        monkeypatch.delenv(f"NBCONTAINER_{key.upper()}", raising=False)


def user(text: str) -> Path:
    path = config.user_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def project(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "nbcontainer.toml").write_text(text)
    return folder / "nbcontainer.toml"


def test_the_nearest_word_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "p"
    folder.mkdir()
    assert config.load(folder).values["registry"] == config.Value("", "default")
    mine = user('registry = "user.example"\ncpu = "1"')
    assert config.load(folder).values["registry"] == config.Value("user.example", str(mine))
    near = project(folder, 'registry = "project.example"')
    found = config.load(folder)
    assert found.values["registry"] == config.Value("project.example", str(near))
    assert found["cpu"] == "1"
    monkeypatch.setenv("NBCONTAINER_REGISTRY", "variable.example")
    assert config.load(folder).values["registry"] == config.Value("variable.example", "NBCONTAINER_REGISTRY")


def test_the_project_file_is_looked_for_up_to_the_git_root(tmp_path: Path) -> None:
    project(tmp_path, 'registry = "outside.example"')
    root = tmp_path / "clone"
    (root / ".git").mkdir(parents=True)
    (root / "sub").mkdir()
    assert config.load(root / "sub")["registry"] == ""
    (root / "pyproject.toml").write_text('[tool.nbcontainer]\nregistry = "py.example"')
    assert config.load(root / "sub")["registry"] == "py.example"
    project(root / "sub", 'registry = "near.example"')
    assert config.load(root / "sub")["registry"] == "near.example"


def test_targets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    user('[targets.prod]\nregistry = "prod.example"\nnamespace = "n"\npull_secrets = ["a", "b"]')
    settings = config.load(tmp_path)
    assert settings.target().name == "local"
    assert settings.target().orchestrator == "local"
    prod = settings.target("prod")
    assert (prod.orchestrator, prod.registry, prod.namespace) == ("kubernetes", "prod.example", "n")
    assert prod.pull_secrets == ("a", "b")
    assert settings.target("prod", namespace="other").namespace == "other"
    monkeypatch.setenv("NBCONTAINER_REGISTRY", "variable.example")
    assert config.load(tmp_path).target("prod").registry == "variable.example"
    with pytest.raises(ConfigError, match="no target 'nope'"):
        settings.target("nope")


@pytest.mark.parametrize("line", ["plain_http = true", 'kubeconfig = "/x"', 'engine = "tcp://x"'])
def test_a_project_file_cant_weaken_a_machine(line: str, tmp_path: Path) -> None:
    project(tmp_path, line)
    with pytest.raises(ConfigError, match="a project file can't set"):
        config.load(tmp_path)
    project(tmp_path, f"[targets.x]\n{line}")
    with pytest.raises(ConfigError, match="a project file can't set"):
        config.load(tmp_path)
    (tmp_path / "nbcontainer.toml").unlink()
    user(line)
    config.load(tmp_path)


@pytest.mark.parametrize("text", ["registry = ", "nope = 1", "max_file = 'x'", "registry = 1", "[targets.a]\nnope = 1",
                                  "targets = 3", "plain_http = 'perhaps'", "memory = '4 GB'", "\0"])
def test_files_that_cant_be_are_one_line(text: str, tmp_path: Path) -> None:
    mine = user(text)
    with pytest.raises(ConfigError) as raised:
        config.load(tmp_path)
    assert str(mine) in raised.value.message
    assert "\n" not in str(raised.value)


def test_variables_have_the_settings_type(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for key, text, value in (("plain_http", "yes", True), ("max_file", "12", 12), ("start_timeout", "2.5", 2.5),
                             ("pull_secrets", "a, b", ("a", "b")), ("registry", "é x", "é x")):
        monkeypatch.setenv(f"NBCONTAINER_{key.upper()}", text)
        assert config.load(tmp_path)[key] == value
    monkeypatch.setenv("NBCONTAINER_MAX_FILE", "big")
    with pytest.raises(ConfigError, match="NBCONTAINER_MAX_FILE"):
        config.load(tmp_path)
