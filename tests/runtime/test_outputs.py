"""`--keep-outputs` executes the notebook as a notebook and keeps it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.runtime.images import Image

CELLS = [
    "%load_ext nbcontainer\nimport nbcontainer, helper\nrun = %train\nprint(helper.VALUE, bool(nbcontainer))",
    ("a = 1", ["parameters"]),
    ("1 / 0", ["skip-container"]),
    "%%bash\necho from bash",
    "a",
]


def _keep(image: Image) -> tuple[int, str, str]:
    ran = image.train({"a": [1.5, None]}, NBCONTAINER_KEEP_OUTPUTS="1", HOME=str(image.root))
    return ran.returncode, ran.stdout, ran.stderr


def test_the_executed_copy_and_the_report_are_kept(tmp_path: Path) -> None:
    last = "from IPython.display import HTML\nHTML('<b>bold</b>')"
    image = Image(tmp_path, [*CELLS, last], **{"helper.py": "VALUE = 'v'"})
    assert _keep(image) == (0, "v False\nfrom bash\n[1.5, None]\n<IPython.core.display.HTML object>\n", "")
    kept = json.loads((image.outputs / "my notebook.ipynb").read_text())
    sources = ["".join(cell["source"]) for cell in kept["cells"]]
    assert sources[2] == "# Parameters\na = [1.5, None]"
    assert kept["cells"][2]["metadata"]["tags"] == ["injected-parameters"]
    assert not any("1 / 0" in source for source in sources)
    assert "".join(kept["cells"][-1]["outputs"][0]["data"]["text/html"]) == "<b>bold</b>"
    report = (image.outputs / "my notebook.html").read_text()
    assert "<b>bold</b>" in report
    assert "from bash" in report


@pytest.mark.parametrize(
    ("cell", "code", "reason"),
    [("raise ValueError('boom')", 1, "cell 6: ValueError: boom"), ("import sys; sys.exit(3)", 3, ""),
     ("import os; os.kill(os.getpid(), 9)", 1, "cell 6: the kernel died")],
)
def test_a_failure_is_kept_too(tmp_path: Path, cell: str, code: int, reason: str) -> None:
    image = Image(tmp_path, [*CELLS, cell], **{"helper.py": "VALUE = 'v'"})
    got, _, errors = _keep(image)
    assert got == code, errors
    assert image.reason.read_text() == reason
    if reason:
        assert errors.splitlines()[-1] == f"nbcontainer: {reason}"
    assert (image.outputs / "my notebook.html").exists()
    kept = json.loads((image.outputs / "my notebook.ipynb").read_text())
    assert kept["cells"][-2]["outputs"][0]["data"]["text/plain"] == ["[1.5, None]"]
