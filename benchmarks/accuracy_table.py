"""The accuracy benchmark's end: one table of at most 80 columns, the comparisons, and where it ran."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import RenderableType
from rich.table import Column
from rich.text import Text

from lab.views.console import to_text
from lab.views.table import left, pairs, right, spaced, table

WIDTH = 80
MILLI = 1e3
_SHOWN = {"kl": "KL", "kl_weights": "Weights", "kl_added": "Added", "kl_noise": "Noise"}
_INTRO = """\
KL(f32 || quantised) in thousandths of a nat, mean over all positions.
Weights: KL of the stored weights computed in float32. Added: what int8
activations, f16 keys and values and the engine's arithmetic add to that.
Noise: KL(stored weights in float32 || engine), those alone."""


def render(document: Mapping[str, Any]) -> str:
    """Render what `benchmarks.accuracy` measured as text."""
    title = Text(f"Accuracy of quantised logits: tvm and llama.cpp\n{_INTRO}")
    apart = Text("tvm - llama.cpp, thousandths of a nat, 95 % interval over windows of text:")
    compared = table(_compared_columns(), _compared(document))
    parts: list[RenderableType] = [title, table(_columns(), _rows(document)), apart, compared, pairs(_facts(document))]
    return to_text(spaced(parts), WIDTH)


def _columns() -> list[Column]:
    names = [left("Type", fold=False), left("Seed", fold=False), left("Engine", fold=False)]
    return [*names, *(right(title) for title in _SHOWN.values()), right("Same top"), right("Perplexity")]


def _rows(document: Mapping[str, Any]) -> Iterator[list[str]]:
    for one in document["reference"]:
        yield ["f32", str(one["seed"]), "reference", *["0"] * len(_SHOWN), "100 %", f"{one['perplexity']:.4f}"]
    for one in document["results"]:
        kls = [f"{one[name] * MILLI:.4f}" for name in _SHOWN]
        seed = "mean" if one["seed"] is None else str(one["seed"])
        yield [one["type"], seed, one["engine"], *kls, f"{one['same_top'] * 100:.2f} %", f"{one['perplexity']:.4f}"]


def _compared_columns() -> list[Column]:
    names = [left("Bits", fold=False), left("What", fold=False)]
    return [*names, right("Mean"), right("95 % interval"), right("Range over seeds"), left("tvm is")]


def _compared(document: Mapping[str, Any]) -> Iterator[list[str]]:
    """The differences over all seeds; those of one seed are in the document only."""
    for one in document["comparisons"]:
        if one["seed"] is None:
            mean, *ends = (f"{one[name] * MILLI:+.4f}" for name in ("mean", "low", "high", "seeds_low", "seeds_high"))
            yield [one["quant"], _SHOWN[one["what"]], mean, " to ".join(ends[:2]), " to ".join(ends[2:]), one["word"]]


def _facts(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    machine, text = document["machine"], document["text"]
    yield "Ran on", f"{machine['cpu']}, tvm {machine['isa']}, llama.cpp with {machine['llama_threads']} threads"
    yield "Text", f"{text['windows']} windows of {text['length']} bytes that no training saw"
    yield "Fed", f"tvm token by token, llama.cpp {document['llama_fed']}"
    yield "Date", document["date"]
    yield "Command", document["command"]
