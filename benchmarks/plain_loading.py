"""How the published code of Monodepth2 (arXiv:1806.01260) makes a sample, re-expressed with all that it does in vain.

Pillow decodes every frame; a chain of Lanczos resizes makes four scales of each; the full-resolution image and all
scales are jittered and turned into float tensors, of which training reads scale 0 of both kinds and the further scales
of the target alone. With LiDAR, a scan becomes a depth map for every item, although it is looked at only when logging.
"""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import numpy as np
import skimage.transform
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset
from torchvision.transforms import functional as F

from selfsup_depth.datasets.kitti_devkit import read_raw_calibration, read_velodyne_extrinsics
from selfsup_depth.structures import STEREO, FrameId
from splits import SplitLine

SCALES = 4
RECORDED_SCALE = -1
NORMALISED_K = np.array([[0.58, 0, 0.5, 0], [0, 1.92, 0.5, 0], [0, 0, 1, 0], [0, 0, 0, 1]], dtype=np.float32)


class PlainSamples(Dataset[dict[str, Tensor]]):
    """Items of a KITTI raw drive. The half that are jittered are the same at every turn, so that turns take as long.

    Args:
        size: height, width of the network's input.
        lidar: whether the drive's scans are there, as in full KITTI raw; each item then projects one.
    """

    def __init__(
        self, root: Path, items: list[SplitLine], size: tuple[int, int], frame_ids: tuple[FrameId, ...], *, lidar: bool
    ) -> None:
        self.root, self.items, self.size, self.frame_ids, self.lidar = root, items, size, frame_ids, lidar

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        jittered, flipped = index // 2 % 2 == 1, random.random() > 0.5
        item, sample = self.items[index], {}
        order = random.sample(range(4), 4)
        factors = [random.uniform(0.8, 1.2) for _ in range(3)] + [random.uniform(-0.1, 0.1)]
        for frame in self.frame_ids:
            image = self._read(item, frame, flipped)
            for scale in range(RECORDED_SCALE, SCALES):
                if scale != RECORDED_SCALE:
                    height, width = (length // 2**scale for length in self.size)
                    image = image.resize((width, height), Image.Resampling.LANCZOS)
                sample[f"color {frame} {scale}"] = F.to_tensor(image)
                seen = jitter(image, order, factors) if jittered else image
                sample[f"color_aug {frame} {scale}"] = F.to_tensor(seen)
        for frame in self.frame_ids:
            del sample[f"color {frame} {RECORDED_SCALE}"], sample[f"color_aug {frame} {RECORDED_SCALE}"]
        for scale in range(SCALES):
            K = NORMALISED_K.copy()
            K[0, :] *= self.size[1] // 2**scale
            K[1, :] *= self.size[0] // 2**scale
            sample[f"K {scale}"], sample[f"inv_K {scale}"] = torch.from_numpy(K), torch.from_numpy(np.linalg.pinv(K))
        if STEREO in self.frame_ids:
            stereo_T = np.eye(4, dtype=np.float32)
            stereo_T[0, 3] = (-0.1 if item.side == "l" else 0.1) * (-1 if flipped else 1)
            sample["stereo_T"] = torch.from_numpy(stereo_T)
        if self.lidar:
            depth = self._depth(item)
            sample["depth_gt"] = torch.from_numpy((np.fliplr(depth) if flipped else depth).astype(np.float32))[None]
        return sample

    def _read(self, item: SplitLine, frame: FrameId, flipped: bool) -> Image.Image:
        camera = 2 if (item.side == "l") != (frame == STEREO) else 3
        number = item.frame if frame == STEREO else item.frame + int(frame)
        with Image.open(self.root / item.folder / f"image_0{camera}" / "data" / f"{number:010d}.jpg") as file:
            image = file.convert("RGB")
        return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if flipped else image

    def _depth(self, item: SplitLine) -> np.ndarray:
        """The scan in the camera; calibrations are read again for every item."""
        date = self.root / item.folder.partition("/")[0]
        calibration, camera = read_raw_calibration(date), 2 if item.side == "l" else 3
        rectification = np.eye(4)
        rectification[:3, :3] = calibration.rectification
        projection = calibration.cameras[camera].projection @ rectification @ read_velodyne_extrinsics(date)
        path = self.root / item.folder / "velodyne_points" / "data" / f"{item.frame:010d}.bin"
        points = np.fromfile(path, dtype=np.float32).reshape(-1, 4)
        points[:, 3] = 1.0
        points = points[points[:, 0] >= 0]
        seen = np.dot(projection, points.T).T
        seen[:, :2] /= seen[:, 2:]
        seen[:, :2] = np.round(seen[:, :2]) - 1
        width, height = calibration.cameras[2].size or (1242, 375)
        inside = (seen[:, 0] >= 0) & (seen[:, 1] >= 0) & (seen[:, 0] < width) & (seen[:, 1] < height)
        seen = seen[inside]
        column, row = seen[:, 0].astype(int), seen[:, 1].astype(int)
        depth = np.zeros((height, width))
        depth[row, column] = seen[:, 2]
        pixels = row * (width - 1) + column - 1
        for pixel in [pixel for pixel, count in Counter(pixels).items() if count > 1]:
            several = np.where(pixels == pixel)[0]
            depth[row[several[0]], column[several[0]]] = seen[several, 2].min()
        depth[depth < 0] = 0
        return skimage.transform.resize(depth, (375, 1242), order=0, preserve_range=True, mode="constant")


def jitter(image: Image.Image, order: list[int], factors: list[float]) -> Image.Image:
    adjust = (F.adjust_brightness, F.adjust_contrast, F.adjust_saturation, F.adjust_hue)
    for operation in order:
        image = adjust[operation](image, factors[operation])
    return image
