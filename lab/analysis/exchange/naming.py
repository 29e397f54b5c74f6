"""From the names that others give to models to names that lab can file under."""

from __future__ import annotations

import re

_TYPE = re.compile(r"(?P<base>\S+(?: [\d.]+x?[\d.]*[KMBT]| \S*\?B?)?) (?:mostly |all )?(?P<quant>.+)")
_ANONYMOUS = {"model", "ggml-model", "weights"}


def slug(text: str, default: str) -> str:
    """Return the text as a safe name: lower case, with a dash for every other run of characters."""
    made = re.sub(r"[^a-z0-9._]+", "-", text.lower()).strip("-._")[:60].rstrip("-._")
    return made if made and made[0].isalnum() else default


def gguf_names(model_type: str, filename: str) -> tuple[str, str]:
    """Return model and quantisation of a GGUF, from llama.cpp's `model_type` and the file's name.

    The file's name is the closer one ("phi3 3B" is a dozen models); one that says nothing gives way.
    """
    match = _TYPE.fullmatch(model_type)
    base, kind = (match["base"], match["quant"]) if match else (model_type, "unknown")
    quant = slug(re.sub(r" - (Small|Medium|Large)", lambda found: f"_{found[1][0]}", kind), "unknown")
    stem = slug(re.split(r"[/\\]", filename)[-1].removesuffix(".gguf"), "model")
    stem = stem.removesuffix(quant).rstrip("-._")
    named = stem if stem and stem not in _ANONYMOUS else slug(base, "unknown")
    return named, quant
