"""The magics in real kernels: what a saved notebook holds, errors, help, completion, loading and unloading."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nbcontainer.magics import MAGICS
from tests.doors.jupyter_server import Server, run_cell, server
from tests.doors.test_locate import write

DIGEST = "sha256:" + "a" * 64
REF = f"r.example/x@{DIGEST}"
DEFINE = "import json\n\ndef predict(x):\n    return json.dumps(x)"
PARAMETERS = "a = 1"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with settings and a cache of its own, so that the host base is made once for all tests here."""
    folder = tmp_path_factory.mktemp("magics")
    (folder / "config" / "nbcontainer").mkdir(parents=True)
    kubeconfig = {
        "apiVersion": "v1", "kind": "Config", "current-context": "c", "users": [{"name": "u", "user": {}}],
        "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:9"}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u", "namespace": "n"}}],
    }
    (folder / "kubeconfig").write_text(json.dumps(kubeconfig))
    (folder / "config" / "nbcontainer" / "nbcontainer.toml").write_text(
        f'[targets.nowhere]\nkubeconfig = "{folder / "kubeconfig"}"\nregistry = "r.example"\n')
    return folder


def variables(place: Path, notebook: Path | None = None) -> dict[str, str]:
    named = {"NBCONTAINER_NOTEBOOK": str(notebook)} if notebook else {}
    return {"XDG_CONFIG_HOME": str(place / "config"), "NBCONTAINER_CACHE": str(place / "cache"), **named}


def executed(place: Path, *sources: Any) -> Any:
    """A notebook executed by nbclient as it would be saved; a cell is its source, or (source, tag)."""
    import nbclient
    import nbformat

    made = []
    for each in sources:
        source, *tags = each if isinstance(each, tuple) else (each,)
        made.append(nbformat.v4.new_code_cell(source, metadata={"tags": tags} if tags else {}))
    notebook = nbformat.v4.new_notebook(cells=made)
    path = place / "n b.ipynb"
    nbformat.write(notebook, path)
    client = nbclient.NotebookClient(notebook, timeout=240, allow_errors=True,
                                     resources={"metadata": {"path": str(place)}})
    client.execute(env={**os.environ, **variables(place, path), "JUPYTER_RUNTIME_DIR": str(place / "rt")})
    return notebook


def texts(cell: Any) -> list[str]:
    """The text forms of a cell's outputs; every output must have one."""
    found = []
    for output in cell.outputs:
        if output.output_type == "stream":
            found.append(output.text)
        elif output.output_type == "error":
            found.append("\n".join(output.traceback))
        else:
            assert output.data.get("text/plain", "").strip(), output
            found.append(output.data["text/plain"])
    return found


@pytest.mark.filterwarnings("default")
def test_a_saved_notebook_holds_a_text_form_of_everything(place: Path) -> None:
    done = executed(
        place, "%load_ext nbcontainer", DEFINE, (PARAMETERS, "parameters"), "%containerize --dry-run",
        f"made = %containerize --output oci:{place / 'layout'}\nmade", "print(made.value.digest)",
        f"%manifest --target nowhere --image {REF} -p a=2", "%train --help", "%config TerminalInteractiveShell",
    )
    cells = done.cells
    plan, image, digest, manifest, usage = (texts(cells[n]) for n in (3, 4, 5, 6, 7))
    assert texts(cells[0]) == texts(cells[1]) == texts(cells[2]) == []
    assert f"{place / 'n b.ipynb'} with " in plan[0]
    assert "(the live kernel)" in plan[0]
    assert json.loads(plan[-1])["base"] == "host"
    assert digest[0].strip() in json.loads((place / "layout" / "index.json").read_text())["manifests"][0]["digest"]
    assert "7 layers" in image[-1] or "layers" in image[-1]
    assert "Python" in image[-1]
    import yaml

    objects = list(yaml.safe_load_all(manifest[-1]))
    assert any(each["kind"] == "Job" for each in objects)
    assert REF in manifest[-1]
    assert "--keep-outputs" in usage[-1]
    for cell in cells[3:8]:
        for output in cell.outputs:
            if output.output_type == "execute_result":
                assert output.data["text/html"]


@pytest.mark.filterwarnings("default")
def test_a_check_in_a_cell_tells_problems_and_raises_nothing(place: Path) -> None:
    done = executed(
        place, "%load_ext nbcontainer", DEFINE, (PARAMETERS, "parameters"), "%containerize --check",
        "import packaging, not_there_at_all", "found = %containerize --check --target nowhere\nfound",
        "print(found.value.error.stage, [each.name for each in found.value.functions])",
    )
    fine, wrong, said = (texts(done.cells[n]) for n in (3, 5, 6))
    assert f"{place / 'n b.ipynb'} with " in fine[-1]
    assert "functions: predict(x)" in fine[-1]
    for told in (fine, wrong):
        assert "error: cell 5, line 1: nothing installed" in told[-1]
        assert "'not_there_at_all' — install it there" in told[-1]
    assert "packaging" in wrong[-1]
    assert said == ["environment ['predict']\n"]
    assert done.cells[5].outputs[-1].data["text/html"].startswith("<div>")


WRONG = {
    "%train --cpu lots": "'lots' is not a quantity",
    "%train --frob": "unrecognized arguments: --frob — see: %train?",
    "%train 'x": "%train: No closing quotation — close the quotes",
    "%train -p nope=1": "n b.ipynb has no parameter 'nope' — its parameters: a",
    "%train -p 'a b=1'": "parameter 'a b' is not a Python name",
    "%train --name 'it''s; $(x)'": "can't name a run",
    "%train --target 'nö; where'": "no target 'nö; where' in the settings",
    "%train --notebook '/no; such $(é).ipynb'": "there is no notebook /no; such $(é).ipynb",
    "%scale": "the following arguments are required: NAME, N — see: %scale?",
    "%scale x -1": "'-1' is not a number of 0 or more",
    "%stop": "the following arguments are required: NAME",
    "%serve": "which function is to be served?",
    "%serve nosuch": "nosuch",
    "%serve 'a b'": "'a b' can't name a function",
    "%containerize --push": "target 'local' has no registry to push to",
    "%containerize --image 'a b'": "a b",
    "%containerize --output nope": "write oci:DIR, oci-archive:FILE or docker",
    "%runs --target nowhere": "127.0.0.1",
    "%status training --target nowhere": "127.0.0.1",
}


@pytest.mark.filterwarnings("default")
def test_what_goes_wrong_is_one_line(place: Path) -> None:
    lines = list(WRONG)
    done = executed(place, "%load_ext nbcontainer", DEFINE, (PARAMETERS, "parameters"), *lines)
    for cell in done.cells[3:]:
        errors = [output for output in cell.outputs if output.output_type == "error"]
        assert len(errors) == 1, cell
        said = "\n".join(errors[0].traceback)
        assert said.startswith("nbcontainer: "), (cell.source, said)
        assert "\n" not in said
        assert WRONG[cell.source] in said
        texts(cell)


@pytest.mark.filterwarnings("default")
def test_a_bug_of_ours_is_one_line_and_its_place_can_be_asked_for(place: Path) -> None:
    broken = "from nbcontainer import api\ndef runs(options, session):\n    return 1 / 0\napi.runs = runs"
    done = executed(place, "%load_ext nbcontainer", broken, "%runs", "%env NBCONTAINER_DEBUG=1", "%runs")
    assert texts(done.cells[2]) == [
        "nbcontainer: ZeroDivisionError: division by zero — this is a bug: %env NBCONTAINER_DEBUG=1 shows where"]
    assert "return" in texts(done.cells[4])[0]


@pytest.fixture(scope="module")
def jupyter(place: Path) -> Iterator[Server]:
    (place / "root").mkdir()
    with server(place / "root", place / "runtime", env=variables(place)) as started:
        yield started


@pytest.fixture
def kernel(jupyter: Server) -> Any:
    write(jupyter.root / "k.ipynb", "%load_ext nbcontainer", DEFINE)
    client = jupyter.kernel(jupyter.session("k.ipynb"))
    run_cell(client, "%load_ext nbcontainer")
    run_cell(client, DEFINE)
    yield client
    for session in jupyter.call("GET", "/api/sessions"):
        jupyter.call("DELETE", f"/api/sessions/{session['id']}")


COMPLETED = {
    "%containeri": ["%containerize"],
    "%train --cp": ["--cpu"],
    "%train --cpu 2 --mem": ["--memory"],
    "%train --target ": ["local", "nowhere"],
    "%train --target no": ["nowhere"],
    "%manifest --kind inf": ["inference"],
    "%serve pre": ["predict"],
    "run = %serve pre": ["predict"],
    "x = 1\n%serve pre": ["predict"],
    "%scale inf": ["inference"],
    "%status trai": ["training"],
    "%containerize --base host --out": ["--output"],
}


def test_tab_completion(kernel: Any) -> None:
    for line, expected in COMPLETED.items():
        content = kernel.complete(line, len(line), reply=True, timeout=30)["content"]
        assert content["matches"] == expected, line
        word = line.rsplit(" ", 1)[-1].rsplit("\n", 1)[-1]
        assert line[content["cursor_start"] : content["cursor_end"]] == word, line
    content = kernel.complete("js", 2, reply=True, timeout=30)["content"]
    assert "json" in content["matches"], "other lines are completed as ever"


def test_help_of_every_magic(kernel: Any) -> None:
    for magic in MAGICS:
        content = kernel.inspect(f"%{magic}", len(magic) + 1, reply=True, timeout=30)["content"]
        assert content["found"]
        assert f"usage: %{magic}" in content["data"]["text/plain"]


def test_loading_twice_and_unloading(kernel: Any) -> None:
    assert "already loaded" in run_cell(kernel, "%load_ext nbcontainer")
    assert run_cell(kernel, "%reload_ext nbcontainer") == ""
    assert "usage: %train" in run_cell(kernel, "%train --help")
    run_cell(kernel, "%unload_ext nbcontainer")
    for magic in MAGICS:
        assert "not found" in run_cell(kernel, f"%{magic} --help")
    assert "predict" not in kernel.complete("%serve pre", 10, reply=True, timeout=30)["content"]["matches"]


def test_the_notebook_is_the_one_of_the_session_even_when_renamed(jupyter: Server, kernel: Any) -> None:
    session = jupyter.call("GET", "/api/sessions")[0]
    jupyter.rename(session, "k.ipynb", "re named.ipynb")
    said = run_cell(kernel, f"%manifest --target nowhere --image {REF}")
    assert f"{jupyter.root / 're named.ipynb'} with " in said


def test_an_interrupt_is_one_line(jupyter: Server, kernel: Any) -> None:
    run_cell(kernel, "from nbcontainer.builders import native\nimport time\n"
                     "def slow(*_):\n    print('packing')\n    time.sleep(60)\nnative.build = slow")
    message = kernel.execute("%containerize", store_history=True)
    while kernel.get_iopub_msg(timeout=60)["content"].get("text") != "packing\n":
        pass
    session = jupyter.call("GET", "/api/sessions")[0]
    jupyter.call("POST", f"/api/kernels/{session['kernel']['id']}/interrupt")
    reply = kernel.get_shell_msg(timeout=30)
    assert reply["parent_header"]["msg_id"] == message
    assert reply["content"]["traceback"] == ["nbcontainer: %containerize was interrupted — run the cell again to go on"]
