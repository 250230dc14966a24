"""predict_depth.py: files, sizes and units."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from golden_inputs import deterministic_state_dict, load_state_dict_keys
from PIL import Image

import predict_depth
from selfsup_depth.checkpoints import FORMATS
from selfsup_depth.errors import UserError
from selfsup_depth.prediction.metadata import METRIC_FOR
from selfsup_depth.predictor import DepthPredictor

ROOT = Path(__file__).parents[2]


@pytest.fixture
def monodepth2_folder(tmp_path):
    """A folder as the published code writes it, with weights made by rule."""

    def make(use_stereo: bool) -> Path:
        folder = tmp_path / f"weights_stereo_{use_stereo}"
        folder.mkdir()
        keys = load_state_dict_keys()
        for name in ("encoder", "depth"):
            shapes = keys[f"monodepth2.resnet18.{name}"]
            empty = {
                key: torch.zeros(shape, dtype=torch.long if key.endswith("num_batches_tracked") else torch.float32)
                for key, shape in shapes.items()
            }
            state = deterministic_state_dict(empty)
            if name == "encoder":
                state |= {"height": 64, "width": 96, "use_stereo": use_stereo}
            torch.save(state, folder / f"{name}.pth", _use_new_zipfile_serialization=False)
        return folder

    return make


def photo(path: Path, size=(123, 77)) -> Path:
    rows, columns = np.mgrid[: size[1], : size[0]]
    pixels = np.stack([rows * 3 % 256, columns * 2 % 256, (rows + columns) % 256], axis=-1).astype(np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def predict(image, weights, out, *more) -> None:
    options = ["--image_path", image, "--load_weights_folder", weights, "--output_directory", out, "--no_cuda", *more]
    assert predict_depth.main([str(option) for option in options]) == 0


def test_a_stereo_monodepth2_folder_gives_metres_without_any_flag(monodepth2_folder, tmp_path):
    image = photo(tmp_path / "photos" / "street.png")
    predict(image, monodepth2_folder(True), tmp_path / "metric")
    predict(image, monodepth2_folder(False), tmp_path / "relative")
    metres = np.load(tmp_path / "metric" / "street_depth.npy")
    relative = np.load(tmp_path / "relative" / "street_depth.npy")
    assert metres.dtype == np.float32
    assert metres.shape == (77, 123)
    np.testing.assert_allclose(metres, 5.4 * relative, rtol=1e-5)
    facts = json.loads((tmp_path / "metric" / "street.json").read_text())
    assert facts["unit"] == "metres"
    assert "5.4" in facts["scale_source"]
    assert (facts["height"], facts["width"], facts["network_height"], facts["network_width"]) == (77, 123, 64, 96)
    other = json.loads((tmp_path / "relative" / "street.json").read_text())
    assert other["unit"] == "relative (up to scale)"
    assert not other["metric"]


def test_whose_weights_they_are_is_said_and_can_be_told(monodepth2_folder, tmp_path, capsys):
    image, weights = photo(tmp_path / "photos" / "street.png"), monodepth2_folder(True)
    predict(image, weights, tmp_path / "seen")
    predict(image, weights, tmp_path / "told", "--weights_format", "distdepth")
    seen, told = (json.loads((tmp_path / name / "street.json").read_text()) for name in ("seen", "told"))
    assert seen["origin"].startswith("taken for a checkpoint of Monodepth2, since nothing in it speaks for DistDepth")
    assert told["origin"] == "read as a checkpoint of DistDepth, as asked for"
    assert "1.312 m" in told["scale_source"]
    assert np.load(tmp_path / "told" / "street_depth.npy").max() <= 13.12
    printed = capsys.readouterr().out
    assert f"{weights}: {seen['origin']}" in printed
    assert f"{weights}: {told['origin']}" in printed
    with pytest.raises(UserError, match="--weights_format distdeep: expected one of"):
        predict(image, weights, tmp_path / "told", "--weights_format", "distdeep")


def test_the_help_names_every_format(capsys):
    with pytest.raises(SystemExit):
        predict_depth.main(["--help"])
    printed = capsys.readouterr().out
    assert all(name in printed for name in FORMATS)


def test_our_own_weights_need_no_such_sentence(trained, tmp_path, capsys):
    predict(photo(tmp_path / "a.png"), trained / "models" / "best", tmp_path / "out")
    assert json.loads((tmp_path / "out" / "a.json").read_text())["origin"] is None
    assert "checkpoint of" not in capsys.readouterr().out


def test_a_folder_of_images_of_any_kind(trained, tmp_path):
    folder = tmp_path / "photos"
    photo(folder / "a b.png", (200, 100))
    photo(folder / "ünïcode.jpg", (96, 64))
    photo(folder / "odd.bmp", (65, 33))
    Image.fromarray(np.full((50, 60), 120, dtype=np.uint8)).save(folder / "grey.png")
    (folder / "notes.txt").write_text("no image")
    predict(folder, trained / "models" / "best", tmp_path / "out")
    for stem, shape in (("a b", (100, 200)), ("ünïcode", (64, 96)), ("odd", (33, 65)), ("grey", (50, 60))):
        depth = np.load(tmp_path / "out" / f"{stem}_depth.npy")
        assert depth.shape == shape
        assert np.isfinite(depth).all()
        assert (depth > 0).all()
        coloured = Image.open(tmp_path / "out" / f"{stem}_depth.png").convert("RGB")
        assert np.asarray(coloured).shape == (*shape, 3)
    assert len(list((tmp_path / "out").iterdir())) == 12


def test_results_beside_the_images_are_not_images_the_next_time(trained, tmp_path):
    photo(tmp_path / "photos" / "one.png")
    for _ in range(2):
        options = ["--image_path", str(tmp_path / "photos"), "--load_weights_folder", str(trained / "models" / "best")]
        assert predict_depth.main(options) == 0
    assert sorted(p.name for p in (tmp_path / "photos").iterdir()) == [
        "one.json", "one.png", "one_depth.npy", "one_depth.png",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: folder / "missing", "no such file or folder; give the path of an image"),
        (lambda folder: folder, "holds no image .*give the folder that holds the images themselves"),
        (lambda folder: photo(folder / "x.png") and photo(folder / "x.jpg") and folder, "overwrite each other"),
        (lambda folder: (folder / "broken.png").write_bytes(b"\x89PNG") and folder / "broken.png", "broken.png"),
    ],
    ids=["missing", "empty", "same name", "broken"],
)
def test_bad_images_are_refused(make, message, trained, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    with pytest.raises(UserError, match=message):
        predict(make(folder), trained / "models" / "best", tmp_path / "out")


def test_bad_images_of_a_folder_are_named_and_the_others_predicted(trained, tmp_path, capsys):
    folder = tmp_path / "photos"
    photo(folder / "a.png")
    whole = photo(folder / "b.jpg").read_bytes()
    (folder / "b.jpg").write_bytes(whole[: len(whole) // 2])
    Image.fromarray(np.full((64, 96), 3000, dtype=np.uint16)).save(folder / "c.png")
    photo(folder / "d.png")
    words = ["--image_path", folder, "--load_weights_folder", trained / "models" / "best", "--no_cuda"]
    assert predict_depth.main([str(word) for word in [*words, "--output_directory", tmp_path / "out"]]) == 2
    assert sorted(path.stem for path in (tmp_path / "out").glob("*.json")) == ["a", "d"]
    printed = capsys.readouterr()
    lines = printed.err.strip().splitlines()
    assert len(lines) == 3 and lines[2] == "error: 2 of 4 written"
    assert lines[0].startswith(f"error: {folder / 'b.jpg'} cannot be read") and "split" not in lines[0]
    assert lines[1].startswith(f"error: {folder / 'c.png'} has more than 8 bits")
    assert "2 depth maps in" in printed.out
    for bad in ("b.jpg", "c.png"):
        with pytest.raises(UserError, match=bad):
            predict(folder / bad, trained / "models" / "best", tmp_path / "out")


def test_an_ending_that_no_image_has(trained, tmp_path):
    photo(tmp_path / "photos" / "a.png")
    with pytest.raises(UserError, match=r"holds no image \(.webp; .*give another --ext, or leave it out"):
        predict(tmp_path / "photos", trained / "models" / "best", tmp_path / "out", "--ext", "webp")


def test_an_output_that_cannot_be_written_says_what_to_do(trained, tmp_path):
    image, weights = photo(tmp_path / "a.png"), trained / "models" / "best"
    with pytest.raises(UserError, match=r"a.png cannot be made \(File exists\): give a folder that can be written"):
        predict(image, weights, image)
    (tmp_path / "out" / "a_depth.npy").mkdir(parents=True)
    with pytest.raises(UserError, match=r"out cannot be written \(Is a directory\): give another folder"):
        predict(image, weights, tmp_path / "out")


def test_metres_are_claimed_for_the_training_camera_alone(monodepth2_folder, tmp_path, capsys):
    image = photo(tmp_path / "street.png", (96, 64))
    predict(image, monodepth2_folder(True), tmp_path / "metric")
    printed = capsys.readouterr().out
    assert "unit: metres (" in printed and f", for {METRIC_FOR}\n" in printed and "field of view" in METRIC_FOR
    assert json.loads((tmp_path / "metric" / "street.json").read_text())["metric_for"] == METRIC_FOR
    predict(image, monodepth2_folder(False), tmp_path / "relative")
    assert "unit: relative (up to scale) (" in (printed := capsys.readouterr().out) and "field of view" not in printed
    assert json.loads((tmp_path / "relative" / "street.json").read_text())["metric_for"] is None


def test_images_of_another_shape_are_warned_of_once(trained, tmp_path, capsys):
    photo(tmp_path / "fits" / "a.png", (192, 120))  # 1.60, the network's is 1.50
    predict(tmp_path / "fits", trained / "models" / "best", tmp_path / "out")
    assert "warning" not in capsys.readouterr().out
    photo(tmp_path / "photos" / "tall.png", (100, 100))
    photo(tmp_path / "photos" / "wide.png", (200, 100))
    predict(tmp_path / "photos", trained / "models" / "best", tmp_path / "out")
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("warning")]
    assert "tall.png is 100x100 (width / height 1.00)" in line and "96x64 (1.50)" in line
    assert "(1 more images likewise)" in line


def test_a_checkpoint_folder_without_weights_is_refused_by_the_real_command(tmp_path):
    image = photo(tmp_path / "a.png")
    result = subprocess.run(
        [sys.executable, str(ROOT / "predict_depth.py"), "--image_path", str(image), "--load_weights_folder",
         str(tmp_path / "nothing"), "--output_directory", str(tmp_path / "out")],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert result.returncode == 2
    assert "nothing" in result.stderr
    assert "Traceback" not in result.stderr


def test_the_network_sees_red_as_red(monodepth2_folder, tmp_path):
    weights = monodepth2_folder(use_stereo=True)
    path = photo(tmp_path / "in" / "photo.png", size=(96, 64))
    predict(path, weights, tmp_path / "out")
    pixels = np.asarray(Image.open(path)).copy()
    predictor = DepthPredictor.load(weights, "cpu")
    depths = []
    for channels in (pixels, pixels[..., ::-1].copy()):
        image = torch.from_numpy(channels).permute(2, 0, 1)[None].float() / 255
        depths.append(predictor.predict_full_size(image).depth[0, 0].numpy())
    found = np.load(tmp_path / "out" / "photo_depth.npy")
    assert np.allclose(found, depths[0], rtol=1e-5)
    assert not np.allclose(found, depths[1], rtol=1e-3)
