"""What the server keeps on disk: bounded, only this user's, and never in the way."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nbcontainer.errors import BuildError
from nbcontainer.server import disk
from nbcontainer.server.journal import MOST, Journal
from nbcontainer.server.places import Places
from nbcontainer.server.remembered import Remembered
from nbcontainer.server.requests import Request, read
from nbcontainer.server.task import Task, of_request
from tests.server.conftest import notebook

LOG = logging.getLogger("nbcontainer.test")
Journals = Callable[[int], Journal]


@pytest.fixture
def request_(tmp_path: Path) -> Request:
    notebook(tmp_path / "n.ipynb")
    options = {"env": {"KEY": "hidden-value"}, "cpu": "2", "secret": ["db"]}
    return read({"verb": "train", "notebook": "n.ipynb", "options": options}, Places(tmp_path))


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Callable[[int], Journal]]:
    """Journals of servers by number, closed in the end."""
    made: list[Journal] = []

    def open_(number: int) -> Journal:
        made.append(Journal(tmp_path, f"{number:016x}", LOG))
        return made[-1]

    yield open_
    for each in made:
        each.close()


def kept(request: Request, second: int = 0) -> Task:
    task = of_request(request, "prod")
    task.created = f"2026-01-01T00:{second // 60:02}:{second % 60:02}.000Z"
    return task


def test_a_dead_servers_tasks_are_told_once(tmp_path: Path, request_: Request, journal: Journals) -> None:
    first = journal(0)
    cut, failed = kept(request_, 1), kept(request_, 2)
    first.write(cut)
    failed.end("failed", BuildError("it broke", "mend it"))
    first.write(failed)
    assert journal(1).recovered() == []  # the first one lives
    first.close()
    third = journal(2)
    found = third.recovered()
    assert [each.state for each in found] == ["interrupted", "failed"]
    assert found[1].as_json() == failed.as_json()
    assert found[0].request is None
    assert found[0].env_names == ("KEY",)
    assert journal(3).recovered() == []  # they are the third one's now
    for each in tmp_path.rglob("*.json"):
        assert b"hidden-value" not in each.read_bytes()
        assert each.stat().st_mode & 0o077 == 0


def test_the_journal_is_bounded(tmp_path: Path, request_: Request, journal: Journals) -> None:
    first = journal(0)
    for second in range(MOST + 20):
        first.write(kept(request_, second))
    first.close()
    found = journal(1).recovered()
    assert len(found) == MOST
    assert found[0].created.endswith("00:00:20.000Z")
    assert len(list((tmp_path / "tasks").glob("*.json"))) == MOST


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"server": 1, "task": {}}', '{"server": "x", "task": null}'])
def test_what_is_no_task_goes(text: str, tmp_path: Path, request_: Request, journal: Journals) -> None:
    first = journal(0)
    first.write(kept(request_))
    first.close()
    (tmp_path / "tasks" / "0123456789abcdef.json").write_text(text)
    assert len(journal(1).recovered()) == 1
    assert len(list((tmp_path / "tasks").glob("*.json"))) == 1


def test_last_used_options(tmp_path: Path, request_: Request) -> None:
    memory = Remembered(tmp_path, LOG)
    assert memory.last("00000000") == {}
    memory.remember("00000000", request_)
    assert Remembered(tmp_path, LOG).last("00000000") == {"train": {"cpu": "2", "secret": ["db"]}}
    assert b"hidden" not in (tmp_path / "last" / "00000000.json").read_bytes()
    for number in range(520):
        disk.write(tmp_path / "last" / f"{number:08x}.json", {})
        os.utime(tmp_path / "last" / f"{number:08x}.json", (number, number))
    memory.remember("ffffffff", request_)
    left = sorted((tmp_path / "last").glob("*.json"))
    assert len(left) == 500
    assert left[-1].name == "ffffffff.json"
    assert left[0].name == f"{21:08x}.json"


def test_a_disk_that_refuses(tmp_path: Path, request_: Request, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "state").write_text("a file where the folder should be")
    own = Journal(tmp_path / "state", "0123456789abcdef", LOG)
    own.write(kept(request_))
    assert own.recovered() == []
    Remembered(tmp_path / "state", LOG).remember("00000000", request_)
    own.close()
    assert "can't be kept on disk" in caplog.text


def test_where_state_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("NBCONTAINER_STATE", raising=False)
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    assert disk.state_root() == tmp_path / ".local" / "state" / "nbcontainer"
    monkeypatch.setenv("XDG_STATE_HOME", "/x")
    assert disk.state_root() == Path("/x/nbcontainer")
    monkeypatch.setenv("NBCONTAINER_STATE", "/y")
    assert disk.state_root() == Path("/y")
