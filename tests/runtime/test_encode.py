"""Answers as JSON."""

from __future__ import annotations

import collections
import dataclasses
import datetime
import decimal
import enum
import json
import uuid
from typing import Any

import numpy as np
import pandas as pd
import pytest

from nbcontainer.runtime.encode import dumps


@dataclasses.dataclass
class Box:
    values: Any
    loss: float


class Colour(enum.Enum):
    RED = "red"


Point = collections.namedtuple("Point", "x y")
CASES: list[tuple[Any, Any]] = [
    (np.float32(1.5), 1.5),
    (np.float64("nan"), None),
    (np.int64(3), 3),
    (np.bool_(True), True),
    (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
    (np.array([1.5, np.inf, np.nan]), [1.5, None, None]),
    (np.array(["a", None], object), ["a", None]),
    (np.array(["2020-01-01", "NaT"], dtype="M8[D]"), ["2020-01-01T00:00:00", None]),
    (np.datetime64("2020-01-01T01:02"), "2020-01-01T01:02:00"),
    (np.timedelta64(5, "s"), 5.0),
    (np.zeros((0, 3)), []),
    (pd.Series([1, 2.5, None]), [1.0, 2.5, None]),
    (pd.Series([1, None], dtype="Int64"), [1, None]),
    (pd.Series(pd.to_datetime(["2020-01-01", None])), ["2020-01-01T00:00:00", None]),
    (pd.Index(["a", "b"]), ["a", "b"]),
    (pd.Categorical(["a", "b"]), ["a", "b"]),
    (pd.Timestamp("2020-01-01", tz="UTC"), "2020-01-01T00:00:00+00:00"),
    (pd.NaT, None),
    (pd.NA, None),
    (pd.Timedelta("1500ms"), 1.5),
    (pd.DataFrame({"a": [1, 2], "b": [None, "x"]}), [{"a": 1, "b": None}, {"a": 2, "b": "x"}]),
    (Box(np.ones(2), float("nan")), {"values": [1.0, 1.0], "loss": None}),
    ({1: 2, np.int64(4): 5, None: 6, Colour.RED: 7}, {"1": 2, "4": 5, "null": 6, "red": 7}),
    (Point(1, [float("inf")]), [1, [None]]),
    (b"ab", "YWI="),
    ({3}, [3]),
    (range(2), [0, 1]),
    ((x for x in "ab"), ["a", "b"]),
    (1j, [0.0, 1.0]),
    (datetime.date(2020, 1, 1), "2020-01-01"),
    (decimal.Decimal("1.5"), 1.5),
    (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    ("é\ud800", "é\ud800"),
]


@pytest.mark.parametrize(("value", "expected"), CASES, ids=lambda value: type(value).__name__)
def test_a_value_as_json(value: Any, expected: Any) -> None:
    text = dumps(value)
    assert json.loads(text, parse_constant=pytest.fail) == expected


def test_what_has_no_json_form_is_named() -> None:
    with pytest.raises(TypeError, match=r"a builtins\.object has no JSON form"):
        dumps({"a": [object()]})
    with pytest.raises(TypeError, match="the class int has no JSON form"):
        dumps(int)
    cycle: list[Any] = []
    cycle.append(cycle)
    with pytest.raises(ValueError, match="holds itself"):
        dumps(cycle)
