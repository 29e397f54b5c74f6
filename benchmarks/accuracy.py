"""What quantisation costs in accuracy, ours beside llama.cpp's: KL divergence from float32 on a small trained Phi-3.

    export LAB_LLAMA_LOGITS=$(scripts/build-llama-bench --logits)
    python -m benchmarks.accuracy

Trains the test-suite's tiny Phi-3 once a seed, takes the same float32 weights to lab's build and to llama.cpp's GGUF of
the same bits, and holds the logits of both, on text that no training saw, against transformers in float32.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import logits
from benchmarks.accuracy_table import render
from benchmarks.arguments import add_json, positive
from benchmarks.divergence import windows
from benchmarks.scores import Score, comparisons, pooled, reference_row, row, score
from lab.core.errors import LabError
from lab.devices.readings.procfs import cpuinfo
from lab.models.gguf_types import TYPES
from lab.models.phi3 import hf
from lab.models.quant import SCHEMES
from tests.compile.network import stored
from tests.compile.trained import CONFIG, LENGTH, trained, unseen

QUANTS = ("q4", "q8")


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; 0 when done, 1 for an error that the message says how to mend."""
    given = sys.argv[1:] if argv is None else list(argv)
    options = _parser().parse_args(given, argparse.Namespace(given=given))
    try:
        document = measure(options)
    except LabError as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    print(json.dumps(document, indent=2) if options.json else render(document).rstrip())
    return 0


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Return everything measured as one document; KL in nats, shares from 0 to 1."""
    program, ids = logits.find_program(), windows(unseen(), LENGTH)
    references: list[dict[str, Any]] = []
    scores: list[Score] = []
    for seed in range(options.seeds):
        say(f"seed {seed}: training")
        exact = logits.of_transformers(CONFIG, trained(seed), ids)
        references.append(reference_row(seed, exact, ids))
        for quant in QUANTS:
            scores += _scores(seed, quant, exact, ids, program, options)
    return {
        **_circumstances(options, ids),
        "reference": references,
        "results": [row(one) for one in [*scores, *pooled(scores)]],
        "comparisons": comparisons(scores),
    }


def _scores(seed: int, quant: str, exact: Any, ids: Any, program: Path, options: argparse.Namespace) -> Iterator[Score]:
    """Score both engines at the bits of `quant`."""
    scheme, weights = SCHEMES[quant], trained(seed)
    say(f"seed {seed}: {quant} by tvm")
    plain = logits.of_transformers(CONFIG, stored(weights, scheme), ids)
    yield score("tvm", quant, quant, seed, ids, exact, plain, logits.of_tvm(CONFIG, scheme, weights, ids))
    kind = TYPES[quant][0].type.name
    say(f"seed {seed}: {kind} by llama.cpp")
    with tempfile.TemporaryDirectory(prefix="lab-accuracy-") as folder:
        model = logits.make_gguf(CONFIG, scheme, weights, Path(folder))
        plain = logits.of_transformers(CONFIG, logits.stored_in(model, CONFIG, scheme), ids)
        whole = logits.of_llama(program, model, ids, options.threads, batch=options.batch)
    yield score("llama.cpp", quant, kind, seed, ids, exact, plain, whole)


def _circumstances(options: argparse.Namespace, ids: Any) -> dict[str, Any]:
    cpu = cpuinfo(Path("/proc/cpuinfo").read_text()).model or "unknown"
    return {
        "what": "KL divergence of quantised logits from float32, in nats",
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "command": shlex.join(["python", "-m", "benchmarks.accuracy", *options.given]),
        "machine": {"cpu": cpu, "isa": logits.ISA.name, "llama_threads": options.threads},
        "llama_fed": "window by window" if options.batch else "token by token",
        "model": hf.document(CONFIG),
        "text": {"windows": ids.shape[0], "length": ids.shape[1]},
    }


def say(text: str) -> None:
    """Write one line of progress."""
    print(text, file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accuracy", description=str(__doc__).split("\n")[0])
    parser.add_argument("--seeds", type=positive, default=3, help="how many tiny models to train (default 3)")
    parser.add_argument("--threads", type=positive, default=2, help="threads of llama.cpp (default 2)")
    parser.add_argument("--batch", action="store_true", help="feed llama.cpp whole windows instead of single tokens")
    add_json(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
