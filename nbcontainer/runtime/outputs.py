"""`--keep-outputs`: the notebook executed as a notebook, its copy and an HTML report kept in /outputs.

What this is: nbclient and nbconvert in the image, which the build brings along when asked for. What it is not: the
usual way of a training run (train.py). The log shows what the cells print, as it does there.
"""

from __future__ import annotations

import json
import os
import re
import sys
from typing import Any

from . import failure, parameters, places

_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_FIRST = "import sys; from nbcontainer_runtime import kernel; kernel.begin()"


def main(found: dict[str, Any], values: dict[str, Any]) -> int:
    """Execute, keep, report; gives the exit code."""
    try:
        import nbformat
        from nbclient.exceptions import CellExecutionError, DeadKernelError
    except ImportError as error:
        failure.last(f"--keep-outputs needs {error.name}, which this image lacks: build it with --keep-outputs")
        return 1
    notebook, numbers = prepared(found, values)
    client = _client(notebook)
    code = 0
    try:
        client.execute()
    except CellExecutionError as error:
        where = numbers[client.at] if client.at < len(numbers) else 0
        code = _failed(error, where)
    except DeadKernelError:
        failure.last(f"cell {numbers[client.at]}: the kernel died")
        code = 1
    finally:
        stem = os.path.splitext(os.path.join(places.outputs(), found["notebook"]))[0]
        nbformat.write(notebook, f"{stem}.ipynb")  # type: ignore[no-untyped-call]
        _report(notebook, f"{stem}.html")
    return code


def prepared(found: dict[str, Any], values: dict[str, Any]) -> tuple[Any, list[int]]:
    """(the notebook to run, the saved number of each of its cells): our own lines and skipped cells are out."""
    import nbformat

    with open(os.path.join(places.app(), found["notebook"]), encoding="utf-8") as file:
        notebook = nbformat.from_dict(json.load(file))  # type: ignore[no-untyped-call]
    table = {cell["number"]: cell for cell in found["cells"]}
    kept, numbers = [], []
    after = next((n for n, cell in table.items() if "parameters" in cell["tags"]), 0)
    cell_of: Any = nbformat.v4.new_code_cell
    injected = cell_of(parameters.source(values).rstrip(), id="injected-parameters")
    injected.metadata["tags"] = ["injected-parameters"]
    if values and not after:
        kept, numbers = [injected], [0]
    for number, cell in enumerate(notebook.cells, 1):
        if cell.cell_type == "code":
            if number not in table:
                continue
            cell.source = table[number].get("source", cell.source)
        kept.append(cell)
        numbers.append(number)
        if values and number == after:
            kept.append(injected)
            numbers.append(number)
    notebook.cells = kept
    return notebook, numbers


def _client(notebook: Any) -> Any:
    from nbclient import NotebookClient
    from traitlets.config import Config

    class Client(NotebookClient):
        at = 0

        def output(self, outs: Any, msg: Any, display_id: Any, cell_index: int) -> Any:
            _print(msg)
            return super().output(outs, msg, display_id, cell_index)

        async def async_execute_cell(self, cell: Any, cell_index: int, *args: Any, **words: Any) -> Any:
            self.at = cell_index
            return await super().async_execute_cell(cell, cell_index, *args, **words)

    runtime = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    paths = [places.app(), *([runtime] if os.environ.get("NBCONTAINER_ROOT") else [])]
    os.environ["PYTHONPATH"] = os.pathsep.join([*paths, *filter(None, [os.environ.get("PYTHONPATH")])])
    return Client(
        notebook,
        timeout=None,
        kernel_name="python3",
        resources={"metadata": {"path": os.getcwd()}},
        config=Config({"KernelManager": {"transport": "ipc"}}),  # no port, so no network policy is in the way
        extra_arguments=[f"--IPKernelApp.exec_lines={_FIRST}"],
    )


def _print(message: Any) -> None:
    """What a cell shows, as text in the log."""
    content = message["content"]
    if message["msg_type"] == "stream":
        target = sys.stderr if content["name"] == "stderr" else sys.stdout
        target.write(content["text"])
        target.flush()
    elif message["msg_type"] in ("display_data", "execute_result"):
        print(content["data"].get("text/plain", ""), flush=True)
    elif message["msg_type"] == "error":
        sys.stderr.write(_COLOUR.sub("", "\n".join(content["traceback"])) + "\n")


def _failed(error: Any, number: int) -> int:
    """The exit code of a cell that raised; SystemExit is the script's own."""
    if error.ename == "SystemExit":
        value = str(error.evalue)
        if value in ("", "None"):
            return 0
        if re.fullmatch(r"-?\d+", value):
            return int(value) & 0xFF
        sys.stderr.write(value + "\n")
        return 1
    said = f"{error.ename}: {error.evalue}" if error.evalue else error.ename
    failure.last(f"cell {number}: {' '.join(said.split())}")
    return 1


def _report(notebook: Any, path: str) -> None:
    from nbconvert import HTMLExporter

    exporter: Any = HTMLExporter
    text, _ = exporter().from_notebook_node(notebook)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
