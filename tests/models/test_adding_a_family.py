"""A family that a test adds as one row of the table goes the whole way: config.json, conversion, build, tokens."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
import tvm
from safetensors.torch import save_file
from tvm import relax

from lab.compile.build import build_library
from lab.compile.bundle import assemble
from lab.core.errors import ModelError, WeightsError
from lab.core.progress import NullProgress
from lab.formats.bundle import load_manifest
from lab.formats.manifest import BundleManifest
from lab.formats.target import load_target
from lab.models.catalog import ModelSpec, catalog, resolve
from lab.models.convert import convert
from lab.models.families import FAMILIES, digestible, read_config
from lab.models.gguf_types import gguf_tensors, gguf_types
from lab.models.phi3.presets import PRESETS
from lab.models.sources import open_folder
from lab.models.torch_reference import StoredWeights, reference_logits
from tests.compile.building import rel_error
from tests.compile.network import Compiled
from tests.models.tiny_family import TINY, TinyConfig
from tests.models.tiny_torch import configuration

LIMITS = {"f32": 1e-3, "q4": 0.08}
PROMPT = np.array([3, 141, 59, 26, 5, 35, 89, 79])
QUIET = NullProgress()


@pytest.fixture(autouse=True)
def row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FAMILIES, "tiny-llama", "tests.models.tiny_family:TINY")


@pytest.fixture(scope="module")
def theirs() -> transformers.LlamaForCausalLM:
    """The same network by transformers, with weights large enough that attention and gates are far from linear."""
    torch.manual_seed(1)
    model = transformers.LlamaForCausalLM(configuration(TINY.presets()["tiny-llama"].config)).eval()
    with torch.no_grad():
        for weights in model.parameters():
            weights.copy_(torch.randn(weights.shape) * (0.2 if weights.ndim == 2 else 0.1) + (weights.ndim == 1))
    return model


@pytest.fixture(scope="module")
def folder(theirs: transformers.LlamaForCausalLM, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Hugging Face folder of it: q, k, v and gate, up apart, as Llamas store them."""
    path = tmp_path_factory.mktemp("tiny-llama")
    (path / "config.json").write_text(json.dumps(TINY.document(TINY.presets()["tiny-llama"].config)))
    save_file({name: value.clone() for name, value in theirs.state_dict().items()}, path / "model.safetensors")
    return path


class FromBundle(Compiled):
    """The functions of a bundle, with the weights that lie in it."""

    def __init__(self, bundle: Path) -> None:
        self.vm = relax.VirtualMachine(tvm.runtime.load_module(str(bundle / "model.so")), tvm.cpu())
        data, manifest = (bundle / "weights.bin").read_bytes(), load_manifest(bundle, "bundle")
        stored = [(t, np.frombuffer(data, t.dtype, int(np.prod(t.shape)), t.offset)) for t in manifest.tensors]
        self.params = [tvm.runtime.tensor(values.reshape(tensor.shape)) for tensor, values in stored]

    def generated(self, prompt: np.ndarray, count: int) -> list[np.ndarray]:
        """The logits of each step of a greedy generation."""
        self.start(len(prompt) + count)
        steps = [self.feed(prompt)]
        while len(steps) < count:
            steps.append(self.feed(steps[-1].argmax(keepdims=True)))
        return steps


def bundle_of(spec: ModelSpec, folder: Path, root: Path) -> tuple[Path, BundleManifest]:
    source = open_folder(folder, spec.config)
    library = build_library(spec, load_target("local"), root, QUIET)
    bundle = assemble(library, convert(spec, source, root, QUIET), root)
    return bundle, load_manifest(bundle, "bundle")


@pytest.mark.parametrize("scheme", ["f32", "q4"])
def test_a_new_family_runs(scheme: str, folder: Path, theirs: transformers.LlamaForCausalLM, tmp_path: Path) -> None:
    spec = resolve(f"tiny-llama-{scheme}")
    assert isinstance(spec.config, TinyConfig)
    bundle, manifest = bundle_of(spec, folder, tmp_path)
    built = FromBundle(bundle)
    assert json.loads(built.vm["_metadata"]())["model_type"] == "tiny-llama"
    steps = built.generated(PROMPT, 6)
    ids = [*PROMPT, *(int(step.argmax()) for step in steps[:-1])]

    weights = StoredWeights(spec, bundle / "weights.bin", manifest.tensors)
    reference = reference_logits(spec, weights, ids, QUIET)[len(PROMPT) - 1 :]
    assert max(rel_error(got, want) for got, want in zip(steps, reference, strict=True)) < LIMITS[scheme]
    if scheme == "f32":  # the weights as they were: transformers' own model, which never saw a file of ours
        with torch.no_grad():
            whole = theirs(torch.tensor([ids])).logits[0].numpy()[len(PROMPT) - 1 :]
        assert max(rel_error(got, want) for got, want in zip(steps, whole, strict=True)) < 1e-3

    # The numpy reference, whose logits a runner compares with its own.
    check = manifest.verify
    got = built.prefill(np.array(check.prompt_ids))[list(check.logit_ids)]
    assert rel_error(got, np.array(check.logits)) < LIMITS[scheme]


def test_it_is_in_the_catalog_and_its_config_is_read(folder: Path) -> None:
    rows = {one.id: one for one in catalog()}
    assert rows["tiny-llama-q4"].status == "ready"
    assert rows["tiny-llama-q4"].backends == ("tvm",)  # MLC-LLM does not know it
    config = TINY.presets()["tiny-llama"].config
    assert read_config(json.loads((folder / "config.json").read_text())) == config
    assert read_config(TINY.document(TinyConfig(64, 96, 2, 4, 2, 99, 128, 128))) != config


def test_what_has_no_names_in_a_gguf_is_no_gguf() -> None:
    spec = resolve("tiny-llama-q4")
    with pytest.raises(WeightsError, match=r"^tiny-llama-q4: llama\.cpp has no tiny Llama networks$"):
        gguf_tensors(spec, gguf_types(spec)[0])


def test_weights_of_another_family_are_refused(folder: Path, tmp_path: Path) -> None:
    spec = resolve("phi3-mini-q4", 1)
    with pytest.raises(WeightsError, match=r"phi3-mini-q4@1l is a Phi-3; the weights are those of a tiny Llama"):
        convert(spec, open_folder(folder, spec.config), tmp_path, QUIET)


@pytest.mark.parametrize("model_type", ["mamba", None, 7, ["phi3"]])
def test_a_family_that_is_not_known_is_refused_with_those_that_are(model_type: object) -> None:
    message = f"there/config.json: model_type is {model_type!r}; known families: {', '.join(FAMILIES)}"
    with pytest.raises(ModelError, match=re.escape(message)):
        read_config({"model_type": model_type}, "there/config.json")


def test_keys_tell_families_with_the_same_numbers_apart() -> None:
    sizes = digestible(PRESETS["phi3-mini"].config)
    assert "family" not in sizes  # keys from before there were families stay
    assert digestible(TinyConfig(**sizes)) == {"family": "tiny-llama", **sizes}
