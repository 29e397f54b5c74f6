"""`lab run` around the measuring, which is replaced here; test_whole_path.py does it for real."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import lab.jobs.run as job
from lab import store
from lab.core.errors import MeasureError
from lab.core.home import builtin_dir, profiles_dir
from lab.formats.run_record import Lengths, RunRecord, TimesRecord
from lab.formats.test import Test
from lab.jobs.build import Pipeline
from lab.measure.lengths import Asked, earlier_step
from lab.measure.plan import Plan
from lab.measure.session import Interrupted
from tests.analysis.documents import cell, failed_repetition, record
from tests.cli.conftest import Lab

RATES = {"prefill_tok_per_s": 9.0, "decode_tok_per_s": 4.0, "repetition_s": 30.0, "default_s": 90.0, "kept": False}
CHOSEN: dict[str, Any] = {"prompt": 512, "generate": 128, **RATES}
RUN = ("run", "--target", "local", "--model", "phi3-mini-q4")


class Session:
    """Stands in for `measure_engines`: keeps what it was asked, and ends as told."""

    def __init__(self, result: RunRecord | BaseException) -> None:
        self.result = result
        self.plan: Plan | None = None
        self.times: TimesRecord | None = None
        self.said: Any = None
        self.asked: Asked | None = None

    def __call__(
        self, device: Any, setups: Any, plan: Plan, *_: Any, find_threads: bool, said: Any, asked: Asked | None
    ) -> tuple[RunRecord, ...]:
        (setup,) = setups
        assert not find_threads
        self.plan, self.times, self.said, self.asked = plan, setup.times, said, asked
        if isinstance(self.result, BaseException):
            raise self.result
        store.save(self.result)
        return (self.result,)


@pytest.fixture
def session(home: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    """Nothing is built either: each step takes no time and gives an empty folder."""
    found = Session(record())
    monkeypatch.setattr(job, "measure_engines", found)

    def step(name: str) -> Any:
        def done(self: Pipeline, *_: Any) -> Path:
            self.time_s[name] = 0.5
            return home

        return done

    for name, method in (("compile", "library"), ("convert", "weights"), ("runner", "runner")):
        monkeypatch.setattr(Pipeline, method, step(name))
    monkeypatch.setattr("lab.compile.bundle.assemble", lambda *_: home)
    monkeypatch.setattr("lab.jobs.build.load_manifest", lambda *_: SimpleNamespace(options={}))
    return found


def test_the_table_ends_with_where_the_time_went(lab: Lab, session: Session) -> None:
    ran = lab(*RUN)
    assert ran.code == 0
    assert ran.out.splitlines()[-1].startswith(("Time: ", "measure "))
    assert "phi3-mini-q4 on local" in ran.out


def test_json_is_the_file_exactly(lab: Lab, session: Session) -> None:
    ran = lab(*RUN, "--json")
    (path,) = profiles_dir().rglob("*.json")
    assert ran.out == path.read_text()
    store.load(path)


def test_the_record_says_how_long_the_whole_command_took(lab: Lab, session: Session) -> None:
    times = lab(*RUN, "--json").document["time_s"]
    assert times["measure"] == 130.4
    assert 0 < times["total"] < 60  # measured here, not the 243 s of the hand-made record
    assert session.times == TimesRecord(compile=0.5, convert=0.5, runner=0.5)


def test_options_become_the_plan(lab: Lab, session: Session) -> None:
    lab(*RUN, "--prompt", "64,128", "--generate", "16", "--depth", "0,32", "--repeats", "7", "--threads", "1")
    assert session.plan is not None
    cells = [(cell.prompt, cell.generate, cell.depth) for cell in session.plan.cells]
    assert cells == [(64, 16, 0), (64, 16, 32), (128, 16, 0), (128, 16, 32)]
    assert (session.plan.repeats, session.plan.threads) == (7, 1)


def test_defaults_are_those_of_the_help_and_the_target(lab: Lab, session: Session) -> None:
    lab(*RUN)
    assert session.plan is not None
    assert [(cell.prompt, cell.generate, cell.depth) for cell in session.plan.cells] == [(512, 128, 0)]


def test_ctrl_c_while_measuring_shows_and_names_what_was_kept(lab: Lab, session: Session) -> None:
    kept = record(status="interrupted", cells=[cell([10.0, 10.0], [50.0, 50.0])])
    session.result = Interrupted(kept, store.save(kept))
    ran = lab(*RUN)
    assert ran.code == 130
    assert "interrupted: 2 of 5 repetitions were finished; the run is kept in" in ran.err
    assert f"\n`lab run --resume {kept.run_id}` measures the rest\n" in ran.err
    assert "phi3-mini-q4 on local" in ran.out


@pytest.mark.parametrize(
    ("verb", "function", "kept"),
    [
        (("compile", "--target", "local"), "lab.compile.build.build_library", "nothing half-made is left"),
        (("convert",), "lab.models.convert.convert", "a compiled library stays for the next time"),
    ],
)
def test_ctrl_c_in_an_earlier_step_says_what_stays(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, verb: tuple[str, ...], function: str, kept: str
) -> None:
    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(function, stop)
    ran = lab(*verb, "--model", "phi3-mini-q4", "--layers", "1")
    assert (ran.code, ran.out) == (130, "")
    assert kept in ran.err


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "failed", "reason": "no repetition gave a result"},
        {"status": "wrong_output", "reason": "logits differ"},
        {"cells": [cell(), {**cell(depth=64), "status": "failed", "repetitions": [failed_repetition(0, "x")]}]},
    ],
)
def test_a_run_that_lacks_numbers_is_shown_and_leaves_with_1(
    lab: Lab, session: Session, changes: dict[str, Any]
) -> None:
    session.result = record(**changes)
    ran = lab(*RUN)
    assert ran.code == 1
    assert "phi3-mini-q4 on local" in ran.out


def test_an_error_of_the_session_is_an_error_of_the_command(lab: Lab, session: Session) -> None:
    session.result = MeasureError("local: no", hint="wait")
    ran = lab(*RUN)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.endswith("error: local: no\nhint: wait\n")


def no_building(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> Path:
        pytest.fail("it was built before it was refused")

    for method in ("library", "weights", "runner"):
        monkeypatch.setattr(Pipeline, method, refuse)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--prompt", "4000"), "4096"),
        (("--threads", "4000"), "threads"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_built(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], said: str
) -> None:
    no_building(monkeypatch)
    ran = lab(*RUN, *options)
    assert ran.code == 1
    assert said in ran.err


def test_too_little_memory_is_refused_with_the_sum_before_anything_is_built(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_building(monkeypatch)
    facts = {"cores": 2, "mem_available_bytes": 1 << 30}
    monkeypatch.setattr("lab.devices.local.LocalDevice.facts", lambda self: facts)
    ran = lab(*RUN)
    assert ran.code == 1
    assert "not enough memory" in ran.err
    assert "available 1.0 GiB" in ran.err


def test_a_model_too_large_for_the_device_is_refused_with_the_sum_before_anything_is_built(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_building(monkeypatch)
    facts = {"cores": 2, "mem_available_bytes": 64 << 30, "mem_total_bytes": 2 << 30}
    monkeypatch.setattr("lab.devices.local.LocalDevice.facts", lambda self: facts)
    ran = lab(*RUN)
    assert ran.code == 1
    assert "too large for local: needs 2.0 GiB weights + " in " ".join(ran.err.split())
    assert "KV cache + about" in " ".join(ran.err.split())


def test_another_engine_does_not_judge_texts(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    no_building(monkeypatch)
    ran = lab("run", "--target", "local", "--model", "phudge-regression-q4", "--engine", "tvm,llama.cpp")
    assert ran.code == 2
    assert "phudge-regression-q4 judges texts, and llama.cpp measures tokens" in ran.err


def test_who_judges_texts_generates_nothing(lab: Lab, session: Session) -> None:
    options = ("--layers", "2", "--prompt", "64,128", "--generate", "7", "--repeats", "1")
    ran = lab("run", "--target", "local", "--model", "phudge-regression-q4", *options)
    assert "makes no tokens: --generate is passed over" in ran.err
    assert session.plan is not None
    assert session.plan.cells == (Test(64, 0), Test(128, 0))


def test_a_profile_is_of_an_opencl_device(lab: Lab) -> None:
    ran = lab("run", "--target", "local", "--model", "phi3-mini-q4", "--profile")
    assert ran.code == 2
    assert "--profile times the kernels of an OpenCL device" in ran.err


def test_what_nobody_named_is_for_the_session_to_choose(lab: Lab, session: Session) -> None:
    assert lab(*RUN).code == 0
    assert session.plan is not None
    assert (session.plan.repeats, session.plan.adapts) == (3, True)
    assert session.asked is not None
    assert (session.asked.prompt, session.asked.generate, session.asked.depth) == (None, None, None)


def test_what_was_named_is_not(lab: Lab, session: Session) -> None:
    assert lab(*RUN, "--prompt", "100", "--generate", "8,9", "--repeats", "7").code == 0
    assert session.plan is not None
    assert (session.plan.repeats, session.plan.adapts) == (7, False)
    assert session.plan.cells == (Test(100, 8), Test(100, 9))
    assert session.asked is not None
    assert session.asked.names_lengths


@pytest.mark.parametrize(
    ("argv", "plan", "layers"),
    [
        ("", ((Test(16, 8),), 3), 2),
        ("--prompt 64", ((Test(64, 8),), 3), 2),
        ("--generate 4 --repeats 1 --layers 5", ((Test(16, 4),), 1), 5),
    ],
)
def test_quick_is_a_part_and_what_was_named_counts(
    lab: Lab, session: Session, monkeypatch: pytest.MonkeyPatch, argv: str, plan: Any, layers: int
) -> None:
    built: list[Any] = []
    whole = job.Job.measured
    monkeypatch.setattr(job.Job, "measured", lambda self: built.append(self.spec) or whole(self))
    assert lab(*RUN, "--quick", *argv.split()).code == 0
    assert session.plan is not None
    assert (session.plan.cells, session.plan.repeats) == plan
    assert (built[0].layers, built[0].label) == (layers, f"phi3-mini-q4@{layers}l")


def test_quick_is_not_for_a_resumption(lab: Lab, home: Path) -> None:
    ran = lab("run", "--resume", "latest", "--quick")
    assert ran.code == 2
    assert "--quick" in ran.err


def test_a_number_in_the_target_s_file_is_one_that_was_named(lab: Lab, session: Session, home: Path) -> None:
    folder = home / "targets"
    folder.mkdir(exist_ok=True)
    own = (builtin_dir("targets") / "local.toml").read_text().replace('"local"', '"own"', 1)
    (folder / "own.toml").write_text(own.replace("repeats = 0", "repeats = 4"))
    assert lab("run", "--target", "own", "--model", "phi3-mini-q4").code == 0
    assert session.plan is not None
    assert (session.plan.repeats, session.plan.adapts) == (4, False)


def test_the_step_of_the_newest_run_that_chose_one(home: Path) -> None:
    def keep(number: int, label: str = "phi3-mini-q4", serial: str = "ab" * 32, **lengths: int) -> None:
        plain = record()
        plan = replace(plain.plan, lengths=Lengths(**(CHOSEN | lengths)) if lengths else None)
        device = replace(plain.device, serial_hash=serial)
        model = replace(plain.model, label=label)
        run_id, made = f"2026010{number}-000000-aaaaaa", f"2026-01-0{number}T00:00:00Z"
        store.save(replace(plain, run_id=run_id, created_at=made, plan=plan, device=device, model=model))

    def found() -> tuple[int, int] | None:
        return earlier_step(record().target.name, "phi3-mini-q4", "ab" * 32)

    assert found() is None
    keep(1, prompt=256, generate=64)
    assert found() == (256, 64)
    keep(2, prompt=128, generate=32)
    keep(3, prompt=64, generate=16, serial="cd" * 32)
    keep(4, prompt=64, generate=16, label="phi3-mini-q4@2l")
    keep(5)  # lengths were named
    assert found() == (128, 32)
