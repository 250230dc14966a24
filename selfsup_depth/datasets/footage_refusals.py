"""Options of one's own footage that mean nothing to a reader are refused, not ignored."""

from __future__ import annotations

from collections.abc import Mapping

from selfsup_depth.datasets.request import FootageOptions
from selfsup_depth.errors import UserError

#: What readers of images from one camera say.
ONE_CAMERA = "it is of one camera, without a stereo partner: leave it out"
OF_ONE_CAMERA: Mapping[str, str] = {"baseline": ONE_CAMERA, "stereo_layout": ONE_CAMERA, "right_video": ONE_CAMERA}
BY_PREPARATION = "motion is only measured by prepare_data.py: prepare the footage with it, or leave it out"


def refuse_options(dataset: str, options: FootageOptions, meaningless: Mapping[str, str]) -> None:
    """Raises UserError for an option that was given although it means nothing here.

    Args:
        meaningless: option -> why, and what to do, in words that follow "means nothing to --dataset X, because".
    """
    default = FootageOptions()
    for name, reason in meaningless.items():
        given = getattr(options, name)
        if given != getattr(default, name):
            raise UserError(f"--{name} {given} means nothing to --dataset {dataset}, because {reason}.")
