"""Folders in Hugging Face format (config.json and weights): DPT, Depth Anything and ZoeDepth."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from selfsup_depth.errors import UserError
from selfsup_depth.teachers.contract import Kind
from selfsup_depth.teachers.dpt import DPTNetwork, patch_multiple
from selfsup_depth.teachers.expert import Expert, Facts
from selfsup_depth.teachers.input_policy import IMAGENET_MEAN, IMAGENET_STD, InputPolicy
from selfsup_depth.teachers.reading import wrong_weights

WEIGHT_FILES = ("model.safetensors", "pytorch_model.bin")
#: parameters that no forward pass uses, which published files therefore have or lack as they please
_UNUSED = ("neck.fusion_stage.layers.0.residual_layer1.", "dpt.pooler.", "pooler.")
_DERIVED = ".relative_position_index"


class PredictedDepth(nn.Module):
    """A depth model of transformers that takes images of any size as it is."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> Tensor:
        """[B, 3, H, W] to [B, 1, h, w]."""
        return self.model(images).predicted_depth.unsqueeze(1)


Description = tuple[Kind, InputPolicy]


def _dpt(config: Any) -> Description:
    multiple, backbone = patch_multiple(config), config.backbone_config
    # the MiDaS family was trained for disparity; the DPT heads published with DINOv2 for metres on NYU and KITTI
    if backbone is not None and backbone.model_type == "dinov2":
        return "metric_depth", InputPolicy(480, multiple, IMAGENET_MEAN, IMAGENET_STD)
    return "relative_disparity", InputPolicy(384, multiple)


def _depth_anything(config: Any) -> Description:
    metric = config.depth_estimation_type == "metric"
    policy = InputPolicy(518, config.patch_size, IMAGENET_MEAN, IMAGENET_STD)
    return "metric_depth" if metric else "relative_disparity", policy


def _zoedepth(config: Any) -> Description:
    # its authors also pad the image by reflection, against artefacts at the border: not done here
    return "metric_depth", InputPolicy(384, 32)


@dataclass(frozen=True)
class _Family:
    describe: Callable[[Any], Description]  # of the config
    wrap: Callable[[Any], nn.Module] = PredictedDepth  # the model


#: model_type of config.json -> what it is as a teacher
FAMILIES: dict[str, _Family] = {
    "dpt": _Family(_dpt, DPTNetwork),
    "depth_anything": _Family(_depth_anything),
    "zoedepth": _Family(_zoedepth),
}


def load_hugging_face(folder: Path) -> Expert:
    """The depth network in a folder with config.json and weights; code in the folder is not run.

    Raises:
        UserError: when the folder is incomplete, of an unknown family, or its weights do not fit its config.
    """
    facts = hugging_face_facts(folder)
    model = _load_model(folder)
    return Expert(FAMILIES[model.config.model_type].wrap(model), facts)


def hugging_face_facts(folder: Path) -> Facts:
    """What is in a folder with config.json, without its weights being loaded.

    Raises:
        UserError: when the folder is incomplete, of an unknown family, or its config cannot be read.
    """
    model_type = _read_json(folder / "config.json").get("model_type")
    if model_type not in FAMILIES:
        raise UserError(
            f"{folder / 'config.json'}: expected a depth network of the family {', '.join(FAMILIES)}, found "
            f"model_type {model_type!r}; choose another teacher."
        )
    files = tuple(sorted((*folder.glob("*.safetensors"), *folder.glob("*.bin"))))
    if not files:
        raise UserError(
            f"{folder}: expected weights ({' or '.join(WEIGHT_FILES)}) beside config.json, found none; "
            "download the whole repository."
        )
    kind, policy = FAMILIES[model_type].describe(_read_config(folder))
    return Facts(kind, _as_published(folder, policy), (folder / "config.json", *files))


def _read_config(folder: Path) -> Any:
    from transformers import AutoConfig

    try:
        return AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # values that do not go together raise whatever the config stumbles over
        raise _unloadable(folder, error) from error


def _load_model(folder: Path) -> Any:
    from transformers import AutoModelForDepthEstimation

    try:
        model, report = AutoModelForDepthEstimation.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False, dtype=torch.float32, output_loading_info=True,
            ignore_mismatched_sizes=True,
        )  # fmt: skip
    except Exception as error:  # a damaged file raises whatever the parser stumbles over
        raise _unloadable(folder, error) from error
    missing = [key for key in sorted(report["missing_keys"]) if not key.startswith(_UNUSED)]
    unexpected = [
        key for key in sorted(report["unexpected_keys"]) if not key.startswith(_UNUSED) and not key.endswith(_DERIVED)
    ]
    misshapen = [f"{key} {tuple(found)} for {tuple(own)}" for key, found, own in sorted(report["mismatched_keys"])]
    if missing or unexpected or misshapen:
        raise wrong_weights(folder, "the network in its config.json", missing, unexpected, misshapen)
    return model


def _unloadable(folder: Path, error: Exception) -> UserError:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return UserError(
        f"{folder}: cannot be loaded as a depth network ({lines[0]}); it is damaged, incomplete or another kind of "
        "network: download the whole repository again."
    )


def _as_published(folder: Path, policy: InputPolicy) -> InputPolicy:
    """The policy with the scale and normalisation of preprocessor_config.json, if the folder has one."""
    path = folder / "preprocessor_config.json"
    if not path.is_file():
        return policy
    said = _read_json(path)
    unit = 1.0 if said.get("do_rescale", True) else 255.0  # some state their normalisation for bytes
    if said.get("do_normalize", True) and "image_mean" in said and "image_std" in said:
        mean, std = (tuple(value / unit for value in said[key]) for key in ("image_mean", "image_std"))
        policy = replace(policy, mean=mean, std=std)
    size = said.get("size")
    sides = [side for side in (size.values() if isinstance(size, dict) else [size]) if isinstance(side, int)]
    return replace(policy, short_side=min(sides)) if sides else policy


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise UserError(
            f"{path}: expected the JSON file of a network in Hugging Face format ({error}); give a folder with "
            "config.json and weights, or download the repository again."
        ) from error
    if not isinstance(content, dict):
        raise UserError(f"{path}: expected a JSON object, found {type(content).__name__}; download it again.")
    return content
