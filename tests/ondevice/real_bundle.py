"""A bundle of a tiny Phi-3 at 4 bits, made as `lab` makes them, for a target or a CPU that is named."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from lab.compile.build import build_library
from lab.compile.bundle import assemble
from lab.core.progress import NullProgress
from lab.formats.bundle import load_manifest
from lab.formats.target import TargetSpec, load_target
from lab.models.catalog import custom
from lab.models.convert import convert
from lab.models.phi3.config import Phi3Config
from lab.models.quant import SCHEMES
from lab.models.sources.synthetic import SyntheticSource

CONFIG = Phi3Config(
    hidden_size=128,
    intermediate_size=192,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=4,
    vocab_size=320,
    max_position_embeddings=1024,
    original_max_position_embeddings=1024,
)


def make_bundle(root: Path, cpu: str) -> Path:
    """Return the bundle's folder, below `root`."""
    target = load_target("local")
    return bundle_for(root, replace(target, compile=replace(target.compile, cpu=cpu, features=())))


def bundle_for(root: Path, target: TargetSpec) -> Path:
    """Return the folder of the bundle for `target`, below `root`."""
    spec, quiet = custom(CONFIG, SCHEMES["q4"], "tiny-q4"), NullProgress()
    library = build_library(spec, target, root, quiet)
    layout = load_manifest(library, "library").options["layout"]
    return assemble(library, convert(spec, SyntheticSource(spec.config), root, quiet, layout), root)
