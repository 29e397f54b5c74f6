"""A runner that speaks the event protocol and computes nothing; faults are asked for in a JSON script.

    fake_runner.py SCRIPT run --bundle DIR --prompt N ...

SCRIPT is a file: {"log": PATH, "faults": {"3": "sigsegv"}, "bandwidth": [..], ...}. Each call appends its
words to the log; the number of the `run` (from 0) picks its fault, and of "decode_ms" how long its tokens take.
It starts in 15 ms, a dozen times a session: it imports no more than it has to.
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

MS = 1_000_000
DECODE_NS = 20 * MS
PREFILL_NS_PER_TOKEN = 5 * MS
START_NS = 5_000_000_000
PEAKS = {"int8_ops_per_s": [4e11, 4.1e11], "int4_ops_per_s": [5e11, 5.1e11], "f32_ops_per_s": [1e11, 1.1e11]}


def say(**fields: Any) -> None:
    print(json.dumps(fields), flush=True)


def die(number: int) -> None:
    print("the last words", file=sys.stderr, flush=True)
    os.kill(os.getpid(), number)
    time.sleep(60)


def options(words: list[str]) -> dict[str, str]:
    """Return --name value pairs; a switch has an empty value."""
    found: dict[str, str] = {}
    for index, word in enumerate(words):
        if word.startswith("--"):
            following = words[index + 1] if index + 1 < len(words) else "--"
            found[word[2:]] = "" if following.startswith("--") else following
    return found


def head(script: dict[str, Any], given: dict[str, str]) -> None:
    threads = int(given["threads"])
    say(event="start", protocol=1, runner="fake 0", t_ns=START_NS, threads=threads, pid=os.getpid())
    ran_on = {
        "device": "cpu",
        "arch": "x86_64",
        "cpu_model": "Example 9000",
        "features": ["avx2"],
        "isa": "avx2",
        "engine": "tvm 0.27.0",
        "threads": threads,
        "pool": "lab",
        "bound": False,
        "metadata": {"isa": "avx2"},
    }
    if "device" in given:
        ran_on |= {"device": given["device"], "pool": "none", "gpu": gpu_facts(script)}
    say(
        event="loaded",
        t_ns=START_NS + 700 * MS,
        load_ns=700 * MS,
        weights_bytes=4096,
        kv_bytes=int(given["context"]) * 100,
        ran_on=ran_on,
    )


def gpu_facts(script: dict[str, Any]) -> dict[str, Any]:
    """An OpenCL device; the script's "gpu" stands over it."""
    facts = {
        "device": "Example GPU",
        "type": "gpu",
        "platform": "Example CL",
        "driver": "1.2",
        "library": "libOpenCL.so",
    }
    sizes = {"max_alloc_bytes": 1 << 30, "global_bytes": 4 << 30}
    return {**facts, "extensions": ["cl_khr_fp16"], **sizes, **script.get("gpu", {})}


def gpu(given: dict[str, str], generated: int) -> None:
    stats = dict.fromkeys(("programs_cached", "alloc_bytes", "to_device_bytes", "from_device_bytes"), 7)
    counts = {"launches": 900, "programs_built": 5, "build_ns": 1500 * MS, "alloc_peak_bytes": 70, "zero_copy_bytes": 9}
    times = [{"kernel": "norm", "count": 2, "total_ns": 3 * MS}, {"kernel": "product", "count": 4, "total_ns": 8 * MS}]
    say(
        event="gpu",
        stats={**stats, **counts},
        prefill_launches=30,
        decode_launches=25 * (generated - 1),
        decode_steps=generated - 1,
        prefill_profile=times if "profile" in given else None,
        decode_profile=times if "profile" in given else None,
    )


def verify(fault: str) -> None:
    if fault == "broken":
        say(event="verify", rel_error=0.7, rel_error_max=0.05, argmax_match=False, passed=False)
        say(event="broken", reason="relative error 0.7 is above 0.05")
        sys.exit(3)
    if fault == "broken-and-crashed":
        say(event="verify", rel_error=None, rel_error_max=0.05, argmax_match=False, passed=False)
        die(signal.SIGSEGV)
    if fault == "lying":
        say(event="verify", rel_error=0.7, rel_error_max=0.05, argmax_match=True, passed=True)
    elif fault != "no-verify":
        say(event="verify", rel_error=0.001, rel_error_max=0.05, argmax_match=True, passed=True)


def warm_up() -> None:
    for index in range(3):
        say(event="warmup", index=index, prefill_ns=50 * MS, decode_ns=[DECODE_NS] * 4)
    say(event="warm", count=3, stable=True)


def stamps(given: dict[str, str], fault: str, decode_ns: int) -> tuple[int, list[int]]:
    submit = START_NS + 2_000 * MS
    first = submit + int(given["prompt"]) * PREFILL_NS_PER_TOKEN
    tokens = [first + index * decode_ns for index in range(int(given["generate"]))]
    if fault == "throttling":
        late = len(tokens) * 2 // 3
        tokens = tokens[:late] + [at + (index + 1) * decode_ns // 2 for index, at in enumerate(tokens[late:])]
    if fault == "wrong-count":
        tokens.pop()
    if fault == "backwards":
        tokens[1] = tokens[0] - MS
    if fault == "one-chunk":
        tokens = [first] * len(tokens)
    return submit, tokens


def tokens_of(given: dict[str, str], fault: str, decode_ns: int) -> list[int]:
    submit, tokens = stamps(given, fault, decode_ns)
    say(event="submit", t_ns=submit, prompt=int(given["prompt"]), depth=int(given["depth"]))
    for index, at in enumerate(tokens):
        say(event="token", i=index, t_ns=at, id=index)
    return tokens


def memory(script: dict[str, Any], given: dict[str, str]) -> None:
    counters = {
        "VmHWM": 90_000 + int(given["context"]) * 100,
        "VmRSS": 80_000,
        "RssAnon": 70_000,
        "RssFile": 10_000,
        "VmSwap": 0,
        "major_faults": 2,
    }
    if "device" in given:
        counters |= {"opencl_alloc_peak_bytes": 70, "opencl_zero_copy_bytes": 9}
    counters.update(script.get("counters", {}))
    extra: dict[str, Any] = {"rss_anon_peak_bytes": None, "workspace_bytes": None}
    if int(given.get("memory-interval-ms", "0")):
        extra["samples"] = [[START_NS + 10 * MS * index, 10_000 * (index + 1)] for index in range(9)]
        extra["rss_anon_peak_bytes"] = 75_000
        extra["workspace_bytes"] = script.get("workspace", 6_000)
    say(event="memory", counters=counters, **extra)


def end(given: dict[str, str], generated: int, at: int, status: str = "ok") -> None:
    say(event="end", t_ns=at, status=status, prompt_tokens=int(given["prompt"]), generated_tokens=generated)


def hang(given: dict[str, str], fault: str, script: dict[str, Any]) -> None:
    """Wait for a signal; a polite runner ends with the tokens so far, others do not."""
    if fault == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    else:

        def stop(number: int, frame: object) -> None:
            if fault == "babble":
                os.write(1, b'{"event": "submit", "t_')
                os._exit(128 + number)
            say(event="submit", t_ns=START_NS + 2_000 * MS, prompt=int(given["prompt"]), depth=int(given["depth"]))
            say(event="token", i=0, t_ns=START_NS + 3_000 * MS, id=7)
            memory(script, given)
            end(given, 1, START_NS + 9_000 * MS, "interrupted")
            os._exit(128 + number)

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
    with open(script["log"] + ".hanging", "w") as file:
        file.write(str(os.getpid()))
    time.sleep(120)


def run(script: dict[str, Any], given: dict[str, str], fault: str) -> None:
    if fault == "usage":
        print("lab-bench: unknown option '--prompt'", file=sys.stderr)
        sys.exit(2)
    head(script, given)
    if fault == "error":
        say(event="error", where="library", message="model.so: undefined symbol: exp")
        sys.exit(1)
    if fault == "build":
        log = "the driver failed to build a kernel: matmul\n<kernel>:3:1: error: \x1b[31mno such type" + " half" * 500
        say(event="error", where="forward", message=log)
        sys.exit(1)
    if fault in ("sigsegv", "sigkill"):
        die(signal.SIGSEGV if fault == "sigsegv" else signal.SIGKILL)
    if fault == "garbage":
        print("Segmentation fault? no: {]", flush=True)
    if fault == "huge":
        sys.stdout.write("x" * (20 << 20))
        sys.stdout.flush()
    if "verify" in given:
        verify(fault)
    warm_up()
    if fault in ("hang", "deaf", "babble"):
        hang(given, fault, script)
    tokens = tokens_of(given, fault, script.get("decode_ns", DECODE_NS))
    if fault == "cut":
        return
    memory(script, given)
    if "device" in given:
        gpu(given, len(tokens))
    end(given, len(tokens), tokens[-1] + MS, "interrupted" if fault == "interrupted" else "ok")


def bandwidth(script: dict[str, Any], given: dict[str, str]) -> None:
    rates = script.get("bandwidth")
    if rates is None:
        die(signal.SIGBUS)
    elif isinstance(rates, str):
        say(event="error", where="bandwidth", message=rates)
        sys.exit(1)
    loop = given.get("loop", "avx2 4x32 prefetch")
    say(event="bandwidth", threads=int(given["threads"]), bytes=int(given["bytes"]), loop=loop, bytes_per_s=rates)


def peak(script: dict[str, Any], given: dict[str, str]) -> None:
    rates = script.get("peak", PEAKS)
    if rates is None:
        die(signal.SIGILL)
    elif isinstance(rates, str):
        say(event="error", where="peak", message=rates)
        sys.exit(1)
    loops = {"int8_loop": "avx2 8x32", "int4_loop": "avx2 4x32 int16", "f32_loop": "avx2-fma 12x32"}
    say(event="peak", threads=int(given["threads"]), **loops, **rates)


def stage(script: dict[str, Any]) -> None:
    found = script.get("staged", {"bytes": 8000, "huge_bytes": 6000})
    if isinstance(found, str):
        say(event="error", where="stage", message=found)
        sys.exit(1)
    say(event="staged", **found)


def info(script: dict[str, Any], given: dict[str, str]) -> None:
    refused = script.get("gpu")
    if "device" in given and isinstance(refused, str):
        say(event="error", where=given["device"], message=refused)
        sys.exit(1)
    gpu = {"gpu": gpu_facts(script)} if "device" in given else {}
    found = script.get("features", ["avx2", "avx512_vnni", "avx512f", "fma", "sse2"])
    if isinstance(found, str):
        say(event="error", where="runtime", message=found)
        sys.exit(1)
    machine = {"arch": "x86_64", "cpu_model": "Example 9000", "features": found, "cores": 2, "page_size": 4096}
    say(event="info", protocol=1, runner="fake", **machine, mem_available_bytes=None, engine="none", **gpu)


def main() -> None:
    with open(sys.argv[1]) as file:
        script = json.load(file)
    words, log = sys.argv[2:], script["log"]
    with open(log, "a+") as file:
        file.seek(0)
        number = sum(line.startswith('["run"') for line in file)
        file.write(json.dumps(words) + "\n")  # at once: a run that is killed leaves no half line
    if words[0] == "bandwidth":
        bandwidth(script, options(words))
    elif words[0] == "peak":
        peak(script, options(words))
    elif words[0] == "stage":
        stage(script)
    elif words[0] == "info":
        info(script, options(words))
    else:
        if number < len(script.get("decode_ms", [])):
            script["decode_ns"] = int(script["decode_ms"][number] * MS)
        run(script, options(words), script["faults"].get(str(number), script["faults"].get("*", "")))


if __name__ == "__main__":
    main()
