"""The host base as a plan: which layers, the same wherever they are made, quick while the machine doesn't change."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from nbcontainer.environment import host
from nbcontainer.errors import BaseError, RequirementError
from nbcontainer.image.store import Store
from nbcontainer.model import AppFile, Base, Entry, Event
from tests.bases.conftest import based, environment
from tests.bases.elves import library
from tests.environment.parts import venv

MADE = """
import json, os, sys, time
from pathlib import Path
os.umask(int(sys.argv[1], 8))
from nbcontainer.environment import host, interpreter
from nbcontainer.image.store import Store
from nbcontainer.model import Environment, Notebook, silent
python = interpreter.choose(Notebook(Path.cwd() / "nb.ipynb", ()), python=sys.argv[2])
store, events = Store(), []
began = time.perf_counter()
base = host.host_base(Environment(python, ()), cache_dir=store.cache_dir("host"), ca_bundle=sys.argv[4],
                      emit=events.append)
took = time.perf_counter() - began
layers = [store.put(plan) for plan in base.plans] if sys.argv[3] == "pack" else []
print(json.dumps({
    "keys": [plan.key for plan in base.plans], "digests": [layer.digest for layer in layers], "seconds": took,
    "events": len(events), "elftools": "elftools" in sys.modules, "base": [base.python, dict(base.env)],
}))
"""
KEY = "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n"


def certificate(text: str) -> str:
    return f"-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n"


@pytest.fixture
def trusted(tmp_path: Path) -> str:
    """A bundle of certificates, as a setting."""
    place = tmp_path / "trusted.pem"
    place.write_text(certificate("QUFB"))
    return str(place)


def made(
    folder: Path, umask: str, python: Path | str, bundle: str, pack: str = "plan", **around: str
) -> dict[str, object]:
    """What a process of its own makes of this machine."""
    folder.mkdir(exist_ok=True)
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parents[2]), "HOME": str(folder),
           "NBCONTAINER_CACHE": str(folder / "cache"), **around}
    done = subprocess.run([sys.executable, "-c", MADE, umask, str(python), pack, bundle], env=env, cwd=folder,
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_two_users_with_an_environment_each_get_the_same_layers(cache: Path, tmp_path: Path, trusted: str) -> None:
    one = made(tmp_path / "ann", "022", venv(tmp_path / "ann/env"), trusted, "pack", PYTHONHASHSEED="1",
               LANG="C.UTF-8", TZ="UTC")
    two = made(tmp_path / "bob and co", "077", venv(tmp_path / "bob and co/other"), trusted, "pack",
               PYTHONHASHSEED="2", LC_ALL="C", TZ="Asia/Tokyo", USER="bob")
    assert one["digests"] == two["digests"]
    assert len(set(one["digests"])) == 4  # type: ignore[call-overload]
    assert one["base"] == two["base"]


def test_an_unchanged_machine_costs_stats(cache: Path, tmp_path: Path, trusted: str) -> None:
    python = venv(tmp_path / "env")
    cold, warm = (made(tmp_path / "x", "022", python, trusted) for _ in range(2))
    assert cold["keys"] == warm["keys"]
    assert (cold["events"], cold["elftools"]) == (1, True)
    assert (warm["events"], warm["elftools"]) == (0, False)
    assert float(str(warm["seconds"])) < min(0.2, float(str(cold["seconds"])) / 3)


def entries(base: Base, content: str) -> dict[str, Entry]:
    plan = next(plan for plan in base.plans if plan.content.startswith(content))
    return {entry.path: entry for entry in plan.entries()}


def test_layers_bottom_to_top(cache: Path, tmp_path: Path, trusted: str) -> None:
    env = environment(tmp_path)
    base = based(env, trusted)
    assert [plan.content for plan in base.plans] == [
        "system libraries", "shell and system files", f"Python {env.interpreter.version}", "certificates"]
    assert base.name == "host"
    assert base.platform == env.interpreter.platform
    assert base.libc.startswith("glibc 2.")
    assert base.env == {"SSL_CERT_FILE": "/etc/ssl/certs/ca-certificates.crt",
                        "REQUESTS_CA_BUNDLE": "/etc/ssl/certs/ca-certificates.crt"}
    assert sum(plan.size for plan in base.plans) < 130e6


def test_what_of_python_is_taken_and_what_is_left(cache: Path, tmp_path: Path) -> None:
    base = based(environment(tmp_path))
    found = entries(base, "Python")
    standard = base.python[1:].replace("bin/", "lib/")
    assert found[base.python[1:]].mode == 0o755
    assert {f"{standard}/os.py", f"{standard}/json/decoder.py", f"{standard}/unittest/mock.py"} <= set(found)
    assert any("lib-dynload/_ssl." in path for path in found)
    unwanted = r"/(tests?|idlelib|turtledemo|tkinter|site-packages|dist-packages|_bundled)/|\.(a|o|exe)$"
    assert [path for path in found if re.search(unwanted, path)] == []
    compiled = [entry for path, entry in found.items() if path.endswith(".pyc")]
    assert len(compiled) > 400
    assert all(isinstance(entry.source, bytes) and entry.source[4:8] == b"\1\0\0\0" for entry in compiled)


def test_no_place_of_a_build_or_a_person_is_in_pythons_texts(cache: Path, tmp_path: Path) -> None:
    env = environment(tmp_path)
    places = [os.fsencode(env.interpreter.base_prefix)] if env.interpreter.base_prefix != "/usr" else []
    texts = {path: entry.source for path, entry in entries(based(env), "Python").items()
             if isinstance(entry.source, bytes) and not path.endswith(".pyc")}
    assert any("_sysconfigdata" in path for path in texts)
    for path, text in texts.items():
        assert isinstance(text, bytes)
        assert not [place for place in places if re.search(re.escape(place) + rb"[/'\" ]", text)], path
        built = re.search(rb"'abs_builddir': '([^']*)'", text)
        assert built is None or built[1].startswith(b"/usr/src/python"), path


def test_a_shell_accounts_and_a_writable_tmp(cache: Path, tmp_path: Path) -> None:
    found = entries(based(environment(tmp_path)), "shell")
    assert {"usr/bin/sh", "usr/bin/bash", "usr/bin/ls", "usr/bin/sed", "usr/sbin/ldconfig"} <= set(found)
    assert b"nonroot:x:65532:65532:" in bytes(found["etc/passwd"].source)  # type: ignore[arg-type]
    assert found["tmp"].mode == 0o1777
    assert (found["bin"].kind, found["bin"].source) == ("link", "usr/bin")
    assert "usr/lib/locale/C.utf8/LC_CTYPE" in found
    assert not [path for path in found if path.startswith(("usr/share/zoneinfo/right", "etc/shadow", "etc/hosts"))]


# ---------------------------------------------------------------- certificates
def test_certificates_are_a_layer_of_their_own_and_nothing_else(
    cache: Path, tmp_path: Path, trusted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pem = tmp_path / "own.pem"
    pem.write_text("# ours\n" + certificate("QQ==") + KEY + certificate("AA==") + certificate("QQ=="))
    before = based(environment(tmp_path), trusted)
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    after = based(environment(tmp_path))
    assert [plan.key for plan in before.plans[:3]] == [plan.key for plan in after.plans[:3]]
    assert before.plans[3].key != after.plans[3].key
    (entry,) = after.plans[3].entries()
    both = certificate("AA==") + certificate("QQ==")
    assert entry == Entry("etc/ssl/certs/ca-certificates.crt", source=both.encode())


def test_which_certificates(cache: Path, tmp_path: Path, trusted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    variable = tmp_path / "variable"
    variable.write_text(certificate("of a variable"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "gone"))  # leads nowhere: the next one counts
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(variable))

    def held(setting: str = "") -> bytes:
        return bytes(next(iter(based(environment(tmp_path), setting).plans[3].entries())).source)  # type: ignore[arg-type]

    assert b"QUFB" in held(trusted)
    assert b"of a variable" in held()
    variable.write_text(certificate("changed since"))
    assert b"changed since" in held()


@pytest.mark.parametrize("content", [None, "", "no certificate", KEY])
def test_a_setting_without_certificates(cache: Path, tmp_path: Path, content: str | None) -> None:
    place = tmp_path / "set.pem"
    if content is not None:
        place.write_text(content)
    with pytest.raises(BaseError, match=r"set\.pem") as caught:
        based(environment(tmp_path), str(place))
    assert caught.value.hint


# ---------------------------------------------------------------- distributions
@pytest.fixture
def compiled(tmp_path: Path) -> Callable[..., AppFile]:
    """Make a compiled module beside the notebook that needs the libraries named."""

    def make(*needed: str) -> AppFile:
        own = library(tmp_path / "own.so", *needed)
        return AppFile("own.so", str(own), own.stat().st_size, "cell 1 imports own", module=True)

    return make


def test_libraries_beyond_the_machines_are_a_layer_on_top(
    cache: Path, tmp_path: Path, trusted: str, compiled: Callable[..., AppFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    library(tmp_path / "libs/libmine.so.2")
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path / "libs"))
    env = environment(tmp_path)
    plain, more = based(env, trusted), based(replace(env, files=(compiled("libmine.so.2"),)), trusted)
    assert [plan.key for plan in more.plans[:4]] == [plan.key for plan in plain.plans]
    (top,) = more.plans[4:]
    assert top.content == "libraries of the distributions"
    assert {entry.path for entry in top.entries()} == {"opt/nbcontainer/lib/libmine.so.2", "etc/ld.so.cache"}


def test_a_missing_library_is_said_once(cache: Path, tmp_path: Path, compiled: Callable[..., AppFile]) -> None:
    said: list[Event] = []
    env = replace(environment(tmp_path), files=(compiled("libgone.so.1", "libcuda.so.1"),))
    for _ in range(2):
        base = host.host_base(env, cache_dir=Store().cache_dir("host"), ca_bundle="", emit=said.append)
        assert base.notes == ("libgone.so.1, which own.so needs, is not on this machine",)
    notes = [getattr(each, "message", "") for each in said if getattr(each, "stage", "") == "note"]
    assert notes == ["libgone.so.1, which own.so needs, is not on this machine"]


def test_the_glibc_that_captured_files_need(cache: Path, tmp_path: Path) -> None:
    assert host.glibc_needs(environment(tmp_path), cache_dir=tmp_path) == host.Need()
    env = environment(tmp_path, "import numpy, sklearn")
    found = host.glibc_needs(env, cache_dir=tmp_path)
    text = b"".join(Path(path).read_bytes() for each in env.distributions for path in each.elf)
    stated = {tuple(map(int, version.split(b"."))) for version in re.findall(rb"\0GLIBC_(2\.\d+)(?=\0)", text)}
    assert tuple(map(int, found.glibc.split("."))) == max(stated)
    assert re.fullmatch(r"\S+\.so\S* of \S+ [\d.]+", found.file)
    assert host.glibc_needs(env, cache_dir=tmp_path) == found


# ---------------------------------------------------------------- refusals
@pytest.mark.parametrize(
    ("platform", "libc", "message"),
    [("darwin/arm64", "", "runs on darwin/arm64"), ("win32/amd64", "", "runs on win32/amd64"),
     ("linux/amd64", "musl", "runs on musl, not on glibc"), ("linux/s390x", "glibc 2.36", "not supported")],
)
def test_machines_that_cannot_be_stood_on(
    cache: Path, tmp_path: Path, platform: str, libc: str, message: str
) -> None:
    env = environment(tmp_path)
    with pytest.raises(RequirementError, match=message) as caught:
        based(replace(env, interpreter=replace(env.interpreter, platform=platform, libc=libc)))
    assert caught.value.hint
    assert ("resolve" in caught.value.hint) == (not platform.startswith("linux"))
