"""The host base for real: unpacked, entered, and used by a user without rights on files that only root may write."""

from __future__ import annotations

import http.server
import importlib.util
import json
import shutil
import ssl
import sys
import threading
from pathlib import Path

import pytest

from tests.bases.conftest import Root, based, built, environment
from tests.environment.parts import pyenv, venv

USED = """
import asyncio, bz2, ctypes, decimal, hashlib, json, lzma, multiprocessing, readline, sqlite3, ssl, sys, uuid, zoneinfo
import concurrent.futures, ctypes.util, locale, os, pwd, subprocess, sysconfig
print(json.dumps({
    "version": sys.version, "prefix": sys.prefix, "built": sysconfig.get_config_var("prefix"),
    "c": ctypes.util.find_library("c"), "z": ctypes.util.find_library("z"), "none": ctypes.util.find_library("nono"),
    "loaded": ctypes.CDLL("libgcc_s.so.1")._name,
    "locale": locale.setlocale(locale.LC_ALL, ""), "encoding": sys.getfilesystemencoding(),
    "zone": str(zoneinfo.ZoneInfo("Europe/Berlin")), "zones": len(zoneinfo.available_timezones()),
    "trusted": len(ssl.create_default_context().get_ca_certs()),
    "sql": sqlite3.connect(":memory:").execute("select 6*7").fetchone(),
    "shell": subprocess.run("printf 'b\\na\\n' | sort | sed s/a/A/ | awk '{print $1}'", shell=True, text=True,
                            capture_output=True, check=True).stdout,
}))
"""


def test_a_model_trains_and_a_plot_is_drawn(digits: Root) -> None:
    said = digits.python("""
import io, matplotlib, pandas, sklearn.datasets, sklearn.linear_model
matplotlib.use("agg")
import matplotlib.pyplot as plot
x, y = sklearn.datasets.load_digits(return_X_y=True)
print(sklearn.linear_model.LogisticRegression(max_iter=20).fit(x, y).score(x, y) > 0.9, pandas.DataFrame(x).shape)
plot.plot([1, 2]); plot.title("t"); out = io.BytesIO(); plot.savefig(out); print(out.getvalue()[:4])
""")
    assert said.splitlines() == ["True (1797, 64)", r"b'\x89PNG'"]


def test_the_standard_library_works(digits: Root) -> None:
    found = json.loads(digits.python(USED))
    assert found["version"] == sys.version
    assert found["prefix"] == "/opt/nbcontainer/env"
    assert (found["c"], found["z"], found["none"]) == ("libc.so.6", "libz.so.1", None)
    assert (found["locale"], found["encoding"], found["zone"]) == ("C.UTF-8", "utf-8", "Europe/Berlin")
    assert found["zones"] > 500
    assert found["trusted"] == 1
    assert (found["sql"], found["shell"]) == ([42], "A\nb\n")


def test_a_server_with_a_certificate_of_the_machines_private_ca(digits: Root) -> None:
    certificate, key = digits.authority.sign("server", "/CN=server", "IP:127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with http.server.HTTPServer(("127.0.0.1", 0), Quiet) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            address = f"https://127.0.0.1:{server.server_port}/"
            assert digits.python(f"import urllib.request as u; print(u.urlopen({address!r}, timeout=10).read())") == (
                "b'trusted'\n")
        finally:
            server.shutdown()


class Quiet(http.server.BaseHTTPRequestHandler):
    """Answers and logs nothing."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"trusted")

    def log_message(self, *_: object) -> None:
        pass


AGAIN = """
import json
from pathlib import Path
from nbcontainer.environment import host, interpreter
from nbcontainer.image.store import Store
from nbcontainer.model import Environment, Notebook, silent
python = interpreter.choose(Notebook(Path("/tmp/nb.ipynb"), ()), python="/opt/nbcontainer/env/bin/python")
base = host.host_base(Environment(python, ()), cache_dir=Store().cache_dir("host"), ca_bundle="", emit=silent)
print(json.dumps([plan.key for plan in base.plans]))
"""


def test_the_machine_made_of_it_is_the_same_again(digits: Root) -> None:
    """Inside the image, as in a pod that builds images: the same layers come out, without rights to write anything."""
    packages = digits.folder / "app/packages"
    for name in ("nbcontainer", "elftools"):
        found = importlib.util.find_spec(name)
        assert found
        assert found.origin
        shutil.copytree(Path(found.origin).parent, packages / name)
    said = digits.run("/opt/nbcontainer/env/bin/python", "-c", AGAIN, PYTHONPATH="/app/packages",
                      NBCONTAINER_CACHE="/tmp/cache")
    assert json.loads(said) == digits.keys


def test_processes_start_by_fork_and_by_spawn(digits: Root) -> None:
    (digits.folder / "app/pool.py").write_text(
        "import multiprocessing, sys\nif __name__ == '__main__':\n"
        "    method = multiprocessing.get_context(sys.argv[1])\n"
        "    process = method.Process(target=print, args=('from a', sys.argv[1]))\n"
        "    process.start(); process.join(); sys.exit(process.exitcode)\n"
    )
    for method in ("fork", "spawn"):
        assert digits.run("/opt/nbcontainer/env/bin/python", "/app/pool.py", method) == f"from a {method}\n"


def test_any_user_may_run_it_and_two_have_names(digits: Root) -> None:
    name = "import os, pwd; print(pwd.getpwuid(os.getuid()).pw_name)"
    assert digits.python(name) == "nonroot\n"
    assert digits.python(name, user="0:0") == "root\n"
    assert digits.python("import os, ssl, numpy; print(os.getuid())", user="54321:0") == "54321\n"


def test_shells(digits: Root) -> None:
    assert digits.run("/bin/bash", "-c", "x=(1 2 3); echo ${#x[@]}; cat <<< here") == "3\nhere\n"
    assert digits.run("/bin/sh", "-c", "ls / | grep -c ^app; python -c 'print(1)'") == "1\n1\n"
    assert digits.run("/usr/bin/which", "python") == "/opt/nbcontainer/env/bin/python\n"


def test_imports_find_compiled_files(digits: Root) -> None:
    said = digits.python("import json.decoder, numpy; print(json.decoder.__cached__); print(numpy.__cached__)")
    assert all((digits.folder / line[1:]).is_file() for line in said.splitlines())
    assert said.startswith(("/opt/python/lib/", "/usr/lib/"))


def test_the_tables_of_libraries_agree_with_what_is_there(digits: Root) -> None:
    lines = digits.run("/sbin/ldconfig", "-p").splitlines()
    paths = [line.partition("=> ")[2] for line in lines[1:] if "=>" in line]
    assert len(paths) > 20
    assert [path for path in paths if not (digits.folder / path[1:]).is_file()] == []


def test_every_library_that_a_file_needs_is_found(digits: Root) -> None:
    files = [path for path in digits.folder.rglob("*.so*") if path.is_file() and "/tests/" not in str(path)]
    assert len(files) > 300
    inside = [f"/{path.relative_to(digits.folder)}" for path in files]
    said = digits.run("/bin/bash", "-c", 'for f; do ldd "$f" 2>/dev/null | grep "not found"; done; true', "_", *inside)
    lacking = {line.split()[0] for line in said.splitlines()}
    within = {path.name for path in files}
    assert lacking <= within  # found at run time: its user has loaded it first


@pytest.mark.parametrize("version", ["3.8", "3.10", "3.13"])
def test_other_pythons(version: str, cache: Path, tmp_path: Path, may_chroot: None) -> None:
    env = environment(tmp_path, python=str(venv(tmp_path / "venv", pyenv(version))))
    base = based(env)
    assert base.python == f"/opt/python/bin/python{version}"
    code = USED.replace("zoneinfo", "json") if version == "3.8" else USED
    code = code.replace('str(json.ZoneInfo("Europe/Berlin"))', "0").replace("len(json.available_timezones())", "0")
    found = json.loads(Root(built(env, base), tmp_path / "root").python(code))
    assert found["version"].startswith(f"{version}.")
    assert (found["built"], found["c"], found["locale"]) == ("/opt/python", "libc.so.6", "C.UTF-8")


def test_the_systems_python_stays_in_usr(cache: Path, tmp_path: Path, may_chroot: None) -> None:
    system = Path("/usr/bin/python3")
    if not system.exists():
        pytest.skip("no Python of the system on this machine")
    env = environment(tmp_path, python=str(venv(tmp_path / "venv", str(system))))
    base = based(env)
    assert base.python == f"/usr/bin/python{env.interpreter.minor}"
    root = Root(built(env, base), tmp_path / "root")
    found = json.loads(root.python(USED))
    assert (found["built"], found["c"], found["prefix"]) == ("/usr", "libc.so.6", "/opt/nbcontainer/env")
    assert not list((root.folder / "usr/lib").glob("python3*/dist-packages"))
    assert root.run("/usr/bin/python3", "-c", "import sys; print(sys.prefix)") == "/usr\n"
