"""Asks an interpreter what it is and what is installed in it; gives JSON.

What this is: one standard-library file that any Python from 3.8 runs: as a module in a live kernel, as a program
elsewhere, or under the name of `ipykernel_launcher` behind a wrapper that starts kernels. What it is not: allowed to
import anything of nbcontainer. In the flow: Interpreter and installed distributions -> detection and capture.
"""

from __future__ import annotations

import json
import os
import platform
import re
import sys
import sysconfig
from typing import Any

OLDEST = (3, 8)
DPKG = "/var/lib/dpkg/info"
_owners: dict[str, list[str]] = {}  # path of Debian's metadata -> the files of its package
_SITES = ("site-packages", "dist-packages")


def facts() -> dict[str, Any]:
    """What the interpreter is; paths as it reports them."""
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine().lower(), platform.machine().lower())
    base = getattr(sys, "_base_executable", None) or sys.executable
    return {
        "executable": sys.executable,
        "version": platform.python_version(),
        "platform": "{}/{}".format("linux" if sys.platform.startswith("linux") else sys.platform, machine),
        "libc": _libc(),
        "prefix": sys.prefix,
        "base_prefix": sys.base_prefix,
        "base_executable": os.path.realpath(base if os.path.exists(base) else sys.executable),
        "stdlib": sysconfig.get_path("stdlib"),
        "platstdlib": _platstdlib(),
        "sys_path": [os.path.abspath(entry) for entry in sys.path if isinstance(entry, str)],
        "cache_tag": sys.implementation.cache_tag or "",
        "stdlib_names": sorted(getattr(sys, "stdlib_module_names", ()) or _stdlib_names()),
        "markers": _markers(),
        "watched": _watched(),
    }


def _libc() -> str:
    name, version = platform.libc_ver()
    if name or not sys.platform.startswith("linux"):
        return f"{name} {version}".strip()
    return "musl"


def _platstdlib() -> str:
    """Where lib-dynload lies; sysconfig names a folder of the virtual environment, which has none."""
    folders = [entry for entry in sys.path if os.path.basename(entry) == "lib-dynload"]
    return os.path.dirname(folders[0]) if folders else sysconfig.get_path("stdlib")


def _watched() -> list[str]:
    """What decides over sys.path without lying on it: pyvenv.cfg, and the user's site that may come into being."""
    site = sys.modules.get("site")
    user = [site.getusersitepackages()] if site is not None and site.ENABLE_USER_SITE else []
    return [os.path.join(sys.prefix, "pyvenv.cfg"), *user]


def _stdlib_names() -> set[str]:
    """Before 3.10: what lies in the standard library's folders, and what is built in."""
    names = set(sys.builtin_module_names)
    for folder in (sysconfig.get_path("stdlib"), os.path.join(_platstdlib(), "lib-dynload")):
        names.update(name.split(".")[0] for name in (os.listdir(folder) if os.path.isdir(folder) else ()))
    return names - {"site-packages", "dist-packages", "__pycache__"}


def _markers() -> dict[str, str]:
    """The environment of PEP 508's markers."""
    version = sys.implementation.version
    full = f"{version.major}.{version.minor}.{version.micro}"
    if version.releaselevel != "final":
        full += version.releaselevel[0] + str(version.serial)
    return {
        "implementation_name": sys.implementation.name,
        "implementation_version": full,
        "os_name": os.name,
        "platform_machine": platform.machine(),
        "platform_release": platform.release(),
        "platform_system": platform.system(),
        "platform_version": platform.version(),
        "python_full_version": platform.python_version(),
        "platform_python_implementation": platform.python_implementation(),
        "python_version": ".".join(platform.python_version_tuple()[:2]),
        "sys_platform": sys.platform,
    }


def normal(name: str) -> str:
    """A distribution's name as PyPI compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def distributions(path: list[str]) -> list[dict[str, Any]]:
    """Every installed distribution on `path`; the first of a name wins, as on sys.path."""
    found: dict[str, dict[str, Any]] = {}
    linked: set[str] = set()
    for location in path:
        try:
            names = sorted(os.listdir(location))
        except OSError:
            continue
        linked.update(_egg_link(os.path.join(location, name)) for name in names if name.endswith(".egg-link"))
        for name in names:
            if name.endswith((".dist-info", ".egg-info")) and not name.startswith("~"):  # ~: an install broke off
                one = _distribution(location, os.path.join(location, name), linked)
                if one:
                    found.setdefault(one["id"], one)
    return list(found.values())


def _egg_link(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace") as file:
        return os.path.realpath(file.readline().strip())


def _distribution(location: str, info: str, linked: set[str]) -> dict[str, Any] | None:
    headers = _headers(os.path.join(info, "METADATA")) or _headers(os.path.join(info, "PKG-INFO")) or _headers(info)
    if not headers.get("name"):
        return None
    files = [path for path, _, _ in recorded(info)]
    installer = "".join(_lines(os.path.join(info, "INSTALLER"))[:1])
    roots, modules = _editable(location, info, files, linked)
    is_editable = bool(roots or modules)
    return {
        "id": normal(headers["name"][0]),
        "name": headers["name"][0],
        "version": headers.get("version", [""])[0],
        "info": info,
        "location": location,
        "requires": headers.get("requires-dist", []) or _egg_requires(info),
        "extras": headers.get("provides-extra", []),
        "provides": sorted(modules) + _below(roots, info) if is_editable else _provides(location, info, files),
        "installer": installer,
        "kind": "editable" if is_editable else _kind(info, files, installer),
        "roots": roots,
        "modules": modules,
    }


def _kind(info: str, files: list[str], installer: str) -> str:
    if installer == "conda":
        return "conda"
    if os.path.basename(os.path.dirname(info)) == "dist-packages" and not files:
        return "debian"
    return "wheel" if files else "egg-info"


def _lines(path: str) -> list[str]:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return [line.strip() for line in file if line.strip()]
    except OSError:
        return []


def _headers(path: str) -> dict[str, list[str]]:
    """The metadata's headers, names in lower case; the description below them is not read."""
    found: dict[str, list[str]] = {}
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            last: list[str] = []
            for line in file:
                if line in ("\n", "\r\n"):
                    break
                if line[0] in " \t":
                    if last:
                        last[-1] += " " + line.strip()
                    continue
                key, colon, value = line.partition(":")
                if colon:
                    last = found.setdefault(key.strip().lower(), [])
                    last.append(value.strip())
    except OSError:
        return {}
    return found


def _egg_requires(info: str) -> list[str]:
    """requires.txt of an egg-info, as Requires-Dist lines: [extra:marker] sections become markers."""
    found, suffix = [], ""
    for line in _lines(os.path.join(info, "requires.txt")):
        if line.startswith("["):
            extra, _, marker = line.strip("[]").partition(":")
            parts = [f"({marker})"] if marker else []
            parts += [f"extra == '{extra}'"] if extra else []
            suffix = "; " + " and ".join(parts) if parts else ""
        else:
            found.append(line + suffix)
    return found


def recorded(info: str) -> list[tuple[str, str, str]]:
    """[(path relative to the location, hash, size)] of RECORD, [] without one."""
    try:
        with open(os.path.join(info, "RECORD"), encoding="utf-8", errors="surrogateescape", newline="") as file:
            text = file.read()
    except OSError:
        return []
    if '"' in text:
        import csv
        import io

        rows = [row for row in csv.reader(io.StringIO(text)) if row and row[0]]
    else:
        rows = [line.rsplit(",", 2) for line in text.splitlines() if line]
    padded = [[*row, "", ""] for row in rows]
    return [(row[0], row[1], row[2]) for row in padded]


def _provides(location: str, info: str, paths: list[str]) -> list[str]:
    """Import names, dotted below a namespace package: ["sklearn"], ["google.cloud.storage"]."""
    paths = paths or [os.path.relpath(path, location) for path in of_dpkg(info)]
    packages = {path.rsplit("/", 1)[0] for path in paths if path.rsplit("/", 1)[-1].startswith("__init__.")}
    found = set()
    for path in paths:
        if not path.startswith(("../", "/")) and "__pycache__/" not in path:
            found.add(_module(path, packages))
    named = sorted(found - {""}) or _lines(os.path.join(info, "top_level.txt"))
    if named:
        return named
    guess = os.path.basename(info).split("-")[0]
    same = {guess, guess.lower()} & {name.split(".")[0] for name in os.listdir(location)}
    return sorted(same)


def of_dpkg(info: str) -> list[str]:
    """Debian's files of the distribution with this metadata that lie among the Python packages, [] for others."""
    if os.path.basename(os.path.dirname(info)) != "dist-packages":
        return []
    if not _owners:
        for name in sorted(os.listdir(DPKG)) if os.path.isdir(DPKG) else ():
            lines = _lines(os.path.join(DPKG, name)) if name.endswith(".list") else []
            _owners.update({line: lines for line in lines if line.endswith((".egg-info", ".dist-info"))})
    return [line for line in _owners.get(info, ()) if "-packages/" in line]


def _module(path: str, packages: set[str]) -> str:
    parts = path.split("/")
    if not parts[-1].endswith((".py", ".so", ".pyd")) or parts[0].endswith((".dist-info", ".egg-info", ".data")):
        return ""
    for depth in range(1, len(parts)):
        if "/".join(parts[:depth]) in packages:
            return ".".join(parts[:depth])
    names = [*parts[:-1], parts[-1].split(".")[0]]
    return ".".join(names) if all(name.isidentifier() for name in names) else ""


# ---------------------------------------------------------------- editable installs
def _editable(location: str, info: str, files: list[str], linked: set[str]) -> tuple[list[str], dict[str, str]]:
    """([folders on sys.path], {import name: its source}) of an editable install, ([], {}) for others."""
    own_code = info.endswith(".egg-info") and os.path.basename(location) not in _SITES
    if own_code and not location.endswith(".egg"):
        return [location], {}
    if os.path.realpath(location) in linked:
        return [location], {}
    try:
        with open(os.path.join(info, "direct_url.json"), encoding="utf-8") as file:
            if not json.load(file).get("dir_info", {}).get("editable"):
                return [], {}
    except (OSError, ValueError, AttributeError):
        return [], {}
    roots: list[str] = []
    modules: dict[str, str] = {}
    for name in files:
        path = os.path.join(location, name)
        if name.endswith(".pth"):
            roots += [line for line in _lines(path) if os.path.isabs(line) and os.path.isdir(line)]
        elif name.endswith(".py") and "/" not in name and re.match(r"_", name):
            modules.update(_of_finder(path))
    return roots, modules


def _of_finder(path: str) -> dict[str, str]:
    """setuptools' finder has its table as a literal, MAPPING = {...}; others have a dict of names to paths."""
    import ast

    try:
        with open(path, encoding="utf-8") as file:
            tree = ast.parse(file.read())
    except (OSError, ValueError, SyntaxError):
        return {}
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values):  # noqa: B905 (3.8 knows no strict)
                name, place = _constant(key), _constant(value)
                if name and all(part.isidentifier() for part in name.split(".")) and os.path.isabs(place):
                    place = place if os.path.exists(place) else place + ".py"
                    found.update({name: os.path.dirname(place) if place.endswith("/__init__.py") else place})
    return {name: place for name, place in found.items() if os.path.exists(place)}


def _constant(node: Any) -> str:
    value = getattr(node, "value", None)
    return value if isinstance(value, str) else ""


def _below(roots: list[str], info: str) -> list[str]:
    """Import names of the modules in an editable install's folders."""
    named = _lines(os.path.join(info, "top_level.txt"))
    found = set(named)
    for root in () if named else roots:
        for name in os.listdir(root):
            if name.endswith(".py") or os.path.isfile(os.path.join(root, name, "__init__.py")):
                found.add(name[:-3] if name.endswith(".py") else name)
    return sorted(name for name in found if name.isidentifier())


def main() -> None:
    """Answer into the file that NBCONTAINER_ANSWER names, else on stdout."""
    if sys.version_info < OLDEST:
        sys.exit(f"it is Python {platform.python_version()}, and 3.8 or newer is needed")
    own = os.path.dirname(os.path.abspath(__file__))
    if os.path.basename(__file__) == "ipykernel_launcher.py" and sys.path[0] in ("", os.getcwd()):
        del sys.path[0]  # as ipykernel does after -m
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry) != own]  # put there by the start
    answer = facts()
    answer["distributions"] = distributions(answer["sys_path"])
    place = os.environ.get("NBCONTAINER_ANSWER")
    if place:
        with open(place, "w", encoding="utf-8") as file:
            json.dump(answer, file)
    else:
        json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
