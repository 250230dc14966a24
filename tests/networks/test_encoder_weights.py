"""Start weights: local files in every accepted form, what is refused, and what happens without network."""

from __future__ import annotations

import os
import re
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import safetensors.torch
import timm
import torch
import torchvision
from torch import Tensor

from selfsup_depth.errors import UserError
from selfsup_depth.networks import build_encoder


@pytest.fixture(scope="module")
def torchvision_state() -> dict[str, Tensor]:
    torch.manual_seed(7)
    return torchvision.models.resnet18(weights=None).state_dict()


def _write(path: Path, state: dict[str, Tensor], extras: bool = False) -> str:
    if path.suffix == ".safetensors":
        safetensors.torch.save_file(state, path)
    else:
        torch.save({**state, **({"height": 192, "width": 640, "use_stereo": True} if extras else {})}, path)
    return str(path)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("prefix", ["", "encoder."])
def test_a_local_file_gives_its_weights(
    tmp_path: Path, torchvision_state: dict[str, Tensor], suffix: str, prefix: str
) -> None:
    state = {prefix + key: value for key, value in torchvision_state.items()}
    encoder = build_encoder("resnet18", weights=_write(tmp_path / f"w{suffix}", state, extras=bool(prefix)))
    for key, value in encoder.encoder.state_dict().items():
        assert torch.equal(value, torchvision_state[key]), key


@pytest.mark.parametrize("in_images", [2, 3])
def test_many_images_share_the_first_convolution(
    tmp_path: Path, torchvision_state: dict[str, Tensor], in_images: int
) -> None:
    path = _write(tmp_path / "w.pth", torchvision_state)
    one = build_encoder("resnet18", weights=path).eval()
    many = build_encoder("resnet18", in_images=in_images, weights=path).eval()
    expected = torch.cat([torchvision_state["conv1.weight"]] * in_images, dim=1) / in_images
    torch.testing.assert_close(many.encoder.conv1.weight.detach(), expected)
    image = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(many(image.repeat(1, in_images, 1, 1)), one(image))


def test_a_file_without_classifier_or_batch_counts_will_do(
    tmp_path: Path, torchvision_state: dict[str, Tensor]
) -> None:
    state = {
        key: value
        for key, value in torchvision_state.items()
        if not key.startswith("fc.") and not key.endswith("num_batches_tracked")
    }
    encoder = build_encoder("resnet18", weights=_write(tmp_path / "w.pth", state))
    assert torch.equal(encoder.encoder.layer4[1].conv2.weight, state["layer4.1.conv2.weight"])


def test_a_classifier_of_other_classes_will_do(tmp_path: Path, torchvision_state: dict[str, Tensor]) -> None:
    state = {**torchvision_state, "fc.weight": torch.zeros(365, 512), "fc.bias": torch.zeros(365)}
    encoder = build_encoder("resnet18", weights=_write(tmp_path / "w.pth", state))
    assert encoder.state_dict()["encoder.fc.weight"].shape == (1000, 512)


def test_weights_of_another_network_are_named(tmp_path: Path, torchvision_state: dict[str, Tensor]) -> None:
    path = _write(tmp_path / "w.pth", torchvision_state)
    with pytest.raises(UserError) as error:
        build_encoder("resnet50", weights=path)
    message = str(error.value)
    assert path in message
    assert re.search(r"missing \d+ \(layer1.0.conv3.weight, ", message)
    assert "layer1.0.conv1.weight (64, 64, 3, 3) for (64, 64, 1, 1)" in message


@pytest.mark.parametrize(
    ("change", "said"), [("missing", "missing 1 (bn1.bias)"), ("more", "unexpected 1 (head)")]
)
def test_one_key_too_few_or_too_many_is_refused(
    tmp_path: Path, torchvision_state: dict[str, Tensor], change: str, said: str
) -> None:
    state = dict(torchvision_state)
    if change == "missing":
        del state["bn1.bias"]
    else:
        state["head"] = torch.zeros(1)
    with pytest.raises(UserError, match=re.escape(said)):
        build_encoder("resnet18", weights=_write(tmp_path / "w.pth", state))


def test_six_channels_do_not_fit_an_encoder_of_one_image(
    tmp_path: Path, torchvision_state: dict[str, Tensor]
) -> None:
    state = {**torchvision_state, "conv1.weight": torch.zeros(64, 6, 7, 7)}
    with pytest.raises(UserError, match=re.escape("conv1.weight (64, 6, 7, 7) for (64, 3, 7, 7)")):
        build_encoder("resnet18", weights=_write(tmp_path / "w.pth", state))


class _Payload:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.target),)


def test_files_that_are_no_weights_are_refused_and_run_no_code(
    tmp_path: Path, torchvision_state: dict[str, Tensor]
) -> None:
    victim = tmp_path / "ran"
    torch.save({"conv1.weight": torch.zeros(1), "x": _Payload(victim)}, tmp_path / "evil.pth")
    whole = Path(_write(tmp_path / "whole.pth", torchvision_state)).read_bytes()
    (tmp_path / "half.pth").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "page.safetensors").write_text("<html>")
    torch.save(torch.zeros(2), tmp_path / "tensor.pth")
    torch.save({"state_dict": {"a": torch.zeros(2)}}, tmp_path / "nested.pth")
    for file, said in {
        "evil.pth": r"found a Python object \((posix|nt).mkdir\); it was not loaded",
        "half.pth": "damaged or incomplete",
        "page.safetensors": "damaged or incomplete",
        "tensor.pth": "expected a state dict, found Tensor",
        "nested.pth": r"1 \(state_dict\) is no tensor",
        "absent.pth": "there is no such file",
    }.items():
        with pytest.raises(UserError, match=said) as error:
            build_encoder("resnet18", weights=str(tmp_path / file))
        assert str(error.value).startswith(f"--weights_init {tmp_path / file}: ")
        assert "weights_only" not in str(error.value)  # torch's advice to load it all the same
    assert not victim.exists()


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No network, and empty caches."""

    def refuse(*arguments: object, **options: object) -> None:
        raise urllib.error.URLError("Name or service not known")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda *arguments, **options: None)
    return tmp_path / "hub"


@pytest.mark.parametrize("name", ["resnet18", "mobilenetv3_small_050"])
def test_without_network_the_ways_out_are_said_at_once(offline: Path, name: str) -> None:
    start = time.monotonic()
    with pytest.raises(UserError) as error:
        build_encoder(name, weights="pretrained")
    assert time.monotonic() - start < 5.0  # hub clients alone retry for most of a minute
    for part in (
        name,
        "Name or service not known",
        "--weights_init PATH",
        "--weights_init scratch",
        "https://",
    ):
        assert part in str(error.value)
    if name == "resnet18":
        assert str(offline / "checkpoints" / "resnet18-f37072fd.pth") in str(error.value)


def test_pretrained_weights_in_the_cache_need_no_network(
    offline: Path, torchvision_state: dict[str, Tensor]
) -> None:
    (offline / "checkpoints").mkdir(parents=True)
    _write(offline / "checkpoints" / "resnet18-f37072fd.pth", torchvision_state)
    encoder = build_encoder("resnet18", weights="pretrained", in_images=2)
    torch.testing.assert_close(encoder.encoder.conv1.weight[:, 3:].mul(2), torchvision_state["conv1.weight"])


def test_a_download_that_breaks_off_is_said(offline: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_off(*arguments: object, **options: object) -> None:
        raise RuntimeError('invalid hash value (expected "f37072fd", got "00000000")')

    monkeypatch.setattr("selfsup_depth.networks.encoders.pretrained.check_reachable", lambda *arguments: None)
    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", break_off)
    with pytest.raises(UserError, match="invalid hash value.*--weights_init scratch"):
        build_encoder("resnet18", weights="pretrained")


def test_a_timm_model_without_pretrained_weights_is_said(offline: Path) -> None:
    published = {name.split(".")[0] for name in timm.list_models(pretrained=True)}
    name = next(name for name in timm.list_models("resnet*") if name not in published)
    with pytest.raises(UserError, match=f"timm has no pretrained weights for {name}"):
        build_encoder(name, weights="pretrained")


@pytest.mark.parametrize("name", ["convnext_atto", "mobilenetv3_small_050"])
def test_timm_backbones_take_a_local_file_of_the_whole_model(
    tmp_path: Path, offline: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    torch.manual_seed(3)
    whole = timm.create_model(name).eval()
    path = _write(tmp_path / "model.safetensors", whole.state_dict())
    encoder = build_encoder(name, weights=path).eval()
    pair = build_encoder(name, weights=path, in_images=2).eval()
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda *arguments, **options: path)
    cached = build_encoder(name, weights="pretrained", in_images=2).eval()
    image = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        normalised = (image - encoder.mean) / encoder.std
        expected = whole.forward_intermediates(normalised, intermediates_only=True)[-1]
        features = encoder(image)
        of_pair, of_cached = (net(image.repeat(1, 2, 1, 1)) for net in (pair, cached))
    torch.testing.assert_close(features[-1], expected)
    torch.testing.assert_close(of_pair, features)
    torch.testing.assert_close(of_cached, features)


def test_timm_backbones_are_as_strict(tmp_path: Path) -> None:
    state = timm.create_model("convnext_atto").state_dict()
    state["bogus"] = state.pop("stages.0.blocks.0.conv_dw.weight")
    path = _write(tmp_path / "model.pth", state)
    with pytest.raises(UserError) as error:
        build_encoder("convnext_atto", weights=path)
    assert "missing 1 (stages_0.blocks.0.conv_dw.weight)" in str(error.value)
    assert "unexpected 1 (bogus)" in str(error.value)
