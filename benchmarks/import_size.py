"""How long `lab import` takes for many rows of llama-bench, and how much memory.

    python -m benchmarks.import_size [ROWS] [TESTS_A_SESSION]

Default: 100000 rows in sessions of 10 tests with 5 samples each, about 100 MB. The file is made up. The import runs
in a process of its own, with a home of its own, and is then done again over the store that it made.
"""

from __future__ import annotations

import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

ROWS, TESTS, SAMPLES = 100_000, 10, 5
START = datetime(2020, 1, 1, tzinfo=UTC)
# fmt: off
COMMON: dict[str, Any] = {
    "build_number": 7000, "cpu_info": "Example CPU", "gpu_info": "Example GPU", "backends": "Vulkan",
    "model_filename": "/models/tiny-llm-1b.Q4_0.gguf", "model_type": "llama 1B Q4_0", "model_size": 700_000_000,
    "model_n_params": 1_200_000_000, "n_batch": 2048, "n_ubatch": 512, "n_threads": 8, "cpu_mask": "0x0",
    "cpu_strict": False, "poll": 50, "type_k": "f16", "type_v": "f16", "n_gpu_layers": 99, "n_cpu_moe": 0,
    "split_mode": "layer", "main_gpu": 0, "no_kv_offload": False, "flash_attn": False, "devices": "auto",
    "tensor_split": "0.00", "tensor_buft_overrides": "none", "use_mmap": True, "embeddings": False, "no_op_offload": 0,
}
# fmt: on


def rows(count: int, tests: int) -> Iterator[dict[str, Any]]:
    """Yield rows of sessions six hours apart, ten sessions a commit."""
    draw = random.Random(0)
    for number in range(count):
        session, place = divmod(number, tests)
        prompt, generate = (512, 0) if place % 2 else (0, 128)
        ns = [draw.randrange(10**8, 2 * 10**8) for _ in range(SAMPLES)]
        ts = [(prompt + generate) * 1e9 / one for one in ns]
        at = START + timedelta(minutes=360 * session / max(count // tests // 8000, 1), seconds=20 * place)
        yield {
            "build_commit": f"{session // 10:09x}",
            **COMMON,
            "n_prompt": prompt,
            "n_gen": generate,
            "n_depth": place // 2 * 512,
            "test_time": f"{at:%Y-%m-%dT%H:%M:%SZ}",
            "avg_ns": sum(ns) // SAMPLES,
            "avg_ts": sum(ts) / SAMPLES,
            "samples_ns": ns,
            "samples_ts": ts,
        }


def timed(file: Path, home: Path) -> str:
    """Import the file in a process of its own and say what it took."""
    argv = [sys.executable, "-m", "lab", "import", str(file), "--target", "box"]
    started, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        argv, env={**os.environ, "LAB_HOME": str(home)}, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
    told = done.stdout.decode().strip().splitlines()[-1]
    return f"{time.monotonic() - started:.1f} s, {cpu_s:.1f} s of CPU, {used.ru_maxrss / 1024:.0f} MB at most: {told}"


def main() -> None:
    """Make the file, import it twice, print a line each."""
    count, tests = (int(argument) for argument in (sys.argv[1:] + [str(ROWS), str(TESTS)][len(sys.argv) - 1 :]))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rows.jsonl"
        with file.open("w") as out:
            out.writelines(json.dumps(row) + "\n" for row in rows(count, tests))
        print(f"{count} rows, {file.stat().st_size / 1e6:.0f} MB, {tests} tests a session")
        print("new    ", timed(file, Path(folder) / "home"))
        print("again  ", timed(file, Path(folder) / "home"))


if __name__ == "__main__":
    main()
