"""The numbers of each model, each with its source."""

from lab.models.phi3.config import Phi3Config
from lab.models.phi3.presets import NOT_YET, PRESETS, NotYet, Preset

__all__ = ["NOT_YET", "PRESETS", "NotYet", "Phi3Config", "Preset"]
