"""Networks that judge texts: a head of labels, its scores held to transformers' own, whole or put on by an adapter."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from lab.core.errors import ModelError, WeightsError
from lab.core.progress import NullProgress
from lab.formats.bundle import load_manifest
from lab.models.catalog import custom, resolve
from lab.models.convert import convert
from lab.models.convert.manifest import of_few
from lab.models.families import read_config
from lab.models.gguf_types import gguf_types
from lab.models.params import names_of_mlc
from lab.models.phi3 import hf
from lab.models.quant import SCHEMES
from lab.models.sources import HuggingFaceSource, SyntheticSource, with_adapter
from lab.models.torch_reference import StoredWeights, reference_scores
from tests.models import adapters, folders, oracle, small

QUIET = NullProgress()
TEXTS = [[3, 1, 4, 1, 5, 9, 2, 6], [5, 3, 5, 8, 9, 7, 9, 3], [2, 7, 1, 8, 2, 8, 1, 8]]
of_peft = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")


def judge(labels, base=small.GROUPED):
    return replace(base, labels=labels)


def spec_of(config, scheme="f32"):
    return custom(config, SCHEMES[scheme], f"judge-{scheme}")


def scores_of(model, texts=TEXTS):
    with torch.no_grad():
        return np.concatenate([model(torch.tensor([text])).logits.numpy() for text in texts])


@pytest.mark.parametrize("labels", [1, 2, 5])
def test_a_folder_that_transformers_saved_is_judged_as_transformers_does(tmp_path, labels):
    model = adapters.base(judge(labels))
    model.save_pretrained(tmp_path / "model")
    source = HuggingFaceSource(tmp_path / "model")
    assert source.config == judge(labels)
    spec = spec_of(judge(labels))
    folder = convert(spec, source, tmp_path / "out", QUIET)
    manifest = load_manifest(folder, "weights")
    assert (manifest.model.labels, manifest.verify.logit_ids) == (labels, tuple(range(labels)))
    want = scores_of(model, [list(manifest.verify.prompt_ids)])[0]
    assert oracle.rel_error(np.array(manifest.verify.logits), want) < 1e-5
    weights = StoredWeights(spec, folder / "weights.bin", manifest.tensors)
    assert oracle.rel_error(reference_scores(spec, weights, TEXTS, QUIET), scores_of(model)) < 1e-5


def test_the_config_of_a_judge_is_read_as_transformers_counts_labels():
    plain = hf.document(small.PLAIN)
    architectures = {"architectures": ["Phi3ForSequenceClassification"]}
    assert read_config(plain).labels is None
    assert read_config(plain | architectures).labels == 2
    assert read_config(plain | architectures | {"num_labels": 7}).labels == 7
    assert read_config(hf.document(judge(5))) == judge(5)
    tied = read_config(hf.document(small.TIED) | architectures)
    assert (tied.labels, tied.tie_word_embeddings) == (2, False)
    with pytest.raises(ModelError, match=r"config.json: id2label must name the labels, not \[\]"):
        read_config(plain | architectures | {"id2label": []})
    with pytest.raises(ModelError, match=r"config.json: num_labels is 0"):
        read_config(plain | architectures | {"num_labels": 0})


def test_a_head_of_labels_is_neither_tied_nor_without_limit():
    with pytest.raises(ModelError, match="labels have a head of their own"):
        replace(small.TIED, labels=2)
    with pytest.raises(ModelError, match="labels is 0; it must be from 1"):
        judge(0)


@of_peft
@pytest.mark.parametrize("base", [small.GROUPED, small.TIED])
def test_an_adapter_of_a_judge_brings_its_head_to_a_base_that_makes_tokens(tmp_path, base):
    config = replace(base, labels=5, tie_word_embeddings=False)
    state = folders.tensors(config, "F32")
    want = adapters.written(tmp_path / "adapter", config, task_type="SEQ_CLS", r=8, lora_alpha=16)
    of_base = {name: value for name, value in state.items() if name != "score.weight"}
    if not base.tie_word_embeddings:
        of_base["lm_head.weight"] = folders.tensors(base, "F32")["lm_head.weight"]
    source = with_adapter(
        HuggingFaceSource(folders.write_single(tmp_path / "base", base, of_base)), tmp_path / "adapter", spec_of(config)
    )
    assert source.config == config
    for name in source.tensor_names():
        got = source.vector(name) if want[name].ndim == 1 else source.read_rows(name, 0, len(want[name]))
        np.testing.assert_allclose(got, want[name], atol=2e-6, err_msg=name)


def test_a_base_without_the_head_and_an_adapter_without_it_are_no_judge(tmp_path):
    shapes = {"lora_A": (4, 64), "lora_B": (64, 4)}
    o_proj = [f"model.layers.{layer}.self_attn.o_proj" for layer in (0, 1)]
    tensors = {f"{name}.{side}": np.zeros(shape, np.float32) for name in o_proj for side, shape in shapes.items()}
    folder = adapters.by_hand(tmp_path / "adapter", tensors, r=4, lora_alpha=4, target_modules=["o_proj"])
    base = HuggingFaceSource(folders.write_single(tmp_path / "base", small.PLAIN))
    with pytest.raises(WeightsError, match=r"judge-f32 needs score.weight; neither the base has it nor the adapter"):
        with_adapter(base, folder, spec_of(judge(5, small.PLAIN)))


def test_a_folder_of_another_number_of_labels_is_refused(tmp_path):
    source = HuggingFaceSource(folders.write_single(tmp_path / "model", judge(3)))
    with pytest.raises(WeightsError, match="labels 3 instead of 5"):
        convert(spec_of(judge(5)), source, tmp_path / "out", QUIET)


def test_presets_of_phudge():
    base = resolve("phi3-mini-q4").config
    causal, classifier, regression = (resolve(f"phudge{name}-q4").config for name in ("", "-classifier", "-regression"))
    assert causal == base
    assert (classifier.labels, regression.labels) == (5, 1)
    assert classifier.parameters == base.parameters - (32064 - 5) * 3072
    assert classifier.layer_weights == base.layer_weights
    assert (classifier.head_rows, classifier.head_weights) == (5, 5 * 3072)


def test_others_have_no_judges():
    with pytest.raises(ModelError, match="MLC-LLM has no networks that judge texts"):
        names_of_mlc(judge(5))
    from lab.models.gguf_types import gguf_names

    with pytest.raises(WeightsError, match=r"llama.cpp has no Phi-3 networks that judge texts"):
        gguf_names(spec_of(judge(5)))
    assert gguf_types(spec_of(judge(5)))


def test_the_limit_of_a_few_scores_is_of_what_scores_mostly_are():
    """Errors have half the size that many logits may have; however small a score happens to be, they are within."""
    rng = np.random.default_rng(5)
    for labels in (1, 5):
        scores = rng.normal(size=(20_000, labels)).astype(np.float32)
        errors = np.linalg.norm(0.02 * rng.normal(size=scores.shape), axis=1) / np.linalg.norm(scores, axis=1)
        limits = np.array([0.04 * of_few(one, np.sqrt(labels)) for one in scores])
        assert (errors > limits).mean() < 1e-4
        wrong = np.linalg.norm(rng.normal(size=scores.shape) - scores, axis=1) / np.linalg.norm(scores, axis=1)
        assert (wrong > limits).mean() > 0.9 if labels == 1 else 0.99


def test_conversion_tells_what_the_norm_of_scores_mostly_is(tmp_path):
    config = judge(5)
    manifest = load_manifest(convert(spec_of(config), SyntheticSource(config), tmp_path, QUIET), "weights")
    limit = manifest.verify.rel_error_max / SCHEMES["f32"].rel_error_max(2)
    assert 1.9 < limit < 20  # 1 + 3 / sqrt(10), and the chance of these five


def test_digests_of_networks_without_labels_are_what_they_were():
    from lab.models.families import digestible

    assert "labels" not in json.dumps(digestible(small.PLAIN))
    assert digestible(judge(5))["labels"] == 5
