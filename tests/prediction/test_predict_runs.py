"""predict_depth.py from pictures to files, with a network whose depth is known."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import trimesh
from painted_depth import HEIGHT, METRES_PER_UNIT, WIDTH, depth_of, painted, red_of, write_painted_checkpoint
from PIL import Image
from video_files import write_video

import predict_depth
from selfsup_depth.arithmetic import cpu_has_bf16
from selfsup_depth.datasets.images import read_depth_png
from selfsup_depth.errors import UserError

cv2 = pytest.importorskip("cv2", reason="needs OpenCV (the extra `video`)")
EVERYTHING = ("npy", "color", "png16_mm", "png16_kitti", "tiff", "side_by_side", "ply")


def read_json(path):
    return json.loads(path.read_text(encoding="utf-8"))


def film(path: Path, reds) -> Path:
    """A video without loss (avi) of frames of one level of red each, or of maps of levels."""
    maps = [np.broadcast_to(np.asarray(red, dtype=np.uint8), (HEIGHT, WIDTH)) for red in reds]
    return write_video(path, [painted(levels) for levels in maps], fps=12.5)


def test_every_output_holds_the_painted_depth(predict, tmp_path, save, ramp):
    picture = save(tmp_path / "Straße 1.png", ramp)
    assert predict(picture, "--outputs", *EVERYTHING, "--fov", 60) == 0
    out, expected = tmp_path / "out", depth_of(ramp)
    depth = np.load(out / "Straße 1_depth.npy")
    np.testing.assert_allclose(depth, expected, rtol=1e-5)
    np.testing.assert_array_equal(np.asarray(Image.open(out / "Straße 1_depth.tiff")), depth)
    assert np.abs(read_depth_png(out / "Straße 1_depth_mm.png", 1000) - depth).max() <= 0.0005 + 1e-5
    assert np.abs(read_depth_png(out / "Straße 1_depth_kitti.png") - depth).max() <= 0.5 / 256 + 1e-5
    assert Image.open(out / "Straße 1_side_by_side.png").size == (2 * WIDTH, HEIGHT + 20)
    cloud = trimesh.load(out / "Straße 1_depth.ply")
    focal = WIDTH / 2 / np.tan(np.pi / 6)
    rays = (np.arange(WIDTH) + 0.5 - WIDTH / 2) / focal
    points = cloud.vertices.reshape(HEIGHT, -1, 3)
    kept = points.shape[1]  # the far end of the ramp is steep and counts as an edge
    assert WIDTH // 2 < kept < WIDTH
    np.testing.assert_allclose(points[:, :, 2], depth[:, -kept:], rtol=1e-5)
    np.testing.assert_allclose(points[..., 0] / points[..., 2], np.tile(rays[-kept:], (HEIGHT, 1)), atol=1e-5)
    facts = read_json(out / "Straße 1.json")
    assert set(facts["outputs"]) == set(EVERYTHING)
    assert all((out / entry["file"]).is_file() for entry in facts["outputs"].values())
    assert (facts["unit"], facts["engine"], facts["precision"]) == ("metres", "torch", "fp32")
    assert facts["runs_on"] == "cpu"
    assert (facts["depth_file"], facts["height"], facts["width"]) == ("Straße 1_depth.npy", HEIGHT, WIDTH)
    assert facts["outputs"]["ply"]["intrinsics_source"] == "--fov 60"


def test_sidecars_say_the_cameras_that_are_known(predict, tmp_path, save):
    weights = write_painted_checkpoint(tmp_path / "known", intrinsics=(60.0, 61.0, 31.0, 25.0))
    exif = Image.Exif()
    exif.get_ifd(0x8769)[41989] = 36
    save(tmp_path / "photos" / "a.jpg", 90, exif=exif)
    save(tmp_path / "photos" / "b.jpg", 90)
    assert predict(tmp_path / "photos", load=weights) == 0
    told, untold = (read_json(tmp_path / "out" / f"{name}.json") for name in "ab")
    trained = {"fx": 60.0, "fy": 61.0, "cx": 31.0, "cy": 25.0, "width": WIDTH, "height": HEIGHT}
    assert told["training_camera"] == untold["training_camera"] == trained | {"pixel_origin": "corner"}
    focal = 36 * np.hypot(WIDTH, HEIGHT) / np.hypot(36, 24)
    expected = [[focal, 0, WIDTH / 2], [0, focal, HEIGHT / 2], [0, 0, 1]]
    np.testing.assert_allclose(told["intrinsics"], expected, rtol=1e-6)
    assert (told["intrinsics_source"], told["pixel_origin"]) == ("EXIF of a.jpg", "corner")
    assert (untold["intrinsics"], untold["intrinsics_source"]) == (None, None)
    (tmp_path / "photos" / "calib.json").write_text("{}")  # nobody asked for it
    assert predict(tmp_path / "photos") == 0
    assert read_json(tmp_path / "out" / "a.json")["intrinsics"] is None
    assert read_json(tmp_path / "out" / "a.json")["training_camera"] is None


def test_the_sidecar_of_a_video_says_its_camera(predict, tmp_path):
    video = film(tmp_path / "clip" / "a.avi", [40, 80])
    assert predict(video) == 0
    assert read_json(tmp_path / "out" / "a.json")["intrinsics"] is None
    camera = {"image_width": WIDTH, "image_height": HEIGHT, "fx": 50, "fy": 50, "cx": 32, "cy": 24}
    (video.parent / "calib.json").write_text(json.dumps(camera | {"pixel_origin": "corner"}))
    assert predict(video) == 0
    facts = read_json(tmp_path / "out" / "a.json")
    assert facts["intrinsics"] == [[50, 0, 32], [0, 50, 24], [0, 0, 1]]
    assert facts["intrinsics_source"].endswith("calib.json")


def test_relative_depth_says_so_everywhere(predict, relative_weights, tmp_path, save, ramp, capsys):
    outputs = [output for output in EVERYTHING if not output.startswith("png16")]
    assert predict(save(tmp_path / "a.png", ramp), "--outputs", *outputs, "--fov", 60, load=relative_weights) == 0
    out = tmp_path / "out"
    np.testing.assert_allclose(np.load(out / "a_depth.npy"), depth_of(ramp, 1.0), rtol=1e-5)
    facts = read_json(out / "a.json")
    assert facts["unit"] == "relative (up to scale)" and not facts["metric"]
    assert {entry["unit"] for entry in facts["outputs"].values()} == {"relative (up to scale)", None}
    assert "relative (up to scale)" in Image.open(out / "a_depth.tiff").tag_v2[270]
    assert "relative (up to scale)" in Image.open(out / "a_depth.png").text["Description"]
    assert b"comment unit: relative (up to scale)" in (out / "a_depth.ply").read_bytes()[:300]
    assert "unit: relative (up to scale)" in capsys.readouterr().out


def test_pixels_too_far_for_16_bits_are_counted_and_told(predict, tmp_path, save, capsys):
    levels = np.tile(np.repeat(red_of(np.array([20.0, 39.0])), WIDTH // 2), (HEIGHT, 1))
    save(tmp_path / "photos" / "a.png", levels)
    save(tmp_path / "photos" / "b.png", 255)
    assert predict(tmp_path / "photos", "--outputs", "png16_mm", "png16_kitti") == 0
    assert "warning" not in capsys.readouterr().out
    twice_as_far = write_painted_checkpoint(tmp_path / "far", metres_per_unit=2 * METRES_PER_UNIT)
    assert predict(tmp_path / "photos", "--outputs", "png16_mm", "png16_kitti", load=twice_as_far) == 0
    printed = capsys.readouterr().out
    assert f"warning: {HEIGHT * WIDTH // 2} pixels are farther than a file of --outputs png16_mm can say" in printed
    assert "png16_kitti can say" not in printed
    saturated = read_json(tmp_path / "out" / "a.json")["outputs"]["png16_mm"]["saturated_pixels"]
    assert saturated == HEIGHT * WIDTH // 2
    assert np.asarray(Image.open(tmp_path / "out" / "a_depth_mm.png")).max() == 65535


def test_batches_change_nothing(predict, tmp_path, save):
    rng = np.random.default_rng(0)
    for number, size in enumerate([(HEIGHT, WIDTH), (33, 91), (200, 100), (48, 64), (97, 65)]):
        save(tmp_path / "photos" / f"{number}.png", rng.integers(0, 256, size, dtype=np.uint8))
    for batch in (1, 2, 8):
        assert predict(tmp_path / "photos", "--batch_size", batch, "--output_directory", tmp_path / f"out{batch}") == 0
    for number in range(5):
        one, two, eight = (np.load(tmp_path / f"out{batch}" / f"{number}_depth.npy") for batch in (1, 2, 8))
        np.testing.assert_allclose(two, one, rtol=1e-5)
        np.testing.assert_allclose(eight, one, rtol=1e-5)


@pytest.mark.skipif(not cpu_has_bf16(), reason="this CPU has no bf16")
def test_bf16_changes_little(predict, tmp_path, save):
    assert predict(save(tmp_path / "a.png", 100), "--precision", "bf16") == 0
    np.testing.assert_allclose(np.load(tmp_path / "out" / "a_depth.npy"), depth_of(100), rtol=0.01)
    assert read_json(tmp_path / "out" / "a.json")["precision"] == "bf16"


def test_folders_in_folders_are_laid_out_alike(predict, tmp_path, save):
    for name in ("a.png", "sub/a.png"):
        save(tmp_path / "photos" / name, 50 if name == "a.png" else 200)
    assert predict(tmp_path / "photos", "--recursive") == 0
    np.testing.assert_allclose(np.load(tmp_path / "out" / "a_depth.npy"), depth_of(50), rtol=1e-5)
    np.testing.assert_allclose(np.load(tmp_path / "out" / "sub" / "a_depth.npy"), depth_of(200), rtol=1e-5)
    for _ in range(2):  # beside the pictures, and again: results are no pictures
        words = ["--image_path", tmp_path / "photos", "--recursive", "--load_weights_folder", tmp_path / "weights"]
        words += ["--no_cuda", "--outputs", *(output for output in EVERYTHING if output != "ply")]
        assert predict_depth.main([str(word) for word in words]) == 0
    assert len(list((tmp_path / "photos" / "sub").glob("*.json"))) == 1
    assert read_json(tmp_path / "photos" / "photos_side_by_side.json")["frames"] == 2


def test_a_video_becomes_a_side_by_side_video_at_its_rate(predict, tmp_path, capsys):
    path = film(tmp_path / "clip.avi", [20, 60, 100, 140])
    assert predict(path) == 0
    capture = cv2.VideoCapture(str(tmp_path / "out" / "clip_side_by_side.mp4"))
    assert capture.get(cv2.CAP_PROP_FPS) == 12.5
    pictures = [capture.read()[1] for _ in range(4)]
    assert not capture.read()[0]
    for picture, red in zip(pictures, [20, 60, 100, 140], strict=True):
        assert picture.shape == (HEIGHT + 20, 2 * WIDTH, 3)
        assert abs(picture[:HEIGHT, : WIDTH - 4, 2].mean() - red) < 8  # the left half is the film itself
    facts = read_json(tmp_path / "out" / "clip.json")
    assert (facts["source"], facts["frames"], facts["left_out"], facts["unit"]) == (str(path), 4, [], "metres")
    assert facts["outputs"]["side_by_side"]["frames_per_second"] == 12.5
    assert sorted(entry.name for entry in (tmp_path / "out").iterdir()) == ["clip.json", "clip_side_by_side.mp4"]
    printed = capsys.readouterr().out
    assert "4 depth maps in" in printed
    spoken = r"[0-9.]+ frames per second; the network alone [0-9.]+; of the time \d+% waiting for pictures, \d+% for"
    assert re.search(spoken, printed)


def test_frames_of_a_video_as_files(predict, tmp_path):
    path = film(tmp_path / "clip.avi", [20, 60, 100])
    assert predict(path, "--outputs", "npy", "png16_mm", "--batch_size", 2, "--max_frames", 2) == 0
    folder = tmp_path / "out" / "clip"
    assert sorted(entry.name for entry in folder.iterdir()) == [
        "000000_depth.npy", "000000_depth_mm.png", "000001_depth.npy", "000001_depth_mm.png",
    ]  # fmt: skip
    np.testing.assert_allclose(np.load(folder / "000001_depth.npy"), depth_of(60), rtol=0.02)
    facts = read_json(tmp_path / "out" / "clip.json")
    assert facts["outputs"]["npy"] == {
        "files": "clip/NUMBER_depth.npy", "unit": "metres", "type": "float32 [height, width]",
    }  # fmt: skip
    assert facts["outputs"]["png16_mm"]["saturated_pixels"] == 0
    assert facts["times_s"] == {"000000": 0.0, "000001": 0.08}


def test_a_folder_becomes_one_video_too(predict, tmp_path, save):
    save(tmp_path / "photos" / "a.png", 20)
    save(tmp_path / "photos" / "b.png", np.full((30, 50), 90, dtype=np.uint8))
    assert predict(tmp_path / "photos", "--outputs", "side_by_side", "npy", "--fps", 4) == 0
    capture = cv2.VideoCapture(str(tmp_path / "out" / "photos_side_by_side.mp4"))
    assert (capture.get(cv2.CAP_PROP_FPS), capture.get(cv2.CAP_PROP_FRAME_COUNT)) == (4.0, 2.0)
    assert read_json(tmp_path / "out" / "photos_side_by_side.json")["outputs"].keys() == {"side_by_side"}
    assert read_json(tmp_path / "out" / "b.json")["depth_file"] == "b_depth.npy"


def test_smoothing_is_the_weighted_past_and_ends_at_a_cut(predict, tmp_path):
    path = film(tmp_path / "clip.avi", [100, 120, 255, 240])
    words = [path, "--outputs", "npy", "--temporal_smoothing", 0.5, "--output_directory", tmp_path / "smooth"]
    assert predict(*words) == 0
    assert predict(path, "--outputs", "npy") == 0
    plain, smooth = (
        [np.load(folder / "clip" / f"{number:06d}_depth.npy").mean() for number in range(4)]
        for folder in (tmp_path / "out", tmp_path / "smooth")
    )
    assert smooth[0] == pytest.approx(plain[0])
    assert smooth[1] == pytest.approx(np.sqrt(plain[0] * plain[1]), rel=1e-4)
    assert smooth[2] == pytest.approx(plain[2])  # 120 -> 255 is a cut
    assert smooth[3] == pytest.approx(np.sqrt(plain[2] * plain[3]), rel=1e-4)
    assert read_json(tmp_path / "smooth" / "clip.json")["temporal_smoothing"] == 0.5


def test_a_damaged_video_gives_what_can_be_read_and_status_2(predict, tmp_path, capsys):
    rng = np.random.default_rng(0)
    path = film(tmp_path / "clip.mp4", [rng.integers(0, 256, (HEIGHT, WIDTH)) for _ in range(16)])
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 6000] = bytes(6000)
    path.write_bytes(content)
    assert predict(path, "--outputs", "npy", "side_by_side") == 2
    facts = read_json(tmp_path / "out" / "clip.json")
    files = list((tmp_path / "out" / "clip").glob("*.npy"))
    assert 5 < facts["frames"] == len(files) < 16
    errors = capsys.readouterr().err
    assert "cannot be decoded (the file is damaged there): left out" in errors
    assert f"error: {len(files)} of 16 written" in errors
    assert "cannot be decoded" in facts["left_out"][0]
    capture = cv2.VideoCapture(str(tmp_path / "out" / "clip_side_by_side.mp4"))
    assert capture.get(cv2.CAP_PROP_FRAME_COUNT) == len(files)


def test_photos_are_read_as_stored_unless_asked(predict, tmp_path, save, ramp, capsys):
    exif = Image.Exif()
    exif[274] = 6
    for name in ("a.jpg", "b.jpg"):
        save(tmp_path / "photos" / name, ramp, exif=exif, quality=95)
    assert predict(tmp_path / "photos", "--output_directory", tmp_path / "stored") == 0
    printed = capsys.readouterr().out
    assert "a.jpg is to be turned when shown (EXIF orientation 6) and was read as stored" in printed
    assert "(1 more images likewise)" in printed
    assert np.load(tmp_path / "stored" / "a_depth.npy").shape == (HEIGHT, WIDTH)
    facts = read_json(tmp_path / "stored" / "a.json")
    assert (facts["exif_orientation"], facts["turned_upright"]) == (6, False)
    assert predict(tmp_path / "photos", "--apply_exif_rotation", "--output_directory", tmp_path / "upright") == 0
    assert "EXIF" not in capsys.readouterr().out
    depth = np.load(tmp_path / "upright" / "a_depth.npy")
    assert depth.shape == (WIDTH, HEIGHT)
    assert (np.diff(depth.mean(1)[4:-4]) < 0).all()  # near was right, and is now below
    assert read_json(tmp_path / "upright" / "a.json")["turned_upright"]


def test_a_picture_without_a_camera_is_left_out_of_the_clouds(predict, tmp_path, save, capsys):
    exif = Image.Exif()
    exif.get_ifd(0x8769)[41989] = 30
    for name in ("a.jpg", "b.jpg"):
        save(tmp_path / "photos" / name, 90, exif=exif)
    save(tmp_path / "photos" / "c.jpg", 90)
    assert predict(tmp_path / "photos", "--outputs", "ply") == 2
    assert sorted(path.name for path in (tmp_path / "out").glob("*.ply")) == ["a_depth.ply", "b_depth.ply"]
    printed = capsys.readouterr()
    assert "c.jpg has no focal length in its EXIF" in printed.err
    assert "camera of the point clouds: EXIF of a.jpg (1 more likewise)" in printed.out
    (tmp_path / "photos" / "c.jpg").rename(tmp_path / "photos" / "0.jpg")
    with pytest.raises(UserError, match="0.jpg has no focal length"):  # the first one tells at once
        predict(tmp_path / "photos", "--outputs", "ply")


def test_a_picture_without_a_camera_keeps_its_other_files(predict, tmp_path, save, capsys):
    """A calibration is of one size: pictures of another one have their depth, and no cloud."""
    save(tmp_path / "photos" / "a.png", 90)
    save(tmp_path / "photos" / "b.png", np.full((WIDTH, HEIGHT), 90, np.uint8))
    camera = {"image_width": WIDTH, "image_height": HEIGHT, "fx": 50, "fy": 50, "cx": 32, "cy": 24}
    (tmp_path / "calib.json").write_text(json.dumps({**camera, "pixel_origin": "corner"}))
    options = ["--calibration", tmp_path / "calib.json", "--outputs", "npy", "ply", "side_by_side"]
    assert predict(tmp_path / "photos", *options) == 2
    out = tmp_path / "out"
    assert sorted(path.name for path in out.glob("*.ply")) == ["a_depth.ply"]
    assert np.load(out / "b_depth.npy").shape == (WIDTH, HEIGHT)
    assert list(read_json(out / "b.json")["outputs"]) == ["npy"] and read_json(out / "b.json")["intrinsics"] is None
    assert list(read_json(out / "a.json")["outputs"]) == ["npy", "ply"]
    assert cv2.VideoCapture(str(out / "photos_side_by_side.mp4")).get(cv2.CAP_PROP_FRAME_COUNT) == 2
    errors = capsys.readouterr().err
    assert "b.png has 48x64, the same shape turned by a quarter" in errors
    assert "error: 2 of 2 written, 1 of them without a point cloud" in errors
    assert len(read_json(out / "photos_side_by_side.json")["left_out"]) == 1


class Camera:
    """Stands for a webcam of a still picture, beside the real reader of files."""

    real = cv2.VideoCapture
    last: Camera

    def __new__(cls, place):
        if not isinstance(place, int):
            return cls.real(place)
        cls.last = super().__new__(cls)
        cls.last.shots, cls.last.released = 0, False
        return cls.last

    def isOpened(self):
        return True

    def read(self):
        self.shots += 1
        return True, np.ascontiguousarray(painted(np.full((HEIGHT, WIDTH), 80, dtype=np.uint8))[..., ::-1])

    def release(self):
        self.released = True


def test_a_webcam_runs_until_it_has_enough(predict, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(cv2, "VideoCapture", Camera)
    assert predict(0, "--max_frames", 5, "--outputs", "npy", "side_by_side") == 0
    assert Camera.last.released
    np.testing.assert_allclose(np.load(tmp_path / "out" / "webcam0" / "000004_depth.npy"), depth_of(80), rtol=1e-5)
    facts = read_json(tmp_path / "out" / "webcam0.json")
    assert (facts["frames"], len(facts["times_s"])) == (5, 5)
    assert "shows 10 frames/s, but" in capsys.readouterr().out  # a webcam this fast there is none


def interrupt_after(monkeypatch, count):
    """Ctrl-C while the network is busy with a later picture."""
    from selfsup_depth.prediction.engines import TorchEngine

    network, calls = TorchEngine.__call__, []

    def interrupted(self, images):
        calls.append(1)
        if len(calls) > count:
            raise KeyboardInterrupt
        return network(self, images)

    monkeypatch.setattr(TorchEngine, "__call__", interrupted)


def test_ctrl_c_keeps_what_is_written_and_completes_the_video(predict, tmp_path, monkeypatch):
    path = film(tmp_path / "clip.avi", range(0, 200, 10))
    interrupt_after(monkeypatch, 7)
    with pytest.raises(KeyboardInterrupt, match="stopped by Ctrl-C: 7 depth maps are in .*out"):
        predict(path, "--outputs", "npy", "side_by_side")
    assert len(list((tmp_path / "out" / "clip").glob("*.npy"))) == 7
    capture = cv2.VideoCapture(str(tmp_path / "out" / "clip_side_by_side.mp4"))
    assert capture.get(cv2.CAP_PROP_FRAME_COUNT) == 7
    assert read_json(tmp_path / "out" / "clip.json")["frames"] == 7


def test_ctrl_c_is_how_a_webcam_ends(predict, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(cv2, "VideoCapture", Camera)
    interrupt_after(monkeypatch, 3)
    assert predict(0) == 0
    assert "3 depth maps in" in capsys.readouterr().out
    assert read_json(tmp_path / "out" / "webcam0.json")["frames"] == 3


def test_a_file_that_cannot_be_written_ends_the_run(predict, tmp_path, save):
    for number in range(12):
        save(tmp_path / "photos" / f"{number:02d}.png", 9)
    (tmp_path / "out" / "03_depth.npy").mkdir(parents=True)
    with pytest.raises(UserError, match=r"out cannot be written \(Is a directory\)"):
        predict(tmp_path / "photos")
    assert not (tmp_path / "out" / "03.json").exists()


def test_a_sidecar_of_a_video_that_cannot_be_written(predict, tmp_path):
    path = film(tmp_path / "clip.avi", [20, 30])
    out = tmp_path / "out"
    out.mkdir()
    (out / "clip.json").symlink_to(tmp_path / "missing" / "clip.json")
    with pytest.raises(UserError, match=r"out cannot be written \(No such file or directory\)"):
        predict(path, "--outputs", "npy")


def test_many_errors_are_not_all_printed(predict, tmp_path, save, capsys):
    save(tmp_path / "photos" / "a.png", 9)
    for number in range(25):
        (tmp_path / "photos" / f"b{number:02d}.png").write_bytes(b"no picture")
    assert predict(tmp_path / "photos") == 2
    errors = capsys.readouterr().err
    assert errors.count("cannot be read") == 20
    assert "and 5 more like these" in errors and "1 of 26 written" in errors


def test_nothing_that_can_be_read(predict, tmp_path, capsys):
    (tmp_path / "photos").mkdir()
    for number in range(2):
        (tmp_path / "photos" / f"{number}.png").write_bytes(b"no picture")
    assert predict(tmp_path / "photos") == 2
    assert "0 depth maps in" in capsys.readouterr().out
