"""One bound on how deep documents may be nested, so that no reader or view meets the end of Python's stack."""

from __future__ import annotations

import re
from typing import Any

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
