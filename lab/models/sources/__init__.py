"""Where weights come from: a Hugging Face folder, an MLC folder, or a seed."""

from lab.models.sources.base import QuantisedSource, WeightSource
from lab.models.sources.folder import open_folder
from lab.models.sources.huggingface import HuggingFaceSource
from lab.models.sources.merged import with_adapter
from lab.models.sources.mlc import MlcSource
from lab.models.sources.synthetic import SyntheticSource

__all__ = [
    "HuggingFaceSource",
    "MlcSource",
    "QuantisedSource",
    "SyntheticSource",
    "WeightSource",
    "open_folder",
    "with_adapter",
]
