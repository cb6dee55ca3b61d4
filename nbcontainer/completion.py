"""Tab completion of a magic's line: options, their values, runs and functions.

What this is: a matcher for IPython's completer. What it is not: a second list of options: they come from the parser.
In the flow: beside the magics, which register it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nbcontainer.errors import NbcontainerError
from nbcontainer.options import magic_parser

_WITH_RUN_NAMES = ("scale", "status", "logs", "forward", "stop")
_LINE = re.compile(r"(?:^|=)\s*%(\w+)\s(?:.*\s)?(\S*)$", re.S)  # the magic, and the word that is being written


class Completion:
    """What the last word of a line can become; `verbs` by magic, `runs` gives the names that this kernel has seen."""

    def __init__(self, shell: Any, verbs: Mapping[str, str], runs: Callable[[], Sequence[str]]) -> None:
        self.shell, self.verbs, self.runs = shell, verbs, runs

    def complete(self, line: str) -> list[str]:
        found = _LINE.search(line)
        verb = self.verbs.get(found[1]) if found else None
        if found is None or verb is None:
            return []
        before, word = line.split()[-2 if found[2] else -1], found[2]
        return [name for name in self._candidates(verb, found[1], before, word) if name.startswith(word)]

    def _candidates(self, verb: str, magic: str, before: str, word: str) -> list[str]:
        actions = magic_parser(verb, magic)._actions
        if word.startswith("-"):
            return sorted(flag for each in actions for flag in each.option_strings if flag.startswith("--"))
        taking = next((each for each in actions if before in each.option_strings and each.nargs != 0), None)
        if taking is not None:
            return self._values(taking)
        if verb == "serve":
            return [n for n, value in self.shell.user_ns.items() if callable(value) and not n.startswith("_")]
        return ["inference", "training", *self.runs()] if verb in _WITH_RUN_NAMES else []

    def _values(self, action: Any) -> list[str]:
        """What the value of an option can be."""
        if action.dest != "target":
            return [str(each) for each in action.choices or () if each]
        from nbcontainer import config

        try:
            return sorted(config.load().targets)
        except NbcontainerError:
            return []


def register(shell: Any, verbs: Mapping[str, str], runs: Callable[[], Sequence[str]]) -> None:
    """Complete such lines in `shell`, where this IPython and this frontend can."""
    try:
        from IPython.core.completer import SimpleCompletion, context_matcher
    except ImportError:
        return
    completion = Completion(shell, verbs, runs)

    @context_matcher(identifier="nbcontainer")  # type: ignore[untyped-decorator,unused-ignore]
    def matcher(context: Any) -> Any:
        found = completion.complete(context.line_with_cursor)
        made = [SimpleCompletion(text=each, type="magic") for each in found]
        fragment = _LINE.search(context.line_with_cursor)
        result = {"completions": made, "suppress": bool(found)}
        return {**result, "matched_fragment": fragment[2]} if found and fragment else result

    matcher.nbcontainer = True
    completer = getattr(shell, "Completer", None)
    if completer is not None and hasattr(completer, "custom_matchers"):
        completer.custom_matchers.append(matcher)


def unregister(shell: Any) -> None:
    matchers = getattr(getattr(shell, "Completer", None), "custom_matchers", [])
    matchers[:] = [each for each in matchers if getattr(each, "nbcontainer", None) is None]
