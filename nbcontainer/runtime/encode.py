"""Answers as JSON: numpy, pandas, tensors, dates, bytes, dataclasses.

What this is: values as JSON has them, by what they can do, so that nothing is imported here. What it is not: a format
to read back. NaN, infinity, NaT and NA become null, a frame becomes a list of its rows, bytes become base64.
"""

from __future__ import annotations

import base64
import collections.abc
import dataclasses
import datetime
import decimal
import enum
import json
import math
import pathlib
import uuid
from collections.abc import Mapping
from typing import Any


def dumps(value: Any) -> bytes:
    """`value` as JSON. Raises TypeError that names the type which has no JSON form, ValueError for a cycle."""
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    except (TypeError, ValueError):  # something that is no plain JSON, or a NaN: walk it
        try:
            text = json.dumps(plain(value), allow_nan=False, ensure_ascii=False, separators=(",", ":"))
        except RecursionError:
            raise ValueError("the answer holds itself, or is nested too deeply for JSON") from None
    return text.encode("utf-8", "backslashreplace")


def plain(value: Any) -> Any:
    """`value` made of dict, list, str, int, float, bool and None."""
    if value is None or (isinstance(value, (bool, str)) and type(value) in (bool, str)):
        return value
    if isinstance(value, enum.Enum):
        return plain(value.value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {_key(key): plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple, set, frozenset, range, collections.abc.ValuesView, collections.abc.Set)):
        return [plain(each) for each in value]
    return _special(value)


def _special(value: Any) -> Any:
    kind = type(value)
    if isinstance(value, str):
        return str(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return base64.b64encode(value).decode()
    if kind.__name__ in ("NaTType", "NAType"):
        return None
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    if isinstance(value, decimal.Decimal):
        return float(value) if value.is_finite() else None
    if isinstance(value, (uuid.UUID, pathlib.PurePath)):
        return str(value)
    if isinstance(value, complex):
        return [plain(value.real), plain(value.imag)]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    return _by_method(value)


def _by_method(value: Any) -> Any:
    """Arrays, frames, tensors and models by their own conversions."""
    if isinstance(value, type):
        raise TypeError(f"the class {value.__name__} has no JSON form")
    if hasattr(value, "columns") and callable(getattr(value, "to_dict", None)):
        return plain(_rows(value))
    if hasattr(value, "dtype") and hasattr(value, "astype"):
        return _array(value)
    if callable(getattr(value, "detach", None)):  # torch
        return plain(value.detach().cpu().tolist())
    for name in ("tolist", "to_list", "numpy", "model_dump", "_asdict", "item"):
        method = getattr(value, name, None)
        if callable(method):
            return plain(method())
    if hasattr(value, "__iter__") and hasattr(value, "__next__"):
        return [plain(each) for each in value]
    raise TypeError(f"a {type(value).__module__}.{type(value).__qualname__} has no JSON form; answer with plain values")


def _array(value: Any) -> Any:
    """numpy's arrays and scalars, and pandas' Series and Index."""
    kind = getattr(value.dtype, "kind", "")
    if kind in ("M", "m") and type(value).__module__ == "numpy":
        value = value.astype(f"{value.dtype.str[:2].replace('=', '<')}8[us]")  # as Python's own, NaT as None
    made = value.tolist() if hasattr(value, "tolist") else value.to_list()
    whole = kind in ("i", "u", "b") and type(value.dtype).__module__.startswith("numpy")
    return made if whole else plain(made)


def _rows(frame: Any) -> Any:
    try:
        return frame.to_dict(orient="records")
    except TypeError:
        return frame.to_dicts() if hasattr(frame, "to_dicts") else frame.to_dict()


def _key(key: Any) -> str:
    """An object's key: JSON has only text."""
    made = key if isinstance(key, str) else plain(key)
    if isinstance(made, str):
        return str(made)
    return json.dumps(made)
