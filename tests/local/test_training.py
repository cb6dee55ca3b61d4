"""Training runs on real engines: to the end, failing, followed, stopped, found again."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from nbcontainer.errors import NameTaken, RunNotFound, TargetError, Unsupported
from nbcontainer.model import Identity, Log, Resources, RunStatus, Target, silent
from nbcontainer.orchestrators import LogOptions, Selector
from nbcontainer.orchestrators.local import Local, submit, view

from .conftest import Make


def end(local: Local, name: str) -> RunStatus:
    *_, last = local.watch(name, threading.Event())
    return last


def lines(found: Iterator[Log]) -> list[str]:
    return [log.line for log in found]


def until(true: Any, seconds: float = 20.0) -> None:
    limit = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < limit, "it did not come true"
        time.sleep(0.1)


def test_a_run_runs_to_its_end_and_tells_its_log(local: Local, make: Make) -> None:
    made = make(script="line hello; error oh; exit 0")
    first = local.submit(made, silent)
    assert first.phase in ("Running", "Pending", "Succeeded")
    done = end(local, made.name)
    assert (done.phase, done.exit_code, done.reason, done.namespace) == ("Succeeded", 0, "", "")
    assert done.image == made.image
    assert done.created
    assert done.started
    assert done.finished
    assert done.created < done.finished  # podman stamps a short run's start after its end
    assert (done.notebook, done.notebook_path, done.owner) == ("0123abcd", "nb/digits.ipynb", "ann")
    found = list(local.logs(made.name, LogOptions()))
    assert sorted(log.line for log in found) == ["hello", "oh"]
    assert all(view.moment(log.time) for log in found)
    assert all("." in log.time for log in found) or local.engine.podman  # 4.3 gives whole seconds
    assert sorted(lines(local.logs(made.name, LogOptions(follow=True)))) == ["hello", "oh"]
    last = local.stop(made.name)
    assert (last.phase, last.exit_code, last.pods) == ("Succeeded", 0, ())
    with pytest.raises(RunNotFound, match="no run"):
        local.status(made.name)


def test_the_script_s_own_code_and_why_it_failed(local: Local, make: Make) -> None:
    for script, code, reason in (
        ("line Traceback; error nbcontainer: cell 3: ValueError: boom; exit 1", 1, "cell 3: ValueError: boom"),
        ("line bye; exit 7", 7, "bye (exit code 7)"),
        ("exit 5", 5, "exit code 5"),
        ("exit 139", 139, "killed by SIGSEGV (exit code 139)"),
    ):
        made = replace(make(script=script), name=f"fails-{code}")
        local.submit(made, silent)
        done = end(local, made.name)
        assert (done.phase, done.exit_code, done.reason) == ("Failed", code, reason)
        assert (done.pods[0].phase, done.pods[0].exit_code, done.pods[0].reason) == ("Error", code, reason)


def test_out_of_memory_is_said(local: Local, make: Make) -> None:
    made = make(script="eat 300", resources=Resources(memory="64Mi", cpu="500m"))
    local.submit(made, silent)
    done = end(local, made.name)
    assert (done.phase, done.exit_code) == ("Failed", 137)
    assert done.reason in (
        "out of memory: killed at its limit of 64Mi",
        "killed (exit code 137), most likely out of memory: its limit is 64Mi",  # podman 4.3 can't tell
    )


def test_parameters_and_variables_arrive_as_they_are(local: Local, make: Make) -> None:
    odd = "a 'b' \"c\"\n$HOME $(HOME) $$ ü;|&"
    made = make(script="env ODD; env NBCONTAINER_PARAMETERS; env NBCONTAINER_RUN; env PYTHONUNBUFFERED",
                env={"ODD": odd}, parameters={"ü": [1, None, "x"]})
    local.submit(made, silent)
    end(local, made.name)
    said = lines(local.logs(made.name, LogOptions()))
    assert said[0] == '"a \'b\' \\"c\\"\\n$HOME $(HOME) $$ ü;|&"'
    assert said[1:] == ['"{\\"\\\\u00fc\\": [1, null, \\"x\\"]}"', f'"{made.name}"', '"1"']


def test_the_container_is_confined(local: Local, make: Make) -> None:
    made = make(script="write /work/a; write /outputs/a; write /tmp/a; write /a; write /app/a; write /etc/passwd")
    local.submit(made, silent)
    end(local, made.name)
    said = lines(local.logs(made.name, LogOptions()))
    assert said[:3] == ["wrote /work/a", "wrote /outputs/a", "wrote /tmp/a"]
    assert len(said) == 6
    assert all("read-only" in line or "denied" in line for line in said[3:])
    inside = local.engine.api.inspect_container(made.name)
    assert inside["Config"]["User"] == "65532:65532"
    assert not inside.get("EffectiveCaps")


def test_a_log_is_followed_to_the_end_each_line_once(local: Local, make: Make) -> None:
    made = make(script="lines 400 5 20; error last")
    local.submit(made, silent)
    began = time.monotonic()
    stream = local.logs(made.name, LogOptions(follow=True))
    assert next(stream).line.startswith("line 1 ")
    assert time.monotonic() - began < 2.0, "the first line came late"
    rest = lines(stream)
    assert [line.split()[1] for line in rest[:-1]] == [str(n) for n in range(2, 401)]
    assert rest[-1] == "last"
    assert lines(local.logs(made.name, LogOptions(tail=2)))[-1] == "last"
    assert len(lines(local.logs(made.name, LogOptions(tail=2)))) == 2
    assert lines(local.logs(made.name, LogOptions(tail=0))) == []
    with pytest.raises(RunNotFound, match="has no pod 'other'"):
        local.logs(made.name, LogOptions(pod="other"))


def test_a_very_long_line_comes_whole(local: Local, make: Make) -> None:
    made = make(script="lines 2 0 100000")
    local.submit(made, silent)
    end(local, made.name)
    assert [len(line) for line in lines(local.logs(made.name, LogOptions()))] == [100007, 100007]


def test_following_stops_when_asked(local: Local, make: Make) -> None:
    made = make(script="line one; sleep 60")
    local.submit(made, silent)
    stop = threading.Event()
    found: list[str] = []
    reader = threading.Thread(target=lambda: found.extend(
        log.line for log in local.logs(made.name, LogOptions(follow=True, stop=stop))))
    reader.start()
    time.sleep(1.5)
    stop.set()
    reader.join(5)
    assert not reader.is_alive()
    assert found == ["one"]
    seen = list(local.watch(made.name, stop))
    assert [status.phase for status in seen] == ["Running"]


def test_stop_ends_a_running_one_and_watchers_see_it(local: Local, make: Make) -> None:
    made = make(script="line up; sleep 60")
    local.submit(made, silent)
    seen: list[RunStatus] = []
    watcher = threading.Thread(target=lambda: seen.extend(local.watch(made.name, threading.Event())))
    follower = threading.Thread(target=lambda: list(local.logs(made.name, LogOptions(follow=True))))
    watcher.start()
    follower.start()
    until(lambda: seen and seen[-1].phase == "Running")
    began = time.monotonic()
    assert local.stop(made.name).phase in ("Stopped",)
    assert time.monotonic() - began < 8
    watcher.join(5)
    follower.join(5)
    assert not watcher.is_alive()
    assert not follower.is_alive()
    assert seen[-1].ended


def test_another_process_finds_the_same_runs(local: Local, make: Make, engine: str) -> None:
    one, two = make(script="exit 0"), replace(make(script="sleep 60"), name="second")
    two = replace(two, identity=Identity("ffff0000", "other", "other.ipynb", "bob"))
    local.submit(one, silent)
    local.submit(two, silent)
    other = Local(Target("again", "local", engine=engine))
    assert [run.name for run in other.find(Selector())] == ["second", one.name]
    assert [run.name for run in other.find(Selector(notebook="0123abcd"))] == [one.name]
    assert other.find(Selector(kind="inference")) == []
    assert other.status("second").owner == "bob"
    with pytest.raises(RunNotFound, match="no run 'third'") as told:
        other.status("third")
    assert "second" in told.value.hint
    other.engine.api.close()


def test_whose_a_name_is(local: Local, make: Make) -> None:
    made = make(script="sleep 60")
    local.submit(made, silent)
    with pytest.raises(NameTaken, match="belongs to a training run of this notebook"):
        local.submit(made, silent)
    other = replace(made, identity=Identity("ffff0000", "other", "other.ipynb", "bob"))
    with pytest.raises(NameTaken, match=r"belongs to nb/digits.ipynb of ann"):
        local.submit(other, silent)
    foreign = local.engine.api.create_container(made.image, name="theirs")["Id"]
    with pytest.raises(NameTaken, match="nbcontainer did not make"):
        local.submit(replace(made, name="theirs"), silent)
    submit.remove(local.engine, foreign)


def test_what_can_t_be_leaves_nothing_behind(local: Local, make: Make) -> None:
    made = make()
    with pytest.raises(TargetError, match="has no image nothing/there:1"):
        local.submit(replace(made, image="nothing/there:1"), silent)
    with pytest.raises(Unsupported, match="secret 'token'"):
        local.submit(replace(made, secrets=("token",)), silent)
    with pytest.raises(TargetError, match=r"no GPU") as told:
        local.submit(replace(made, resources=Resources(gpu=1)), silent)
    assert "\n" not in str(told.value)
    assert local.engine.api.containers(all=True) == []


def test_runs_that_ended_long_ago_are_forgotten(local: Local, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    old = make(script="exit 0")
    local.submit(old, silent)
    end(local, old.name)
    time.sleep(1.1)
    monkeypatch.setattr(submit.marks, "KEEP_FINISHED", 1)
    local.submit(replace(old, name="new", env={"SCRIPT": "sleep 60"}), silent)
    assert [run.name for run in local.find(Selector())] == ["new"]
