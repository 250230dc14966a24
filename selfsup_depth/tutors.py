"""Who is asked about images: a frozen network, or, for tests and demos, the truth in disguise."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from selfsup_depth.config import DistillConfig
from selfsup_depth.teachers import TRUE_DEPTH, TeacherInfo, TeacherSize, load_teacher, told_by_files


@dataclass(frozen=True)
class Question:
    """What a teacher is asked about: recorded images, never mirrored."""

    images: Tensor  # [B, 3, H, W] float32 in [0, 1]
    names: Sequence[str]
    depth: Sequence[Tensor] | None = None  # B true maps [1, h, w] metres, for `TrueDepthTeacher` alone


class Tutor(Protocol):
    """Anything that answers with a map [B, 1, H, W] float32 per image; NaN where it does not know."""

    info: TeacherInfo
    needs_depth: bool

    def __call__(self, question: Question) -> Tensor: ...


class NetworkTutor:
    """A frozen network (`teachers.Teacher`)."""

    needs_depth = False

    def __init__(self, teacher: NetworkTeacher) -> None:
        self.teacher, self.info = teacher, teacher.info

    def __call__(self, question: Question) -> Tensor:
        return self.teacher(question.images)


class NetworkTeacher(Protocol):
    info: TeacherInfo

    def __call__(self, images: Tensor) -> Tensor: ...


class TrueDepthTutor:
    """The data set's own depth, told as a relative teacher would tell it: as disparity up to an affine map.

    Scale and shift are other ones for each image, so nothing metric is given away. For tests and demos: it shows
    what the best teacher could give.
    """

    needs_depth = True

    def __init__(self) -> None:
        self.info = TeacherInfo(name=TRUE_DEPTH, kind="relative_disparity", identity="true depth, version 1")

    def __call__(self, question: Question) -> Tensor:
        if question.depth is None:
            raise ValueError("TrueDepthTutor needs the true depth of the images")
        size = question.images.shape[-2:]
        told = [
            _distorted_disparity(depth, size, name)
            for depth, name in zip(question.depth, question.names, strict=True)
        ]
        return torch.stack(told).to(question.images.device)


def _distorted_disparity(depth: Tensor, size: torch.Size, name: str) -> Tensor:
    """[1, H, W] `a / depth + b` with a in [50, 500] and b in [0, 50] drawn from the name; NaN without depth."""
    # no interpolation: a mixture of near and far across an edge is the depth of nothing
    nearest = F.interpolate(depth[None].float(), tuple(size), mode="nearest-exact")[0]
    first, second = zlib.crc32(name.encode()) / 2**32, zlib.crc32(name[::-1].encode()) / 2**32
    scale, shift = 50.0 + 450.0 * first, 50.0 * second
    return torch.where(nearest > 0, scale / nearest.clamp(min=1e-6) + shift, torch.nan)


def build_tutor(settings: DistillConfig, device: torch.device) -> Tutor:
    """The tutor that --distill names. Raises UserError when it cannot be had, before anything else is done."""
    assert settings.distill is not None
    if settings.distill == TRUE_DEPTH:
        return TrueDepthTutor()
    size, precision = _size(settings), settings.teacher_precision
    return NetworkTutor(load_teacher(settings.distill, device=device, size=size, precision=precision))


def tutor_info(settings: DistillConfig) -> TeacherInfo | None:
    """Who the tutor that --distill names would be, without building it; None where only building it tells."""
    assert settings.distill is not None
    if settings.distill == TRUE_DEPTH:
        return TrueDepthTutor().info
    return told_by_files(settings.distill, size=_size(settings), precision=settings.teacher_precision)


def _size(settings: DistillConfig) -> TeacherSize:
    if settings.teacher_size == "trained":
        return "trained"
    return "native" if settings.teacher_size == "native" else int(settings.teacher_size)
