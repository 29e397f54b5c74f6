"""An image file as the encoder reads it: scaled, normalised, in patches."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import cast

import numpy as np
from PIL import Image, UnidentifiedImageError

from lab.core.errors import ModelError
from lab.core.home import shown
from lab.models.quant import F32
from lab.models.tinygpt_v.config import VisionConfig

# CLIP's, by which BLIP-2's and MiniGPT-4's processors normalise the colours red, green and blue.
MEAN = (0.48145466, 0.4578275, 0.40821073)
DEVIATION = (0.26862954, 0.26130258, 0.27577711)
HINT = "give a PNG or JPEG file"


def read_image(path: Path, config: VisionConfig) -> F32:
    """Return the patches [rows, columns] of an image file of any size, which is scaled to the encoder's (bicubic).

    The first row, which stands for the whole image, is 0. ModelError names a file that is no image.
    """
    colours = np.asarray(_scaled(path, config.image_size), np.float32) / np.float32(255)  # [row, column, colour]
    pixels = (colours - np.asarray(MEAN, np.float32)) / np.asarray(DEVIATION, np.float32)
    side, size = config.image_size // config.patch_size, config.patch_size
    patches = pixels.reshape(side, size, side, size, 3).transpose(0, 2, 4, 1, 3).reshape(side * side, -1)
    missing = config.columns - patches.shape[1]
    return cast(F32, np.pad(patches, ((1, 0), (0, missing))).astype(np.float32))


def _scaled(path: Path, size: int) -> Image.Image:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                return image.convert("RGB").resize((size, size), Image.Resampling.BICUBIC)
    except UnidentifiedImageError as problem:
        raise ModelError(f"{shown(path)}: not an image that can be read", hint=HINT) from problem
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as problem:
        raise ModelError(f"{shown(path)}: says that it has more pixels than are safe to read", hint=HINT) from problem
    except (OSError, SyntaxError, ValueError) as problem:
        why = getattr(problem, "strerror", None) or str(problem)
        raise ModelError(f"{shown(path)}: cannot be read as an image: {why}", hint=HINT) from problem
