"""Monodepth2's folders (Godard et al., ICCV 2019), and those of its children that keep its networks."""

from __future__ import annotations

from selfsup_depth.checkpoints.originals import OriginalFolder, System

#: Monodepth2 calls KITTI's baseline of 0.54 m "0.1"
METRES_PER_UNIT = 5.4
#: an option that Monodepth2 and most of its children write to opt.json, and DistDepth does not have
OWN_OPTION = "avg_reprojection"


def evidence(folder: OriginalFolder) -> str | None:
    """What only Monodepth2 writes; most of its published folders have nothing of the kind."""
    return f"opt.json has Monodepth2's option {OWN_OPTION}" if OWN_OPTION in folder.options else None


MONODEPTH2 = System(
    name="Monodepth2",
    evidence=evidence,
    upsample="nearest",
    max_depth=100.0,
    metres_per_unit=METRES_PER_UNIT,
    stereo_scale=(
        "trained by Monodepth2 with stereo pairs, whose KITTI baseline of 0.54 m it calls 0.1: one unit is 5.4 m "
        "(for pairs of another baseline b it would be 10 b)"
    ),
)
