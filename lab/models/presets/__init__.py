"""The numbers of each model, each with its source."""

from lab.models.presets.config import Phi3Config
from lab.models.presets.table import NOT_YET, PRESETS, NotYet, Preset

__all__ = ["NOT_YET", "PRESETS", "NotYet", "Phi3Config", "Preset"]
