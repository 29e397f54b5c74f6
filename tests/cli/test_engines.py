"""`lab run --engine`: names, what is refused early, and both endings; tests/measure has the sessions themselves."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import lab.jobs.run as job
from lab import store
from lab.core.home import profiles_dir
from lab.formats.run_record import RunRecord
from lab.jobs.build import Pipeline
from lab.measure.engine import Setup
from lab.measure.llama.engine import LlamaSetup
from lab.measure.plan import Plan
from lab.measure.runner.setup import RunnerSetup
from lab.measure.session import Interrupted
from tests.analysis.test_side_by_side import ours, peer
from tests.cli.conftest import Lab

RUN = ("run", "--target", "local", "--model", "phi3-mini-q4")
BOTH = (*RUN, "--engine", "tvm,llama.cpp")


class Together:
    """Stands in for `measure_engines`: keeps what it was asked, and ends as told."""

    def __init__(self) -> None:
        self.result: tuple[RunRecord, ...] | BaseException = (ours(), peer())
        self.setups: Sequence[Setup] = ()
        self.plan: Plan | None = None
        self.find_threads: bool | None = None

    def __call__(
        self, device: Any, setups: Sequence[Setup], plan: Plan, *_: Any, find_threads: bool, said: Any, asked: Any
    ) -> tuple[RunRecord, ...]:
        assert asked is None  # nothing is chosen by a trial
        self.setups, self.plan, self.find_threads = setups, plan, find_threads
        if isinstance(self.result, BaseException):
            raise self.result
        for record in self.result:
            store.save(record)
        return self.result


@pytest.fixture
def together(home: Path, monkeypatch: pytest.MonkeyPatch) -> Together:
    """Nothing is built or measured; llama-bench is a program that is never started."""
    found = Together()
    monkeypatch.setattr(job, "measure_engines", found)
    monkeypatch.setenv("LAB_LLAMA_BENCH", sys.executable)

    def step(name: str) -> Any:
        def done(self: Pipeline, *_: Any) -> Path:
            self.time_s[name] = 0.5
            return home / name

        return done

    def ggufs(self: Pipeline, *_: Any, all_types: bool) -> list[Path]:
        return [step("convert")(self)] * (2 if all_types else 1)

    monkeypatch.setattr(Pipeline, "ggufs", ggufs)
    steps = {"library": "compile", "weights": "convert", "runner": "runner"}
    for method, name in steps.items():
        monkeypatch.setattr(Pipeline, method, step(name))
    monkeypatch.setattr("lab.compile.bundle.assemble", lambda *_: home)
    monkeypatch.setattr("lab.jobs.build.load_manifest", lambda *_: SimpleNamespace(options={}))
    return found


def test_sides_that_are_compared_get_the_usual_lengths_and_a_number_known_before(lab: Lab, together: Together) -> None:
    assert lab(*BOTH).code == 0
    assert together.plan is not None
    assert (together.plan.repeats, together.plan.adapts) == (5, False)
    assert [(cell.prompt, cell.generate) for cell in together.plan.cells] == [(512, 128)]


def test_both_are_set_up_and_both_are_shown(lab: Lab, together: Together) -> None:
    ran = lab(*BOTH, "--repeats", "3")
    assert (ran.code, ran.err) == (0, "")
    ours_, theirs = together.setups
    assert isinstance(ours_, RunnerSetup)
    assert isinstance(theirs, LlamaSetup)
    assert (ours_.times.compile, ours_.times.convert, ours_.times.runner) == (0.5, 0.5, 0.5)
    assert (theirs.times.compile, theirs.times.convert) == (None, 0.5)
    assert (theirs.peer.name, theirs.program) == ("llama.cpp", Path(sys.executable).absolute())
    assert len(theirs.folders) == 1
    assert together.plan is not None
    assert together.plan.repeats == 3
    assert "tvm prefills 2.00 times as fast as llama.cpp, 95 % interval 2.00 to 2.00" in " ".join(ran.out.split())


def test_the_fork_gets_every_type_of_weights(lab: Lab, together: Together, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_IK_LLAMA_BENCH", sys.executable)
    lab(*RUN, "--engine", "tvm,llama.cpp,ik_llama.cpp")
    _, theirs, fork = together.setups
    assert isinstance(theirs, LlamaSetup)
    assert isinstance(fork, LlamaSetup)
    assert [(one.peer.name, len(one.folders)) for one in (theirs, fork)] == [("llama.cpp", 1), ("ik_llama.cpp", 2)]


def test_json_is_an_array_of_the_files_as_they_stand(lab: Lab, together: Together) -> None:
    ran = lab(*BOTH, "--json")
    files = [json.loads(path.read_text()) for path in sorted(profiles_dir().rglob("*.json"))]
    assert ran.document == files
    assert [run["engine"]["name"] for run in ran.document] == ["tvm", "llama.cpp"]
    assert all(path.read_text().rstrip("\n") in ran.out for path in profiles_dir().rglob("*.json"))
    assert all(0 < run["time_s"]["total"] < 60 for run in ran.document)


def test_one_engine_alone_is_an_ordinary_run(lab: Lab, together: Together) -> None:
    together.result = (peer(),)
    ran = lab(*RUN, "--engine", "llama.cpp", "--json")
    assert ran.code == 0
    assert ran.document["engine"]["name"] == "llama.cpp"
    table = lab(*RUN, "--engine", "llama.cpp")
    assert "phi3-mini-q4 in llama.cpp on local" in table.out


def test_a_backend_by_name_is_compiled_by_it(lab: Lab, together: Together) -> None:
    together.result = (ours(),)
    lab(*RUN, "--engine", "mlc")
    (setup,) = together.setups
    assert isinstance(setup, RunnerSetup)
    assert setup.target.compile.backend == "mlc"


@pytest.mark.parametrize(("options", "found"), [((), True), (("--threads", "1"), False)])
def test_threads_are_found_unless_they_are_given(
    lab: Lab, together: Together, options: tuple[str, ...], found: bool
) -> None:
    lab(*BOTH, *options)
    assert together.find_threads is found


def test_the_targets_own_number_of_threads_counts(lab: Lab, together: Together, home: Path) -> None:
    (home / "targets").mkdir()
    text = 'schema = 1\nname = "box"\ndescription = ""\n[device]\ntransport = "local"\n[measure]\nthreads = 1\n'
    (home / "targets" / "box.toml").write_text(text)
    lab("run", "--target", "box", "--model", "phi3-mini-q4", "--engine", "llama.cpp")
    assert together.find_threads is False


def test_an_engine_that_failed_leaves_with_1(lab: Lab, together: Together) -> None:
    together.result = (ours(), peer(status="failed", reason="no"))
    assert lab(*BOTH).code == 1


def test_ctrl_c_names_both_runs(lab: Lab, together: Together) -> None:
    kept = [(one, store.save(one)) for one in (ours(status="interrupted"), peer(status="interrupted"))]
    together.result = Interrupted(*kept[0], kept[1])
    ran = lab(*BOTH)
    assert ran.code == 130
    assert "10 of 10 repetitions were finished; the runs are kept in" in ran.err
    assert all(path.name in ran.err for _, path in kept)


@pytest.mark.parametrize(
    ("engines", "said"),
    [("llama", "'llama'"), ("tvm,,llama.cpp", "''"), ("lama.cpp", "Did you mean 'llama.cpp' or")],
)
def test_a_name_that_is_none_is_wrong_usage(lab: Lab, engines: str, said: str) -> None:
    ran = lab(*RUN, "--engine", engines)
    assert (ran.code, ran.out) == (2, "")
    assert f"unknown engine {said}" in ran.err or said in ran.err


def no_building(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> Path:
        pytest.fail("it was built before it was refused")

    for method in ("library", "weights", "ggufs", "runner"):
        monkeypatch.setattr(Pipeline, method, refuse)


def test_a_missing_llama_bench_is_said_before_anything_is_built(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    no_building(monkeypatch)
    monkeypatch.setenv("LAB_LLAMA_BENCH", "/nonexistent/llama-bench")
    ran = lab(*BOTH, "--layers", "1", "--prompt", "8", "--generate", "4")
    assert (ran.code, ran.out) == (1, "")
    assert "/nonexistent/llama-bench" in ran.err
    assert "scripts/build-llama-bench" in ran.err


def test_the_fork_has_a_variable_of_its_own(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    no_building(monkeypatch)
    monkeypatch.setenv("LAB_LLAMA_BENCH", sys.executable)
    monkeypatch.setenv("PATH", "")
    ran = lab(*RUN, "--engine", "tvm,ik_llama.cpp")
    assert (ran.code, ran.out) == (1, "")
    assert "engine ik_llama.cpp needs its llama-bench: LAB_IK_LLAMA_BENCH is not set" in ran.err
    assert "scripts/build-llama-bench --ik" in ran.err


def test_a_missing_gguf_package_too(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    no_building(monkeypatch)
    monkeypatch.setitem(sys.modules, "lab.models.gguf_file", None)
    ran = lab(*BOTH, "--layers", "1", "--prompt", "8", "--generate", "4")
    assert (ran.code, ran.out) == (1, "")
    assert "engine llama.cpp needs the package gguf" in ran.err
    assert "pip install gguf" in ran.err


def test_dump_ir_shows_nothing_of_llama_cpp(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    no_building(monkeypatch)
    ran = lab(*RUN, "--layers", "1", "--engine", "llama.cpp", "--dump-ir", "ir")
    assert (ran.code, ran.out) == (2, "")
    assert "--dump-ir" in ran.err


def test_a_peer_that_computes_on_the_processor_is_not_put_beside_a_gpu(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_building(monkeypatch)
    ran = lab("run", "--target", "opencl-host", "--model", "phi3-mini-q4", "--engine", "tvm,llama.cpp")
    assert (ran.code, ran.out) == (2, "")
    assert "llama.cpp computes on the processor" in ran.err
    assert "--target local" in ran.err
