"""Backend `mlc`: drives an installed mlc_llm, always as another program, because its TVM cannot share ours."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lab.compile.contract import Recipe
from lab.compile.cpu import Cpu
from lab.compile.mlc import probe as mlc_probe
from lab.core.errors import CompileError
from lab.core.jsonio import digest
from lab.core.proc import CommandError, Completed, describe_code, run
from lab.core.progress import Progress
from lab.formats.manifest import VersionsBlock
from lab.formats.target import TargetSpec
from lab.models.catalog import ModelSpec
from lab.models.families import family_of
from lab.models.layouts.mlc import LAYOUT
from lab.models.params import names_of_mlc
from lab.models.quant import SCHEMES
from lab.version import __version__

VARIABLE = "LAB_MLC_PYTHON"
PROGRAM = "mlc_llm"
PROBE_TIMEOUT_S = 120.0
COMPILE_TIMEOUT_S = 7200.0
TAIL_LINES = 15
_INSTALL = (
    "in an environment of its own: pip install --pre -U -f WHEELS mlc-llm-nightly-cpu mlc-ai-nightly-cpu, with WHEELS "
    f"as https://llm.mlc.ai/docs/install/mlc_llm gives it; then set {VARIABLE} to that environment's python"
)
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Mlc:
    """An installed mlc_llm: how it is started, its own version string, and the digest of its files."""

    command: tuple[str, ...]
    version: str
    digest: str


def recipe(spec: ModelSpec, target: TargetSpec, cpu: Cpu) -> Recipe:
    """Return how mlc_llm makes the library of `spec`; CompileError: no mlc_llm, or a scheme that it lacks."""
    if spec.scheme.mlc_name is None:
        known = ", ".join(scheme.name for scheme in SCHEMES.values() if scheme.mlc_name)
        raise CompileError(f"{spec.label}: backend mlc has no {spec.scheme.name} weights", hint=f"it has {known}")
    mlc = find_mlc()
    job = _Job(mlc, spec, _gen_config(spec, target), _compile(target, cpu))
    versions = VersionsBlock(__version__, None, None, None, None, mlc=mlc.version, mlc_files=mlc.digest)
    options = {"layout": LAYOUT, "gen_config": job.gen_config, "compile": job.compile}
    asked = {"config": family_of(spec.config).document(spec.config), "scheme": asdict(spec.scheme), "options": options}
    return Recipe(digest({**asked, "versions": asdict(versions)}), versions, options, job.make)


def find_mlc() -> Mlc:
    """Return the mlc_llm of $LAB_MLC_PYTHON, else the one on PATH; CompileError says where was looked."""
    named = os.environ.get(VARIABLE)
    if named:
        python = shutil.which(named)
        if python is None:
            raise CompileError(f"{VARIABLE} is {named!r}, which is no program that can be started", hint=_INSTALL)
        python = str(Path(python).absolute())
        return _asked(python, (python, "-m", PROGRAM))
    program = shutil.which(PROGRAM)
    if program is None:
        raise CompileError(
            f"backend mlc needs mlc_llm: {VARIABLE} is not set, and no program {PROGRAM} is on PATH", hint=_INSTALL
        )
    # The program has no option that tells its version; its environment's own Python knows.
    beside = Path(program).resolve().with_name("python")
    if not beside.is_file():
        raise CompileError(
            f"{program}: no python lies beside it that could tell its version",
            hint=f"set {VARIABLE} to the Python that has mlc_llm",
        )
    return _asked(str(beside), (str(Path(program).absolute()),))


def _asked(python: str, command: tuple[str, ...]) -> Mlc:
    done = _run([python, mlc_probe.__file__], f"asking {python} for its mlc_llm", PROBE_TIMEOUT_S)
    try:
        said = json.loads(done.stdout)
        return Mlc(command, str(said["version"])[:100], str(said["digest"])[:64])
    except (ValueError, KeyError, TypeError) as problem:
        raise CompileError(f"{python} has no mlc_llm", hint=_INSTALL) from problem


def _gen_config(spec: ModelSpec, target: TargetSpec) -> list[str]:
    """Return the options of `mlc_llm gen_config`, without paths; the conversation template is never used."""
    chunk = min(target.measure.prefill_chunk, spec.config.max_position_embeddings)
    sizes = ["--prefill-chunk-size", str(chunk), "--max-batch-size", "1"]
    return ["--quantization", str(spec.scheme.mlc_name), "--conv-template", "LM", *sizes]


def _compile(target: TargetSpec, cpu: Cpu) -> list[str]:
    """Return the options of `mlc_llm compile`, without paths: the same processor that our own backend gets."""
    mtriple = target.compile.mtriple
    features = [f"+{name}" for name in cpu.llvm_features]
    device = {"kind": target.compile.kind, "mtriple": mtriple, "mcpu": "x86-64", "mattr": features}
    return ["--device", json.dumps(device), "--host", mtriple, "--opt", "O2"]


@dataclass(frozen=True)
class _Job:
    """One library to be made by mlc_llm, with the options of its two commands."""

    mlc: Mlc
    spec: ModelSpec
    gen_config: list[str]
    compile: list[str]

    def make(self, path: Path, progress: Progress, dump_ir: Path | None) -> dict[str, Any]:
        """Write the library to `path`."""
        document = family_of(self.spec.config).document(self.spec.config)
        for difference in names_of_mlc(self.spec.config).differences(self.spec.config):
            progress.note(difference)
        dump = [] if dump_ir is None else ["--debug-dump", str(dump_ir.absolute())]
        with (
            progress.phase(f"compile model with mlc_llm {self.mlc.version}", 2, "steps") as advance,
            tempfile.TemporaryDirectory(prefix="lab-mlc-") as folder,
        ):
            Path(folder, "config.json").write_text(json.dumps(document), encoding="utf-8")
            self._command(folder, "gen_config", ".", *self.gen_config, "--output", "mlc")
            advance(1)
            self._command(folder, "compile", "mlc", *self.compile, *dump, "--output", str(path.absolute()))
            advance(1)
        if not path.is_file() or path.stat().st_size == 0:
            raise CompileError(f"mlc_llm {self.mlc.version} ended without an error and without a library")
        return {}

    def _command(self, folder: str, name: str, *options: str) -> None:
        argv = [*self.mlc.command, name, *options]
        _run(argv, f"mlc_llm {name}", COMPILE_TIMEOUT_S, Path(folder))


def _run(argv: Sequence[str], what: str, timeout_s: float, cwd: Path | None = None) -> Completed:
    try:
        done = run(argv, timeout_s=timeout_s, cwd=cwd)
    except CommandError as problem:
        raise CompileError(f"{what}: {problem.what}", hint=problem.hint) from problem
    if done.code != 0:
        raise CompileError(f"{what}: {describe_code(done.code)}\n{_tail(done.stderr or done.stdout)}")
    return done


def _tail(text: str) -> str:
    return "\n".join(_COLOUR.sub("", text).strip().splitlines()[-TAIL_LINES:])
