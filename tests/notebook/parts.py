"""Notebooks for these tests, made as a person's editor would save them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from nbcontainer import notebook, script
from nbcontainer.model import Script


def saved(path: Path, *cells: Any, **changes: Any) -> Path:
    """Write a notebook; a cell is its source, or (source, tag, ...)."""
    made = []
    for each in cells:
        source, *tags = each if isinstance(each, tuple) else (each,)
        made.append({"cell_type": "code", "id": f"c{len(made)}", "metadata": {"tags": tags} if tags else {},
                     "source": source, "outputs": [], "execution_count": None})
    whole = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": made, **changes}
    path.write_text(json.dumps(whole), encoding="utf-8")
    return path


def converted(folder: Path, *cells: Any) -> Script:
    return script.convert(notebook.read(saved(folder / "n.ipynb", *cells)))


def only(folder: Path, *cells: Any) -> str:
    """The text of the script without its head and its cells' markers."""
    text = converted(folder, *cells).text
    lines = text.removeprefix("#!/usr/bin/env python\n# coding: utf-8\n").split("\n")
    return "\n".join(line for line in lines if not line.startswith("# In[")).strip("\n")
