"""DPT computes what the authors' code computes (recorded outputs), from state dicts with the authors' keys."""

from __future__ import annotations

from pathlib import Path

import golden_inputs
import pytest
import torch
from torch import Tensor, nn

from selfsup_depth.teachers.dpt import DPTNetwork, build_dpt
from selfsup_depth.teachers.isl_keys import to_transformers
from selfsup_depth.teachers.reading import load_strictly
from tests.teachers.teacher_files import published_shapes, rule_weight, rule_weights

GOLDEN = golden_inputs.load_golden()["net_dpt"]


@pytest.fixture(scope="module")
def hybrid_weights() -> dict[str, Tensor]:
    return to_transformers(rule_weights("dpt_hybrid"))


def _network(architecture: str, weights: dict[str, Tensor], *, non_negative: bool) -> DPTNetwork:
    network = build_dpt(architecture, non_negative=non_negative)  # type: ignore[arg-type]
    load_strictly(network.model, weights, Path("published.pt"), architecture)
    return network.eval()


def _answer(network: nn.Module) -> Tensor:
    with torch.inference_mode():
        return network((golden_inputs.img(1, 3, 64, 96) - 0.5) / 0.5)[:, 0]


@pytest.mark.parametrize("key", ["scratch.output_conv.4.bias", "pretrained.model.blocks.3.attn.qkv.weight"])
def test_the_fast_weight_rule_is_the_weight_rule(key: str) -> None:
    shapes = published_shapes("dpt_hybrid")
    blank = {name: torch.empty(shape if name == key else [1]) for name, shape in shapes.items()}
    expected = golden_inputs.deterministic_state_dict(blank)[key]
    assert torch.equal(rule_weight(key, shapes[key], list(shapes).index(key)), expected)


@pytest.mark.parametrize("non_negative", [True, False])
def test_dpt_hybrid_is_the_original(hybrid_weights: dict[str, Tensor], non_negative: bool) -> None:
    network = _network("dpt_hybrid", hybrid_weights, non_negative=non_negative)
    golden_inputs.assert_stats(_answer(network), GOLDEN[f"dpt vitb_rn50_384 64x96 non_negative={non_negative}"])


def test_the_head_upsamples_with_aligned_corners(hybrid_weights: dict[str, Tensor]) -> None:
    # DistDepth's copy of DPT did not, and taught from a map that DPT never made
    network = _network("dpt_hybrid", hybrid_weights, non_negative=False)
    expected = GOLDEN["dpt vitb_rn50_384 64x96 non_negative=False"]
    golden_inputs.assert_stats(_answer(network), expected)
    network.model.head.head[1].align_corners = False
    with pytest.raises(AssertionError):
        golden_inputs.assert_stats(_answer(network), expected, rtol=1e-2)


def test_dpt_large_is_the_original() -> None:
    weights = to_transformers(rule_weights("dpt_large"))  # 344 M of them: made once, shared by both networks
    for non_negative in (True, False):
        network = _network("dpt_large", weights, non_negative=non_negative)
        golden_inputs.assert_stats(_answer(network), GOLDEN[f"dpt vitl16_384 64x96 non_negative={non_negative}"])
