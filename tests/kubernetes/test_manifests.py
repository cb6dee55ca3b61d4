"""Workloads as objects: what pods must carry, whatever a person writes."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from nbcontainer.model import Resources
from nbcontainer.orchestrators import marks
from nbcontainer.orchestrators.kubernetes import manifests

from . import samples as s

KINDS = ("training", "inference")


def pod(workload: Any) -> dict[str, Any]:
    spec: dict[str, Any] = manifests.render(workload)[-1]["spec"]["template"]["spec"]
    return spec


@pytest.mark.parametrize("kind", KINDS)
def test_pods_pass_the_restricted_level_and_hold_no_token(kind: Any) -> None:
    spec = pod(s.hostile(kind))
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    main = spec["containers"][0]
    assert main["securityContext"] == {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
    assert {each["mountPath"] for each in main["volumeMounts"]} >= {"/tmp", "/work", "/outputs"}
    assert all("emptyDir" in each for each in spec["volumes"])


@pytest.mark.parametrize("kind", KINDS)
def test_labels_are_valid_and_lead_back_and_any_text_is_an_annotation(kind: Any) -> None:
    workload = s.hostile(kind)
    for thing in manifests.render(workload, "team"):
        assert thing["metadata"]["namespace"] == "team"
        labels = thing["metadata"]["labels"]
        assert all(re.fullmatch(r"([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?", each) for each in labels.values())
        wanted = manifests.selector(workload.name, kind, workload.identity.id).split(",")
        assert all(labels[key] == value for key, value in (each.split("=") for each in wanted))
        assert thing["metadata"]["annotations"][marks.PATH] == s.HOSTILE
        assert thing["metadata"]["annotations"]["example.com/note"] == s.HOSTILE
    assert "namespace" not in manifests.render(workload)[0]["metadata"]


def test_rendering_is_pure() -> None:
    assert manifests.render(s.hostile("inference")) == manifests.render(s.hostile("inference"))
    assert json.loads(json.dumps(manifests.render(s.hostile("training")))) == manifests.render(s.hostile("training"))


def test_a_variable_arrives_as_it_was_written() -> None:
    env = {each["name"]: each["value"] for each in pod(s.hostile("training"))["containers"][0]["env"]}

    def expanded(text: str) -> str:  # as the kubelet reads it: $$ is $, $(NAME) of an unknown name stays
        return text.replace("$$", "$")

    assert expanded(env["HOSTILE"]) == s.HOSTILE
    assert env["HOME_OF"] == "$$(HOME)"
    assert json.loads(expanded(env["NBCONTAINER_PARAMETERS"])) == dict(s.hostile("training").parameters)
    assert env["PYTHONUNBUFFERED"] == "1"
    assert env["NBCONTAINER_KEEP_OUTPUTS"] == "1"


def test_secrets_are_named_only() -> None:
    spec = pod(s.hostile("training"))
    assert spec["containers"][0]["envFrom"] == [{"secretRef": {"name": n}} for n in ("api-key", "other")]
    assert spec["imagePullSecrets"] == [{"name": "pull"}]


@pytest.mark.parametrize("kind", KINDS)
def test_requests_and_limits(kind: Any) -> None:
    asked = pod(s.workload(kind, resources=Resources("500m", "1Gi", 2)))["containers"][0]["resources"]
    assert asked["requests"] == asked["limits"] == {"cpu": "500m", "memory": "1Gi", "nvidia.com/gpu": "2"}
    default = pod(s.workload(kind))["containers"][0]["resources"]
    assert set(default["requests"]) == set(default["limits"]) == {"cpu", "memory"}


def test_a_job_is_tried_once_and_kept_for_a_week() -> None:
    spec = manifests.render(s.workload())[0]["spec"]
    assert (spec["backoffLimit"], spec["ttlSecondsAfterFinished"]) == (0, 7 * 24 * 3600)
    assert spec["podFailurePolicy"]["rules"][0]["action"] == "Ignore"
    assert spec["template"]["spec"]["restartPolicy"] == "Never"
    assert {"mountPath": "/dev/shm", "name": "shm"} in spec["template"]["spec"]["containers"][0]["volumeMounts"]


def test_an_update_takes_no_replica_away_before_another_serves() -> None:
    service, deployment = manifests.render(s.workload("inference", replicas=3, start_timeout=90))
    assert deployment["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    assert (deployment["spec"]["replicas"], deployment["spec"]["progressDeadlineSeconds"]) == (3, 90)
    pod_ = deployment["spec"]["template"]["spec"]
    pause = pod_["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert pod_["terminationGracePeriodSeconds"] > pause + marks.DRAIN
    assert service["spec"]["selector"] == deployment["spec"]["selector"]["matchLabels"]
    assert service["spec"]["type"] == "ClusterIP"
