"""Boards and dashboards as JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from lab.analysis.boards.board import Board
from lab.analysis.boards.build import StoredBoard
from lab.core.errors import LabError
from lab.core.fields import encode
from lab.formats.dashboard import DashboardSpec


def board_document(found: StoredBoard) -> dict[str, Any]:
    """The board with all that its cells know, the exit code, and the runs that could not be read."""
    unreadable = [{"path": str(one.path), "reason": one.reason} for one in found.bad]
    document = {**_board(found.board), "exit_code": found.board.exit_code, "unreadable": unreadable}
    plain: dict[str, Any] = _plain(document)
    return plain


def _board(board: Board) -> dict[str, Any]:
    """The fields of a board; of its columns the titles, and the facts that tell them apart."""
    fields = asdict(board)
    for cell in (cell for row in fields["rows"] for cell in row["cells"]):
        del cell["change"]  # its word, its reason and its run stand in the cell
    columns = {}
    for name, of in (("row", fields.pop("row_columns")), ("column", fields.pop("columns"))):
        columns[f"{name}_titles"] = [column["title"] for column in of]
        columns[f"{name}_facts"] = [column["fact"] for column in of]
    head = {name: fields.pop(name) for name in ("name", "title", "description")}
    return {**head, **columns, **fields}


def dashboards_document(checked: Mapping[str, DashboardSpec | LabError]) -> dict[str, Any]:
    """Every dashboard with all its settings, and the reason for each that cannot be read."""
    good = [encode(one) for one in checked.values() if isinstance(one, DashboardSpec)]
    bad = [
        {"name": name, "reason": one.what, "hint": one.hint}
        for name, one in checked.items()
        if isinstance(one, LabError)
    ]
    return {"dashboards": good, "unreadable": bad}


def _plain(value: Any) -> Any:
    """The same with null for numbers that JSON has none of."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
