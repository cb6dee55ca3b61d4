"""Which Python runs the notebook: by --python, by kernelspecs of all kinds, by the active environment."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from nbcontainer.environment import answers, interpreter, kernelspec
from nbcontainer.errors import RequirementError
from tests.environment.parts import notebook, pyenv, venv


def spec(data: Path, name: str, argv: list[str], env: Mapping[str, str] | None = None) -> Path:
    """Write a kernelspec below `data`, a folder as share/jupyter."""
    place = data / "kernels" / name / "kernel.json"
    place.parent.mkdir(parents=True)
    place.write_text(json.dumps({"argv": argv, "display_name": name, "language": "python", "env": env or {}}))
    return place


def user(tmp_path: Path) -> Path:
    return tmp_path / "home/.local/share/jupyter"


def test_a_named_python(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = venv(tmp_path / "env")
    for given in (str(python), str(tmp_path / "env")):
        found = interpreter.choose(notebook(tmp_path), python=given)
        assert (found.executable, found.chosen_by) == (str(python), "--python")
        assert (found.prefix, found.minor) == (str(tmp_path / "env"), f"{sys.version_info[0]}.{sys.version_info[1]}")
    monkeypatch.setenv("PATH", str(python.parent))
    assert interpreter.choose(notebook(tmp_path), python="python3").executable == str(tmp_path / "env/bin/python3")


@pytest.mark.parametrize("given", ["gone", "./gone", "/gone/python"])
def test_a_python_that_is_not_there(cache: Path, tmp_path: Path, given: str) -> None:
    with pytest.raises(RequirementError, match=r"--python \S*gone\S*: there is no such program"):
        interpreter.choose(notebook(tmp_path), python=given)


def test_a_program_that_is_no_python(cache: Path, tmp_path: Path) -> None:
    with pytest.raises(RequirementError, match="is no Python that can be asked"):
        interpreter.choose(notebook(tmp_path), python="/bin/true")


def test_a_kernelspec_with_an_absolute_python_and_its_environment(cache: Path, tmp_path: Path) -> None:
    python = venv(tmp_path / "env")
    (tmp_path / "extra").mkdir()
    spec(user(tmp_path), "mine", [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"],
         {"PYTHONPATH": str(tmp_path / "extra")})
    found = interpreter.choose(notebook(tmp_path, kernel="MINE"))
    assert (found.executable, found.chosen_by) == (str(python), "the kernelspec 'MINE'")
    assert str(tmp_path / "extra") in found.sys_path
    assert found.env == {"PYTHONPATH": str(tmp_path / "extra")}


def test_a_bare_python_is_the_one_of_the_prefix_that_holds_the_spec(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python, other = venv(tmp_path / "env"), venv(tmp_path / "other")
    spec(tmp_path / "env/share/jupyter", "python3", ["python", "-m", "ipykernel_launcher"])
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "env/share/jupyter"))
    monkeypatch.setenv("PATH", str(other.parent))
    assert interpreter.choose(notebook(tmp_path, kernel="python3")).executable == str(python)


def test_a_bare_python_of_a_users_spec_is_the_active_environments(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec(user(tmp_path), "bare", ["python3", "-m", "ipykernel_launcher"])
    with pytest.raises(RequirementError, match="starts a bare 'python3' and belongs to no environment"):
        interpreter.choose(notebook(tmp_path, kernel="bare"))
    python = venv(tmp_path / "env")
    monkeypatch.setenv("VIRTUAL_ENV", str(tmp_path / "env"))
    assert interpreter.choose(notebook(tmp_path, kernel="bare")).executable == str(python)


def test_a_wrapper_is_started_once_and_asked(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = venv(tmp_path / "env")
    wrapper = tmp_path / "wrap.sh"
    wrapper.write_text(f'#!/bin/sh\necho started >> {tmp_path}/log\nMARK=1 exec {python} -m ipykernel_launcher "$@"\n')
    wrapper.chmod(0o755)
    spec(user(tmp_path), "wrapped", [str(wrapper), "-f", "{connection_file}"])
    for _ in range(2):
        assert interpreter.choose(notebook(tmp_path, kernel="wrapped")).executable == str(python)
    assert (tmp_path / "log").read_text() == "started\n"


def test_a_notebook_without_a_kernel_takes_the_active_environment(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(RequirementError, match="names no kernelspec, and no environment is active") as caught:
        interpreter.choose(notebook(tmp_path))
    assert "--python" in caught.value.hint
    python = venv(tmp_path / "env")
    monkeypatch.setenv("CONDA_PREFIX", str(tmp_path / "env"))
    found = interpreter.choose(notebook(tmp_path))
    assert (found.executable, found.chosen_by) == (str(python), f"the active environment {tmp_path}/env")


def test_an_unknown_kernelspec_names_those_that_are_known(cache: Path, tmp_path: Path) -> None:
    spec(user(tmp_path), "known", ["/bin/true"])
    with pytest.raises(RequirementError, match="names the kernelspec 'gone': there is none of that name") as caught:
        interpreter.choose(notebook(tmp_path, kernel="gone"))
    assert "known" in caught.value.hint
    with pytest.raises(RequirementError, match="--kernel gone: there is none"):
        interpreter.choose(notebook(tmp_path), kernel="gone")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"argv": []}', '{"argv": [1]}', '{"argv": ["x"], "env": 3}'])
def test_a_kernelspec_that_is_none(cache: Path, tmp_path: Path, text: str) -> None:
    spec(user(tmp_path), "odd", ["x"]).write_text(text)
    with pytest.raises(RequirementError, match=r"kernel\.json is no kernelspec"):
        kernelspec.find("odd")


@pytest.mark.parametrize("version", ["3.8", "3.9", "3.12", "3.13"])
def test_other_pythons_answer(cache: Path, tmp_path: Path, version: str) -> None:
    found = interpreter.choose(notebook(tmp_path), python=str(venv(tmp_path / "env", pyenv(version))))
    assert found.minor == version
    assert found.libc.startswith("glibc 2.")
    assert found.cache_tag == f"cpython-{version.replace('.', '')}"
    assert (Path(found.platstdlib) / "lib-dynload").is_dir()


def test_an_old_python_is_refused(cache: Path, tmp_path: Path) -> None:
    with pytest.raises(RequirementError, match=r"it is Python 3\.7\.\d+, and 3\.8 or newer is needed"):
        interpreter.choose(notebook(tmp_path), python=pyenv("3.7"))


def test_one_that_never_answers_is_given_up(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "TIMEOUT", 0.5)
    slow = tmp_path / "python3"
    slow.write_text("#!/bin/sh\nsleep 60\n")
    slow.chmod(0o755)
    with pytest.raises(RequirementError, match="no answer in"):
        interpreter.choose(notebook(tmp_path), python=str(slow))
