"""What the numbers of a prediction mean: for the sidecar files, and to be said."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfsup_depth import __version__
from selfsup_depth.checkpoints import CheckpointMeta
from selfsup_depth.prediction.cameras import PictureCamera

#: What metres are worth: a network learns size from the angle under which things are seen.
METRIC_FOR = (
    "images of the training camera's field of view (focal length / width); another camera's depth is right up to "
    "one factor"
)
SQUEEZE_TOLERANCE = 0.1  # of the aspect ratio
METRES, RELATIVE = "metres", "relative (up to scale)"


@dataclass(frozen=True)
class Origin:
    """Where depth comes from."""

    meta: CheckpointMeta
    weights: str  # the checkpoint folder or the exported file
    engine: str
    runs_on: str
    precision: str
    temporal_smoothing: float

    @property
    def unit(self) -> str:
        return METRES if self.meta.metric else RELATIVE

    def _training_camera(self) -> dict[str, Any] | None:
        """None where the checkpoint does not know it."""
        if self.meta.intrinsics is None:
            return None
        pixels = {"width": self.meta.width, "height": self.meta.height, "pixel_origin": "corner"}
        return dict(zip(("fx", "fy", "cx", "cy"), self.meta.intrinsics, strict=True)) | pixels

    def facts(self, size: tuple[int, int] | None) -> dict[str, Any]:
        """What every sidecar says; `size` (height, width) is the pictures'."""
        meta = self.meta
        return {
            "unit": self.unit,
            "metric": meta.metric,
            "metric_for": METRIC_FOR if meta.metric else None,
            "scale_source": meta.scale_source,
            "height": size[0] if size else None,
            "width": size[1] if size else None,
            "network_height": meta.height,
            "network_width": meta.width,
            "checkpoint": self.weights,
            "training_camera": self._training_camera(),
            "origin": meta.origin,
            "method": meta.method,
            "step": meta.step,
            "engine": self.engine,
            "runs_on": self.runs_on,
            "precision": self.precision,
            "temporal_smoothing": self.temporal_smoothing,
            "library_version": __version__,
        }


def camera_facts(camera: PictureCamera | None) -> dict[str, Any]:
    """Intrinsics [3, 3] of a picture at its own size; None where nothing tells them."""
    return {
        "intrinsics": camera.intrinsics.tolist() if camera else None,
        "intrinsics_source": camera.source if camera else None,
        "pixel_origin": "corner",
    }


def write_sidecar(path: Path, facts: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


def is_own_sidecar(path: Path) -> bool:
    """Whether this file says what a prediction is."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and {"unit", "scale_source", "library_version"} <= set(content)


def unit_sentence(meta: CheckpointMeta) -> str:
    """What the depths are, and for which images that holds."""
    if not meta.metric:
        return f"unit: {RELATIVE} ({meta.scale_source})"
    return f"unit: {METRES} ({meta.scale_source}), for {METRIC_FOR}"


def squeeze_warning(shown: str, size: tuple[int, int], meta: CheckpointMeta) -> str | None:
    """A sentence when an image of `size` (height, width) has another shape than the network's input; else None."""
    own, network = size[1] / size[0], meta.width / meta.height
    if abs(own / network - 1) <= SQUEEZE_TOLERANCE:
        return None
    return (
        f"{shown} is {size[1]}x{size[0]} (width / height {own:.2f}) and is squeezed into the network's "
        f"{meta.width}x{meta.height} ({network:.2f}): unless the training images were squeezed alike, crop it to that "
        "ratio"
    )


def halves_hint(size: tuple[int, int], meta: CheckpointMeta) -> str:
    """What else a frame of `size` (height, width) may be whose half has the network's shape; else nothing."""
    own, network = size[1] / size[0], meta.width / meta.height
    for layout, half in (("side_by_side", own / 2), ("top_bottom", own * 2)):
        if abs(half / network - 1) <= SQUEEZE_TOLERANCE:
            return f"; if it holds both images of a pair, --stereo_layout {layout} takes the left one"
    return ""
