"""A teacher and a data set for tests of teaching."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from selfsup_depth.structures import Augmentation, IndexReport, Sample
from selfsup_depth.teachers import TeacherInfo

HEIGHT, WIDTH = 12, 16


class Counting:
    """A teacher that is not symmetric: brightness weighted by the column; counts the images it saw."""

    info = TeacherInfo("counting", "relative_disparity", "counting 1")

    def __init__(self) -> None:
        self.seen = 0

    def __call__(self, images: Tensor) -> Tensor:
        self.seen += len(images)
        return images.mean(1, keepdim=True) * torch.arange(1.0, images.shape[-1] + 1)


class Samples:
    """A data set of random images whose augmentation depends on the epoch."""

    def __init__(self, count: int = 5, with_depth: bool = False) -> None:
        self.count, self.with_depth = count, with_depth
        self.read: list[int] = []
        self.report = IndexReport(listed=count, kept=count)
        self.depth_factor = 1.0

    def __len__(self) -> int:
        return self.count

    def name(self, index: int) -> str:
        return f"scene {index} l"

    def depth(self, index: int) -> np.ndarray:
        generator = torch.Generator().manual_seed(100 + index)
        return self.depth_factor * (1 + torch.rand(2 * HEIGHT, 2 * WIDTH, generator=generator)).numpy()

    def __getitem__(self, key: int | tuple[int, int]) -> Sample:
        epoch, index = key if isinstance(key, tuple) else (0, key)
        self.read.append(index)
        generator = torch.Generator().manual_seed(index)
        images = torch.randint(0, 256, (1, 3, HEIGHT, WIDTH), dtype=torch.uint8, generator=generator)
        depth = torch.from_numpy(self.depth(index))[None] if self.with_depth else None
        drawn = Augmentation(flip=(epoch + index) % 2 == 1, jitter=(1.1, 0.9, 1.0, 0.05) if epoch else None)
        return Sample((0,), images, torch.eye(3)[None], depth=depth, index=index, name=self.name(index),
                      augmentation=drawn)  # fmt: skip
