"""Point clouds of single images for the report: what was predicted, and what is true."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from geometry.camera import resize_intrinsics
from geometry.pointcloud import point_cloud
from selfsup_depth.evaluation.scoring import resize_inverse_depth
from selfsup_depth.outcome.looks import TRUTH, Looks
from selfsup_depth.report.content import Cloud
from selfsup_depth.structures import Method

#: A cloud of so many points takes 0.2 MB of the page.
LARGEST = 30_000
#: Farther points, in median depths, would make everything else small.
FARTHEST = 8.0
SEED = 0


def clouds(looks: Looks, names: Sequence[str], method: Method) -> list[Cloud]:
    """Prediction and, where there is some, ground truth of each image, in the unit of the looks."""
    found = []
    for name in names:
        seen = looks.see(name)
        height, width = _smaller(*seen.image.shape[-2:])
        depth = seen.ratio / resize_inverse_depth(seen.inverse, height, width)[0]
        maps = [("prediction", depth)]
        truth = looks.dataset.depth(looks.index[name]) if seen.truth is not None else None
        if truth is not None:
            maps.append((TRUTH, torch.from_numpy(truth.astype(np.float32))))
        farthest = min(FARTHEST * float(depth.median()), looks.protocol.max_depth if looks.protocol else math.inf)
        camera = _camera(looks, name, method)
        found += [
            cloud
            for label, one in maps
            if (cloud := _cloud(name, label, one, seen.image, camera, farthest)) is not None
        ]
    return found


def _camera(looks: Looks, name: str, method: Method) -> Tensor:
    """[3, 3] of the image as stored, as the run takes it to be: with a learnt focal length where there is one."""
    index = looks.index[name]
    height, width = looks.dataset.image(index).shape[-2:]
    intrinsics = looks.dataset.source.intrinsics(looks.dataset.items[index], width, height)
    return method.camera(intrinsics.to(looks.predictor.device)).cpu()


def _cloud(
    name: str, label: str, depth: Tensor, image: Tensor, intrinsics: Tensor, farthest: float
) -> Cloud | None:
    """The points of a map [H, W] of the field of view of `image`; None when it has none."""
    height, width = depth.shape
    scaled = resize_intrinsics(intrinsics, width / image.shape[-1], height / image.shape[-2])
    colours = F.interpolate(image[None], (height, width), mode="bilinear", antialias=True)[0].clamp(0, 1)
    # true steps are sharp; the predicted ones are smeared
    edges = {} if label != TRUTH else {"edge_threshold": math.inf}
    points, painted = point_cloud(depth, scaled, colours, max_depth=farthest, **edges)
    if not len(points):
        return None
    assert painted is not None
    kept = torch.randperm(len(points), generator=torch.Generator().manual_seed(SEED))[:LARGEST]
    apart = float(points[:, 2].median() / scaled[0, 0]) * math.sqrt(max(1.0, len(points) / LARGEST))
    return Cloud(name, label, points[kept].numpy(), painted[kept].numpy(), apart)


def _smaller(height: int, width: int) -> tuple[int, int]:
    """A size of the same shape with at most LARGEST pixels."""
    shrink = min(1.0, math.sqrt(LARGEST / (height * width)))
    return max(1, int(height * shrink)), max(1, int(width * shrink))
