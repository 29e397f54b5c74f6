"""The files of a PEFT folder: A and B of each module, and the modules that are saved whole."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from lab.core.errors import WeightsError
from lab.core.home import shown
from lab.models.sources.lora_config import MERGE
from lab.models.sources.tensors import DTYPES, StoredTensor, read_table

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
PICKLED = "adapter_model.bin"
TORN = "are both files of one adapter, and was it saved whole?"
_PREFIX = "base_model.model."
_PAIR = re.compile(r"(?P<module>.+)\.lora_(?P<side>[AB])(\.default)?\.weight")
# peft also saves embedding and head, as they are, where either has an adapter.
_SAVED = re.compile(r"(?P<module>.+?)(\.modules_to_save(\.default)?|\.base_layer)?\.weight")


def weights_file(folder: Path) -> Path:
    """Return the file of the adapter's tensors; WeightsError where the folder holds none that is read."""
    if not (folder / CONFIG).is_file():
        raise WeightsError(
            f"{shown(folder)}: no adapter: {CONFIG} is missing",
            hint=f"--lora takes a folder that peft's save_pretrained() wrote: {CONFIG} and {WEIGHTS}",
        )
    if (folder / WEIGHTS).is_file():
        return folder / WEIGHTS
    if (folder / PICKLED).is_file():
        raise WeightsError(
            f"{shown(folder / PICKLED)}: pickled PyTorch weights are not read, they could run code",
            hint="save the adapter with save_pretrained(..., safe_serialization=True) first",
        )
    raise WeightsError(f"{shown(folder)}: no adapter: {WEIGHTS} is missing", hint="get the whole folder again")


def table(path: Path) -> dict[str, StoredTensor]:
    """Return its tensors; WeightsError where there are none, or of a type that is not read."""
    found = read_table(path)
    if not found:
        raise WeightsError(f"{shown(path)}: holds no tensor", hint=TORN)
    for name, tensor in found.items():
        if tensor.dtype not in DTYPES:
            raise WeightsError(f"{name[:100]}: {shown(path)} holds {tensor.dtype[:20]}, which is not read", hint=MERGE)
    return found


def sorted_out(
    path: Path, table: Mapping[str, StoredTensor]
) -> tuple[dict[str, dict[str, StoredTensor]], dict[str, StoredTensor]]:
    """Return A and B of each module, and the modules that are saved whole."""
    pairs: dict[str, dict[str, StoredTensor]] = {}
    whole: dict[str, StoredTensor] = {}
    for name, tensor in table.items():
        rest = name.removeprefix(_PREFIX)
        if match := _PAIR.fullmatch(rest):
            pairs.setdefault(match["module"], {})[match["side"]] = tensor
        elif "lora_" not in rest and (match := _SAVED.fullmatch(rest)):
            whole[match["module"]] = tensor
        else:
            raise WeightsError(
                f"{name[:100]}: {shown(path)}: neither lora_A nor lora_B of a linear layer, nor a module saved whole",
                hint=MERGE,
            )
    return pairs, whole
