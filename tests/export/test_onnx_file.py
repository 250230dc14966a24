"""An exported network gives the depth of the checkpoint, at any batch, and says what its depth means."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import export_onnx as script
import predict_depth
from selfsup_depth import __version__
from selfsup_depth.checkpoints import CheckpointMeta, save_checkpoint
from selfsup_depth.errors import UserError
from selfsup_depth.export import ExportedNetwork, export_onnx, load_onnx, parity
from selfsup_depth.methods import build_method
from selfsup_depth.prediction.engines import EngineRequest, build_engine
from selfsup_depth.predictor import DepthPredictor, depth_only_request

onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")


def meta(**changes) -> CheckpointMeta:
    known = dict(
        library_version=__version__, method="monodepth2", encoder="mobilenetv3_small_050", upsample="nearest",
        scales=(0,), height=64, width=96, min_depth=0.1, max_depth=100.0, metres_per_unit=5.4,
        scale_source="a test", frame_ids=(0,), intrinsics=(60.0, 60.0, 48.0, 32.0),
    )  # fmt: skip
    return CheckpointMeta(**{**known, **changes})


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model") / "best"
    torch.manual_seed(0)
    save_checkpoint(folder, dict(build_method("monodepth2", depth_only_request(meta())).networks.items()), meta())
    return folder


@pytest.fixture(scope="module")
def predictor(checkpoint):
    return DepthPredictor.load(checkpoint, "cpu")


@pytest.fixture(scope="module")
def files(tmp_path_factory, predictor):
    """The same network with a fixed and with a free size."""
    folder = tmp_path_factory.mktemp("onnx")
    for name, dynamic in (("fixed", False), ("dynamic", True)):
        export_onnx(predictor, folder / f"{name}.onnx", dynamic_size=dynamic)
    return folder


@pytest.mark.parametrize("batch", [1, 2, 5])
@pytest.mark.parametrize("name", ["fixed", "dynamic"])
def test_depth_is_that_of_the_checkpoint_at_any_batch(files, predictor, name, batch):
    assert parity(predictor, load_onnx(files / f"{name}.onnx"), batch=batch) < 1e-4


def test_the_default_network_is_exported_too(tmp_path):
    """resnet18 with its four scales; the tests around use a smaller one."""
    default = meta(encoder="resnet18", scales=(0, 1, 2, 3))
    torch.manual_seed(0)
    predictor = DepthPredictor(build_method("monodepth2", depth_only_request(default)), default, torch.device("cpu"))
    export_onnx(predictor, tmp_path / "depth.onnx", dynamic_size=True)
    network = load_onnx(tmp_path / "depth.onnx")
    assert parity(predictor, network, batch=3) < 1e-4
    images = torch.rand(1, 3, 128, 64, generator=torch.Generator().manual_seed(1))
    np.testing.assert_allclose(network.depth(images.numpy()), predictor.method.predict(images).depth, rtol=1e-4)


def test_a_free_size_gives_what_the_network_gives_at_that_size(files, predictor):
    images = torch.rand(2, 3, 96, 160, generator=torch.Generator().manual_seed(1))
    own = predictor.method.predict(images).depth.numpy()
    np.testing.assert_allclose(load_onnx(files / "dynamic.onnx").depth(images.numpy()), own, rtol=1e-4)


@pytest.mark.parametrize(
    ("name", "size", "message"),
    [("fixed", (96, 96), "height 64, found 96"), ("dynamic", (64, 100), "width a multiple of 32, found 100")],
)
def test_another_size_is_refused_in_words(files, name, size, message):
    with pytest.raises(UserError, match=message):
        load_onnx(files / f"{name}.onnx").depth(np.zeros((1, 3, *size), np.float32))


def test_the_file_says_what_its_depth_means(files):
    network = load_onnx(files / "fixed.onnx")
    assert (network.facts["unit"], network.metric, network.size) == ("metres", True, (64, 96))
    assert network.facts["scale_source"] == "a test"
    assert network.facts["intrinsics"] == [60.0, 60.0, 48.0, 32.0]


def test_one_file_is_enough(files):
    """No weights beside it, nothing half-written left."""
    assert sorted(path.name for path in files.iterdir()) == ["dynamic.onnx", "fixed.onnx"]


def test_what_is_no_exported_network_is_refused(tmp_path, files):
    with pytest.raises(UserError, match="there is no such file; write it with export_onnx.py"):
        load_onnx(tmp_path / "none.onnx")
    broken = tmp_path / "broken.onnx"
    broken.write_bytes((files / "fixed.onnx").read_bytes()[:5000])
    with pytest.raises(UserError, match="cannot be read as an ONNX network: export it again"):
        load_onnx(broken)
    import onnx

    foreign = onnx.load(files / "fixed.onnx")
    del foreign.metadata_props[:]
    onnx.save(foreign, tmp_path / "foreign.onnx")
    with pytest.raises(UserError, match="does not say what its output means"):
        load_onnx(tmp_path / "foreign.onnx")


def test_missing_packages_are_named(monkeypatch, predictor, tmp_path):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(UserError, match=r"need the package onnxscript.*pip install 'selfsup-depth\[export\]'"):
        export_onnx(predictor, tmp_path / "a.onnx")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(UserError, match="need the package onnxruntime"):
        load_onnx(tmp_path / "a.onnx")


def test_a_folder_that_cannot_be_written_is_named(predictor, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        export_onnx(predictor, tmp_path / "file" / "a.onnx")


def test_the_script_exports_and_checks(checkpoint, tmp_path, capsys):
    output = tmp_path / "out" / "depth.onnx"
    assert script.main(["--load_weights_folder", str(checkpoint), "--output", str(output)]) == 0
    told = capsys.readouterr().out
    assert "unit: metres" in told
    assert "largest relative difference of depth from PyTorch" in told


def test_the_script_refuses_a_file_that_gives_other_depth(checkpoint, tmp_path, monkeypatch):
    class Wrong(ExportedNetwork):
        def depth(self, images):
            return super().depth(images) * np.float32(1.01)

    monkeypatch.setattr(script, "load_onnx", lambda path: Wrong(**vars(load_onnx(path))))
    with pytest.raises(UserError, match="does not give the depth of"):
        script.main(["--load_weights_folder", str(checkpoint), "--output", str(tmp_path / "depth.onnx")])


def test_a_model_up_to_scale_says_so(tmp_path):
    relative = meta(metres_per_unit=None)
    method = build_method("monodepth2", depth_only_request(relative))
    export_onnx(DepthPredictor(method, relative, torch.device("cpu")), tmp_path / "relative.onnx")
    facts = load_onnx(tmp_path / "relative.onnx").facts
    assert (facts["unit"], facts["metric"]) == ("relative (up to scale)", False)
    assert json.dumps(facts)


def test_predict_depth_runs_the_file(files, checkpoint, tmp_path, capsys):
    """The same depth files from the exported network as from the checkpoint."""
    import predict_depth

    picture = tmp_path / "street.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (80, 120, 3), np.uint8)).save(picture)
    common = ["--image_path", str(picture), "--no_cuda", "--output_directory"]
    network = ["--engine", "onnx", "--onnx_file", str(files / "fixed.onnx")]
    assert predict_depth.main([*common, str(tmp_path / "onnx"), *network]) == 0
    assert predict_depth.main([*common, str(tmp_path / "torch"), "--load_weights_folder", str(checkpoint)]) == 0
    depth = {name: np.load(tmp_path / name / "street_depth.npy") for name in ("onnx", "torch")}
    np.testing.assert_allclose(depth["onnx"], depth["torch"], rtol=1e-4)
    told = json.loads((tmp_path / "onnx" / "street.json").read_text())
    assert told["unit"] == "metres"
    assert told["checkpoint"].endswith("fixed.onnx")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"onnx_file": None}, "--engine onnx needs the exported network"),
        ({"weights_folder": Path("runs/mdp")}, "is not read by --engine onnx"),
        ({"precision": "bf16"}, "fixed.onnx is fp32: leave it out"),
    ],
)
def test_options_of_the_other_engine_are_refused(files, options, message):
    with pytest.raises(UserError, match=message):
        build_engine("onnx", EngineRequest(**{"weights_folder": None, "onnx_file": files / "fixed.onnx", **options}))


def test_predictions_say_which_provider_computed(files, tmp_path, capsys):
    Image.fromarray(np.zeros((64, 96, 3), np.uint8)).save(tmp_path / "a.png")
    words = ["--image_path", tmp_path / "a.png", "--engine", "onnx", "--onnx_file", files / "fixed.onnx", "--no_cuda"]
    assert predict_depth.main([str(word) for word in words]) == 0
    assert "engine: onnx on CPUExecutionProvider\n" in capsys.readouterr().out
    assert json.loads((tmp_path / "a.json").read_text())["runs_on"] == "CPUExecutionProvider"


@pytest.mark.parametrize("provider", ["CPUExecutionProvider", "CUDAExecutionProvider"])
def test_an_unused_gpu_is_told(files, monkeypatch, provider):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(ExportedNetwork, "provider", provider)
    told = build_engine("onnx", EngineRequest(None, onnx_file=files / "fixed.onnx")).runs_on
    assert told.startswith(provider)
    assert ("not on the GPU that is here" in told) == (provider == "CPUExecutionProvider")
    assert build_engine("onnx", EngineRequest(None, onnx_file=files / "fixed.onnx", device="cpu")).runs_on == provider
