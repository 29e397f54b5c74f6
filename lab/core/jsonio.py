"""Untrusted JSON: read strictly, digested canonically; and one bound on how deep any document may be nested.

The bound keeps every reader and view from the end of Python's stack.
"""

from __future__ import annotations

import codecs
import hashlib
import json
import math
import re
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from lab.core.errors import ConfigError, LabError
from lab.core.home import shown
from lab.core.units import human_bytes

MAX_DEPTH = 64  # lab's own documents are 9 deep
# Each takes what it begins, to the end of the text if need be: so they are done after one pass.
_JSON_STRINGS = re.compile(r'"(?:[^"\\]|\\.)*+"?', re.DOTALL)
_TOML_STRINGS = re.compile(
    r'"""(?:\\.?|[^\\])*?(?:"""|\Z)|\'\'\'.*?(?:\'\'\'|\Z)|"(?:\\.?|[^"\\\n])*+"?|\'[^\'\n]*+\'?|#[^\n]*+', re.DOTALL
)
_DOTTED = re.compile(rf"(?<![\w-])[\w-]++(?:[ \t]*+\.[ \t]*+[\w-]++){{{MAX_DEPTH},}}+")


_NESTING = {dict, list, tuple}


class TooDeepError(ValueError):
    """A document that is nested deeper than lab reads; says how deep."""

    def __init__(self, depth: int) -> None:
        super().__init__(f"nested too deeply: {depth} deep, and at most {MAX_DEPTH} is read")


def check_depth(document: Any) -> None:
    """Raise TooDeepError for plain data whose lists and tables are nested deeper than MAX_DEPTH."""
    level, depth = [document], 0
    while level := [one for one in level if type(one) in _NESTING]:
        depth += 1
        level = [child for one in level for child in (one.values() if isinstance(one, dict) else one)]
    if depth > MAX_DEPTH:
        raise TooDeepError(depth)


def check_json_text(text: str) -> None:
    """Raise TooDeepError for JSON whose brackets are nested too deep, whatever else is wrong with it."""
    _check_brackets(_JSON_STRINGS.sub("", text))


def check_toml_text(text: str) -> None:
    """Raise TooDeepError for TOML whose brackets, or the parts of one key, are nested too deep."""
    bare = _TOML_STRINGS.sub("_", text)
    _check_brackets(bare)
    longest = max((found.group().count(".") + 1 for found in _DOTTED.finditer(bare)), default=0)
    if longest > MAX_DEPTH:
        raise TooDeepError(longest)


def _check_brackets(text: str) -> None:
    depth = deepest = 0
    for found in re.finditer(r"[\[{}\]]", text):
        depth += 1 if found.group() in "[{" else -1
        deepest = max(deepest, depth)
    if deepest > MAX_DEPTH:
        raise TooDeepError(deepest)


SAVE_AS = "save the file as UTF-8"
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
MAX_BYTES = 64 << 20
MAX_DIGITS = 40  # other programs write whole numbers of 31 digits for "no limit"
MOST_DIGITS = 4000  # Python itself reads no more than 4300


def decoded_text(content: bytes) -> str:
    """Return the text of a file that a person wrote: UTF-8, or what its byte order mark says, as Windows leaves it.

    Raises ValueError for bytes that are none, and says so.
    """
    encoding = next((name for mark, name in _MARKS if content.startswith(mark)), "utf-8")
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as problem:
        raise ValueError(f"not text in {encoding.upper()}: {problem.reason} at byte {problem.start}") from problem


def parse_json(
    text: str | bytes, *, where: str, error: type[LabError] = ConfigError, max_digits: int = MAX_DIGITS
) -> Any:
    """Parse one JSON document; what JSON does not have, and what is out of all bounds, are errors that name `where`.

    That is: NaN, infinities, repeated keys, bad UTF-8; nesting over MAX_DEPTH, whole numbers over `max_digits`, which
    a reader that has bounds for each of its numbers may raise to MOST_DIGITS.
    """
    try:
        decoded = text if isinstance(text, str) else text.decode("utf-8")
        document = _checked_text(decoded, _parsed(decoded, max_digits))
        check_depth(document)
    except ValueError as problem:
        raise error(f"{where}: not valid JSON: {_reason(problem)}") from problem
    return document


def read_json(path: Path, *, error: type[LabError] = ConfigError) -> Any:
    """Parse the JSON file at `path`; a missing, unreadable or damaged file is an error that names it."""
    content = read_bytes(path, error=error, limit_bytes=MAX_BYTES)
    try:
        text = decoded_text(content)
    except ValueError as problem:
        raise error(f"{shown(path)}: not valid JSON: {problem}", hint=SAVE_AS) from problem
    return parse_json(text, where=shown(path), error=error)


def read_bytes(
    path: Path, *, error: type[LabError] = ConfigError, limit_bytes: int | None = None, kind: str = "read"
) -> bytes:
    """Return the bytes of the regular file at `path`, or raise an error that names it; none over the limit is read."""
    try:
        if path.exists() and not path.is_file():
            raise error(f"{shown(path)}: not a file")
        if limit_bytes is not None and path.stat().st_size > limit_bytes:
            raise error(f"{shown(path)}: {human_bytes(path.stat().st_size)} is too big to be {kind}")
        return path.read_bytes()
    except (OSError, ValueError) as problem:
        reason = getattr(problem, "strerror", None) or str(problem)
        raise error(f"{shown(path)}: cannot read: {reason}") from problem


def canonical_bytes(document: Any) -> bytes:
    """Return the one spelling of `document` that digests are taken of: sorted keys, no spaces, UTF-8."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8")


def digest(document: Any) -> str:
    """Return the sha256 (64 hex digits) of the canonical form of `document`."""
    return hashlib.sha256(canonical_bytes(document)).hexdigest()


def _parsed(text: str, max_digits: int) -> Any:
    try:
        return json.loads(text, parse_int=partial(_whole, max_digits), **_STRICT)
    except RecursionError:
        check_json_text(text)
        raise ValueError("nested too deeply") from None


def _checked_text(source: str, document: Any) -> Any:
    # Half of a surrogate pair can be escaped in JSON but not be written again.
    if re.search(r"\\u[dD][89a-fA-F]", source):
        check_depth(document)
        canonical_bytes(document)
    return document


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in pairs:
        if key in result:
            raise ValueError(f"key {key[:60]!r} appears twice")
        result[key] = value
    return result


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:60]} is too large a number")
    return number


def _whole(max_digits: int, text: str) -> int:
    if len(text) > max_digits:
        raise ValueError(f"a whole number of {len(text.lstrip('-'))} digits, and at most {max_digits} are read")
    return int(text)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number that JSON has")


_STRICT: dict[str, Any] = {
    "object_pairs_hook": _no_repeats,
    "parse_float": _finite,
    "parse_constant": _no_constant,
}


def _reason(problem: Exception) -> str:
    if isinstance(problem, json.JSONDecodeError):
        return f"line {problem.lineno}, column {problem.colno}: {problem.msg}"
    return str(problem)
