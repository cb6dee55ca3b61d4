"""The rivals: docker with BuildKit, buildah, podman, crane. Each builds and pushes with its own command line.

What this is: how each is used at its best: the notebook is copied last, layers are cached, the daemon is up. What it is
not: timing (run.py). A rival that can't run here raises Failed with the reason, which the page then shows.
"""

from __future__ import annotations

import os
import shutil
import tarfile
from collections.abc import Mapping, Sequence

from bench import dockerd, measure, wheels
from bench.measure import Ran
from bench.stage import NOTEBOOK, Stage
from tests.cluster import build

DOCKERFILE = """\
FROM {base}
COPY requirements.txt /tmp/requirements.txt
RUN --mount=type=bind,source=tools,target=/tools {install}
COPY {notebook} /app/{notebook}
"""
INSTALL = {
    "pip": "/opt/env/bin/python /tools/{pip} install --no-cache-dir",
    "uv": "/tools/uv pip install --no-cache --python /opt/env/bin/python",
}


def dockerfile(base: str, python: str, installer: str, find_links: str) -> str:
    """The Dockerfile that all of them get."""
    program = INSTALL[installer].format(pip=f"{wheels.pip().name}/pip")
    install = (f"{python} -m venv --without-pip /opt/env && {program} --no-index --find-links {find_links} "
               "-r /tmp/requirements.txt")
    return DOCKERFILE.format(base=base, install=install, notebook=NOTEBOOK)


class Rival:
    """One tool with one installer: a context of its own, and commands that build and push."""

    name: str
    version: str
    env: Mapping[str, str]

    def __init__(self, stage: Stage, tool: str, installer: str, find_links: str) -> None:
        self.folder = stage.folder / f"{tool}-{installer}"
        (self.folder / "tools").mkdir(parents=True)
        (self.folder / "Dockerfile").write_text(dockerfile(stage.base, stage.python, installer, find_links))
        (self.folder / "requirements.txt").write_text("\n".join(wheels.pins()) + "\n")
        if installer == "uv":
            wheels.uv(self.folder / "tools")
        else:
            shutil.copy(wheels.pip(), self.folder / "tools")
        stage.edit(self.folder)

    def commands(self, place: str, *, cached: bool) -> Sequence[Sequence[str]]:
        """What builds the image and what pushes it."""
        raise NotImplementedError

    def cold(self, stage: Stage) -> tuple[Ran, measure.Wire]:
        """Nothing is there but the base: build without a cache, push to a new repository."""
        counter = measure.Counter(stage.registry)
        counter.start()
        stage.edits += 1
        ran = self._run(stage.place(f"{self.folder.name}-cold{stage.edits}"), cached=False)
        return ran, counter.stop()

    def publish(self, place: str) -> float:
        """Build and push the notebook as it is now; seconds."""
        return self._run(place, cached=True).seconds

    def _run(self, place: str, *, cached: bool) -> Ran:
        how = measure.run if cached else measure.weighed
        done = [how(each, env=self.env, cwd=self.folder) for each in self.commands(place, cached=cached)]
        return Ran(sum(each.seconds for each in done), done[-1].output, max(each.peak for each in done))

    def close(self) -> None:
        pass


class Docker(Rival):
    def __init__(self, stage: Stage, installer: str, find_links: str, daemon: dockerd.Daemon) -> None:
        super().__init__(stage, "docker", installer, find_links)
        self._program, self._daemon, self.env = dockerd.client(), daemon, daemon.env
        self.name = f"docker build + push (BuildKit), {installer}"
        self.version = f"dockerd {daemon.version}"
        measure.run([self._program, "pull", "-q", stage.base], env=self.env)

    def commands(self, place: str, *, cached: bool) -> Sequence[Sequence[str]]:
        how = [] if cached else ["--no-cache"]
        return [[self._program, "build", "-q", "--network", "host", *how, "-t", place, "."],
                [self._program, "push", "-q", place]]

    def _run(self, place: str, *, cached: bool) -> Ran:
        ran = super()._run(place, cached=cached)
        return Ran(ran.seconds, ran.output, self._daemon.peak())  # the work is the daemon's, not the client's


class Buildah(Rival):
    """buildah, and podman, which is the same engine behind other words."""

    def __init__(self, stage: Stage, program: str, installer: str, find_links: str) -> None:
        if not shutil.which(program):
            raise measure.Failed(f"{program} is not installed")
        if os.geteuid():
            raise measure.Failed(f"{program} without root needs subordinate ids; run as root to measure it")
        super().__init__(stage, program, installer, find_links)
        self._verb = "build" if program == "podman" else "bud"
        self.name = f"{program} {self._verb} --layers + push, {installer}"
        self.version = " ".join(measure.run([program, "--version"]).output.replace(" version", "").split()[:2])
        data = stage.folder / program
        self._start = [program, "--root", f"{data}/root", "--runroot", f"{data}/run", "--storage-driver", "overlay",
                       *(["--runtime", "runc"] if program == "podman" else [])]
        logins = stage.folder / "logins.json"
        logins.write_text("{}")
        self.env = {"REGISTRY_AUTH_FILE": str(logins)}
        measure.run([*self._start, "pull", "-q", "--tls-verify=false", stage.base], env=self.env)

    def commands(self, place: str, *, cached: bool) -> Sequence[Sequence[str]]:
        how = ["--layers", *([] if cached else ["--no-cache"])]
        return [[*self._start, self._verb, "-q", *how, "--isolation", "chroot", "--network", "host",
                 "--tls-verify=false", "-t", place, "."],
                [*self._start, "push", "-q", "--tls-verify=false", place]]


class Crane:
    """crane append: no build at all; the notebook as a layer on an image whose environment is there already."""

    name, version = "crane append (builds nothing)", "crane of go-containerregistry"

    def __init__(self, stage: Stage, prepared: str) -> None:
        programs = build.built()
        if programs is None:
            raise measure.Failed("crane is not built: python -m tests.cluster build")
        self._program, self._prepared = str(programs / "nbaddons"), prepared
        self.folder = stage.folder / "crane"
        self.folder.mkdir()

    def publish(self, place: str) -> float:
        layer = self.folder / "layer.tar"
        with tarfile.open(layer, "w") as archive:
            archive.add(self.folder / NOTEBOOK, f"app/{NOTEBOOK}")
        command = [self._program, "crane", "append", "--insecure", "-b", self._prepared, "-f", str(layer), "-t", place]
        return measure.run(command, env={"DOCKER_CONFIG": str(self.folder)}).seconds

    def close(self) -> None:
        pass
