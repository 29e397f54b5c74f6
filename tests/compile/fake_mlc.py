"""A stand-in for an installed mlc_llm: its command line as its own argparse has it, and no compiler behind it.

Options, choices and checks are those of mlc-ai/mlc-llm at 79d603f0, `python/mlc_llm/cli/gen_config.py` and
`cli/compile.py`. The library that it "makes" holds what it was asked for, as JSON.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MAIN = r"""
import argparse, json, os, sys
from pathlib import Path

QUANTIZATIONS = ["q0f16", "q0bf16", "q0f32", "q3f16_0", "q3f16_1", "q4f16_0", "q4f16_1", "q4f32_1", "q4f16_2"]
MODELS = ["auto", "llama", "phi", "phi-msft", "phi3"]


def file_in(name):
    def found(text):
        path = Path(text)
        if not path.exists():
            raise ValueError(f"{path} does not exist.")
        path = path / name if path.is_dir() else path
        if not path.exists():
            raise ValueError(f"Fail to find {name}")
        return path
    return found


def new_file(text):
    if Path(text).is_dir() or not Path(text).parent.is_dir():
        raise argparse.ArgumentTypeError(f"bad output: {text}")
    return Path(text)


def overrides(text):
    for item in filter(None, text.split(";")):
        name, value = item.split("=")
        assert name in ("context_window_size", "prefill_chunk_size", "max_batch_size"), name
        int(value)


def gen_config(argv):
    parser = argparse.ArgumentParser("MLC LLM Configuration Generator")
    parser.add_argument("config", type=file_in("config.json"))
    parser.add_argument("--quantization", required=True, choices=QUANTIZATIONS)
    parser.add_argument("--model-type", default="auto", choices=MODELS)
    parser.add_argument("--conv-template", required=True, choices=["LM", "phi-2", "phi-3", "chatml"])
    for name in ("context-window", "sliding-window", "prefill-chunk", "attention-sink"):
        parser.add_argument(f"--{name}-size", type=int)
    parser.add_argument("--tensor-parallel-shards", type=int)
    parser.add_argument("--pipeline-parallel-stages", type=int)
    parser.add_argument("--disaggregation", type=bool)
    parser.add_argument("--max-batch-size", type=int, default=128)
    parser.add_argument("--output", "-o", type=Path, required=True)
    parsed = parser.parse_args(argv)
    model = json.loads(parsed.config.read_text())
    assert model["model_type"] in MODELS
    parsed.output.mkdir(parents=True, exist_ok=True)
    said = {"quantization": parsed.quantization, "model_config": model, "prefill": parsed.prefill_chunk_size,
            "batch": parsed.max_batch_size}
    (parsed.output / "mlc-chat-config.json").write_text(json.dumps(said))


def compile(argv):
    parser = argparse.ArgumentParser("mlc_llm compile")
    parser.add_argument("model", type=file_in("mlc-chat-config.json"))
    parser.add_argument("--quantization", choices=QUANTIZATIONS)
    parser.add_argument("--model-type", default="auto", choices=MODELS)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--host", default="auto")
    parser.add_argument("--enable-subgroups", action="store_true")
    parser.add_argument("--opt", default="O2", choices=["O0", "O1", "O2", "O3"])
    parser.add_argument("--system-lib-prefix", default="auto")
    parser.add_argument("--output", "-o", type=new_file, required=True)
    parser.add_argument("--overrides", type=overrides, default="")
    parser.add_argument("--debug-dump", type=Path)
    parsed = parser.parse_args(argv)
    asked = {**json.loads(parsed.model.read_text()), "device": json.loads(parsed.device), "host": parsed.host,
             "opt": parsed.opt, "started_as": os.environ.get("STARTED_AS")}
    if parsed.debug_dump:
        parsed.debug_dump.mkdir(parents=True, exist_ok=True)
        (parsed.debug_dump / "debug-phase0.py").write_text("")
    if parsed.output.suffix == ".so" and BEHAVIOUR != "silent":
        parsed.output.write_text(json.dumps(asked))


with open(os.path.join(os.path.dirname(__file__), "calls"), "a") as calls:
    calls.write(sys.argv[1] + "\n")
if BEHAVIOUR == sys.argv[1]:
    print("\n".join(f"line {i}" for i in range(50)), file=sys.stderr)
    sys.exit("\033[1mInternalError\033[0m: no such pass")
{"gen_config": gen_config, "compile": compile}[sys.argv[1]](sys.argv[2:])
"""

# Asking for the version must not import the package, which takes the real one seconds.
INIT = "import sys\nassert not sys.argv[0].endswith('mlc/probe.py')\n"


@dataclass(frozen=True)
class FakeMlc:
    """One installation: `bin/python` has the package, `bin/mlc_llm` starts it; each in a folder of its own."""

    root: Path

    def install(self, version: str = "0.20.0", behaviour: str = "fine", source: str = "") -> FakeMlc:
        """Write it; `behaviour` is "fine", "silent" (makes nothing) or the command that fails."""
        package, programs = self.root / "lib" / "mlc_llm", self.root / "bin"
        package.mkdir(parents=True, exist_ok=True)
        programs.mkdir(exist_ok=True)
        (package / "__init__.py").write_text(INIT + source)
        (package / "libinfo.py").write_text(f"__version__ = {version!r}\n")
        (package / "__main__.py").write_text(f"BEHAVIOUR = {behaviour!r}\n{MAIN}")
        # -S: nothing of the environment that runs the tests is seen.
        start = f'PYTHONPATH="{package.parent}" exec "{sys.executable}" -S'
        _program(self.python, f'STARTED_AS=python {start} "$@"')
        _program(programs / "mlc_llm", f'STARTED_AS=program {start} -m mlc_llm "$@"')
        return self

    @property
    def python(self) -> Path:
        return self.root / "bin" / "python"

    def calls(self) -> list[str]:
        """The commands that were started, in order."""
        path = self.root / "lib" / "mlc_llm" / "calls"
        return path.read_text().split() if path.exists() else []


def asked(library: Path) -> dict[str, Any]:
    """What the library in this folder was asked for."""
    found: dict[str, Any] = json.loads((library / "model.so").read_text())
    return found


def _program(path: Path, body: str) -> None:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
