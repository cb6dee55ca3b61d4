"""A distribution's files in the image: programs, links, what is dropped, and installs that keep no RECORD."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from nbcontainer.environment import foreign, scripts, secret
from nbcontainer.model import ENV
from tests.environment.parts import ELF, captured, image, notebook, pip, venv, wheel

MINOR = f"{sys.version_info[0]}.{sys.version_info[1]}"
SITE = f"{ENV}/lib/python{MINOR}/site-packages"


def test_what_is_taken_and_what_is_dropped(cache: Path, tmp_path: Path) -> None:
    python = venv(tmp_path / "env")
    pip(python, wheel(tmp_path, "leaf", files={
        "leaf/__init__.py": "x = 1\n", "leaf/data.json": "{}", "leaf/fast.so": ELF, "leaf.pth": "leaf/more\n",
        "away.pth": f"{tmp_path}\n"}, scripts={"leaf-run": "leaf:main [extra]"}))
    (found,) = captured(notebook(tmp_path / "n", "import leaf"), python, cache).distributions
    inside = image(captured(notebook(tmp_path / "n", "import leaf"), python, cache), "leaf")
    assert {path.removeprefix(f"{SITE}/") for path in inside} == {
        "leaf/__init__.py", "leaf/data.json", "leaf/fast.so", "leaf.pth", f"{ENV}/bin/leaf-run",
        "leaf-1.0.dist-info/METADATA", "leaf-1.0.dist-info/WHEEL", "leaf-1.0.dist-info/RECORD",
        "leaf-1.0.dist-info/entry_points.txt"}
    mode, text = inside[f"{ENV}/bin/leaf-run"]
    assert mode == 0o755
    assert text.startswith(f"#!/{ENV}/bin/python\n".encode())
    assert b"from leaf import main" in text
    assert [Path(path).name for path in found.elf] == ["fast.so"]
    record = inside[f"{SITE}/leaf-1.0.dist-info/RECORD"][1].decode()
    assert "../../../bin/leaf-run,sha256=" in record
    assert "INSTALLER" not in record
    assert record.endswith("leaf-1.0.dist-info/RECORD,,\n")


def test_the_key_is_the_same_in_another_environment(cache: Path, tmp_path: Path) -> None:
    keys = set()
    for name in ("one", "two"):
        python = venv(tmp_path / name)
        pip(python, wheel(tmp_path / "wheels", "leaf", scripts={"leaf-run": "leaf:main"}))
        keys.add(captured(notebook(tmp_path / "n", "import leaf"), python, cache).distributions[0].key)
    assert len(keys) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"#!/home/ann/env/bin/python3.11\nimport x\n", b"import x\n"),
        (b"#!/usr/bin/env python3\nimport x\n", b"import x\n"),
        (b"#!/home/ann b/env/bin/python -s\nimport x\n", b"import x\n"),
        (b"#!/bin/sh\n'''exec' \"/a very/long path/python\" \"$0\" \"$@\"\n' '''\nimport x\n", b"import x\n"),
        (b"#!/bin/sh\necho python\n", None),
        (b"\x7fELF", None),
        (b"", None),
    ],
)
def test_the_first_line_of_a_program(tmp_path: Path, text: bytes, expected: bytes | None) -> None:
    (tmp_path / "tool").write_bytes(text)
    found = scripts.script("tool", str(tmp_path / "tool"), {})
    assert found == (None if expected is None else f"#!/{ENV}/bin/python\n".encode() + expected)


def test_a_dotted_entry_point(tmp_path: Path) -> None:
    text = scripts.script("tool", "/gone", {"tool": "pkg.mod:Class.main"})
    assert text
    assert b"from pkg.mod import Class\n" in text
    assert text.rstrip().endswith(b"sys.exit(Class.main())")


def described(tmp_path: Path, kind: str, info: str, provides: list[str]) -> dict[str, object]:
    location = tmp_path / f"lib/python{MINOR}/site-packages"
    return {"id": "leaf", "location": str(location), "info": str(location / info), "kind": kind, "provides": provides}


def test_an_install_without_record_is_walked(tmp_path: Path) -> None:
    site = tmp_path / f"lib/python{MINOR}/site-packages"
    for name in ("leaf/__init__.py", "leaf/sub/data.txt", "leaf/__pycache__/x.pyc", "other.py", "single.py"):
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_text("")
    (site / "leaf-1.egg-info").write_text("Name: leaf\n")
    found = foreign.listed(described(tmp_path, "egg-info", "leaf-1.egg-info", ["leaf", "single"]))
    assert found == ["leaf-1.egg-info", "leaf/__init__.py", "leaf/sub/data.txt", "single.py"]


def test_conda_tells_its_files(tmp_path: Path) -> None:
    site = f"lib/python{MINOR}/site-packages"
    for name in (f"{site}/leaf.py", f"{site}/leaf-1.dist-info/METADATA", "bin/leaf", "share/doc/leaf.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / "conda-meta").mkdir()
    files = [f"{site}/leaf.py", "bin/leaf", "share/doc/leaf.txt", f"{site}/gone.py"]
    (tmp_path / "conda-meta/leaf-1-0.json").write_text(json.dumps({"name": "Leaf", "files": files}))
    found = foreign.listed(described(tmp_path, "conda", "leaf-1.dist-info", []))
    assert found == ["../../../bin/leaf", "leaf-1.dist-info/METADATA", "leaf.py"]


@pytest.mark.parametrize("name", [".env", ".netrc", "id_rsa", "x.key", "credentials.json", "service-account-1.json"])
def test_names_of_credentials(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("")
    assert secret.is_secret(str(tmp_path / name))


def test_contents_of_credentials(tmp_path: Path) -> None:
    for text, expected in (("-----BEGIN RSA PRIVATE KEY-----\n", True), ('{"private_key": "x"}', True),
                           ("-----BEGIN CERTIFICATE-----\n", False), ("a,b\n1,2\n", False)):
        (tmp_path / "data.txt").write_text(text)
        assert secret.holds_key(str(tmp_path / "data.txt")) is expected
