"""Which libraries are taken from the machine: as the loader would find them, judged by the image's own layout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from nbcontainer.environment import elf, loadercache
from nbcontainer.environment.libraries import Found, Layout, Search
from tests.bases.elves import ARM64, library, roots
from tests.support import require

SITE = "opt/nbcontainer/env/lib/python3.11/site-packages"


def search(library_path: str = "", prefix: str = "/usr") -> Search:
    return Search(Found(), Layout(prefix), "amd64", library_path)


def test_a_library_of_the_machine_is_taken_with_what_it_needs(tmp_path: Path) -> None:
    library(tmp_path / SITE / "x.so", "libssl.so.3")
    require(loadercache.read("amd64").get("libssl.so.3"), "no libssl.so.3 on this machine")
    looking = search()
    looking.add(roots(tmp_path, f"{SITE}/x.so"))
    names = {os.path.basename(path) for path in looking.found.taken}
    assert {"libssl.so.3", "libcrypto.so.3", "libc.so.6"} <= names
    assert all(path.startswith("usr/lib") for path in looking.found.taken)  # where it is here, through a merged /usr
    assert looking.found.named["libssl.so.3"] in looking.found.taken
    assert looking.found.missing == {}


def test_a_sibling_in_the_image_is_not_taken_from_the_machine(tmp_path: Path) -> None:
    library(tmp_path / SITE / "a/x.so", "libz.so.1", "libown.so", rpath="$ORIGIN/../a.libs")
    library(tmp_path / SITE / "a.libs/libz.so.1")
    library(tmp_path / SITE / "a.libs/libown.so")
    looking = search()
    looking.add(roots(tmp_path, f"{SITE}/a/x.so", f"{SITE}/a.libs/libz.so.1", f"{SITE}/a.libs/libown.so"))
    assert looking.found.taken == {}
    assert looking.found.missing == {}


def test_the_images_layout_decides_not_this_machines(tmp_path: Path) -> None:
    """Two distributions that lie apart here and side by side in the image."""
    here = library(tmp_path / "one/site/a/x.so", "libfar.so", runpath="$ORIGIN/../b.libs")
    far = library(tmp_path / "two/site/b.libs/libfar.so")
    looking = search()
    looking.add({f"{SITE}/a/x.so": str(here), f"{SITE}/b.libs/libfar.so": str(far)})
    assert (looking.found.taken, looking.found.missing) == ({}, {})


def test_an_rpath_holds_for_what_is_loaded_below_and_a_runpath_does_not(tmp_path: Path) -> None:
    for kind in ("rpath", "runpath"):
        folder = tmp_path / kind
        library(folder / SITE / "x.so", "libmid.so", **{kind: f"{folder}/private"})
        library(folder / "private/libmid.so", "libdeep.so")
        library(folder / "private/libdeep.so")
        looking = search()
        looking.add(roots(folder, f"{SITE}/x.so"))
        assert set(looking.found.missing) == (set() if kind == "rpath" else {"libdeep.so"})


def test_libraries_of_a_persons_folders_lie_in_a_folder_of_ours_and_in_the_table(tmp_path: Path) -> None:
    library(tmp_path / SITE / "x.so", "libmine.so.2")
    library(tmp_path / "libs/libmine.so.2.1")
    (tmp_path / "libs/libmine.so.2").symlink_to("libmine.so.2.1")
    looking = search(library_path=str(tmp_path / "libs"))
    looking.add(roots(tmp_path, f"{SITE}/x.so"))
    assert looking.found.taken == {"opt/nbcontainer/lib/libmine.so.2": str(tmp_path / "libs/libmine.so.2.1")}
    assert looking.found.named == {"libmine.so.2": "opt/nbcontainer/lib/libmine.so.2"}


def test_a_python_that_moves_takes_its_libraries_along(tmp_path: Path) -> None:
    prefix = tmp_path / "conda"
    program = library(prefix / "bin/python3.11", "libpy.so", "libz.so.1", rpath="$ORIGIN/../lib")
    library(prefix / "lib/libpy.so", "libz.so.1")
    library(prefix / "lib/libz.so.1")
    looking = search(prefix=str(prefix))
    looking.add({"opt/python/bin/python3.11": str(program)})
    assert set(looking.found.taken) == {"opt/python/lib/libpy.so", "opt/python/lib/libz.so.1"}


def test_pythons_own_libraries_mean_the_same_for_all(tmp_path: Path) -> None:
    """A second libpython on the machine must not come before the one that Python runs with."""
    program = library(tmp_path / "py/bin/python3", "libz.so.1", runpath=f"{tmp_path}/py/lib")
    library(tmp_path / "py/lib/libz.so.1")
    library(tmp_path / SITE / "x.so", "libz.so.1")
    looking = search(prefix=str(tmp_path / "py"))
    looking.add({"opt/python/bin/python3": str(program)})
    looking.settle()
    looking.add(roots(tmp_path, f"{SITE}/x.so"))
    assert set(looking.found.taken) == {"opt/python/lib/libz.so.1"}
    assert looking.found.named == {"libz.so.1": "opt/python/lib/libz.so.1"}


def test_what_is_missing_is_known_unless_its_user_loads_it_first(tmp_path: Path) -> None:
    library(tmp_path / SITE / "x.so", "libnowhere.so.9", "libtorch.so")
    library(tmp_path / SITE / "torch/lib/libtorch.so")
    looking = search()
    looking.add(roots(tmp_path, f"{SITE}/x.so", f"{SITE}/torch/lib/libtorch.so"))
    assert looking.found.missing == {"libnowhere.so.9": f"{SITE}/x.so"}


def test_a_library_for_another_processor_is_passed_over(tmp_path: Path) -> None:
    library(tmp_path / SITE / "x.so", "libmine.so", runpath=f"{tmp_path}/arm:{tmp_path}/amd")
    library(tmp_path / "arm/libmine.so", machine=ARM64)
    library(tmp_path / "amd/libmine.so")
    looking = search()
    looking.add(roots(tmp_path, f"{SITE}/x.so"))
    assert list(looking.found.taken.values()) == [str(tmp_path / "amd/libmine.so")]


@pytest.mark.parametrize("content", [b"", b"\x7fELF", b"\x7fELF" + b"\xff" * 60, b"#!/bin/sh\n"])
def test_what_is_no_elf_file_needs_nothing(tmp_path: Path, content: bytes) -> None:
    place = tmp_path / "odd.so"
    place.write_bytes(content)
    assert elf.read(str(place)).needed == ()


def test_the_table_is_what_ldconfig_writes(tmp_path: Path) -> None:
    here = loadercache.read("amd64")
    ldconfig = shutil.which("ldconfig", path="/sbin:/usr/sbin")
    require(here and ldconfig, "no table of libraries, or no ldconfig, on this machine")
    (tmp_path / "table").write_bytes(loadercache.written(dict(reversed(here.items())), "amd64"))
    assert loadercache.read("amd64", str(tmp_path / "table")) == here

    def listed(*flags: str) -> list[str]:
        done = subprocess.run([str(ldconfig), "-p", *flags], capture_output=True, text=True, check=True)
        return [line for line in done.stdout.splitlines() if "(libc6,x86-64)" in line]

    assert listed("-C", str(tmp_path / "table")) == listed()


@pytest.mark.parametrize("content", [b"", b"ld.so-1.7.0\0", b"glibc-ld.so.cache1.1", b"other"])
def test_a_table_that_cannot_be_read_is_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "table").write_bytes(content)
    assert loadercache.read("amd64", str(tmp_path / "table")) == {}


def test_the_facts_of_a_real_program() -> None:
    facts = elf.read(os.path.realpath(sys.executable))
    assert facts.loader.startswith("/lib")
    assert "libc.so.6" in facts.needed
    assert elf.ordered(facts.glibc) >= (2, 2)
