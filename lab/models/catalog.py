"""From a model id, `<preset>-<quant>`, to everything that is known about the model."""

from __future__ import annotations

from dataclasses import dataclass

from lab.core.errors import ModelError
from lab.core.suggest import unknown
from lab.models import params
from lab.models.families import family_of, presets
from lab.models.family import Sizes
from lab.models.quant import SCHEMES, QuantScheme

BACKENDS = ("tvm", "mlc")


@dataclass(frozen=True)
class ModelSpec:
    """One model to compile and convert.

    `config` describes what is kept: its num_hidden_layers is `layers`, of the network's `layers_total`.
    `label` is the id, plus `@<N>l` when layers were cut.
    """

    id: str
    label: str
    preset_name: str
    config: Sizes
    scheme: QuantScheme
    layers: int
    layers_total: int


@dataclass(frozen=True)
class CatalogRow:
    """One model of `lab models`.

    `disk_bytes` is the size of the weights file without alignment, `kv_bytes_per_token` that of one token of
    context, `backends` what can compile it. `status` is "ready", or "unconfirmed" when it works but some of
    its numbers rest on one source: `reason` says which.
    """

    id: str
    preset: str
    quant: str
    parameters: int
    disk_bytes: int
    kv_bytes_per_token: int
    context_max: int
    backends: tuple[str, ...]
    status: str
    reason: str
    source: str


def resolve(model_id: str, layers: int | None = None) -> ModelSpec:
    """Return the model called `model_id`, cut to its first `layers` layers when given.

    Raises ModelError: unknown id (with what was probably meant), or a number of layers that the network does not have.
    """
    preset_name, scheme_name = _split(model_id)
    return custom(presets()[preset_name].config, SCHEMES[scheme_name], model_id, preset_name=preset_name, layers=layers)


def custom(
    config: Sizes,
    scheme: QuantScheme,
    model_id: str,
    *,
    preset_name: str = "custom",
    layers: int | None = None,
) -> ModelSpec:
    """Return a spec for any network, such as a small one in a test; ModelError where the kernels cannot run it."""
    params.check_sizes(config)
    total = config.num_hidden_layers
    kept = total if layers is None else layers
    if not 1 <= kept <= total:
        raise ModelError(f"{model_id} has {total} layers; it can't keep {kept}", hint=f"--layers 1 to {total}")
    label = model_id if layers is None else f"{model_id}@{kept}l"
    cut = config if layers is None else family_of(config).cut(config, kept)
    return ModelSpec(model_id, label, preset_name, cut, scheme, kept, total)


def model_ids() -> list[str]:
    """Return every id that `resolve` takes, in the order of the presets."""
    return [f"{preset}-{quant}" for preset in presets() for quant in SCHEMES]


def catalog() -> list[CatalogRow]:
    """Return the rows of `lab models`: every model, in the order of `model_ids`."""
    return [_row(model_id) for model_id in model_ids()]


def _split(model_id: str) -> tuple[str, str]:
    preset, _, quant = model_id.rpartition("-")
    if preset in presets() and quant in SCHEMES:
        return preset, quant
    if model_id in presets():
        raise ModelError(f"{model_id} lacks its quantisation", hint=f"add one of {', '.join(SCHEMES)}: {model_id}-q4")
    raise ModelError(unknown("model", model_id, model_ids()), hint="`lab models` lists all")


def _row(model_id: str) -> CatalogRow:
    spec = resolve(model_id)
    preset = presets()[spec.preset_name]
    backends = BACKENDS if _has_mlc(spec) else BACKENDS[:1]
    return CatalogRow(
        id=model_id,
        preset=spec.preset_name,
        quant=spec.scheme.name,
        parameters=spec.config.parameters,
        disk_bytes=params.weights_bytes(spec.config, spec.scheme),
        kv_bytes_per_token=params.kv_bytes_per_token(spec.config, spec.scheme),
        context_max=spec.config.max_position_embeddings,
        backends=backends,
        status="unconfirmed" if preset.problem else "ready",
        reason=preset.problem or "",
        source=preset.source,
    )


def _has_mlc(spec: ModelSpec) -> bool:
    return bool(spec.scheme.mlc_name and family_of(spec.config).mlc and spec.config.labels is None)
