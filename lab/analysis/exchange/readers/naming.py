"""From the names that others give to models to names that lab can file under: readable, and one for each model."""

from __future__ import annotations

import hashlib
import re
import unicodedata

LONGEST = 60  # of a name; the longer ones end in a digest of the whole
LONGEST_QUANT = 38  # with a name and a dash it is a label, of 100 at most
_DIGITS = 8
# llama.cpp writes architecture, size and file type: `llama 7B mostly Q4_0`, `qwen3moe 30B.A3B Q4_K - Medium`,
# `llama 8x7B Q4_K`, `llama4 17Bx16E (Scout) Q4_K - Medium`, `hunyuan-moe A13B Q6_K`, `bert 335M F16`, `gpt ?B Q8_0`.
_SIZE = r"(?:[AE]?[\d.]+x?[\d.]*[KMBT](?:\.A[\d.]+[KMBT])?(?:x\d+E?)?|\d+x[\d.]+[KMBT]|[\d.]+x\d+E|\?B|[\w-]+\?B)"
_TYPE = re.compile(rf"(?P<base>\S+(?: {_SIZE}(?: \([^)]*\))?)?) (?:mostly |all )?(?P<quant>.+)")
_BITS = re.compile(r" - [\d.]+ ?bpw( ternary)?| MoE$", re.IGNORECASE)
_GUESSED = re.compile(r"\s*\(guessed\)|\s*\(mostly\)", re.IGNORECASE)
_GROUP = re.compile(r" - (Extra Large|Extra Small|Small|Medium|Large|XS|XL|XXS)", re.IGNORECASE)
_SHORT = {"extra large": "XL", "extra small": "XS", "small": "S", "medium": "M", "large": "L"}
_ANONYMOUS = {"model", "ggml-model", "weights"}


def slug(text: str, default: str, longest: int = LONGEST) -> str:
    """Return the text as a safe name: lower case, with a dash for every other run of characters.

    A name that is too long, or of letters that a safe name cannot have, ends in a digest of the whole: two names
    never become one.
    """
    plain = unicodedata.normalize("NFKC", text).strip()
    made = re.sub(r"[^a-z0-9._]+", "-", plain.lower()).strip("-._")
    if plain.isascii() and len(made) <= longest:
        return made if made and made[0].isalnum() else default
    room = longest - _DIGITS - 1
    head = made[:room].rstrip("-._") if made and made[0].isalnum() else default
    return f"{head}-{hashlib.sha256(plain.encode('utf-8', 'replace')).hexdigest()[:_DIGITS]}"


def gguf_names(model_type: str, filename: str) -> tuple[str, str]:
    """Return model and quantisation of a GGUF, from llama.cpp's `model_type` and the file's name.

    The file's name is the closer one ("phi3 3B" is a dozen models); one that says nothing gives way.
    """
    match = _TYPE.fullmatch(_GUESSED.sub("", model_type).strip())
    base, kind = (match["base"], match["quant"]) if match else (model_type, "unknown")
    short = _GROUP.sub(lambda group: "_" + _SHORT.get(group[1].lower(), group[1]), _BITS.sub("", kind))
    quant = slug(short, "unknown", LONGEST_QUANT)
    whole = re.split(r"[/\\]", filename)[-1].removesuffix(".gguf")
    named = _without(whole, quant)
    return (slug(named, "model") if named else slug(base, "unknown")), quant


def _without(stem: str, quant: str) -> str:
    """The file's name without the quantisation at its end; "" where nothing is left that names a model."""
    if stem.lower().replace("-", "_").endswith(quant.replace("-", "_")):
        stem = stem[: -len(quant)].rstrip("-._ ")
    return "" if slug(stem, "") in ("", *_ANONYMOUS) else stem
