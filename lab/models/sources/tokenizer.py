"""Whether a folder's tokenizer fits its network: lab makes no tokens of text, but whoever uses the weights does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lab.core.errors import WeightsError
from lab.core.home import shown
from lab.core.text import printable
from lab.models.sources.files import read_document

NAME = "tokenizer.json"


def check_tokenizer(folder: Path, vocab_size: int) -> None:
    """Raise WeightsError where the folder's tokenizer has a token that the embedding has no row for.

    Fewer tokens than rows are usual: rows are padded. A file of another form says nothing.
    """
    path = folder / NAME
    if not path.is_file():
        return
    largest, token, key = max(_ids(_document(path)), default=(-1, "", ""))
    if largest >= vocab_size:
        token = printable(token, 40)
        raise WeightsError(
            f"{shown(path)}: {key}: {token!r} has id {largest}, but config.json: vocab_size is {vocab_size}",
            hint="the tokenizer is of another model, or the embedding was not resized for the tokens that were added",
        )


def _document(path: Path) -> Mapping[str, Any]:
    """Return what the file holds; nothing where it is damaged, since lab itself does not need it."""
    try:
        return read_document(path)
    except WeightsError:
        return {}


def _ids(document: Mapping[str, Any]) -> Iterator[tuple[int, str, str]]:
    """Yield the id of every token, with the token and the key that it is at."""
    model = document.get("model")
    vocab = model.get("vocab") if isinstance(model, Mapping) else None
    if isinstance(vocab, Mapping):
        yield from ((index, token, "model.vocab") for token, index in vocab.items() if _is_id(index))
    elif isinstance(vocab, list):  # of pairs: token and score
        yield from ((index, str(pair)[:40], "model.vocab") for index, pair in enumerate(vocab))
    added = document.get("added_tokens")
    for entry in added if isinstance(added, list) else []:
        if isinstance(entry, Mapping) and _is_id(entry.get("id")):
            yield entry["id"], str(entry.get("content")), "added_tokens"


def _is_id(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
