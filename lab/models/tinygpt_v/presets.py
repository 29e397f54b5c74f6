"""The preset: the network's numbers with where they come from."""

from __future__ import annotations

from dataclasses import asdict

from lab.models.family import Preset
from lab.models.phi2.presets import PHI_2
from lab.models.tinygpt_v.config import TinyGptVConfig

TINYGPT_V = TinyGptVConfig(**asdict(PHI_2))

PRESETS: dict[str, Preset] = {
    "tinygpt-v": Preset(
        "tinygpt-v",
        TINYGPT_V,
        "config.json of microsoft/phi-2; modeling_phi.py and minigpt_v2.py of DLYuanGod/TinyGPT-V; eva_vit.py of "
        "Vision-CAIR/MiniGPT-4",
    )
}
