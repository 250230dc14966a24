"""DistDepth's folders (Wu et al., CVPR 2022): Monodepth2's files and keys, with another meaning.

The depth decoder upsamples bilinearly, and a network unit is ten baselines of SimSIN. The code multiplies its
output by that factor, 1.312; here it is `metres_per_unit`, and the depth range stays the network's own.
"""

from __future__ import annotations

from selfsup_depth.checkpoints.monodepth2 import OWN_OPTION as MONODEPTH2_OPTION
from selfsup_depth.checkpoints.originals import OriginalFolder, System

#: SimSIN's baseline of 0.1312 m is called 0.1
METRES_PER_UNIT = 1.312
#: the only pose encoder DistDepth has, whatever its depth encoder is
POSE_ENCODER = "resnet50"
_OWN_OPTIONS = ("dist_wt", "thre")
_PUBLISHED = ("resnet152", 256, 256)  # encoder, height, width


def evidence(folder: OriginalFolder) -> str | None:
    """What DistDepth writes and Monodepth2 does not; folders without any of it may still be DistDepth's."""
    own = [name for name in _OWN_OPTIONS if name in folder.options]
    if own:
        return f"opt.json has DistDepth's option {own[0]}"
    pose_encoder = folder.pose.encoder if folder.pose else None
    if pose_encoder == POSE_ENCODER != folder.encoder:
        return f"its pose encoder is a {pose_encoder} beside a {folder.encoder} for depth"
    looks = (folder.encoder, folder.facts["height"], folder.facts["width"])
    can_be = folder.pose is None or folder.pose.kind == "separate_resnet"
    if looks == _PUBLISHED and can_be and MONODEPTH2_OPTION not in folder.options:
        return "it is a resnet152 for images of 256x256"
    return None


DISTDEPTH = System(
    name="DistDepth",
    evidence=evidence,
    upsample="bilinear",
    max_depth=10.0,  # of the published command; the code's own default is 12
    metres_per_unit=METRES_PER_UNIT,
    stereo_scale=(
        "trained by DistDepth with SimSIN's stereo pairs, whose baseline of 0.1312 m it calls 0.1: one unit is "
        "1.312 m (for pairs of another baseline b it would be 10 b; weights trained anew by its present code, "
        "which has that factor in the training as well, need it twice)"
    ),
)
