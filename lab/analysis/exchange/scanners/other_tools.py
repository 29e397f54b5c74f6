"""Files that hold nothing that lab reads: whose result they look like, so that the message names it and a next step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lab.analysis.exchange.scanners.items import LeftOut
from lab.core.errors import ForeignFileError

NEXT = "`lab import` takes what llama-bench writes with -o jsonl; docs/exchange.md lists all that lab reads"
READABLE = (
    "lab reads llama-bench's JSON, JSONL, CSV, SQL and tables, PocketPal reports, MLPerf Mobile results, and its own "
    "runs; docs/exchange.md has more"
)
LISTED = "a JSON list, and no llama-bench rows in it"
# Tool -> keys that its objects have, and nobody else's together. The first that fits is named.
OBJECTS: tuple[tuple[str, frozenset[str]], ...] = tuple(
    (tool, frozenset(keys.split()))
    for tool, keys in (
        ("pytest-benchmark", "benchmarks machine_info"),
        ("Google Benchmark", "benchmarks context"),
        ("asv (airspeed velocity)", "results commit_hash params"),
        ("asv (airspeed velocity)", "result_columns results"),
        ("github-action-benchmark", "entries lastUpdate"),
        ("github-action-benchmark", "name unit value"),
        ("vLLM's latency benchmark", "avg_latency latencies percentiles"),
        ("vLLM's serving benchmark", "request_throughput output_throughput"),
        ("vLLM's throughput benchmark", "tokens_per_second num_requests elapsed_time"),
        ("AIPerf", "time_to_first_token output_token_throughput"),
        ("AIPerf", "time_to_first_token inter_token_latency"),
        ("GenAI-Perf", "records input_config"),
        ("LocalScore", "localscore_score"),
        ("LocalScore", "results_summary runtime_info"),
        ("LocalScore", "results runtime accelerator"),
        ("llama.cpp's batched-bench", "n_kv_max pp tg pl"),
        ("llama.cpp's batched-bench", "pl n_kv speed_tg"),
        ("ExecuTorch's benchmark", "benchmarkModel metric"),
        ("ExecuTorch's benchmark", "prompt_tokens generated_tokens model_load_start_ms"),
        ("Otava (Hunter)", "change_points"),
        ("Conbench", "benchmark_name stats github"),
        ("Conbench", "batch_id run_id stats"),
        ("Bencher", "benchmark measure"),
        ("hyperfine", "results command"),
        ("lm-evaluation-harness", "results config versions"),
        ("MLPerf LoadGen", "result_validity"),
    )
)
LINES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("llama.cpp's batched-bench", ("S_TG t/s",)),
    ("llama.cpp's own timings", ("llama_perf_context_print",)),
    ("llama.cpp's own timings", ("llama_print_timings",)),
    ("ExecuTorch's runner", ("PyTorchObserver",)),
    ("LocalScore", ("LocalScore",)),
    ("vLLM's serving benchmark", ("Serving Benchmark Result",)),
    ("a table of Otava (Hunter)", ("time,", "commit")),
    ("github-action-benchmark", ("window.BENCHMARK_DATA",)),
)


def unknown_file(name: str, left: Sequence[LeftOut], others: Sequence[str], *, listed: bool) -> ForeignFileError:
    """Return the error for a file that holds nothing that lab reads.

    `left` are the lines that were left out, `others` the tools that its objects look like ("" for none), `listed` says
    that those stand in a list.
    """
    if others:
        looks = next((tool for tool in others if tool), None)
        known = f"looks like a result of {looks}, which lab does not read" if looks else ""
        what = ": ".join(filter(None, [LISTED if listed else "", known])) or "not a format that lab knows"
        return ForeignFileError(f"{name}: {what}", hint=NEXT if looks else READABLE)
    if whole := [one for one in left if one.kind != "log"]:
        return ForeignFileError(_placed(name, whole[0]), hint=READABLE)
    if tool := tool_of_lines([one.text for one in left]):
        return ForeignFileError(f"{name}: looks like output of {tool}, which lab does not read", hint=NEXT)
    return ForeignFileError(f"{name}: not a format that lab knows", hint=READABLE)


def _placed(name: str, one: LeftOut) -> str:
    return one.text if one.text.startswith(name) else f"{name}: line {one.line}: {one.text}"


def tool_of_object(content: Mapping[str, object]) -> str | None:
    """Return which tool writes such an object, where that is known."""
    keys = {*content, *(key for value in content.values() for key in _inner(value))}
    return next((tool for tool, needed in OBJECTS if needed <= set(content)), None) or next(
        (tool for tool, needed in OBJECTS if needed <= keys), None
    )


def tool_of_lines(lines: Sequence[str]) -> str | None:
    """Return which tool writes such lines, where that is known."""
    text = "\n".join(lines)
    return next((tool for tool, parts in LINES if all(part in text for part in parts)), None)


def _inner(value: object) -> Sequence[str]:
    first = value[0] if isinstance(value, list) and value else value
    return list(first) if isinstance(first, dict) else []
