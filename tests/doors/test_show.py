"""What people read about runs, and the words of a magic's line."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import pytest

from nbcontainer import show
from nbcontainer.errors import NbcontainerError, RunNotFound, UsageError
from nbcontainer.magics import Magics, words_of
from nbcontainer.model import PodStatus, Replicas, RunStatus
from nbcontainer.run import Run

BEGAN = datetime(2024, 5, 6, 7, 8, 9, tzinfo=timezone.utc)
POD = PodStatus("digits-x-1", "Running", ready=True, created=BEGAN)
SERVICE = RunStatus("digits-x", "inference", "prod", "ml", "Running", replicas=Replicas(1, 1, 1), pods=(POD,),
                    url="http://digits-x.ml.svc", created=BEGAN)
TRAINED = RunStatus("digits-x-abcde", "training", "prod", "ml", "Succeeded", exit_code=0, created=BEGAN,
                    finished=BEGAN + timedelta(seconds=15), pods=(replace(POD, phase="Completed", ready=False),))


def test_an_address_in_the_cluster_is_told_from_one_here() -> None:
    assert "  http://digits-x.ml.svc (in the cluster)\n" in show.run_text(SERVICE)
    both = replace(SERVICE, local_url="http://127.0.0.1:8000")
    assert "  http://127.0.0.1:8000\n  http://digits-x.ml.svc (in the cluster)\n" in show.run_text(both)
    here = replace(both, url=both.local_url)
    assert show.run_text(here).count("http://") == show.run_html(here).count("http://") == 1


def test_a_stopped_run_has_no_address_and_no_way_back() -> None:
    for told in (show.run_text(replace(SERVICE, phase="Stopped")), show.run_html(replace(SERVICE, phase="Stopped"))):
        assert "http" not in told
        assert "again" not in told


def test_a_pod_of_an_ended_run_grows_no_older() -> None:
    assert "digits-x-1  Completed  0 restarts  15s\n" in show.run_text(TRAINED)


def test_a_training_run_has_no_replicas() -> None:
    assert "0/0" not in show.runs_text([TRAINED]) + show.runs_html([TRAINED])


def test_a_forwarded_address_stays_when_the_state_changes() -> None:
    magics = Magics(shell=None)
    magics.forwards.append((("prod", "ml", "digits-x"), SimpleNamespace(url="http://127.0.0.1:8000")))
    live: Any = magics._live(Run(SimpleNamespace(), SERVICE))  # type: ignore[arg-type]
    assert live._here(SERVICE).local_url == "http://127.0.0.1:8000"
    assert live._here(replace(SERVICE, name="another")).local_url == ""


LINES = {
    "training  # its log": ["training"],
    "# all of it's defaults": [],
    "-p tag=a#b": ["-p", "tag=a#b"],
    "-p 'tag=a #b' # \"c": ["-p", "tag=a #b"],
    "": [],
}


@pytest.mark.parametrize("line", LINES)
def test_a_comment_ends_a_magics_line(line: str) -> None:
    assert words_of(line, "train") == LINES[line]


def test_quotes_are_closed() -> None:
    with pytest.raises(UsageError, match="No closing quotation"):
        words_of("-p 'a # b", "train")


def test_a_cell_names_magics_where_a_terminal_names_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise RunNotFound("no run", "nbcontainer runs lists them; or build it: nbcontainer build x")

    monkeypatch.setattr("nbcontainer.api.status", refuse)
    with pytest.raises(NbcontainerError) as caught:
        Magics(shell=None).call("status", "x")
    assert caught.value.hint == "%runs lists them; or build it: %containerize x"
