"""What to do about each thing that a run has to be believed in spite of: by the code of its flag."""

from __future__ import annotations

from lab.formats.run_record import RunRecord

IDLE = "close other programs and run it again"
RUN, TARGET, MODEL, RESUME = "{run}", "{target}", "{model}", "{resume}"

# Code of a flag (lab.analysis.run.flags) -> the next step. A test holds that each code has one.
ADVICE = {
    "synthetic": "--weights DIR takes trained ones",
    "layers": "leave --layers out to measure the whole model",
    "made_up": "it shows what lab does: measure with `lab run`",
    "disturbed": "it tests the bench: compare it with nothing",
    "emulated": "compare it with runs of the same emulated device only",
    "fell_back": "`lab targets check {target} --connect` says what the GPU's driver lacks",
    "cpu_device": "install the GPU's OpenCL driver, or measure with a target for processors",
    "unverified": "believe it after a run on the real device",
    "running": "wait for it; if its `lab run` is gone, {resume}",
    "interrupted": "{resume}",
    "failed": "remove the cause, then {resume}",
    "wrong_output": "do not use this build; `lab verify --target {target} --model {model}` says how far off it is",
    "bandwidth_moved": f"something else used the memory: {IDLE}",
    "repetitions_lost": "`lab show {run} --section repetitions` has what each reported; {resume}",
    "tokens_differ": "do not use this build, and report it: the same work has to give the same tokens",
    "cv_over_gate": f"{IDLE}, or with more repetitions: --repeats N",
    "gate_not_kept": f"{IDLE}; where it is never idle, raise max_busy in [measure] of targets/{TARGET}.toml",
    "warmup_unstable": f"{IDLE}, or raise warmup_cap in [measure] of targets/{TARGET}.toml",
    "throttled": "let the device cool down and run it again, or with fewer threads: --threads N",
    "slowed": f"something else took the processor or the memory: {IDLE}",
    "cpu_quota": "raise the container's CPU quota, or measure with fewer threads: --threads N",
    "swapped": "free memory, or choose a smaller model or context",
    "above_roof": "the bandwidth test was probably disturbed: run it again on an idle machine",
    "prefill_above_roof": "the test of the arithmetic peak was probably disturbed: run it again on an idle machine",
    "contradictory": "check that row of the file that was imported",
    "impossible": "check that row of the file that was imported",
}
ALIKE = {"broken": "wrong_output", "rejected": "failed", "not_run": "interrupted"}


def advice(code: str, record: RunRecord) -> str:
    """Return what to do about the flag, as half a sentence; empty where nobody knows."""
    status = code.removeprefix("cell_")
    text = ADVICE.get(code) or ADVICE.get(ALIKE.get(status, status), "")
    command = resume_command(record)
    again = f"`{command}` measures the rest" if command else "measure it again"
    return text.format(run=record.run_id, target=record.target.name, model=record.model.id, resume=again)


def resume_command(record: RunRecord) -> str | None:
    """Return the command that measures what the run lacks; None where a part of it cannot be measured alone."""
    if record.imported or record.session is not None:
        return None
    at = " --at ADDRESS" if record.by_address else ""
    weights = "" if record.weights.source in ("synthetic", "unknown") else " --weights DIR"
    image = " --image FILE" if record.image is not None and record.image.source == "file" else ""
    return f"lab run --resume {record.run_id}{at}{weights}{image}"
