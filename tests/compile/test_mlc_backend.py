"""Backend `mlc`: found or not, asked rightly, kept by key; against a stand-in for mlc_llm."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from lab.compile.build import build_library
from lab.compile.bundle import assemble
from lab.core.errors import BundleError, CompileError
from lab.core.progress import NullProgress
from lab.formats.bundle import load_manifest, verify_files
from lab.formats.target import load_target
from lab.jobs.build import Pipeline
from lab.jobs.check_target import check_targets
from lab.models.catalog import custom
from lab.models.convert import convert
from lab.models.params import param_specs
from lab.models.phi3 import hf
from lab.models.quant import SCHEMES
from lab.models.sources import SyntheticSource
from tests.compile.fake_mlc import FakeMlc, asked
from tests.models import small

QUIET = NullProgress()
LOCAL = load_target("local")
TARGET = replace(LOCAL, name="with-mlc", compile=replace(LOCAL.compile, backend="mlc", cpu="x86-64-v3"))


def tiny(scheme="q4", **changes):
    return custom(replace(small.PLAIN, **changes), SCHEMES[scheme], f"tiny-{scheme}")


def built(root: Path, spec=None, target=TARGET, **options) -> Path:
    return build_library(spec or tiny(), target, root / "compiled", QUIET, **options)


@pytest.fixture(autouse=True)
def nothing_installed(monkeypatch, tmp_path):
    """No test sees an mlc_llm that this machine may have."""
    monkeypatch.delenv("LAB_MLC_PYTHON", raising=False)
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.setenv("PATH", str(empty))


@pytest.fixture
def mlc(tmp_path, monkeypatch) -> FakeMlc:
    fake = FakeMlc(tmp_path / "mlc").install()
    monkeypatch.setenv("LAB_MLC_PYTHON", str(fake.python))
    return fake


def refused(tmp_path: Path, *said: str, spec=None) -> CompileError:
    with pytest.raises(CompileError) as caught:
        built(tmp_path, spec)
    for text in said:
        assert text in caught.value.what
    assert [path for path in (tmp_path / "compiled").rglob("*") if path.is_file()] == []
    return caught.value


def test_without_mlc_llm_it_says_where_was_looked_and_how_to_install(tmp_path):
    problem = refused(tmp_path, "LAB_MLC_PYTHON is not set", "no program mlc_llm is on PATH")
    assert "pip install" in problem.hint
    assert "https://llm.mlc.ai/docs/install/mlc_llm" in problem.hint


def test_a_variable_that_names_no_program_is_not_passed_over(tmp_path, monkeypatch):
    other = FakeMlc(tmp_path / "other").install()
    monkeypatch.setenv("PATH", str(other.root / "bin"))
    monkeypatch.setenv("LAB_MLC_PYTHON", str(tmp_path / "gone" / "python"))
    refused(tmp_path, "LAB_MLC_PYTHON", "gone/python")


def test_a_python_without_mlc_llm_is_named(tmp_path, mlc):
    shutil.rmtree(mlc.root / "lib" / "mlc_llm")
    assert "pip install" in refused(tmp_path, f"{mlc.python} has no mlc_llm").hint


def test_the_python_of_the_variable_compiles(tmp_path, mlc):
    library = built(tmp_path)
    manifest = load_manifest(library, "library")
    verify_files(library, manifest)
    assert sorted(path.name for path in library.iterdir()) == ["manifest.json", "model.so"]
    assert asked(library)["started_as"] == "python"
    assert manifest.versions.mlc == "0.20.0"
    assert manifest.versions.tvm is None
    assert manifest.options["layout"] == "mlc"
    assert manifest.target.required_features == ("avx2", "fma", "f16c")


def test_the_program_on_the_path_compiles(tmp_path, monkeypatch):
    fake = FakeMlc(tmp_path / "mlc").install("0.21.0")
    monkeypatch.setenv("PATH", str(fake.root / "bin"))
    library = built(tmp_path)
    assert asked(library)["started_as"] == "program"
    assert load_manifest(library, "library").versions.mlc == "0.21.0"


def test_a_program_whose_version_nobody_knows_is_not_used(tmp_path, monkeypatch):
    fake = FakeMlc(tmp_path / "mlc").install()
    fake.python.unlink()
    monkeypatch.setenv("PATH", str(fake.root / "bin"))
    assert "set LAB_MLC_PYTHON" in refused(tmp_path, "bin/mlc_llm", "version").hint


def test_the_variable_goes_before_the_path(tmp_path, mlc, monkeypatch):
    other = FakeMlc(tmp_path / "other").install("9.9")
    monkeypatch.setenv("PATH", str(other.root / "bin"))
    built(tmp_path)
    assert (mlc.calls(), other.calls()) == (["gen_config", "compile"], [])


@pytest.mark.parametrize(("scheme", "name"), [("q4", "q4f16_1"), ("f16", "q0f16"), ("f32", "q0f32")])
def test_mlc_llm_is_asked_for_this_model_on_this_processor(tmp_path, mlc, scheme, name):
    spec = tiny(scheme, num_hidden_layers=1)
    found = asked(built(tmp_path, spec))
    assert found["quantization"] == name
    assert found["model_config"] == hf.document(spec.config)
    assert found["model_config"]["num_hidden_layers"] == 1
    features = {"kind": "llvm", "mtriple": "x86_64-unknown-linux-gnu", "mcpu": "x86-64"}
    assert found["device"] == {**features, "mattr": ["+avx2", "+fma", "+f16c"]}
    assert (found["host"], found["batch"], found["prefill"]) == ("x86_64-unknown-linux-gnu", 1, 128)


def test_a_failure_shows_the_end_of_what_mlc_llm_said(tmp_path, mlc):
    mlc.install(behaviour="compile")
    problem = refused(tmp_path, "mlc_llm compile: exit code 1", "\nInternalError: no such pass", "line 49")
    assert "line 5\n" not in problem.what
    assert "\033" not in problem.what


def test_a_wrong_option_is_refused_by_the_stand_in_too(tmp_path, mlc, monkeypatch):
    monkeypatch.setattr("lab.compile.mlc.backend._compile", lambda target, cpu: ["--devices", "cpu"])
    refused(tmp_path, "mlc_llm compile: exit code 2", "--devices")


def test_success_without_a_library_is_an_error(tmp_path, mlc):
    mlc.install(behaviour="silent")
    refused(tmp_path, "without a library")


def test_a_scheme_that_mlc_llm_lacks_is_refused_before_anything_starts(tmp_path, mlc):
    assert refused(tmp_path, "backend mlc has no q8", spec=tiny("q8")).hint == "it has q4, f16, f32"
    assert mlc.calls() == []


def test_an_unchanged_library_is_not_made_again(tmp_path, mlc):
    assert built(tmp_path) == built(tmp_path)
    assert mlc.calls() == ["gen_config", "compile"]


def test_the_key_follows_mlc_llm_and_what_it_is_asked(tmp_path, mlc):
    def chunk(tokens):
        return replace(TARGET, measure=replace(TARGET.measure, prefill_chunk=tokens))

    v2 = replace(TARGET, compile=replace(TARGET.compile, cpu="x86-64-v2"))
    keys = [built(tmp_path), built(tmp_path, tiny("f16")), built(tmp_path, tiny(rope_theta=5000.0))]
    keys += [built(tmp_path, target=v2), built(tmp_path, target=chunk(64))]
    mlc.install("0.20.1")
    keys.append(built(tmp_path))
    mlc.install("0.20.1", source="# the same version, built from other sources\n")
    keys.append(built(tmp_path))
    assert len({load_manifest(folder, "library").key for folder in keys}) == len(keys) == 7


def test_dump_ir_becomes_mlc_llms_own_dump(tmp_path, mlc, monkeypatch):
    monkeypatch.chdir(tmp_path)
    built(tmp_path, dump_ir=Path("ir"))
    assert (tmp_path / "ir" / "debug-phase0.py").is_file()


def test_a_bundle_takes_weights_of_the_librarys_layout_only(tmp_path, mlc):
    library, spec = built(tmp_path), tiny()
    ours = convert(spec, SyntheticSource(spec.config), tmp_path, QUIET)
    with pytest.raises(BundleError, match="layout mlc, and these are n16k4"):
        assemble(library, ours, tmp_path)
    theirs = convert(spec, SyntheticSource(spec.config), tmp_path, QUIET, "mlc")
    bundle = load_manifest(assemble(library, theirs, tmp_path), "bundle")
    assert [tensor.name for tensor in bundle.tensors] == [p.name for p in param_specs(spec.config, spec.scheme, "mlc")]


@pytest.mark.parametrize(("target", "layout"), [(TARGET, "mlc"), (LOCAL, "n16k4")])
def test_the_pipeline_converts_for_the_librarys_layout(tmp_path, mlc, monkeypatch, target, layout):
    monkeypatch.setenv("LAB_HOME", str(tmp_path))

    def compiled(_spec, _target, _chip, path, *_rest):
        path.write_bytes(b"x")
        return {}

    monkeypatch.setattr("lab.compile.build._compile", compiled)
    spec = tiny()
    bundle = Pipeline(QUIET).bundle(spec, target, SyntheticSource(spec.config))
    assert load_manifest(bundle, "bundle").weights.layout == layout


def test_checking_a_target_asks_for_its_backend(tmp_path, mlc, monkeypatch):
    monkeypatch.setenv("LAB_HOME", str(tmp_path))
    (tmp_path / "targets").mkdir()
    text = 'schema = 1\nname = "m"\ndescription = ""\ndevice.transport = "local"\ncompile.backend = "mlc"\n'
    (tmp_path / "targets" / "m.toml").write_text(text)

    def backend():
        return next(check for check in check_targets("m", connect=False) if check.name == "backend")

    assert (backend().status, backend().detail) == ("passed", "mlc 0.20.0")
    monkeypatch.delenv("LAB_MLC_PYTHON")
    assert backend().status == "failed"
