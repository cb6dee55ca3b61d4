"""A person at a terminal with a cluster, a registry and a folder of notebooks: the real command line, and what is left.

What this is: running `nbcontainer`, judging how it refuses, looking for leftovers. What it is not: any part of it.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nbcontainer import names
from tests.conftest import Cluster

TINY = (
    "text = ''\nseconds = 0",  # the first cell has the tag `parameters`
    "import os, time\nprint('TEXT', ascii(text))\nprint('ENV', ascii(os.environ.get('ODD')))\ntime.sleep(seconds)",
)
GRACE = 90  # seconds that a command may take


@dataclass(frozen=True)
class Error:
    """The one line: `text` as a person reads it, `stage` as a program does."""

    text: str
    stage: str


@dataclass
class Person:
    """Everything of this person lies in `home`; the registry's repositories start with `prefix`."""

    home: Path
    cluster: Cluster
    prefix: str = field(default_factory=lambda: f"refusals-{secrets.token_hex(3)}")

    def __post_init__(self) -> None:
        settings = self.home / "settings" / "nbcontainer"
        for each in (settings, self.work, self.scratch):
            each.mkdir(parents=True)
        (settings / "nbcontainer.toml").write_text(
            f'target = "test"\n[targets.test]\norchestrator = "kubernetes"\nkubeconfig = "{self.cluster.kubeconfig}"\n'
            f'namespace = "{self.cluster.namespace}"\nregistry = "{self.cluster.registry}/{self.prefix}"\n'
            "plain_http = true\n"
        )

    @property
    def work(self) -> Path:
        return self.home / "work"

    @property
    def scratch(self) -> Path:
        """Where this person's temporary files go."""
        return self.home / "scratch"

    @property
    def cache(self) -> Path:
        return self.home / "cache"

    def notebook(self, name: str, *cells: str, folder: Path | None = None, **metadata: Any) -> Path:
        """Write a notebook; the first cell has the tag `parameters`."""
        made = [{"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None, "source": each}
                for each in cells]
        made[0]["metadata"] = {"tags": ["parameters"]}
        path = (folder or self.work) / name
        path.write_text(json.dumps({"cells": made, "metadata": metadata, "nbformat": 4, "nbformat_minor": 4}))
        return path

    # ---------------------------------------------------------------- commands
    def start(self, *words: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """Start the command line; its own process group, as a terminal gives it."""
        own = {key: value for key, value in os.environ.items() if not key.startswith(("NBCONTAINER_", "KUBE"))}
        own.update(HOME=str(self.home), XDG_CONFIG_HOME=str(self.home / "settings"), TMPDIR=str(self.scratch),
                   NBCONTAINER_CACHE=str(self.cache), VIRTUAL_ENV=sys.prefix)
        own.update(env or {})
        return subprocess.Popen([sys.executable, "-m", "nbcontainer.cli", *words], cwd=self.work, env=own, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)

    def run(self, *words: str, env: Mapping[str, str] | None = None) -> str:
        """What a command that works prints."""
        started = self.start(*words, "--quiet", env=env)
        out, said = started.communicate(timeout=GRACE)
        assert started.returncode == 0, out + said
        return out

    def refused(self, code: int, *words: str, env: Mapping[str, str] | None = None) -> Error:
        """Run a command that is refused with exit code `code`, for a person and for a program at the same time.

        NAME in `words` becomes a name of that run's own.
        """
        runs = []
        for more in ((), ("--json",)):
            name = f"r-{secrets.token_hex(4)}"
            own = [each.replace("NAME", name) for each in words]
            runs.append((name, self.start(*own, "--quiet", *more, env=env)))
        (name, plain), (other, program) = runs
        out, said = plain.communicate(timeout=GRACE)
        found, silence = program.communicate(timeout=GRACE)
        assert plain.returncode == program.returncode == code, (out, said, found, silence)
        assert (out, silence) == ("", "")
        assert said.startswith("nbcontainer: ")
        assert said.endswith("\n")
        assert len(said.splitlines()) == len(found.splitlines()) == 1, (said, found)
        told = json.loads(found)
        assert list(told) == ["error"]
        assert sorted(told["error"]) == ["hint", "message", "stage"]
        error = told["error"]
        assert error["hint"], f"what to do next is missing: {said}"
        text = said.replace(name, "NAME").rstrip("\n")
        same = f"nbcontainer: {error['message']} — {error['hint']}".replace(other, "NAME")
        assert "Traceback" not in said
        assert steady(text) == steady(same)
        return Error(text, error["stage"])

    def all_refused(self, runs: Sequence[Sequence[str]], code: int = 1) -> list[Error]:
        """The same of several commands at the same time: most of their time is waiting."""
        with ThreadPoolExecutor(len(runs)) as pool:
            return list(pool.map(lambda words: self.refused(code, *words), runs))

    def clear(self) -> None:
        """Stop all runs; nothing is left then."""
        with ThreadPoolExecutor() as pool:
            runs = [each.partition(" ")[2] for each in self.objects("jobs,deployments")]
            list(pool.map(lambda name: self.run("stop", name), runs))
        assert self.objects() == []

    # ---------------------------------------------------------------- what is left
    def kubectl(self, *words: str) -> str:
        """As the admin, in the test namespace."""
        admin = ("--kubeconfig", str(self.cluster.admin), "-n", self.cluster.namespace)
        return self.tool(self.cluster.kubectl, *admin, *words)

    def tool(self, *command: str) -> str:
        """What another program that works prints."""
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=GRACE)
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    def objects(self, kinds: str = "jobs,deployments,services,pods") -> list[str]:
        """What the cluster has of this person's notebooks."""
        mine = {names.identity(path).id for path in self.home.rglob("*.ipynb")}
        listed = json.loads(self.kubectl("get", kinds, "-l", "app.kubernetes.io/managed-by=nbcontainer", "-o", "json"))
        return [f"{each['kind']} {each['metadata']['name']}" for each in listed["items"]
                if each["metadata"]["labels"]["nbcontainer.io/notebook"] in mine]

    def tags(self, repository: str, registry: str = "") -> list[str]:
        """The tags of a repository in the cluster's registry, or in another open one."""
        url = f"http://{registry or self.cluster.registry}/v2/{repository}/tags/list"
        try:
            with urllib.request.urlopen(url, timeout=30) as answer:
                return list(json.load(answer)["tags"] or [])
        except urllib.error.HTTPError as error:
            error.close()
            if error.code != 404:
                raise
            return []

    def temporary(self, cache: Path | None = None) -> list[str]:
        """Temporary files, the store's and others."""
        places: Sequence[Path] = ((cache or self.cache) / "store" / "tmp", self.scratch)
        return [str(file) for place in places for file in place.glob("*")]


def steady(text: str) -> str:
    """Without what two runs at the same time may say differently."""
    return re.sub(r"(?<=several times )\(.*?\)", "…", text)
