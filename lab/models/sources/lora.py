"""A PEFT folder with a LoRA adapter: which rows of which matrices it changes, and by what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.core.errors import ModelError, WeightsError
from lab.core.home import shown
from lab.formats.manifest import AdapterFacts
from lab.models.config_values import short
from lab.models.families import family_of
from lab.models.family import Sizes, TensorSpec
from lab.models.params import tensor_specs
from lab.models.sources.files import fingerprint, read_document
from lab.models.sources.lora_base import check_base
from lab.models.sources.lora_config import MERGE, LoraConfig, lora_config, matches
from lab.models.sources.lora_files import CONFIG, TORN, sorted_out, table, weights_file
from lab.models.sources.tensors import StoredTensor

_OTHER_BASE = "is this the adapter of another model? --model and --weights have to be its base"


@dataclass(frozen=True)
class Place:
    """Rows of one of the network's matrices [rows, columns], by their order in the checkpoint."""

    hf_name: str
    first: int
    rows: int
    columns: int


@dataclass(frozen=True)
class Update:
    """`scaling` * B @ A is added to the rows of `place`; `a` is [rank, columns], `b` is [rows, rank]."""

    place: Place
    a: StoredTensor
    b: StoredTensor
    scaling: float


@dataclass(frozen=True)
class Adapter:
    """A checked adapter; both mappings are by the name of the network's tensor. `saved` replace whole tensors."""

    facts: AdapterFacts
    config: LoraConfig
    updates: Mapping[str, tuple[Update, ...]]
    saved: Mapping[str, StoredTensor]


def open_adapter(folder: Path, config: Sizes) -> Adapter:
    """Return the adapter in `folder`, checked against the network `config`; what is large is not read yet.

    Raises WeightsError that names file and key or tensor: no adapter, one of another network, or one whose files
    contradict each other.
    """
    path = weights_file(folder)
    said = _config(folder / CONFIG)
    pairs, whole = sorted_out(path, table(path))
    places = dict(_places(config))
    updates = [_update(path, said, places, module, pair) for module, pair in pairs.items()]
    _check_complete(path, said, places, pairs)
    saved = dict(_saved(path, said, config, whole))
    by_name = {one.place.hf_name: tuple(u for u in updates if u.place.hf_name == one.place.hf_name) for one in updates}
    check_base(said, config, {*by_name, *saved})
    name = folder.resolve().name
    facts = AdapterFacts(name=name, id=fingerprint([folder / CONFIG, path]), base=said.base)
    return Adapter(facts, said, by_name, saved)


def _config(path: Path) -> LoraConfig:
    try:
        return lora_config(read_document(path), shown(path))
    except ModelError as problem:
        raise WeightsError(problem.what, hint=problem.hint) from problem


def _places(config: Sizes) -> Iterator[tuple[str, Place]]:
    """Yield each module that an adapter may be for, with what it is of the network: fused matrices by part too."""
    family, fused = family_of(config), family_of(config).fused(config)
    for tensor in _matrices(config):
        module, (rows, columns) = family.stored_as(tensor.hf_name).removesuffix(".weight"), tensor.shape
        yield module, Place(tensor.hf_name, 0, rows, columns)
        for whole, parts in fused.items():
            if not f"{module}.".endswith(f".{whole}."):
                continue
            first = 0
            for part, count in parts.items():
                yield f"{module.removesuffix(whole)}{part}", Place(tensor.hf_name, first, count, columns)
                first += count


def _matrices(config: Sizes) -> list[TensorSpec]:
    """Return the linear layers of the language network: adapters are for that alone, not for an image encoder."""
    table, tensors = family_of(config).embedding, (one for one in tensor_specs(config) if one.each_token)
    return [tensor for tensor in tensors if len(tensor.shape) == 2 and tensor.hf_name != table]


def _update(
    path: Path, said: LoraConfig, places: Mapping[str, Place], module: str, pair: Mapping[str, StoredTensor]
) -> Update:
    where = f"{module[:100]}: {shown(path)}"
    if module not in places:
        raise WeightsError(f"{where}: the network has no such linear layer", hint=_OTHER_BASE)
    if not said.names(module):
        keys = "target_modules and layers_to_transform"
        raise WeightsError(f"{where}: holds a module that {said.where}: {keys} do not name", hint=TORN)
    if len(pair) < 2:
        raise WeightsError(f"{where}: lora_{'B' if 'A' in pair else 'A'} is missing", hint=TORN)
    place, rank = places[module], said.rank_of(module)
    for side, shape in (("A", (rank, place.columns)), ("B", (place.rows, rank))):
        _check_shape(where, side, pair[side].shape, shape, said)
    return Update(place, pair["A"], pair["B"], said.scaling_of(module))


def _check_shape(where: str, side: str, found: tuple[int, ...], wanted: tuple[int, ...], said: LoraConfig) -> None:
    if found == wanted:
        return
    axis = 0 if side == "A" else 1
    rank = wanted[axis]
    if len(found) == 2 and found[1 - axis] == wanted[1 - axis]:
        key = "r and rank_pattern say" if said.ranks else "r is"
        raise WeightsError(f"{where}: lora_{side} has rank {found[axis]}, but {said.where}: {key} {short(rank)}")
    raise WeightsError(
        f"{where}: lora_{side} holds shape {list(found)}; the network makes it {list(wanted)}", hint=_OTHER_BASE
    )


def _check_complete(path: Path, said: LoraConfig, places: Mapping[str, Place], pairs: Mapping[str, object]) -> None:
    """Raise WeightsError where a module that the configuration names has no tensors.

    One that is named but that the base does not have is no error: it may have q_proj, or qkv_proj.
    """
    matrices: dict[str, list[str]] = {}
    for module, place in places.items():
        matrices.setdefault(place.hf_name, []).append(module)
    for whole, *parts in matrices.values():
        wanted = [
            module for module in (parts if any(part in pairs for part in parts) else [whole]) if said.names(module)
        ]
        if whole not in pairs and not wanted:
            wanted = [part for part in parts if said.names(part)]
        absent = [module for module in wanted if module not in pairs and whole not in pairs]
        if absent:
            raise WeightsError(
                f"{shown(path)}: holds nothing for {absent[0]}, which {said.where}: target_modules names", hint=TORN
            )


def _saved(
    path: Path, said: LoraConfig, config: Sizes, whole: Mapping[str, StoredTensor]
) -> Iterator[tuple[str, StoredTensor]]:
    family, shapes = family_of(config), {tensor.hf_name: tensor.shape for tensor in tensor_specs(config)}
    ends = (family.embedding, family.head if config.labels is None else family.score)
    names = {family.stored_as(name).removesuffix(".weight"): name for name in ends}
    for module, tensor in whole.items():
        where, name = f"{module[:100]}: {shown(path)}", names.get(module)
        if name is None:
            raise WeightsError(f"{where}: saved whole, which is read of embedding and head alone", hint=MERGE)
        if tensor.shape != shapes.get(name, tensor.shape):
            raise WeightsError(
                f"{where}: holds shape {list(tensor.shape)}; config.json of the base makes it {list(shapes[name])}",
                hint="a vocabulary of another size is another network: merge the adapter and give the merged folder",
            )
        yield name, tensor
    # Of a judge peft names "classifier" too, which is what other networks call the head.
    for module in names:
        if module not in whole and matches(said.saved, module):
            raise WeightsError(f"{shown(path)}: lacks {module}, which {said.where}: modules_to_save names", hint=TORN)
