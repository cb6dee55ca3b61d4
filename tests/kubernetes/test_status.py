"""What a cluster reports -> phase and reason, case by case; none of it may raise."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any

import pytest

from nbcontainer.orchestrators.kubernetes import status, view

from . import samples as s

Object = dict[str, Any]
UNSCHEDULED = s.condition("PodScheduled", "False", "Unschedulable",
                          "0/1 nodes are available: 1 Insufficient nvidia.com/gpu. preemption: 0/1 nodes are available")
READY = s.condition("Ready")


def told(owner: Object, *pods: Object, events: tuple[Object, ...] = (), after: float = 30) -> Any:
    return status.run_status(view.view(owner, pods, events, s.BEGAN + timedelta(seconds=after), "prod"))


def failed(reason: str = "BackoffLimitExceeded", message: str = "over") -> Object:
    return s.job(s.condition("Failed", reason=reason, message=message))


@pytest.mark.parametrize(
    ("owner", "pods", "phase", "reason"),
    [
        (s.job(), (), "Pending", "waiting for the cluster to create its pod"),
        (s.job(spec={"suspend": True}), (), "Pending", "suspended: it waits for its queue to admit it"),
        (s.job(), (s.pod(conditions=(UNSCHEDULED,), limits={"nvidia.com/gpu": "1"}),), "Pending",
         "no node has 1 free nvidia.com/gpu: 0/1 nodes are available: 1 Insufficient nvidia.com/gpu"),
        (s.job(), (s.pod(s.waiting("ContainerCreating")),), "Pending", "starting"),
        (s.job(), (s.pod(s.waiting("CreateContainerConfigError", 'secret "api-key" not found')),), "Pending",
         "there is no secret 'api-key' in the namespace"),
        (s.job(), (s.pod(s.waiting("ErrImagePull", f"failed: {s.IMAGE}: not found")),), "Pending",
         f"image {s.IMAGE} can't be pulled: the registry has no such image"),
        (s.job(), (s.pod(s.waiting("ErrImagePull", "failed: x509: signed by unknown authority")),), "Pending",
         f"image {s.IMAGE} can't be pulled: the node does not trust the registry's certificate"),
        (s.job(), (s.pod(s.waiting("InvalidImageName")),), "Pending", f"image {s.IMAGE}: that is no valid image name"),
        (s.job(), (s.pod(s.running(), phase="Running"),), "Running", ""),
        (s.job(s.condition("Complete")), (s.pod(s.ended(0), phase="Succeeded"),), "Succeeded", ""),
        (failed(), (s.pod(s.ended(1, message='{"cell": 3, "error": "ValueError: bad\\nmore"}')),), "Failed",
         "cell 3: ValueError: bad more"),
        (failed(), (s.pod(s.ended(7, message="one\ntwo\n")),), "Failed", "two (exit code 7)"),
        (failed(), (s.pod(s.ended(137, "OOMKilled")),), "Failed", "out of memory: killed at its limit of 2Gi"),
        (failed(), (s.pod(s.ended(139)),), "Failed", "killed by SIGSEGV (exit code 139)"),
        (failed(), (s.pod(s.ended(128, "StartError", "no such file")),), "Failed",
         "the container can't start: no such file"),
        (failed(), (s.pod(s.ended(128, "StartError", "task 1a: cannot start a stopped process")),), "Failed",
         "the container can't start: its memory limit of 2Gi is probably too small"),
        (failed(), (), "Failed", "its pod was deleted"),
        (failed("DeadlineExceeded"), (), "Failed", "ran longer than its deadline"),
        (s.job(), (s.pod(phase="Failed", reason="Evicted", message="low on memory"),), "Pending",
         "evicted: low on memory"),
        (s.job(annotations={"nbcontainer.io/ended": "could not start"}), (), "Failed", "could not start"),
        (s.deployment(wanted=0), (), "Running", "scaled to zero"),
        (s.deployment(), (), "Pending", "waiting for the cluster to create its pods"),
        (s.deployment(readyReplicas=1), (s.pod(s.running(), kind="inference", conditions=(READY,)),), "Running", ""),
        (s.deployment(), (s.pod(s.running(), kind="inference"),), "Pending", "loading: not ready yet"),
        (s.deployment(), (s.pod(s.waiting("CrashLoopBackOff"), last=s.ended(3, message="KeyError: 'x'"), restarts=2,
                                kind="inference"),), "Failed",
         "keeps ending at once (2 restarts): KeyError: 'x' (exit code 3)"),
        (s.deployment(s.condition("ReplicaFailure", message='pods "a" is forbidden: exceeded quota: small, requested: '
                                  'pods=1, used: pods=1, limited: pods=1')), (), "Pending",
         "exceeded quota small: requested: pods=1, used: pods=1, limited: pods=1"),
        (s.deployment(wanted=1, readyReplicas=1),
         (s.pod(s.running(), kind="inference", conditions=(READY,)),
          s.pod(s.waiting("ErrImagePull", "x: not found"), kind="inference", name="run-x2", created=5)), "Running",
         f"the update is not through: image {s.IMAGE} can't be pulled: the registry has no such image"),
    ],
)
def test_phase_and_reason(owner: Object, pods: tuple[Object, ...], phase: str, reason: str) -> None:
    run = told(owner, *pods)
    assert (run.phase, run.reason) == (phase, reason)


def test_events_tell_what_conditions_do_not() -> None:
    job = s.job()
    refused = s.event(job, "FailedCreate", 'Error creating: pods "x" is forbidden: violates PodSecurity "restricted"')
    assert told(job, events=(refused,)).reason.startswith("the namespace's Pod Security level refuses the pod: ")
    creating = s.pod(s.waiting("ContainerCreating"))
    pulling = told(job, creating, events=(s.event(creating, "Pulling", "Pulling image"),))
    assert (pulling.reason, pulling.pods[0].phase) == (f"pulling image {s.IMAGE}", "Pulling")
    sandbox = s.event(creating, "FailedCreatePodSandBox", "runc: container init was OOM-killed (memory limit too low?)")
    assert told(job, creating, events=(sandbox,)).reason.endswith("its memory limit of 2Gi is probably too small")
    unready = s.pod(s.running(), kind="inference")
    probe = s.event(unready, "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503")
    run = told(s.deployment(), unready, events=(probe,))
    assert run.reason == "not ready: its readiness probe is answered with 503"


def test_a_run_that_is_over_its_start_timeout() -> None:
    waiting = s.pod(conditions=(UNSCHEDULED,))
    late = told(s.job(), waiting, after=601)
    assert late.phase == "Failed"
    assert late.reason.startswith("could not start within 10 min: no node has ")
    assert told(s.job(), s.pod(s.running()), after=10_000).phase == "Running"
    assert told(s.job(spec={"suspend": True}), after=10_000).phase == "Pending"
    done = told(s.job(s.condition("Complete")), after=10_000)  # its pod was removed
    assert (done.phase, done.reason) == ("Succeeded", "")


def test_what_a_run_says_of_itself() -> None:
    run = told(s.job(s.condition("Complete"), completionTime=s.at(9)), s.pod(s.ended(0, since=2, until=8)))
    assert (run.name, run.target, run.namespace, run.owner) == ("run", "prod", "team", "ada")
    assert (run.exit_code, run.notebook, run.notebook_path) == (0, "0123abcd", "notebooks/Digits.ipynb")
    assert [each.isoformat()[17:19] for each in (run.created, run.started, run.finished)] == ["05", "07", "13"]
    assert (run.pods[0].image_id, run.pods[0].phase) == (s.DIGEST, "Completed")
    assert told(s.deployment()).url == "http://run.team.svc"


def test_an_older_runs_pods_of_the_same_name_are_not_mixed_in() -> None:
    strange = s.pod(s.running())
    strange["metadata"]["ownerReferences"][0]["uid"] = "an older job"
    assert told(s.job(), strange).pods == ()


def test_every_combination_has_an_answer() -> None:
    owners = [s.job(), failed(), s.job(s.condition("Complete")), s.deployment(), s.deployment(wanted=0)]
    states = [None, {}, s.waiting("Strange"), s.waiting(""), s.running(), s.ended(0), s.ended(255),
              s.ended(1, "OOMKilled")]
    for owner, state, phase, age in itertools.product(owners, states, ("Pending", "Unknown", "Failed"), (1, 10_000)):
        kind = "inference" if owner["kind"] == "Deployment" else "training"
        run = told(owner, s.pod(state, phase=phase, kind=kind), after=age)
        assert run.phase in ("Pending", "Running", "Succeeded", "Failed", "Stopped")
        assert "\n" not in run.reason
        assert all(pod.phase for pod in run.pods)
