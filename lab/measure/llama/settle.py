"""What a peer's prefills and decodes run with, found by trying: threads, weights, attention."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from lab.measure.engine import Rate
from lab.measure.llama.attention import DECODE, PREFILL, Call, faster, flash_tried, try_attentions
from lab.measure.llama.attention import sentence as attention_sentence
from lab.measure.llama.command import Command
from lab.measure.llama.variants import (
    Gguf,
    Variant,
    What,
    fastest,
    sentence,
    try_variants,
    variants_tried,
    variants_used,
)
from lab.measure.threads import best_threads


@dataclass(frozen=True)
class Settled:
    """The commands of prefill and decode, the fields of an engine block that say why, and the same in sentences."""

    prefill: Command
    decode: Command
    block: dict[str, Any]
    sentences: tuple[str, ...]


def settle(command: Command, ggufs: Sequence[Gguf], threads: int, tried: Sequence[Rate], call: Call) -> Settled:
    """Return what is fastest; prefill has the threads that `tried` shows to be best for it, decode `threads`.

    Prefill and decode may end with different files. Nobody runs both in one program: no bar is lower for it.
    """
    elements = ggufs[0].manifest.elements
    decode = replace(command, plan=replace(command.plan, threads=threads))
    variants = try_variants(decode, ggufs, elements, call) if command.peer.has_variants else []
    prefill = replace(command, plan=replace(command.plan, threads=best_threads(tried, "prefill")))
    if variants:
        prefill, decode = _with(prefill, variants, "prefill"), _with(decode, variants, "decode")
    # What attention reads is the cache, whatever type the weights have.
    decodes = try_attentions(decode, DECODE, elements, call)
    prefills = try_attentions(prefill, PREFILL, elements, call) if variants else {}
    decode, prefill = replace(decode, flash=faster(decodes)), replace(prefill, flash=faster(prefills))
    block = {
        "flash_tried": flash_tried(decodes, prefills),
        "variants_tried": variants_tried(variants),
        "variant": variants_used(prefill, decode, ggufs) if variants else None,
    }
    said = _sentences(variants)
    said += [attention_sentence("decodes at depth", decodes)] if decodes else []
    said += [attention_sentence("prefills", prefills)] if prefills else []
    return Settled(prefill, decode, block, tuple(said))


def _with(command: Command, variants: Sequence[Variant], what: What) -> Command:
    best = fastest(variants, what)
    return replace(command, gguf=best.gguf.path, repack=best.repack)


def _sentences(variants: Sequence[Variant]) -> list[str]:
    whats: tuple[What, ...] = ("decode", "prefill")
    return [sentence(variants, what) for what in whats] if variants else []
