"""The reprojection loss of a step and its gradient, computed together."""

from selfsup_depth.photometric_pass.differentiable import PhotometricPass
from selfsup_depth.photometric_pass.one_pass import PassResult, PassSettings
from selfsup_depth.photometric_pass.scene import Scene, prepare_scene

__all__ = ["PassResult", "PassSettings", "PhotometricPass", "Scene", "prepare_scene"]
