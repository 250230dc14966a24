"""Options that change speed or memory change no number."""

from __future__ import annotations

import copy

import pytest
import torch
import torchvision
from seen_scene import seen_batch

from selfsup_depth.config import LossConfig, NetworkConfig, SpeedConfig
from selfsup_depth.errors import UserError
from selfsup_depth.methods import MethodRequest, build_method


def method_with(speed: SpeedConfig | None = None, **network):
    torch.manual_seed(0)
    settings = NetworkConfig(**{"weights_init": "scratch", **network})
    request = MethodRequest(settings, LossConfig(), (0, -1, 1), True, 1.0, speed=speed or SpeedConfig())
    return build_method("monodepth2", request).train()


def trained_once(method):
    """The loss, all gradients, and all buffers after one step."""
    batch, _, _ = seen_batch(64, 96, dtype=torch.float32)
    loss = method.losses(batch, torch.Generator().manual_seed(0)).total
    loss.backward()
    gradients = {name: p.grad for name, p in method.named_parameters() if p.grad is not None}
    return loss.detach(), gradients, dict(method.named_buffers())


@pytest.mark.parametrize("network", [{}, {"num_layers": 50}, {"encoder": "mobilenetv3_small_050"}], ids=str)
def test_recomputed_activations_give_the_same_step_and_the_same_batch_statistics(network):
    usual = trained_once(method_with(**network))
    recomputing = method_with(SpeedConfig(gradient_checkpointing=True), **network)
    assert list(recomputing.state_dict()) == list(method_with(**network).state_dict())
    loss, gradients, buffers = trained_once(recomputing)
    assert loss == usual[0]
    for name, gradient in usual[1].items():
        torch.testing.assert_close(gradients[name], gradient, rtol=1e-4, atol=1e-7, msg=name)
    for name, buffer in usual[2].items():
        torch.testing.assert_close(buffers[name], buffer, msg=name)


def test_recomputing_keeps_fewer_activations():
    def kept(method) -> int:
        sizes: dict[int, int] = {}

        def pack(tensor):
            sizes[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        batch, _, _ = seen_batch(64, 96, dtype=torch.float32)
        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            method.networks["encoder"](batch.target.image)
        return sum(sizes.values())

    usual = method_with(num_layers=50)
    recomputing = method_with(SpeedConfig(gradient_checkpointing=True), num_layers=50)
    weights = sum(p.nbytes for p in usual.networks["encoder"].parameters())
    assert 0 < kept(recomputing) < 0.7 * (kept(usual) - weights)


def test_frozen_statistics_stay_as_they_are(tmp_path):
    weights = tmp_path / "resnet18.pth"
    torch.save(torchvision.models.resnet18(weights=None).state_dict(), weights)
    method = method_with(weights_init=str(weights), freeze_batchnorm=True)
    before = copy.deepcopy(dict(method.named_buffers()))
    _, gradients, after = trained_once(method)
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert gradients["networks.encoder.encoder.bn1.weight"].abs().sum() > 0  # only the statistics are frozen
    assert not method.networks["encoder"].encoder.bn1.training and method.networks["depth"].training


def test_frozen_statistics_of_nothing_are_refused():
    with pytest.raises(UserError, match="--freeze_batchnorm.*--weights_init scratch"):
        NetworkConfig(weights_init="scratch", freeze_batchnorm=True)


def test_compiled_networks_are_traced_without_a_break(monkeypatch):
    """With a backend that only traces: producing code takes minutes and is torch's affair."""
    compiled = []

    def traced(self, **_):
        compiled.append(type(self).__name__)
        self._compiled_call_impl = torch.compile(self._call_impl, backend="aot_eager", fullgraph=True, dynamic=False)

    monkeypatch.setattr(torch.nn.Module, "compile", traced)
    usual = trained_once(method_with())
    loss, gradients, _ = trained_once(method_with(SpeedConfig(compile_networks=True)))
    assert compiled == ["ResNetEncoder", "DepthDecoder", "ResNetEncoder", "PoseDecoder"]
    assert loss.item() == pytest.approx(usual[0].item(), rel=1e-5)
    assert gradients.keys() == usual[1].keys()


def test_recomputing_in_compiled_networks_is_refused():
    with pytest.raises(UserError, match="--gradient_checkpointing cannot .* --compile_networks"):
        SpeedConfig(gradient_checkpointing=True, compile_networks=True)
    SpeedConfig(gradient_checkpointing=True, compile=True)
