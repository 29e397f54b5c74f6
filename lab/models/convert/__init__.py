"""From a weight source to a weights folder: quantised, packed, checked, whole or not at all."""

from lab.models.convert.run import convert, weights_folder, weights_key

__all__ = ["convert", "weights_folder", "weights_key"]
