"""Which notebook: real Jupyter servers, real kernels; renames, base URLs, TLS, unix sockets, dead servers."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nbcontainer import jupyter as jupyters
from nbcontainer import locate
from nbcontainer import notebook as notebooks
from nbcontainer.errors import NotebookError
from tests.doors.jupyter_server import Server, run_cell, server
from tests.support import require

WHERE = """
from nbcontainer import locate as _locate
print("at", _locate.locate(shell=get_ipython()))
"""
CHECK = """
from nbcontainer import notebook as _n
_found = _n.read(_locate.locate(shell=get_ipython()))
print(_locate.check_saved(_found, get_ipython()))
"""


def write(path: Path, *sources: str) -> Path:
    cells = [{"cell_type": "code", "metadata": {}, "source": each, "outputs": [], "execution_count": None}
             for each in sources]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": cells}))
    return path


@pytest.fixture(autouse=True)
def _nothing_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NBCONTAINER_NOTEBOOK", "JPY_SESSION_NAME"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def jupyter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("jupyter")
    root = folder / "my notebooks"
    root.mkdir()
    # a hub's server has such a base URL
    with server(root, folder / "runtime", "--ServerApp.base_url=/user/ann%40example.org/") as started:
        yield started


def test_a_session_is_found_and_a_rename_is_followed(jupyter: Server) -> None:
    first = write(jupyter.root / "sub" / "the first (é).ipynb", WHERE)
    other = write(jupyter.root / "other.ipynb", WHERE)
    session, beside = jupyter.session("sub/the first (é).ipynb"), jupyter.session("other.ipynb")
    client = jupyter.kernel(session)
    assert run_cell(client, WHERE) == f"at {first}\n"
    jupyter.rename(session, "sub/the first (é).ipynb", "sub/renamed.ipynb")
    assert run_cell(client, WHERE) == f"at {first.with_name('renamed.ipynb')}\n"
    assert run_cell(jupyter.kernel(beside), WHERE) == f"at {other}\n"
    run_cell(client, "import os; os.chdir('/')")
    assert run_cell(client, WHERE) == f"at {first.with_name('renamed.ipynb')}\n"


def test_files_of_dead_servers_and_nonsense_are_passed_over(jupyter: Server) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    dead = {**jupyter.info, "pid": ended.pid, "port": 9, "root_dir": "/nowhere"}
    written = {
        "jpserver-1.json": json.dumps(dead), "jpserver-2.json": "{", "jpserver-3.json": "[]", "nbserver-4.json": "{}",
        "jpserver-5.json": json.dumps({**jupyter.info, "pid": os.getpid(), "port": 9}),  # alive, but nothing answers
        "jpserver-6.json": json.dumps({**jupyter.info, "token": "not this one"}),
    }
    for name, text in written.items():
        (jupyter.runtime / name).write_text(text)
    (jupyter.runtime / "jpserver-7.json").mkdir()
    try:
        path = write(jupyter.root / "past the dead.ipynb", WHERE)
        client = jupyter.kernel(jupyter.session(path.name))
        assert run_cell(client, WHERE) == f"at {path}\n"
    finally:
        for name in written:
            (jupyter.runtime / name).unlink()
        (jupyter.runtime / "jpserver-7.json").rmdir()


def test_a_token_never_goes_to_another_users_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    require(os.getuid() == 0, "only root can start a process of another user")
    listener = socket.create_server(("127.0.0.1", 0))
    stranger = subprocess.Popen(["sleep", "60"], user=65534)
    try:
        told = {"pid": stranger.pid, "port": listener.getsockname()[1], "token": "secret", "root_dir": str(tmp_path),
                "hostname": "localhost", "base_url": "/"}
        (tmp_path / "jpserver-1.json").write_text(json.dumps(told))
        monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
        assert jupyters.servers(None) == []
        told["pid"] = os.getpid()
        (tmp_path / "jpserver-1.json").write_text(json.dumps(told))
        assert [each.token for each in jupyters.servers(None)] == ["secret"]
    finally:
        stranger.kill()
        stranger.wait()
        listener.close()


def test_the_session_of_another_server_is_found(jupyter: Server, tmp_path: Path) -> None:
    """A second server in the same runtime folder, which did not start the kernel, holds no session of it."""
    (tmp_path / "root").mkdir()
    path = write(jupyter.root / "two servers.ipynb", WHERE)
    client = jupyter.kernel(jupyter.session(path.name))
    with server(tmp_path / "root", jupyter.runtime):
        run_cell(client, "import os; os.environ.pop('JPY_PARENT_PID', None); os.getppid = lambda: 2")
        assert run_cell(client, WHERE) == f"at {path}\n"
        assert run_cell(client, WHERE) == f"at {path}\n"


def test_a_kernel_that_two_notebooks_share_is_asked_about(jupyter: Server) -> None:
    write(jupyter.root / "left.ipynb", WHERE)
    write(jupyter.root / "right.ipynb", WHERE)
    session = jupyter.session("left.ipynb")
    jupyter.call("POST", "/api/sessions", {"path": "right.ipynb", "name": "right.ipynb", "type": "notebook",
                                           "kernel": {"id": session["kernel"]["id"]}})
    said = run_cell(jupyter.kernel(session), WHERE)
    assert "left.ipynb" in said
    assert "right.ipynb" in said
    assert "--notebook PATH" in said


def test_the_environment_goes_before_the_session(jupyter: Server, tmp_path: Path) -> None:
    path = write(tmp_path / "named.ipynb", WHERE)
    write(jupyter.root / "unnamed.ipynb", WHERE)
    client = jupyter.kernel(jupyter.session("unnamed.ipynb"))
    run_cell(client, f"import os; os.environ['NBCONTAINER_NOTEBOOK'] = {str(path)!r}")
    assert run_cell(client, WHERE) == f"at {path}\n"
    run_cell(client, "os.environ['NBCONTAINER_NOTEBOOK'] = '/no such.ipynb'")
    assert "NBCONTAINER_NOTEBOOK names /no such.ipynb, which is no file" in run_cell(client, WHERE)


def test_the_saved_file_is_compared_with_what_ran(jupyter: Server) -> None:
    path = write(jupyter.root / "compared.ipynb", "x = 1", "y = x + 1  \n", WHERE, CHECK)
    client = jupyter.kernel(jupyter.session("compared.ipynb"))
    for source in ("x = 1", "y = x + 1", WHERE):
        run_cell(client, source)
    assert run_cell(client, CHECK) == "()\n"
    run_cell(client, "def added(values):\n    return sum(values)")
    assert "In [5] ran in this kernel but can't be found in compared.ipynb" in run_cell(client, CHECK)
    write(path, "x = 1", "y = x + 1", WHERE, CHECK, "def added(values):\n    return sum(values) + 1")
    assert "In [5]" in run_cell(client, CHECK), "the saved wording never ran"
    run_cell(client, "def added(values):\n    return sum(values) + 1")
    assert run_cell(client, CHECK) == "()\n", "the cell was edited, saved and run again"
    write(path, "print('another notebook')")
    assert "shares no cell with what ran in this kernel" in run_cell(client, CHECK)


def test_only_the_running_cell_must_be_in_the_file(jupyter: Server) -> None:
    once = WHERE + CHECK
    write(jupyter.root / "once.ipynb", once)
    assert run_cell(jupyter.kernel(jupyter.session("once.ipynb")), once).endswith("()\n")
    write(jupyter.root / "unsaved.ipynb", "something else")
    assert "shares no cell" in run_cell(jupyter.kernel(jupyter.session("unsaved.ipynb")), once)


def test_loading_nbcontainer_is_no_common_cell(jupyter: Server) -> None:
    write(jupyter.root / "wrong.ipynb", "%load_ext nbcontainer", "a = 1")
    client = jupyter.kernel(jupyter.session("wrong.ipynb"))
    run_cell(client, "%load_ext nbcontainer")
    run_cell(client, "b = 2")
    run_cell(client, WHERE)
    assert "shares no cell" in run_cell(client, CHECK)


def test_a_server_with_a_certificate(tmp_path: Path) -> None:
    openssl = shutil.which("openssl")
    require(openssl, "openssl isn't installed")
    assert openssl
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run([openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate,
                    "-days", "2", "-subj", "/CN=elsewhere.example"], check=True, capture_output=True)
    (tmp_path / "root").mkdir()
    path = write(tmp_path / "root" / "a.ipynb", WHERE)
    more = (f"--ServerApp.certfile={certificate}", f"--ServerApp.keyfile={key}")
    with server(tmp_path / "root", tmp_path / "runtime", *more) as started:
        assert started.info["secure"]
        assert run_cell(started.kernel(started.session("a.ipynb")), WHERE) == f"at {path}\n"


def test_a_server_on_a_unix_socket(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    path = write(tmp_path / "root" / "a.ipynb", WHERE)
    with server(tmp_path / "root", tmp_path / "runtime", f"--ServerApp.sock={tmp_path / 's'}") as started:
        assert started.info["sock"]
        assert run_cell(started.kernel(started.session("a.ipynb")), WHERE) == f"at {path}\n"


def test_without_a_server_that_tells_the_session_name_helps(jupyter: Server) -> None:
    """A password in place of a token: the server doesn't tell, JPY_SESSION_NAME does, from wherever the kernel is."""
    path = write(jupyter.root / "deep" / "b c.ipynb", WHERE)
    client = jupyter.kernel(jupyter.session("deep/b c.ipynb"))
    run_cell(client, "import os; os.environ['JUPYTER_RUNTIME_DIR'] = '/none'; os.chdir('/')")
    run_cell(client, "from nbcontainer import jupyter as _j; _j.servers = lambda connection: []")
    assert run_cell(client, WHERE) == f"at {path}\n"
    run_cell(client, "os.environ['JPY_SESSION_NAME'] = 'deep/b c.ipynb'")
    assert run_cell(client, WHERE) == f"at {path}\n"


def executed(*sources: str, folder: Path, env: dict[str, str]) -> str:
    """What the last cell of a notebook printed under nbclient, which has no server and no session."""
    import nbclient
    import nbformat

    cells = [nbformat.v4.new_code_cell(each) for each in sources]
    notebook = nbformat.v4.new_notebook(cells=cells)
    client = nbclient.NotebookClient(notebook, timeout=60, allow_errors=True,
                                     resources={"metadata": {"path": str(folder)}})
    client.execute(env={**os.environ, "JUPYTER_RUNTIME_DIR": str(folder / "rt"), **env})
    last = notebook.cells[-1].outputs[0]
    return str(last.get("text") or last.get("evalue"))


@pytest.mark.filterwarnings("default")
def test_in_nbclient_only_a_name_helps(tmp_path: Path) -> None:
    path = write(tmp_path / "n.ipynb", WHERE)
    said = executed(WHERE, folder=tmp_path, env={})
    assert said == ("which notebook? nothing here tells its file (--notebook PATH, or set NBCONTAINER_NOTEBOOK)")
    assert executed(WHERE, folder=tmp_path, env={"NBCONTAINER_NOTEBOOK": str(path)}) == f"at {path}\n"
    editor = f"__vsc_ipynb_file__ = {str(path)!r}"
    assert executed(editor, WHERE, folder=tmp_path, env={}) == f"at {path}\n"
    argument = "from nbcontainer import locate\nprint(locate.locate('n.ipynb', shell=get_ipython()))"
    assert executed(argument, folder=tmp_path, env={}) == f"{path}\n"


def test_outside_a_kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a b.ipynb", "x = 1")
    (tmp_path / "link").symlink_to(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for argument in ("a b.ipynb", "./a b.ipynb", "link/a b.ipynb", "~/a b.ipynb", str(path)):
        assert locate.locate(argument) == path
    with pytest.raises(NotebookError) as raised:
        locate.locate()
    assert raised.value.hint == "name it: nbcontainer VERB NB, or set NBCONTAINER_NOTEBOOK"
    monkeypatch.setenv("NBCONTAINER_NOTEBOOK", "a b.ipynb")
    assert locate.locate() == path
    monkeypatch.delenv("NBCONTAINER_NOTEBOOK")
    monkeypatch.setenv("JPY_SESSION_NAME", str(path))  # `!nbcontainer build` in a cell
    assert locate.locate() == path


class _Shell:
    """A shell's history, for the lengths and shapes that no person types."""

    def __init__(self, *ran: Any) -> None:
        self.history_manager = type("History", (), {"input_hist_raw": ["", *ran]})()
        self.user_ns: dict[str, Any] = {}


def test_histories_of_odd_shapes(tmp_path: Path) -> None:
    saved = notebooks.read(write(tmp_path / "n.ipynb", "a = 1", "%train", "def f():\r\n    return 1"))
    assert locate.check_saved(saved, None) == ()
    assert locate.check_saved(saved, _Shell()) == ()
    assert locate.check_saved(saved, _Shell("", "  \n")) == ()
    assert locate.check_saved(saved, _Shell("a = 1", "%train --cpu 2")) == (), "the running cell may be unsaved"
    assert locate.check_saved(saved, _Shell("a = 1", "%status", "run = %train --cpu 3", "%train")) == ()
    assert locate.check_saved(saved, _Shell("def f():\n    return 1  ", "%train")) == ()
    notes = locate.check_saved(saved, _Shell("a = 1", *(f"thing{n}()" for n in range(9)), "%train"))
    assert notes == ("In [8], In [9], In [10] and others ran in this kernel but can't be found in n.ipynb as saved: "
                     "save it to take them",)
    with pytest.raises(NotebookError, match="shares no cell"):
        locate.check_saved(saved, _Shell("%train --cpu 2"))
