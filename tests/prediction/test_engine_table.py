"""Engines: the one in PyTorch, the table, and what it refuses."""

from __future__ import annotations

import pytest
import torch
from painted_depth import HEIGHT, METRES_PER_UNIT, WIDTH, depth_of

from selfsup_depth.arithmetic import cpu_has_bf16
from selfsup_depth.errors import UserError
from selfsup_depth.prediction.engines import ENGINES, EngineRequest, build_engine
from selfsup_depth.predictor import DepthPredictor

WITH_BF16 = pytest.mark.skipif(not cpu_has_bf16(), reason="this CPU has no bf16")


def images(red: float = 100.0) -> torch.Tensor:
    picture = torch.rand(2, 3, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(0))
    picture[:, 0] = red / 255
    return picture


def test_torch_gives_the_networks_inverse_depth(weights):
    engine = build_engine("torch", EngineRequest(weights, device="cpu"))
    assert (engine.device.type, engine.weights) == ("cpu", str(weights))
    assert engine.meta.metres_per_unit == METRES_PER_UNIT
    inverse = engine(images())
    assert inverse.shape == (2, 1, HEIGHT, WIDTH)
    torch.testing.assert_close(inverse, torch.full_like(inverse, float(1 / depth_of(100))))


@WITH_BF16
def test_bf16_is_the_network_alone(weights):
    full, half = (build_engine("torch", EngineRequest(weights, device="cpu", precision=p)) for p in ("fp32", "bf16"))
    found = half(images())
    assert found.dtype == torch.float32
    assert not torch.equal(found, full(images()))
    torch.testing.assert_close(found, full(images()), rtol=0.01, atol=0)


def test_fp16_is_refused_on_a_cpu(weights):
    with pytest.raises(UserError, match="--precision fp16 needs a GPU .*use bf16 or fp32"):
        build_engine("torch", EngineRequest(weights, device="cpu", precision="fp16"))


@pytest.mark.parametrize(
    ("name", "request_of", "message"),
    [
        ("torhc", lambda w: EngineRequest(w), "--engine torhc is not known; there are: torch.*perhaps you meant torch"),
        ("torch", lambda w: EngineRequest(None), "--load_weights_folder is needed"),
        ("torch", lambda w: EngineRequest(w, onnx_file=w / "a.onnx"), "a.onnx is not read by --engine torch: use"),
    ],
)
def test_what_cannot_be_built_is_refused(name, request_of, message, weights):
    with pytest.raises(UserError, match=message):
        build_engine(name, request_of(weights))


@WITH_BF16
def test_a_predictor_takes_the_precision_itself(weights):
    assert DepthPredictor.load(weights, "cpu", precision="bf16").dtype == torch.bfloat16
    assert set(ENGINES) >= {"torch"}
