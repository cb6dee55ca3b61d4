"""nbcontainer inside an image: an object that takes everything and does nothing.

What this is: what `import nbcontainer` and `run = %train ...` meet there. What it is not: an error: the notebook goes
on, and one line says that nothing was done. No image builds images by accident.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from typing import Any

NAME = "nbcontainer"
_said = False


def _say() -> None:
    global _said
    if not _said:
        _said = True
        sys.stderr.write("nbcontainer: does nothing inside the image; its lines are skipped\n")


class Inert(types.ModuleType):
    """Any attribute, call, item, comparison, number or context of it is harmless."""

    __path__: Any = ()  # a package, whose submodules the finder below gives
    __version__ = "0"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or (name.startswith("_") and name.endswith("_")):
            raise AttributeError(name)  # protocols that look for a hook must find none
        _say()
        return self

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("__"):  # the import system's own
            super().__setattr__(name, value)

    def __call__(self, *args: Any, **words: Any) -> Any:
        _say()
        return self

    def __getitem__(self, key: Any) -> Any:
        return self

    def __setitem__(self, key: Any, value: Any) -> None:
        pass

    def __iter__(self) -> Iterator[Any]:
        return iter(())

    def __contains__(self, item: Any) -> bool:
        return False

    def __len__(self) -> int:
        return 0

    def __bool__(self) -> bool:
        return False

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *exc: Any) -> None:
        pass

    async def __aenter__(self) -> Any:
        return self

    async def __aexit__(self, *exc: Any) -> None:
        pass

    def __await__(self) -> Any:
        return _awaited(self).__await__()

    def __repr__(self) -> str:
        return "<nbcontainer does nothing inside the image>"

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __hash__(self) -> int:
        return hash(NAME)

    def __eq__(self, other: Any) -> bool:
        return self is other

    def __int__(self) -> int:
        return 0

    def __index__(self) -> int:
        return 0

    def __float__(self) -> float:
        return 0.0

    def __reduce__(self) -> Any:
        return (__import__, (NAME,))

    def load_ipython_extension(self, shell: Any) -> None:
        _say()

    def unload_ipython_extension(self, shell: Any) -> None:
        pass


def _gives_itself(self: Inert, *args: Any) -> Any:
    return self


def _is_false(self: Inert, other: Any) -> bool:
    return False


for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "or", "and", "matmul"):
    setattr(Inert, f"__{_name}__", _gives_itself)
    setattr(Inert, f"__r{_name}__", _gives_itself)
for _name in ("neg", "pos", "abs"):
    setattr(Inert, f"__{_name}__", _gives_itself)
for _name in ("lt", "le", "gt", "ge"):
    setattr(Inert, f"__{_name}__", _is_false)

_thing = Inert(NAME)


async def _awaited(thing: Any) -> Any:
    return thing


class _Finder:
    """Imports of nbcontainer's submodules give the same object."""

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name.split(".")[0] != NAME:
            return None
        return ModuleSpec(name, _Finder, is_package=True)  # type: ignore[arg-type]

    @staticmethod
    def create_module(spec: ModuleSpec) -> Any:
        return Inert(spec.name)

    @staticmethod
    def exec_module(module: Any) -> None:
        sys.modules[module.__name__] = _thing


def install() -> Any:
    """Make the inert object what `import nbcontainer` gives, whatever is installed."""
    sys.modules[NAME] = _thing
    if _Finder not in sys.meta_path:
        sys.meta_path.insert(0, _Finder)
    return _thing
