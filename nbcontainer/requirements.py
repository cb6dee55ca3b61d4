"""`%pip install` lines as requirements.

What this is: the words of an install line -> requirement lines. What it is not: an installer; what the line installed
is taken from the environment it installed into.
In the flow: a part of the conversion; capture makes roots of what this finds.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

_INSTALL = re.compile(  # IPython's automagic takes `pip install` without its %, and no Python has such a line
    r"^\s*(?:[%!]{1,2}\s*)?(?:(?:\$?\{?sys\.executable\}?|python[\d.]*|uv)\s+(?:-m\s+)?)?"
    r"(pip[\d.]*|conda|mamba|micromamba)\s+install\b(.*)$",
    re.S,
)
_ENDS = re.compile(r"\d?>{1,2}.*|\d?<.*|&>.*|&&?|\|\|?|;")  # where a shell's words end the command
_WITH_VALUE = {
    "-i", "--index-url", "--extra-index-url", "-f", "--find-links", "-c", "--constraint", "-t", "--target", "--prefix",
    "--root", "--platform", "--python-version", "--proxy", "--cert", "--timeout", "--retries", "--trusted-host", "-n",
    "--name", "-p", "--python", "--channel", "--cache-dir", "--progress-bar", "--log",
}
_FILES = {"-r", "--requirement", "--file"}


def is_install(line: str) -> bool:
    return _INSTALL.match(line) is not None


def of_line(line: str, folder: Path, cell: int) -> tuple[list[str], list[str]]:
    """(requirement lines, notes) of an install line in the cell `cell` of a notebook in `folder`."""
    found = _INSTALL.match(line)
    if not found:
        return [], []
    conda = "conda" in found[1] or "mamba" in found[1]
    text = re.sub(r"(^|\s)#.*", "", found[2].replace("\\\n", " "))
    try:
        words = shlex.split(text)
    except ValueError:
        return [], [f"cell {cell}: '{line.strip()}' can't be read as an install line"]
    mine, rest = _up_to_end(words)
    requirements, notes = _of_words(mine, folder, f"cell {cell}", conda)
    if rest and is_install(" ".join(rest)):
        more, said = of_line(shlex.join(rest), folder, cell)
        return requirements + more, notes + said
    if rest:
        notes.append(f"cell {cell}: '{' '.join(rest)}' after an install does not run in the container")
    return requirements, notes


def _up_to_end(words: list[str]) -> tuple[list[str], list[str]]:
    """(the install's own words, the commands after it); redirections and pipes are neither."""
    for at, word in enumerate(words):
        if word.endswith(";") and word != ";":
            return [*words[:at], word[:-1]], words[at + 1 :]
        if _ENDS.fullmatch(word):
            after = next((n for n, each in enumerate(words[at:], at) if each in ("&&", "||", ";")), len(words))
            return words[:at], words[after + 1 :]
    return words, []


def _of_words(words: list[str], folder: Path, where: str, conda: bool) -> tuple[list[str], list[str]]:
    found: list[str] = []
    notes: list[str] = []
    at = iter(words)
    for word in at:
        flag, equals, value = word.partition("=") if word.startswith("-") else ("", "", "")
        if flag in _FILES:
            more, said = _of_file(folder / (value if equals else next(at, "")), where)
            found, notes = found + more, notes + said
        elif flag in _WITH_VALUE:
            if not equals:
                next(at, "")
        elif flag in ("-e", "--editable"):
            place = value or next(at, "")
            notes.append(f"{where} installs {place} as editable: its source is taken when it is imported")
        elif not flag:
            requirement, note = _requirement(word, conda)
            found += [requirement] if requirement else []
            notes += [f"{where}: {note}"] if note else []
    return found, notes


def _requirement(word: str, conda: bool) -> tuple[str, str]:
    if word in ("install", "pip", ""):  # `pip install --upgrade pip` asks for nothing that the notebook uses
        return "", ""
    if "{" in word or "$" in word:
        return "", f"'{word}' depends on a variable and is not looked at"
    if conda:
        return "", f"conda's '{word}' is taken when it is imported"  # its names need not be distributions'
    egg = re.search(r"#egg=([\w.-]+)", word)
    named = re.match(r"([\w.-]+)(?:\[[^]]*\])?\s*@", word)
    if egg or named:
        return (egg or named)[1], ""  # type: ignore[index]
    if "://" in word.split("@")[0] or word.endswith((".whl", ".zip", ".tar.gz")) or word.startswith((".", "/", "~")):
        wheel = re.match(r"(?:.*/)?([\w.]+)-[\w.]+-.*\.whl$", word)
        return (wheel[1], "") if wheel else ("", f"'{word}' names no distribution; import it and it is taken")
    return word, ""


def _of_file(path: Path, where: str) -> tuple[list[str], list[str]]:
    try:
        lines = path.read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    except FileNotFoundError:
        return [], [f"{where}: the requirements file {path.name} is not there"]
    except (OSError, ValueError):
        return [], [f"{where}: the requirements file {path.name} can't be read"]
    found: list[str] = []
    for line in lines:
        text = re.split(r"\s#|^#|\s--hash", line)[0].strip()
        if text and not text.startswith("-") and "://" not in text.split(";")[0].split("@")[0]:
            found.append(text)
    return found, []
