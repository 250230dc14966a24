"""What a step needs several times is computed once: seen by counting calls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import torch
from seen_scene import seen_batch

from selfsup_depth.config import LossConfig, NetworkConfig
from selfsup_depth.methods import MethodRequest, build_method
from selfsup_depth.photometric_pass import PhotometricPass, differentiable, scene
from selfsup_depth.structures import STEREO, Batch

BATCH = 2


def method_with(**network: Any):
    settings = NetworkConfig(weights_init="scratch", encoder="mobilenetv3_small_050", **network)
    return build_method("monodepth2", MethodRequest(settings, LossConfig(), (0, -1, 1), True, 1.0)).train()


@pytest.fixture
def calls(monkeypatch) -> Counter[str]:
    """How often the parts of the image arithmetic were called."""
    counted: Counter[str] = Counter()

    def count(place: object, name: str) -> None:
        original: Callable[..., Any] = getattr(place, name)

        def counting(*args: Any, **kwargs: Any) -> Any:
            counted[name] += 1
            return original(*args, **kwargs)

        monkeypatch.setattr(place, name, counting)

    count(scene, "window_statistics")
    count(PhotometricPass, "unwarped")
    count(differentiable, "photometric_pass")
    return counted


@pytest.mark.parametrize("scales", [(0,), (0, 1, 2, 3)])
def test_errors_of_unwarped_sources_and_statistics_of_the_target_serve_all_scales(calls, scales):
    batch, _, _ = seen_batch(64, 96, BATCH, dtype=torch.float32)
    method_with(scales=scales).losses(batch)
    assert calls == {"window_statistics": 1, "unwarped": 1, "photometric_pass": BATCH * len(scales)}


def test_all_sources_are_warped_together(calls):
    """On a CPU image by image, whose maps stay in its caches; on other devices all images at once too."""
    whole, motions, disps = seen_batch(64, 96, BATCH, dtype=torch.float32)
    objective = method_with().objective
    for frames in ((STEREO,), (-1, 1, STEREO)):
        calls.clear()
        objective(Batch(whole.target, {frame: whole.sources[frame] for frame in frames}), disps, lambda _: motions)
        assert calls["photometric_pass"] == BATCH * len(disps)


@pytest.mark.parametrize("model", ["separate_resnet", "posecnn", "shared"])
def test_all_pairs_go_through_the_pose_networks_in_one_batch(model):
    method = method_with(pose_model_type=model)
    seen: list[tuple[str, int]] = []
    for name in {"pose_encoder", "pose"} & set(method.networks):
        method.networks[name].register_forward_hook(
            lambda *call, name=name: seen.append((name, len(call[2][0])))  # axis angles, or the first features
        )
    batch, _, _ = seen_batch(64, 96, BATCH, dtype=torch.float32)
    method.losses(batch)
    names = {"separate_resnet": ["pose_encoder", "pose"]}.get(model, ["pose"])
    assert seen == [(name, 2 * BATCH) for name in names]
