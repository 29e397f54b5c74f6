"""llama-bench's own table, as it prints it when nothing else is asked for, and as most results are published.

A row has the mean and its deviation; no samples and no date. The line `build: COMMIT (NUMBER)` below a table is
that of the rows above it.
"""

from __future__ import annotations

import re
from typing import Any

from lab.analysis.exchange.scanners.items import Item, LeftOut, Row
from lab.core.text import said
from lab.formats.test import Test

FORMAT = "llama-bench-markdown"
# Short names in the table's head -> the columns that the other formats have.
NAMES = {
    "model": "model_type",
    "size": "model_size",
    "params": "model_n_params",
    "backend": "backends",
    "threads": "n_threads",
    "th": "n_threads",
    "ngl": "n_gpu_layers",
    "ncmoe": "n_cpu_moe",
    "sm": "split_mode",
    "mg": "main_gpu",
    "nkvo": "no_kv_offload",
    "fa": "flash_attn",
    "mmap": "use_mmap",
    "dio": "use_direct_io",
    "embd": "embeddings",
    "nopo": "no_op_offload",
    "noh": "no_host",
    "dev": "devices",
    "ts": "tensor_split",
    "ot": "tensor_buft_overrides",
    "fitt": "fit_target",
    "fitc": "fit_min_ctx",
    "t/s": "avg_ts",
}
_BUILD = re.compile(r"build: ([0-9a-f]{4,40}) \((\d+)\)")
_TEST = re.compile(r"(?:pp ?(?P<pp>\d+))?\+?(?:tg ?(?P<tg>\d+))?(?:\s*@\s*(?:d(?P<depth>\d+)|pp(?P<after>\d+)))?")
_RATE = re.compile(r"(\d+(?:\.\d+)?)(?:[^\d.]+(\d+(?:\.\d+)?))?")
_AMOUNT = re.compile(r"(\d+(?:\.\d+)?) ?([KMGTB]i?B?)")
_UNITS = {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40, "K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}


class MarkdownScan:
    """Takes line by line what belongs to a table."""

    def __init__(self, file: str) -> None:
        self._header: list[str] = []
        self._rows: list[tuple[int, dict[str, Any]]] = []  # rows whose build is not known yet

    def take(self, line: str, number: int) -> list[Item] | None:
        """Return what became whole with this line; None where the line is not a table's."""
        if (build := _BUILD.search(line)) and self._rows:
            return self._with_build({"build_commit": build[1], "build_number": int(build[2])})
        line = line.lstrip("> \t")  # quoted in a mail or a comment
        if not line.startswith("|"):
            return None
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if {"test", "t/s"} <= set(cells):
            self._header = [NAMES.get(cell, cell) for cell in cells]
            return []
        if not self._header or len(cells) > len(self._header):
            return None
        if all(re.fullmatch(r":?-+:?", cell) for cell in cells):
            return []
        if len(cells) < len(self._header) or not line.rstrip().endswith("|"):
            return [LeftOut(number, "cut", f"a row of a table that does not end: {said(line)[:60]}")]
        columns = _columns(dict(zip(self._header, cells, strict=True)))
        if columns is None:
            return None
        self._rows.append((number, columns))
        return []

    def end(self) -> list[Item]:
        """Return the rows that no line about the build follows."""
        return self._with_build({})

    def _with_build(self, build: dict[str, Any]) -> list[Item]:
        rows, self._rows = self._rows, []
        return [Row(number, FORMAT, {**columns, **build}) for number, columns in rows]


def named_test(label: str) -> Test | None:
    """Return the test that peers call so: `pp512`, `tg128 @ d512`, `pp512+tg128`, `tg64@pp512`.

    None where it is no such name, or says nothing.
    """
    found = _TEST.fullmatch(label.strip())
    if not found or not (found["pp"] or found["tg"]):
        return None
    return Test(int(found["pp"] or 0), int(found["tg"] or 0), int(found["depth"] or found["after"] or 0))


def _columns(row: dict[str, str]) -> dict[str, Any] | None:
    """The columns as other formats have them; None where the row has no test or no rate."""
    test, rate = named_test(row["test"]), _RATE.match(row["avg_ts"])
    if test is None or rate is None:
        return None
    found: dict[str, Any] = {name: value for name, value in row.items() if name != "test" and value}
    for name in ("model_size", "model_n_params"):
        if name in found:
            found[name] = _amount(found[name])
    found |= {"n_prompt": test.prompt, "n_gen": test.generate, "n_depth": test.depth}
    return {
        name: value for name, value in {**found, "avg_ts": rate[1], "stddev_ts": rate[2]}.items() if value is not None
    }


def _amount(text: str) -> int | None:
    found = _AMOUNT.match(text)
    unit = found[2] if found and found[2] in _UNITS else None
    return round(float(found[1]) * _UNITS[unit]) if found and unit else None
