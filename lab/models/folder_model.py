"""A model that no preset describes: the network of a Hugging Face folder, under a name of the caller's choice."""

from __future__ import annotations

import re
from pathlib import Path

from lab.core.errors import ModelError
from lab.models.catalog import ModelSpec, custom, resolve
from lab.models.families import presets
from lab.models.quant import SCHEMES

_LONGEST = 80  # characters; with quantisation and layers it has to fit a label


def resolve_with(model_id: str, layers: int | None, weights: Path | None) -> ModelSpec:
    """Return the model called `model_id`: a preset, or the network that config.json in the folder `weights` describes.

    Raises ModelError as `resolve` does, WeightsError where the folder has no config.json or one that is not right.
    """
    named = own_name(model_id, weights)
    if weights is None or named is None:
        return resolve(model_id, layers)
    from lab.models.sources.folder import config_in

    name, scheme = named
    return custom(config_in(weights), SCHEMES[scheme], f"{name}-{scheme}", preset_name=name, layers=layers)


def own_name(model_id: str, weights: Path | None) -> tuple[str, str] | None:
    """Return the name and the quantisation of a model of a folder, None where it is to be a preset.

    The name may be the folder's path; in records it is lower case, without what cannot be part of a label.
    """
    text, _, scheme = model_id.rpartition("-")
    if weights is None or {model_id, text} & {*presets()}:
        return None
    if scheme not in SCHEMES:
        raise ModelError(f"{model_id:.100} lacks its quantisation", hint=f"add one of {', '.join(SCHEMES)}: NAME-q4")
    name = _plain(Path(text).name) or _plain(weights.resolve().name)
    if not name:
        raise ModelError(f"{model_id!r:.100} is no name of a model", hint="for example my-model-q4")
    return name, scheme


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9._-]+", "-", text.lower())[:_LONGEST].strip("._-")
