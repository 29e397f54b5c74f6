"""A llama-bench that computes nothing: the same options, the same lines; faults are asked for in a JSON script.

    fake_llama_bench.py SCRIPT -m FILE -p N -n N -d N ...

SCRIPT is a file: {"log": PATH, "faults": {"3": "sigsegv"}, "elements": N, "flash": "on", "name": "llama.cpp",
"speeds": {"iq4_xs -rtr": 2.0}}. Each call appends its words to the log; the number of the call (from 0, probes of
threads not counted) picks its fault. With the name "ik_llama.cpp" it speaks as that does.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PREFILL_TOK_PER_S = {1: 60.0, 2: 100.0}
DECODE_TOK_PER_S = {1: 25.0, 2: 20.0}


def options(words: list[str]) -> dict[str, str]:
    """Return option -> value; a switch has an empty value."""
    found: dict[str, str] = {}
    for index, word in enumerate(words):
        if word.startswith("-"):
            following = words[index + 1] if index + 1 < len(words) else "-"
            found[word] = "" if following.startswith("-") else following
    return found


def row(script: dict[str, Any], given: dict[str, str], threads: int, prompt: int, generate: int) -> dict[str, Any]:
    took_s = prompt / PREFILL_TOK_PER_S[threads] + generate / DECODE_TOK_PER_S[threads]
    flash = {"1": "on", "0": "off"}.get(given.get("-fa", ""), given.get("-fa", script["flash"]))
    took_s *= 1 if flash == script["flash"] else 2
    took_s /= script["speeds"].get(variant(given), 1.0)
    return {
        "build_commit": "abc1234",
        "build_number": 7,
        "cpu_info": "Example 9000",
        "gpu_info": "",
        "backends": "CPU",
        "model_filename": given["-m"],
        "model_type": "phi3 3B Q4_0",
        "model_size": 4000,
        "model_n_params": script["elements"],
        "n_batch": int(given["-b"]),
        "n_ubatch": int(given["-ub"]),
        "n_threads": threads,
        "type_k": given["-ctk"],
        "type_v": given["-ctv"],
        "n_gpu_layers": int(given["-ngl"]),
        "flash_attn": {"on": 1, "off": 0}.get(given.get("-fa", ""), -1),
        "repack": True,
        "n_prompt": prompt,
        "n_gen": generate,
        "n_depth": int(given.get("-d", "0")),
        "test_time": "2026-01-02T03:04:05Z",
        "avg_ns": round(took_s * 1e9),
        "stddev_ns": 0,
        "avg_ts": (prompt + generate) / took_s,
        "stddev_ts": 0.0,
        "samples_ns": [round(took_s * 1e9)] * int(given["-r"]),
        "samples_ts": [(prompt + generate) / took_s] * int(given["-r"]),
    }


def variant(given: dict[str, str]) -> str:
    with open(given["-m"], "rb") as file:
        kind = file.read(16).rstrip(b"\3").decode(errors="replace")
    return kind + (" -rtr" if given.get("-rtr") == "1" else "")


def as_ik(row: dict[str, Any], given: dict[str, str]) -> dict[str, Any]:
    """A row of llama.cpp in the columns of ik_llama.cpp, as its source has them."""
    depth, row = row["n_depth"], {name: value for name, value in row.items() if name not in ("backends", "n_depth")}
    prompt, generate = row["n_prompt"] + depth, row["n_gen"]
    parts = [f"pp{prompt}"] * bool(prompt) + [f"tg{generate}"] * bool(generate)
    used = dict.fromkeys(("cuda", "vulkan", "kompute", "metal", "sycl", "gpu_blas", "blas"), False)
    label = f"tg{generate}@pp{depth}" if depth else "+".join(parts)
    said = {"flash_attn": given.get("-fa", "1") == "1", "repack": given["-rtr"] == "1", "test": label}
    return {**used, "rpc": "0", **row, **said, "n_prompt": prompt}


def rows(script: dict[str, Any], given: dict[str, str]) -> list[dict[str, Any]]:
    found = []
    if "-gp" in given:
        depth, generate = given["-gp"].split(",")
        return [row(script, {**given, "-d": depth}, int(given["-t"]), 0, int(generate))]
    for threads in map(int, given["-t"].split(",")):
        prompt, generate = int(given["-p"]), int(given["-n"])
        found += [row(script, given, threads, prompt, 0)] if prompt else []
        found += [row(script, given, threads, 0, generate)] if generate else []
        if "-pg" in given:
            both = [int(part) for part in given["-pg"].split(",")]
            found.append(row(script, given, threads, *both))
    return found


def die(number: int) -> None:
    print("the last words", file=sys.stderr, flush=True)
    os.kill(os.getpid(), number)
    time.sleep(60)


SPOILT: dict[str, dict[str, Any]] = {
    "wrong-shape": {"n_gen": 5},
    "wrong-depth": {"n_depth": 3},
    "wrong-threads": {"n_threads": 64},
    "wrong-cache": {"type_k": "q8_0"},
    "on-a-gpu": {"n_gpu_layers": 33},
    "another-model": {"model_n_params": 7_000_000_000},
    "no-samples": {"samples_ns": []},
    "no-time": {"samples_ns": [0]},
    "text-for-a-number": {"n_prompt": "8"},
    "long-text": {"build_commit": "x" * 300},
    "repacked": {"repack": True},
    "another-depth": {"test": "tg19@pp9"},
    "with-a-graphics-card": {"cuda": True, "n_gpu_layers": 0},
}


def before(script: dict[str, Any], fault: str) -> None:
    if fault in ("sigsegv", "sigkill"):
        die(signal.SIGSEGV if fault == "sigsegv" else signal.SIGKILL)
    if fault == "cannot-load":
        print("llama_bench: error: failed to load model 'model.gguf'", file=sys.stderr)
        sys.exit(1)
    if fault == "silent":
        sys.exit(0)
    if fault == "garbage":
        print("ggml_init: {]", flush=True)
    if fault == "nan":
        print('{"avg_ts": NaN}', flush=True)
    if fault == "a-list":
        print("[1, 2]", flush=True)
    if fault == "says-it-was-watched":
        print('{"watched": {"counters": {"VmHWM": 1, "major_faults": 0, "VmSwap": null}}}', flush=True)
    if fault == "huge":
        sys.stdout.write("x" * (20 << 20))
        sys.stdout.flush()
    if fault in ("hang", "deaf"):
        if fault == "deaf":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        with open(script["log"] + ".hanging", "w") as file:
            file.write(str(os.getpid()))
        time.sleep(120)


def main() -> None:
    with open(sys.argv[1]) as file:
        script = json.load(file)
    words, given = sys.argv[2:], options(sys.argv[2:])
    with open(script["log"], "a+") as log:
        log.seek(0)
        earlier = [json.loads(line) for line in log]
        log.write(json.dumps(words) + "\n")
    probe = "," in given["-t"]
    number = "probe" if probe else str(sum("," not in options(call)["-t"] for call in earlier))
    fault = script["faults"].get(number, script["faults"].get("*", ""))
    before(script, fault)
    ik = script["name"] == "ik_llama.cpp"
    found = [as_ik(one, given) for one in rows(script, given)] if ik else rows(script, given)
    found = [{**one, **SPOILT.get(fault, {})} for one in found]
    if fault == "lacks-a-key":
        del found[0]["n_gen" if ik else "n_depth"]
    found = found * 2 if fault == "twice" else found
    if ik:
        print("[\n" + ",\n".join(json.dumps(one, indent=4) for one in found) + "\n]", flush=True)
        print("==== HAVE_FANCY_SIMD is NOT defined" if "-v" in given else "", file=sys.stderr, flush=True)
    for one in [] if ik else found:
        print(json.dumps(one), flush=True)
    if fault == "fails-at-the-end":
        sys.exit(1)


if __name__ == "__main__":
    main()
