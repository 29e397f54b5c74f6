"""How many weights of a model take part in products: of folders made before that was counted too."""

from __future__ import annotations

from dataclasses import replace

from lab.core.errors import ModelError
from lab.formats.manifest import ModelBlock
from lab.models.catalog import resolve


def counted(model: ModelBlock) -> ModelBlock:
    """Return `model` with its counts, by the preset of its name where the manifest has none.

    So folders of an earlier lab stay as good as new ones. A network that no preset describes stays uncounted.
    """
    if model.layer_weights is not None and model.head_weights is not None:
        return model
    try:
        config = resolve(model.id, model.layers).config
    except ModelError:
        return model
    if config.parameters != model.parameters:
        return model
    return replace(model, layer_weights=config.layer_weights, head_weights=config.head_weights)
