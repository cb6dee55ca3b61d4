"""`check`: what a notebook would become, told before anything is built, whatever is wrong with it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from nbcontainer import api, cli, show_check
from nbcontainer.errors import NotebookError, UsageError
from nbcontainer.inspection import Inspection, _split
from nbcontainer.live import Text
from nbcontainer.magics import Magics
from nbcontainer.model import Image
from nbcontainer.options import BuildOptions, CheckOptions
from nbcontainer.session import Session
from tests.doors.test_schemas import schema
from tests.images import push
from tests.registry_server import Registry, start_registry
from tests.runtime.images import Cells, write_notebook

CELLS: Cells = [
    ("C = 1.0\nsteps: int = 5\nname = 'x'\nfast = True\nnothing = None\nsizes = [1, (2, 3)]\nrate = 1 / 3\nraw = b'x'",
     ["parameters"]),
    "import packaging.version\nimport helper\nopen('data.txt')",
    "def predict(x, *, y=1, **rest):\n    '''Predict it.\n\n    In long.'''\n\nclass Model:\n    def fit(self): pass",
    ("def left_out(): pass", ["skip-container"]),
    "%time 1\nasync def later(): pass\ndef _own(): pass\nif True:\n    def inner(): pass",
]


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a cache and settings of its own."""
    monkeypatch.setenv("NBCONTAINER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for name in list(os.environ):
        if name.startswith("NBCONTAINER_") and name not in ("NBCONTAINER_CACHE", "NBCONTAINER_CLUSTER_INSTANCE"):
            monkeypatch.delenv(name)
    (tmp_path / "helper.py").write_text("VALUE = 1\n")
    (tmp_path / "data.txt").write_text("data")
    return tmp_path


def settings(place: Path, text: str) -> None:
    (place / "config" / "nbcontainer").mkdir(parents=True, exist_ok=True)
    (place / "config" / "nbcontainer" / "nbcontainer.toml").write_text(text)


def checked(place: Path, cells: Cells = CELLS, **options: Any) -> Inspection:
    write_notebook(place / "nb.ipynb", cells)
    chosen = {"python": sys.executable, **options}
    found = api.check(CheckOptions(notebook=str(place / "nb.ipynb"), **chosen), Session())
    jsonschema.validate(found.as_json(), schema("check"), format_checker=jsonschema.FormatChecker())
    for shown in (show_check.inspection_text(found), show_check.inspection_html(found)):
        assert "nb.ipynb" in shown
    return found


def built(place: Path, **options: Any) -> Image:
    chosen = BuildOptions(notebook=str(place / "nb.ipynb"), python=sys.executable, **options)
    made = api.build(chosen, Session())
    assert isinstance(made, Image)
    return made


# ---------------------------------------------------------------- what is told
def test_all_that_a_build_would_take(place: Path) -> None:
    told = checked(place).as_json()
    assert told["error"] is None
    assert told["notebook"] == str(place / "nb.ipynb")
    assert told["kernel"]["executable"] == sys.executable
    assert told["kernel"]["chosen_by"] == "--python"
    assert (told["framework"]["name"], told["base"]) == ("plain", "host")
    assert told["target"]["name"] == "local"
    assert {"packaging", "ipython"} <= {each["name"].lower() for each in told["distributions"]}
    packaging = next(each for each in told["distributions"] if each["name"] == "packaging")
    assert "cell 2 imports packaging" in packaging["why"]
    assert packaging["size"] > 10_000
    assert [(each["path"], each["size"], each["module"]) for each in told["files"]] == [
        ("data.txt", 4, False), ("helper.py", 10, True)]
    assert told["since_last"] is None


def test_parameters_have_types_and_defaults_that_json_has(place: Path) -> None:
    assert [tuple(each.values()) for each in checked(place).as_json()["parameters"]] == [
        ("C", "float", 1.0), ("steps", "int", 5), ("name", "str", "x"), ("fast", "bool", True),
        ("nothing", "null", None), ("sizes", "json", [1, [2, 3]]), ("rate", "json", "1 / 3"), ("raw", "json", "b'x'")]


def test_functions_are_those_that_can_be_served(place: Path) -> None:
    assert checked(place).as_json()["callables"] == [
        {"name": "predict", "parameters": ["x", "y"], "doc": "Predict it."},
        {"name": "later", "parameters": [], "doc": ""}]


def test_nothing_is_packed_and_the_estimate_is_near(place: Path) -> None:
    found = checked(place)
    assert not any(each.kept for each in found.layers)
    assert found.known == 0
    assert not list((place / "cache" / "store").rglob("*"))
    size = built(place).size
    assert size / 2 < found.estimated < size * 2
    again = checked(place)
    assert all(each.kept for each in again.layers)
    assert 0 <= size - again.known < 50_000  # configuration and manifest
    assert again.estimated == again.known


# ---------------------------------------------------------------- problems
def test_a_broken_cell_loses_only_itself(place: Path) -> None:
    cells = [*CELLS, "def broken(:\n    pass", "import jsonschema\ndef last(): pass", "1 +"]
    found = checked(place, cells)
    assert isinstance(found.error, NotebookError)
    assert found.error.message == "nb.ipynb, cell 6, line 1: invalid syntax: def broken(:"
    assert "mend the cell" in found.error.hint
    assert [each.message.partition(":")[0] for each in found.warnings] == ["nb.ipynb, cell 8, line 1"]
    assert found.warnings[0].remedy == found.error.hint
    assert {"packaging", "jsonschema"} <= {each.name for each in found.distributions}
    assert [each.name for each in found.functions] == ["predict", "later", "last"]
    assert len(found.parameters) == 8
    assert found.layers


def test_a_missing_import_and_a_missing_requirement_lose_only_themselves(place: Path) -> None:
    found = checked(place, [*CELLS, "import not_there, nor_this", "%pip install also-missing"])
    assert found.error is not None
    assert (found.error.stage, found.error.exit_code) == ("environment", 2)
    assert "cell 6, line 1: nothing installed" in found.error.message
    assert "nor_this" in found.error.message
    assert "%pip install not_there" in found.error.hint
    assert "also-missing, which is not installed" in found.warnings[0].message
    assert found.warnings[0].remedy.endswith("-m pip install also-missing")
    assert "packaging" in {each.name for each in found.distributions}
    assert found.layers
    write_notebook(place / "nb.ipynb", ["%pip install also-missing"])
    with pytest.raises(Exception, match="also-missing"):  # what was tolerated here is not remembered as an answer
        built(place)


@pytest.mark.parametrize(("options", "stage", "said"), [
    ({"base": "framework"}, "base", "no framework bases"),
    ({"base": "127.0.0.1:9/no/such:tag"}, "registry", "127.0.0.1:9"),
    ({"platform": "linux/s390x"}, "usage", "--platform linux/s390x"),
    ({"target": "nowhere"}, "configuration", "no target 'nowhere'"),
    ({"target": "cluster"}, "configuration", "target 'cluster' has no registry"),
    ({"target": "odd"}, "configuration", "unknown orchestrator 'swarm'"),
    ({"image": "r.example/x@sha256:" + "0" * 64}, "usage", "makes its digest itself"),
    ({"image": "UPPER CASE"}, "", "UPPER CASE"),
])
def test_a_wrong_option_leaves_the_rest(place: Path, options: dict[str, Any], stage: str, said: str) -> None:
    settings(place, '[targets.cluster]\nnamespace = "ml"\n[targets.odd]\norchestrator = "swarm"\n')
    found = checked(place, **options)
    assert found.error is not None
    assert found.error.stage == stage or not stage
    assert said in found.error.message
    assert "packaging" in {each.name for each in found.distributions}
    assert bool(found.layers) is ("base" not in options)
    assert found.target.name == options.get("target", "local")


def test_settings_that_cannot_be_read_leave_the_rest(place: Path) -> None:
    settings(place, "registry = [")
    found = checked(place)
    assert found.error is not None
    assert found.error.stage == "configuration"
    assert (found.target.name, len(found.parameters)) == ("local", 8)
    assert found.layers


def test_no_such_python_or_kernel_leaves_what_the_cells_tell(place: Path) -> None:
    for options in ({"python": "/no/python"}, {"python": "", "kernel": "no-such"}):
        found = checked(place, **options)
        assert found.error is not None
        assert found.error.stage == "environment"
        assert [each.name for each in found.functions] == ["predict", "later"]
        assert found.as_json()["kernel"]["executable"] == ""
        assert found.layers == ()


def test_a_notebook_that_is_not_there(place: Path) -> None:
    found = api.check(CheckOptions(notebook=str(place / "no.ipynb")), Session())
    jsonschema.validate(found.as_json(), schema("check"))
    assert found.error is not None
    assert "there is no notebook" in found.error.message
    assert found.identity.slug == "no"


def test_notes_are_split_where_they_say_what_to_do(place: Path) -> None:
    (place / "credentials.json").write_text("{}")
    (place / "random.py").write_text("")
    guarded = "try:\n    import nope\nexcept ImportError:\n    pass"
    found = checked(place, [*CELLS, f"import random\nopen('credentials.json')\n{guarded}"])
    told = {each.message: each.remedy for each in found.warnings}
    assert found.error is None
    assert told["credentials.json looks like a credential and is not taken"] == "give it to the pods as a secret"
    assert told["random.py beside the notebook has a standard module's name and is not taken"] == "rename it"
    assert told["cell 6, line 4: 'nope' isn't installed; its import is guarded, so it is left out"] == ""


@pytest.mark.parametrize(("note", "remedy"), [
    ("In [3] ran in this kernel but can't be found in a.ipynb as saved: save it to take them", "save it to take them"),
    ("cell 1: 'x.zip' names no distribution; import it and it is taken", "import it and it is taken"),
    ("cell 2 lists data (4 files): only files named one by one are taken", ""),
    ("a.py belongs to no installed distribution; it is taken as a local module", ""),
    ("a requires b, which is not installed", ""),
])
def test_a_remedy_is_what_asks_for_something(note: str, remedy: str) -> None:
    assert _split(note).remedy == remedy
    assert _split(note).message == (note if not remedy else note[: -len(remedy) - 2])


# ---------------------------------------------------------------- since the last image
def test_what_is_new_since_the_last_image(place: Path) -> None:
    checked(place)
    image = built(place)
    same = checked(place).as_json()["since_last"]
    assert same["digest"] == image.digest
    assert (same["reference"], same["code_changed"], same["layers_new"]) == ("", False, 0)
    (place / "more.txt").write_text("more")
    (place / "data.txt").unlink()
    cells = [*CELLS[:1], "import jsonschema, helper\nopen('more.txt')", *CELLS[2:4]]
    told = checked(place, cells).as_json()["since_last"]
    assert "jsonschema" in told["distributions"]["added"]
    assert "packaging" in told["distributions"]["removed"]
    assert told["distributions"]["changed"] == []
    assert told["files"] == {"added": ["more.txt"], "removed": ["data.txt"]}
    assert told["code_changed"] is True
    assert told["layers_new"] >= 3


def test_an_edited_cell_is_one_layer_and_another_version_is_told(place: Path) -> None:
    checked(place)
    built(place)
    record = next((place / "cache" / "last").iterdir())
    known = json.loads(record.read_text())
    known["distributions"]["packaging"] = "0.1"
    record.write_text(json.dumps(known))
    found = checked(place, [*CELLS, "edited = 1"])
    assert found.since is not None
    assert (found.since.code_changed, found.since.layers_new) == (True, 1)
    version = next(each.version for each in found.distributions if each.name == "packaging")
    assert found.since.changed == (("packaging", "0.1", version),)
    assert f"packaging 0.1 -> {version}" in show_check.inspection_text(found)


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    found = start_registry(tmp_path_factory.mktemp("registry"))
    yield found
    found.close()


def test_a_pushed_image_has_its_reference_which_a_rebuild_keeps(
    place: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NBCONTAINER_PLAIN_HTTP", "1")
    checked(place)
    pushed = built(place, push=True, image=f"{registry.host}/team/nb:v1").reference
    assert pushed.startswith(f"{registry.host}/team/nb:v1@sha256:")
    found = checked(place)
    assert found.since is not None
    assert found.since.record.reference == pushed
    built(place)
    assert checked(place).as_json()["since_last"]["reference"] == pushed
    checked(place, [*CELLS, "edited = 1"])
    built(place)
    assert checked(place, [*CELLS, "edited = 1"]).as_json()["since_last"]["reference"] == ""


def test_a_base_of_a_registry_that_fits_and_one_that_does_not(
    place: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NBCONTAINER_PLAIN_HTTP", "1")
    minor = f"{sys.version_info.major}.{sys.version_info.minor}"
    labels = {"io.nbcontainer.python": minor, "io.nbcontainer.python.path": f"/usr/bin/python{minor}",
              "io.nbcontainer.libc": "glibc 2.99"}
    fits = push(registry.host, "bases/fits", "1", {"usr/bin/x": os.urandom(100_000)}, Labels=labels)
    found = checked(place, base=f"{registry.host}/bases/fits:1")
    assert found.error is None
    assert found.base == fits
    assert (found.layers[0].kept, found.layers[0].size) == (True, 0)  # nothing of it is packed or looked into
    assert 100_000 <= found.known < found.estimated
    push(registry.host, "bases/empty", "1", {"usr/bin/x": b"x"})
    other = checked(place, base=f"{registry.host}/bases/empty:1")
    assert other.error is not None
    assert (other.error.stage, other.layers, other.base) == ("base", (), f"{registry.host}/bases/empty:1")
    assert f"has no Python; the notebook runs on {minor}" in other.error.message
    assert "packaging" in {each.name for each in other.distributions}


def test_a_record_that_cannot_be_written_or_read_is_no_record(place: Path) -> None:
    checked(place)
    (place / "cache" / "last").write_text("a file where the folder would be")
    built(place)
    assert checked(place).since is None
    (place / "cache" / "last").unlink()
    built(place)
    record = next((place / "cache" / "last").iterdir())
    for text in ("", "[]", "{}", '{"format": 1, "digest": 3}', '{"format": 9}'):
        record.write_text(text)
        assert checked(place).since is None
    assert [each.name for each in (place / "cache" / "last").iterdir()] == [record.name]


# ---------------------------------------------------------------- the doors
def test_the_command_tells_the_problem_in_its_answer_and_by_its_exit_code(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_notebook(place / "nb.ipynb", CELLS)
    words = ["check", str(place / "nb.ipynb"), "--python", sys.executable, "--quiet"]
    assert cli.main(words) == 0
    assert "nothing stands in the way" in capsys.readouterr().out
    assert cli.main([*words, "--base", "framework"]) == 1
    assert "  error: --base framework: no framework bases in this version — use --base host" in capsys.readouterr().out
    assert cli.main([*words, "--json", "--target", "nowhere"]) == 2
    told = json.loads(capsys.readouterr().out)
    jsonschema.validate(told, schema("check"))
    assert told["error"]["stage"] == "configuration"


def test_the_magic_is_an_option_of_containerize(place: Path) -> None:
    write_notebook(place / "nb.ipynb", CELLS)
    line = f"--check --notebook {place / 'nb.ipynb'} --python {sys.executable}"
    found = Magics(shell=None).call("containerize", line)
    assert isinstance(found, Text)
    assert isinstance(found.value, Inspection)
    assert "nothing stands in the way" in repr(found)
    assert not (place / "cache" / "store").exists()
    assert "--check" in repr(Magics(shell=None).call("containerize", "--help"))
    with pytest.raises(UsageError, match="--push"):
        Magics(shell=None).call("containerize", f"{line} --push")


def test_html_of_a_name_is_text(place: Path) -> None:
    (place / "<b>.txt").write_text("")
    found = checked(place, ["open('<b>.txt')\nimport nothing_of_the_kind", ("p = '<i>'", ["parameters"])])
    shown = show_check.inspection_html(found)
    assert "&lt;b&gt;.txt" in shown
    assert "<b>.txt" not in shown
    assert "<i>" not in shown
