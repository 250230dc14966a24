"""Calibrations of one's own cameras: from files, from EXIF, from a field of view."""

from __future__ import annotations

from selfsup_depth.datasets.cameras.finding import RigFinder, find_rig
from selfsup_depth.datasets.cameras.model import Camera, CameraRig
from selfsup_depth.datasets.cameras.reading import RigFile, read_rig
from selfsup_depth.datasets.cameras.rigs import fit_camera, fit_rig

__all__ = ["Camera", "CameraRig", "RigFile", "RigFinder", "find_rig", "fit_camera", "fit_rig", "read_rig"]
