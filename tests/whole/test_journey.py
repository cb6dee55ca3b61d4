"""The main job: a notebook with the magics, executed by nbclient against a real cluster as the limited account."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Cluster

ROOT = Path(__file__).parents[2]
CELLS = (  # with the tag that keeps a cell out of the image
    ("%load_ext nbcontainer", ""),
    ("image = %containerize\nimage", ""),
    ("%train --name job-$case --follow", ""),
    ("%serve predict --name service-$case --wait", ""),
    ("%scale inference 5 --wait", ""),
    ("%status inference", ""),
    ("from nbcontainer import status\n"
     "sorted((pod.ready, pod.image_id) for pod in status('inference').last.pods)", "skip-container"),
    ("status('training').last.pods[0].image_id", "skip-container"),
    ("%forward inference", ""),
    ("from nbcontainer import forward\nheld = forward('inference')\nheld.url", "skip-container"),
    (
        "import json, urllib.request\n"
        "asked = urllib.request.Request(held.url + '/predict', json.dumps(pixels[0].tolist()).encode())\n"
        "answer = json.load(urllib.request.urlopen(asked))\nanswer",
        "skip-container",
    ),
    ("%logs inference", ""),
    ("%runs", ""),
    ("%manifest --kind inference --callable predict", ""),
    ("%stop inference", ""),
    ("%stop training", ""),
)


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("journey") / "digits"
    shutil.copytree(ROOT / "examples" / "digits", place)
    return place


def settings(work: Path, cluster: Cluster) -> dict[str, str]:
    """The environment of a person with one target, "test"."""
    home = work.parent / "home"
    place = home / ".config" / "nbcontainer"
    place.mkdir(parents=True, exist_ok=True)
    (place / "nbcontainer.toml").write_text(
        f'target = "test"\n[targets.test]\norchestrator = "kubernetes"\nkubeconfig = "{cluster.kubeconfig}"\n'
        f'namespace = "{cluster.restricted}"\nregistry = "{cluster.registry}/journey"\nplain_http = true\n'
    )
    return {**os.environ, "HOME": str(home), "XDG_CONFIG_HOME": str(home / ".config"), "MPLBACKEND": "agg",
            "NBCONTAINER_CACHE": str(work.parent / "cache"), "IPYTHONDIR": str(home / "ipython")}


@pytest.fixture(scope="module")
def executed(work: Path, cluster: Cluster) -> Any:
    """The saved notebook after its run."""
    import nbformat
    from nbclient import NotebookClient

    path = work / "digits.ipynb"
    book = nbformat.read(path, as_version=4)
    case = os.urandom(3).hex()
    for source, tag in CELLS:
        made = nbformat.v4.new_code_cell(source.replace("$case", case))
        made.metadata["tags"] = [tag] if tag else []
        book.cells.append(made)
    nbformat.write(book, path)
    env = {**settings(work, cluster), "NBCONTAINER_NOTEBOOK": str(path)}
    client = NotebookClient(book, timeout=240, kernel_name="python3", resources={"metadata": {"path": str(work)}})
    client.execute(env=env)
    nbformat.write(book, path)
    return nbformat.read(path, as_version=4)


def text(cell: Any) -> str:
    """All that a cell shows in an editor that knows only text."""
    found = []
    for output in cell.outputs:
        found.append(output.text if output.output_type == "stream" else output.data.get("text/plain", ""))
    return "\n".join(found)


def cell(book: Any, start: str) -> Any:
    return next(each for each in book.cells if each.cell_type == "code" and each.source.startswith(start))


def test_the_accuracy_in_the_pod_is_the_accuracy_here(executed: Any) -> None:
    here = re.search(r"accuracy (0\.\d+)", text(cell(executed, "accuracy = ")))
    there = re.search(r"accuracy (0\.\d+)", text(cell(executed, "%train")))
    assert here
    assert there
    assert here[1] == there[1]
    assert "Succeeded" in text(cell(executed, "%train"))


def test_the_pod_ran_the_image_that_was_built(executed: Any) -> None:
    digest = re.search(r"sha256:[0-9a-f]{64}", text(cell(executed, "image = ")))
    assert digest
    assert f"@{digest[0]}" in text(cell(executed, "%train"))
    assert text(cell(executed, "status('training')")) == repr(digest[0])


def test_five_replicas_are_ready_and_answer(executed: Any) -> None:
    assert re.search(r"service-\S+ +inference +Running +5/5 ", text(cell(executed, "%runs")))
    pods = ast.literal_eval(text(cell(executed, "from nbcontainer import status")))
    assert [ready for ready, _ in pods] == [True] * 5
    assert len({image for _, image in pods}) == 1
    assert "'digit': " in text(cell(executed, "import json, urllib"))
    assert "http://127.0.0.1:" in text(cell(executed, "from nbcontainer import forward"))


def test_logs_show_the_lines_of_the_pods(executed: Any) -> None:
    shown = text(cell(executed, "%logs"))
    assert shown.count("nbcontainer: ready") == 5
    assert "POST /predict 200" in shown


def test_every_output_has_a_text_form(executed: Any) -> None:
    for each in executed.cells:
        for output in each.get("outputs", ()):
            if output.output_type in ("display_data", "execute_result"):
                assert "text/plain" in output.data, each.source
    for start in ("image = ", "%train", "%serve", "%scale", "%status", "%forward", "%logs", "%runs", "%stop"):
        assert text(cell(executed, start)).strip(), start


def test_nothing_is_left(executed: Any, cluster: Cluster, work: Path) -> None:
    found = subprocess.run(
        [sys.executable, "-m", "nbcontainer.cli", "runs", "--json"], env=settings(work, cluster), capture_output=True,
        text=True, check=True, cwd=work,
    )
    assert json.loads(found.stdout) == []
