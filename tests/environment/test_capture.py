"""What the notebook's interpreter has of what the notebook needs: real environments, installs by pip."""

from __future__ import annotations

import base64
import hashlib
import sys
from pathlib import Path

import pytest

from nbcontainer.environment import answers, held
from nbcontainer.errors import RequirementError
from nbcontainer.model import ENV, Script
from tests.environment.parts import captured, debian_python, image, notebook, pip, pyenv, venv, wheel, why

SITE = f"{ENV}/lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with a little family of distributions."""
    folder = tmp_path_factory.mktemp("family")
    made = venv(folder / "env")
    pip(
        made,
        wheel(folder, "top-dist", files={"topmod/__init__.py": "", "topmod/sub.py": "", "other.py": ""},
              requires=["leaf>=1", "never; python_version < '3'", "optional; extra == 'more'", "absent"],
              extras=["more"]),
        wheel(folder, "leaf", "1.5", requires=["loop[x]"]),
        wheel(folder, "loop", extras=["x"], requires=["leaf", "deep; extra == 'x'", "loop[y]; extra == 'x'"]),
        wheel(folder, "deep"), wheel(folder, "optional"), wheel(folder, "unused"),
        wheel(folder, "ns-one", files={"ns/one/__init__.py": "", "ns/plain.py": ""}, requires=["leaf"]),
        wheel(folder, "ns-two", files={"ns/inner/two/__init__.py": ""}),
        wheel(folder, "ipython", files={"IPython/__init__.py": ""}),
        wheel(folder, "nbcontainer", files={"nbcontainer/__init__.py": ""}, requires=["deep"]),
    )
    return made


def test_roots_and_what_they_require_each_with_its_reason(python: Path, cache: Path, tmp_path: Path) -> None:
    found = captured(notebook(tmp_path / "n", "x = 1", "import topmod.sub, json\nfrom other import x"), python, cache)
    assert why(found) == {
        "top-dist": ("cell 2 imports topmod", "cell 2 imports other"),
        "leaf": ("required by top-dist", "required by loop"),
        "loop": ("required by leaf",),
        "deep": ("required by loop",),
    }
    assert found.notes == ("top-dist requires absent, which is not installed",)
    assert [each.name for each in found.distributions] == ["deep", "leaf", "loop", "top-dist"]
    assert captured(notebook(tmp_path / "n", "x = 1", "import topmod.sub, json\nfrom other import x"), python,
                    cache).notes == found.notes


def test_pip_lines_are_roots_with_their_extras(python: Path, cache: Path, tmp_path: Path) -> None:
    script = Script("nb.py", "", requirements=((1, "Top_Dist[more] >= 1"), (1, "never-needed; python_version < '3'")))
    found = captured(notebook(tmp_path, "%pip install Top_Dist[more]"), python, cache, script)
    assert why(found)["top-dist"] == ("cell 1 installs it",)
    assert why(found)["optional"] == ("required by top-dist",)


def test_a_pip_line_against_what_is_installed(python: Path, cache: Path, tmp_path: Path) -> None:
    book = notebook(tmp_path, "%pip install leaf==2")
    found = captured(book, python, cache, Script("nb.py", "", requirements=((1, "leaf==2"),)))
    assert "cell 1 asks for leaf==2; leaf 1.5 is installed and is what the image gets" in found.notes
    with pytest.raises(RequirementError, match=r"cell 1 asks for gone, which is not installed in .*/env/bin/python"):
        captured(book, python, cache, Script("nb.py", "", requirements=((1, "gone"),)))
    with pytest.raises(RequirementError, match="is no requirement"):
        captured(book, python, cache, Script("nb.py", "", requirements=((1, "a b c"),)))


def test_extra_requirements_and_modules_of_a_callable(python: Path, cache: Path, tmp_path: Path) -> None:
    book = notebook(tmp_path)
    found = captured(book, python, cache, extra=[("deep", "--include deep")], modules=["other", "json", "nowhere"])
    assert why(found)["deep"] == ("--include deep", "required by loop")
    assert why(found)["top-dist"] == ("the served callable uses other",)


def test_an_import_that_nothing_provides(python: Path, cache: Path, tmp_path: Path) -> None:
    book = notebook(tmp_path, "import json", "x = 1\n!ls\nimport lost.part")
    with pytest.raises(RequirementError) as caught:
        captured(book, python, cache)
    assert caught.value.message == f"cell 2, line 3: nothing installed in {python} provides 'lost'"
    assert "%pip install lost" in caught.value.hint
    assert caught.value.exit_code == 2


def test_all_that_is_missing_is_said_at_once(python: Path, cache: Path, tmp_path: Path) -> None:
    with pytest.raises(RequirementError, match=r"'lost' \(also cell 1, line 2: 'gone'; cell 2, line 1: 'away'\)"):
        captured(notebook(tmp_path, "import lost\nimport gone", "import away"), python, cache)


@pytest.mark.parametrize(
    "source",
    ["try:\n    import lost\nexcept ImportError:\n    lost = None",
     "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import lost"],
)
def test_a_guarded_import_that_nothing_provides_is_a_note(
    python: Path, cache: Path, tmp_path: Path, source: str
) -> None:
    found = captured(notebook(tmp_path, source), python, cache)
    assert len(found.notes) == 1
    assert "'lost' isn't installed" in found.notes[0]
    assert "cell 1, line " in found.notes[0]


def test_cells_that_stay_out_do_not_count(python: Path, cache: Path, tmp_path: Path) -> None:
    found = captured(notebook(tmp_path, ("import lost, topmod", "skip-container"), "import deep"), python, cache)
    assert why(found) == {"deep": ("cell 2 imports deep",)}


def test_namespace_packages(python: Path, cache: Path, tmp_path: Path) -> None:
    one = captured(notebook(tmp_path, "from ns import one"), python, cache)
    assert set(why(one)) == {"ns-one", "leaf", "loop", "deep"}
    assert set(why(captured(notebook(tmp_path, "import ns.plain"), python, cache))) >= {"ns-one"}
    assert set(why(captured(notebook(tmp_path, "from ns.inner.two import x"), python, cache))) == {"ns-two"}
    assert {"ns-one", "ns-two"} <= set(why(captured(notebook(tmp_path, "import ns"), python, cache)))
    with pytest.raises(RequirementError, match=r"provides 'ns\.three'"):
        captured(notebook(tmp_path, "from ns import three"), python, cache)


def test_ipython_joins_with_its_reason(python: Path, cache: Path, tmp_path: Path) -> None:
    script = Script("nb.py", "", ipython="cell 1 uses %%bash")
    found = captured(notebook(tmp_path, "%%bash\nls"), python, cache, script)
    assert why(found) == {"ipython": ("cell 1 uses %%bash",)}
    with pytest.raises(RequirementError, match="cell 1 uses %%bash, and IPython is not installed"):
        captured(notebook(tmp_path, "%%bash\nls"), venv(tmp_path / "bare"), cache, script)


def test_nbcontainer_stays_out_unless_a_pip_line_asks(python: Path, cache: Path, tmp_path: Path) -> None:
    assert why(captured(notebook(tmp_path, "import nbcontainer"), python, cache)) == {}
    assert why(captured(notebook(tmp_path, "import nbcontainer"), venv(tmp_path / "bare"), cache)) == {}
    script = Script("nb.py", "", requirements=((1, "nbcontainer"),))
    found = captured(notebook(tmp_path, "import nbcontainer"), python, cache, script)
    assert why(found)["nbcontainer"] == ("cell 1 installs it",)
    assert why(found)["deep"] == ("required by nbcontainer",)


def test_system_site_packages(cache: Path, tmp_path: Path) -> None:
    base = venv(tmp_path / "base")
    pip(base, wheel(tmp_path, "below", "1.0"), wheel(tmp_path, "shared", "1.0"))
    python = venv(tmp_path / "env")
    pip(python, wheel(tmp_path / "newer", "shared", "2.0"))
    (tmp_path / "env/lib" / f"python{SITE.split('python')[1]}").joinpath("base.pth").write_text(
        f"{next((tmp_path / 'base/lib').glob('python3*'))}/site-packages\n"
    )
    found = captured(notebook(tmp_path / "n", "import below, shared"), python, cache)
    assert {each.name: each.version for each in found.distributions} == {"below": "1.0", "shared": "2.0"}
    assert f"{SITE}/below/__init__.py" in image(found, "below")


def test_an_unchanged_distribution_is_remembered_and_a_changed_one_is_told(cache: Path, tmp_path: Path) -> None:
    python = venv(tmp_path / "env")
    pip(python, wheel(tmp_path, "leaf", files={"leaf/__init__.py": "a = 1\n", "leaf/more.py": "b = 2\n"}))
    record = next((tmp_path / "env/lib").glob("python3*/site-packages/leaf-1.0.dist-info/RECORD"))
    digest = base64.urlsafe_b64encode(hashlib.sha256(b"b = 2\n").digest()).rstrip(b"=").decode()
    record.write_text(record.read_text().replace("leaf/more.py,,", f"leaf/more.py,sha256={digest},6"))
    book = notebook(tmp_path / "n", "import leaf")
    before = captured(book, python, cache)
    assert before.distributions[0].modified == ()
    held._memory.clear()
    assert captured(book, python, cache).distributions[0].key == before.distributions[0].key
    place = next((tmp_path / "env/lib").glob("python3*/site-packages/leaf/more.py"))
    place.write_text("b = 3\n")
    after = captured(book, python, cache)
    assert after.distributions[0].key != before.distributions[0].key
    assert after.distributions[0].modified == ("leaf/more.py",)
    assert after.notes == ("1 file of leaf was modified since install: leaf/more.py",)


def test_an_editable_installs_source_is_a_local_module(cache: Path, tmp_path: Path) -> None:
    python = venv(tmp_path / "env")
    (tmp_path / "src/own").mkdir(parents=True)
    (tmp_path / "src/own/__init__.py").write_text("from . import part\nimport leaf\n")
    (tmp_path / "src/own/part.py").write_text("")
    pip(python, wheel(tmp_path, "leaf"), wheel(tmp_path, "own", files={"own.pth": f"{tmp_path}/src\n"}))
    site = next((tmp_path / "env/lib").glob("python3*/site-packages"))
    (site / "own-1.0.dist-info/direct_url.json").write_text('{"url": "file:///x", "dir_info": {"editable": true}}')
    found = captured(notebook(tmp_path / "n", "import own"), python, cache)
    assert [each.path for each in found.files] == ["own/__init__.py", "own/part.py"]
    assert why(found)["leaf"] == ("own/__init__.py imports leaf",)
    assert why(found)["own"][0] == "cell 1 imports own"


def test_local_modules_are_followed_at_any_depth_and_files_are_taken(
    python: Path, cache: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "n"
    (folder / "pkg").mkdir(parents=True)
    (folder / "pkg/__init__.py").write_text("")
    (folder / "pkg/a.py").write_text("from .b import f\n")
    (folder / "pkg/b.py").write_text("import deep\nf = 1\n")
    (folder / "pkg/unused.py").write_text("import lost\n")
    (folder / "rows.csv").write_text("1\n")
    (folder / "big.bin").write_bytes(b"0" * 3000)
    (folder / "id_rsa").write_text("-----BEGIN OPENSSH PRIVATE KEY-----\n")
    cell = "from pkg.a import f\nopen('rows.csv'); open('big.bin', 'rb'); open('id_rsa'); open('out.csv', 'w')"
    found = captured(notebook(folder, cell), python, cache, max_file=2000)
    assert [each.path for each in found.files] == [
        "pkg/__init__.py", "pkg/a.py", "pkg/b.py", "pkg/unused.py", "rows.csv",  # a package is taken whole
    ]
    assert why(found)["deep"] == ("pkg/b.py imports deep",)
    assert any("big.bin" in note and "larger than max_file" in note for note in found.notes)
    assert any("id_rsa" in note and "credential" in note for note in found.notes)


@pytest.mark.parametrize("version", ["3.8", "3.13"])
def test_other_pythons(version: str, cache: Path, tmp_path: Path) -> None:
    python = venv(tmp_path / "env", pyenv(version))
    pip(python, wheel(tmp_path, "leaf"))
    found = captured(notebook(tmp_path / "n", "import leaf, json"), python, cache)
    assert list(why(found)) == ["leaf"]
    assert found.interpreter.minor == version
    assert f"{ENV}/lib/python{version}/site-packages/leaf/__init__.py" in image(found, "leaf")


def test_debians_packages(cache: Path, tmp_path: Path) -> None:
    python = debian_python("six.py")
    found = captured(notebook(tmp_path / "n", "import six"), python, cache)
    assert list(why(found)) == ["six"]
    assert any(path.endswith("site-packages/six.py") for path in image(found, "six"))


def test_the_answer_is_asked_for_once(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = venv(tmp_path / "env")
    book = notebook(tmp_path / "n", "import json")
    captured(book, python, cache)
    monkeypatch.setattr(answers, "_started", lambda *_: pytest.fail("asked again"))
    captured(book, python, cache)


def test_a_package_brings_its_data_and_what_a_cell_writes_stays_out(python: Path, cache: Path, tmp_path: Path) -> None:
    folder = tmp_path / "n"
    (folder / "pkg/tables").mkdir(parents=True)
    (folder / "pkg/__init__.py").write_text("")
    (folder / "pkg/tables/a.csv").write_text("1\n")
    (folder / "pkg/.env").write_text("TOKEN=1\n")
    (folder / "pkg/away").symlink_to(tmp_path.parent)
    (folder / "made.csv").write_text("of an earlier run\n")
    (folder / "data").mkdir()
    (folder / "data/x.csv").write_text("1\n")
    cell = "import pkg, os\nopen('made.csv', 'w').write('1')\nopen('made.csv').read()\nos.listdir('data')"
    found = captured(notebook(folder, cell), python, cache)
    assert [each.path for each in found.files] == ["pkg/__init__.py", "pkg/tables/a.csv"]
    assert any("pkg/.env looks like a credential" in note for note in found.notes)
    assert any("leads out of the project" in note for note in found.notes)
    assert any("cell 1 lists data (1 files)" in note for note in found.notes)
