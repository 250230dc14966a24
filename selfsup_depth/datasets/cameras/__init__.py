"""Calibrations of one's own cameras: from files, from EXIF, from a field of view."""

from __future__ import annotations

from selfsup_depth.datasets.cameras.model import Camera, CameraRig

__all__ = ["Camera", "CameraRig"]
