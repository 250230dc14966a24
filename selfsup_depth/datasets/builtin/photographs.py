"""Real pictures to hang on walls and to grow grass from: those that scikit-image installs with itself.

They are read as files. scikit-image's own functions would download what is missing.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from selfsup_depth.datasets.builtin.textures import SIZE
from selfsup_depth.errors import UserError

PHOTOGRAPHS: dict[str, str] = {
    "photo_astronaut": "astronaut.png",
    "photo_cat": "chelsea.png",
    "photo_coffee": "coffee.png",
    "photo_rocket": "rocket.jpg",
    "photo_galaxies": "hubble_deep_field.jpg",
    "photo_retina": "retina.jpg",
    "photo_cells": "ihc.png",
    "photo_colours": "color.png",
    "photo_page": "page.png",
    "photo_text": "text.png",
    "photo_camera": "camera.png",
    "photo_coins": "coins.png",
    "photo_clock": "clock_motion.png",
    "photo_moon": "moon.png",
    "brick": "brick.png",
    "grass": "grass.png",
    "gravel": "gravel.png",
}


@cache
def photograph(name: str) -> NDArray[np.float64]:
    """A picture stretched to [512, 512, 3], values 0..1. Raises UserError when it is not installed."""
    spec = find_spec("skimage")
    if spec is None or spec.origin is None:
        raise UserError("The built-in scenes need scikit-image, which is missing: pip install scikit-image")
    path = Path(spec.origin).parent / "data" / PHOTOGRAPHS[name]
    if not path.is_file():
        raise UserError(
            f"The built-in scenes need the picture {path}, which scikit-image 0.26 installs with itself, "
            "but it is missing: pip install --force-reinstall 'scikit-image>=0.26'"
        )
    picture = Image.open(path).convert("RGB").resize((SIZE, SIZE), Image.Resampling.LANCZOS)
    return np.asarray(picture, np.float64) / 255.0
