"""JSON objects among lines that are something else: lists, one object a line, outputs one after the other."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lab.analysis.exchange.scanners.items import Document, Item, LeftOut, Row, is_llama_row
from lab.core.errors import ForeignFileError
from lab.core.jsonio import MOST_DIGITS, parse_json
from lab.core.text import said

RETRIES = 8  # beginnings that are looked for in an object without an end
MAX_OBJECT = 1 << 26  # characters of one object over several lines
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]]')
_BRACKET = re.compile(r"[{}\[\]]")
_DEPTH = {"{": 1, "[": 1, "}": -1, "]": -1}
_BEGINS = re.compile(r'\{\s*(?:"|\}|$)')
_MEANT = re.compile(r"\[[\s\w.+\-,\[\]\"{}:]*")  # nothing but what JSON is made of
# A line inside an object that is spread over several; what looks otherwise was written by somebody else meanwhile.
_INSIDE = re.compile(
    r'\s*(?:["\]}{,:]|\[(?:\s*$|[\s\]["{\d-])|-?\d[\d.eE+\-, \]}]*$|(?:true|false|null)\b[\s,\]}]*$|$)'
)


class JsonScan:
    """Takes line by line what belongs to JSON."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._kept: list[str] = []  # lines of an object that is not whole yet
        self._start = self._depth = self._indent = self._size = 0
        self._listed = False  # whether a list was opened
        self._list = 0  # the line of a list that is open

    def take(self, line: str, number: int) -> list[Item] | None:
        """Return what became whole with this line; None where the line is not JSON's."""
        if not self._kept:
            return self._begin(line, number)
        if self._again(line):
            return [self._cut(), *(self._begin(line, number) or [])]
        if not _INSIDE.match(line):
            return None
        return self._go_on(line)

    def end(self) -> list[Item]:
        """Return what the file ended in the middle of, and what begins anew in that."""
        items: list[Item] = []
        for _ in range(RETRIES):
            if not self._kept:
                break
            lines, start = self._kept, self._start
            items.append(self._cut())
            again = next((place for place, line in enumerate(lines[1:], 1) if line.strip() in ("{", "[")), len(lines))
            for number, line in enumerate(lines[again:], start + again):
                items += self.take(line, number) or []
        if self._list and not items:
            items.append(LeftOut(self._list, "cut", "a JSON list that does not end: rows may be missing"))
        return items

    def _begin(self, line: str, number: int) -> list[Item] | None:
        text = line.strip()
        if text[:1] not in ("{", "[", "]", ","):
            return None
        if text.startswith("["):
            if not self._opens_list(text):
                return self._odd_list(text, number)
            self._listed, self._list = True, number
        if _BEGINS.search(text):
            return list(self._objects(text, number, len(line) - len(line.lstrip())))
        if text == "[]":
            self._list = 0
            return [LeftOut(number, "other", "nothing to import: it has no rows")]
        if text and not text.strip("[], "):
            self._close(text)
            return []
        return None

    def _close(self, text: str) -> None:
        """Note that the list ended, where this is behind its last object."""
        if "]" in text:
            self._list = 0

    def _opens_list(self, text: str) -> bool:
        rest = text[1:].lstrip()
        return not rest or rest[0] in "{]"

    def _odd_list(self, text: str, number: int) -> list[Item] | None:
        """A list that holds no objects, such as `[1, 2]`; a log's `[0]` before other text is none."""
        try:
            parse_json(text, where=f"{self._file}: line {number}", error=ForeignFileError, max_digits=MOST_DIGITS)
        except ForeignFileError as problem:
            return [LeftOut(number, "broken", problem.what)] if _MEANT.fullmatch(text) else None
        return [LeftOut(number, "other", "a JSON list, and no llama-bench rows in it")]

    def _objects(self, text: str, number: int, indent: int) -> Iterator[Item]:
        """Yield the whole objects of the text; the rest of it, where it is a beginning, is kept."""
        if text.startswith("{") and text.endswith("}") and (items := self._parsed(text, number)) is not None:
            yield from items
            return
        at = 0
        while (begins := _BEGINS.search(text, at)) is not None:
            at, end = begins.start(), _end(text, begins.start())
            if end is None:
                yield from self._beginning(text[at:], number, indent)
                return
            yield from self._items(text[at:end], number)
            at = end
        self._close(text[at:])

    def _beginning(self, text: str, number: int, indent: int) -> Iterator[Item]:
        """Keep an object that is not whole yet, unless another row begins behind it in its line: then it was cut."""
        if later := self._later(text, number):
            yield from later
            return
        self._kept, self._start, self._indent = [text], number, indent
        self._depth, self._size = _depth(text)[0], len(text)

    def _later(self, text: str, number: int) -> list[Item]:
        """A row behind a piece without an end in the same line: an output was appended to one that was cut."""
        for begins in list(_BEGINS.finditer(text, 1))[:20] if "\n" not in text else []:
            rest = text[begins.start() :].rstrip("], ")
            if _whole_row(rest) and (items := self._parsed(rest, number)):
                return [LeftOut(number, "cut", _cut_text(text)), *items]
        return []

    def _go_on(self, line: str) -> list[Item]:
        self._kept.append(line)
        self._size += len(line)
        change, low = _depth(line) if _BRACKET.search(line) else (0, 0)
        if self._size > MAX_OBJECT:
            return [self._cut()]
        if self._depth + low > 0:
            self._depth += change
            return []
        text, self._kept = "\n".join(self._kept).strip(), []
        return list(self._objects(text, self._start, self._indent))

    def _parsed(self, text: str, number: int) -> list[Item] | None:
        try:
            found = parse_json(
                text, where=f"{self._file}: line {number}", error=ForeignFileError, max_digits=MOST_DIGITS
            )
        except ForeignFileError:
            return None
        return list(_of(found, number, self._listed))

    def _items(self, text: str, number: int) -> list[Item]:
        """The rows of a whole object; ForeignFileError where it is meant as a row and is not valid."""
        try:
            found = parse_json(
                text, where=f"{self._file}: line {number}", error=ForeignFileError, max_digits=MOST_DIGITS
            )
        except ForeignFileError as problem:
            later = self._later(text, number)
            if not later and '"n_prompt"' in text and '"n_gen"' in text:
                raise
            return later or [LeftOut(number, "broken", problem.what)]
        return list(_of(found, number, self._listed))

    def _again(self, line: str) -> bool:
        """Whether the line begins anew, so that what is kept was cut off."""
        text = line.strip()
        if not text.startswith(("{", "[")):
            return False
        indent = len(line) - len(line.lstrip())
        if indent < self._indent or (indent == self._indent > 0 and text.startswith("{")):
            return True
        if indent > self._indent:
            return False
        return (self._depth == 1 and text in ("{", "[")) or bool(_whole_row(text))

    def _cut(self) -> LeftOut:
        text, self._kept = " ".join(self._kept[:3]), []
        return LeftOut(self._start, "cut", _cut_text(text))


def _cut_text(text: str) -> str:
    return f"a JSON object that does not end: {said(text)[:60]}"


def _whole_row(text: str) -> bool:
    return text.startswith("{") and '"n_prompt"' in text and '"n_gen"' in text and _end(text, 0) is not None


def _depth(text: str) -> tuple[int, int]:
    """Return how the depth changes with this text, and the lowest that it comes to on the way."""
    depth = low = 0
    for token in _TOKEN.findall(text):
        if len(token) == 1:
            depth += 1 if token in "{[" else -1
            low = min(low, depth)
    return depth, low


def _end(text: str, start: int) -> int | None:
    """Return where the object that begins at `start` ends; None where it does not."""
    depth = 0
    for token in _TOKEN.finditer(text, start):
        depth += _DEPTH.get(token[0], 0)
        if depth == 0:
            return token.end()
    return None


def _of(found: dict[str, object], number: int, listed: bool) -> Iterator[Item]:
    """A row, the rows that another program wrapped, or some other object."""
    format = "llama-bench-json" if listed else "llama-bench-jsonl"
    if is_llama_row(found):
        yield Row(number, format, found)
    elif inside := {name: rows for name, value in found.items() if (rows := _wrapped(value))}:
        yield from (Row(number, format, row) for rows in inside.values() for row in rows)
        if beside := ", ".join(name for name in found if name not in inside):
            yield LeftOut(number, "other", f"beside the rows in {said(', '.join(inside))}: {said(beside)}")
    else:
        yield Document(number, found, listed)


def _wrapped(value: object) -> list[dict[str, object]]:
    inner = value if isinstance(value, list) else [value]
    rows = [one for one in inner if isinstance(one, dict)]
    return rows if rows and len(rows) == len(inner) and all(is_llama_row(row) for row in rows) else []
