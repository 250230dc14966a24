"""Losses mix no devices, and ask theirs for no value: they are computed of tensors that have a device, but no values.

What would end a program on a GPU (a tensor of the CPU among its own), or make it wait for one (`item`, a mask as an
index, `nonzero`), is an error on such tensors, and no GPU is needed to find out.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from selfsup_depth import cli
from selfsup_depth.config import TrainConfig
from selfsup_depth.datasets import augment, collate
from selfsup_depth.datasets.augmentation import draw_augmentation
from selfsup_depth.methods import MethodRequest, build_method
from selfsup_depth.structures import STEREO, Batch, Losses, Method, Sample
from selfsup_depth.teaching import teach
from selfsup_depth.tutors import TrueDepthTutor

HEIGHT, WIDTH, BATCH = 64, 96, 4
GPU = torch.device("cuda", 0)
OPTIONS = [
    [],
    ["--use_stereo"],
    ["--frame_ids", "0", "--use_stereo"],
    ["--pose_model_type", "posecnn"],
    ["--pose_model_type", "shared"],
    ["--pose_model_input", "all"],
    ["--v1_multiscale"],
    ["--avg_reprojection", "--out_of_view", "border"],
    ["--disable_automasking", "--predictive_mask"],
    ["--no_ssim", "--learn_intrinsics"],
    ["--gradient_checkpointing"],
    ["--use_stereo", "--distill", "true_depth"],
    ["--use_stereo", "--distill", "true_depth", "--distill_mode", "paper"],
]


def config_of(options: Sequence[str]) -> TrainConfig:
    small = ["--encoder", "mobilenetv3_small_050"] if "shared" not in options else []
    return cli.parse(TrainConfig, ["--weights_init", "scratch", *small, *options])


def samples(config: TrainConfig) -> list[Sample]:
    """Some of them are mirrored and some jittered."""
    stereo = config.data.use_stereo
    frames = (*config.data.frame_ids, *((STEREO,) if stereo else ()))
    camera = torch.tensor([[60.0, 0, 48], [0, 60, 32], [0, 0, 1]])
    return [
        Sample(
            frames,
            torch.zeros(len(frames), 3, HEIGHT, WIDTH, dtype=torch.uint8),
            camera.repeat(len(frames), 1, 1),
            stereo_T_target=torch.eye(4) if stereo else None,
            depth=torch.ones(1, 50, 70) if config.distill.distill else None,
            name=str(index),
            augmentation=draw_augmentation(0, 1, index),
        )
        for index in range(BATCH)
    ]


def without_values(tensor: Tensor, device: torch.device) -> Tensor:
    return torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device=device)


def moved(method: Method, device: torch.device) -> Method:
    for module in method.modules():
        for name, weights in module.named_parameters(recurse=False):
            module.register_parameter(name, nn.Parameter(without_values(weights, device), weights.requires_grad))
        for name, buffer in module.named_buffers(recurse=False):
            module._buffers[name] = without_values(buffer, device)
    return method


def losses_of(options: Sequence[str], device: torch.device) -> Losses:
    config = config_of(options)
    raw = collate(samples(config))
    unit = 5.4 if config.data.use_stereo else None
    request = MethodRequest(
        config.network, config.loss, config.data.frame_ids, config.data.use_stereo, unit, config.distill
    )
    built = build_method("monodepth2", request).train()
    with FakeTensorMode():
        batch: Batch = augment(raw.map(lambda tensor: without_values(tensor, device)))
        if config.distill.distill:
            batch = teach(batch, TrueDepthTutor())
        method = moved(built, device)
        with torch.autocast(device.type, torch.bfloat16):
            return method.losses(batch)


@pytest.mark.filterwarnings("ignore:.*CUDA is not available")
@pytest.mark.parametrize("options", OPTIONS, ids=" ".join)
def test_losses_of_a_gpu_wait_for_nothing_and_stay_there(options: list[str]) -> None:
    losses = losses_of(options, GPU)
    for name, value in {**losses.terms, **losses.health, **losses.counts}.items():
        assert value.device == GPU, name
    assert all(term.dtype == torch.float32 for term in losses.terms.values())  # also where networks are not
    assert not any(value.requires_grad for value in losses.health.values())  # they are kept for many steps
