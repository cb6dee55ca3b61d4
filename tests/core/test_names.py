"""Names that clusters, registries and files accept, from names that people chose."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nbcontainer import names
from nbcontainer.errors import UsageError
from nbcontainer.model import Identity

LABEL = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
SLUGS = {
    "digits.ipynb": "digits",
    "Ma thèse (final).ipynb": "ma-these-final",
    "it's; $(rm -rf x)\n.ipynb": "it-s-rm-rf-x",
    "2026 report.ipynb": "n-2026-report",
    "漢字.ipynb": "notebook",
    ".ipynb": "notebook",
    "---.ipynb": "notebook",
    "a.b_c.ipynb": "a-b-c",
    "notes.txt": "notes-txt",
}


@pytest.mark.parametrize("name", SLUGS)
def test_slugs(name: str) -> None:
    assert names.slug(name) == SLUGS[name]


@pytest.mark.parametrize("name", ["x" * 300 + ".ipynb", "9" * 300, "a" * 35 + "--b.ipynb", "é" * 99])
def test_long_names_become_labels(name: str) -> None:
    made = names.slug(name)
    assert len(made) <= 36
    assert LABEL.fullmatch(made)


def test_an_identity_survives_a_clone_and_tells_owners_apart(tmp_path: Path) -> None:
    made = []
    for clone in ("one", "two"):
        (tmp_path / clone / ".git").mkdir(parents=True)
        made.append(names.identity(tmp_path / clone / "sub" / "a b.ipynb", owner="ann"))
    assert made[0] == made[1]
    assert made[0].path == "sub/a b.ipynb"
    assert re.fullmatch(r"[0-9a-f]{8}", made[0].id)
    assert names.identity(tmp_path / "one" / "sub" / "a b.ipynb", owner="ben").id != made[0].id
    assert names.identity(tmp_path / "one" / "a b.ipynb", owner="ann").id != made[0].id


def test_the_owner_is_the_hubs_user_or_the_login_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NBCONTAINER_OWNER", raising=False)
    monkeypatch.setenv("JUPYTERHUB_USER", "ann")
    assert names.default_owner() == "ann"
    monkeypatch.setenv("NBCONTAINER_OWNER", "team")
    assert names.default_owner() == "team"
    monkeypatch.delenv("NBCONTAINER_OWNER")
    monkeypatch.delenv("JUPYTERHUB_USER")
    assert names.default_owner()


def test_run_names() -> None:
    who = Identity("1a2b3c4d", "digits", "digits.ipynb", "ann")
    assert names.run_name(who, "inference") == "digits-1a2b3c4d"
    first, second = names.run_name(who, "training"), names.run_name(who, "training")
    assert re.fullmatch(r"digits-1a2b3c4d-[a-z]{5}", first)
    assert first != second
    assert names.run_name(who, "training", "mine-1") == "mine-1"
    longest = Identity("1a2b3c4d", "x" * 36, "x", "ann")
    assert names.valid_name(names.run_name(longest, "training"))


@pytest.mark.parametrize("name", ["", "A", "1a", "-a", "a-", "a_b", "a b", "a\n", "é", "a;ls", "$(x)", "'", "a" * 54])
def test_names_that_cant_be(name: str) -> None:
    with pytest.raises(UsageError, match="can't name a run"):
        names.valid_name(name)
