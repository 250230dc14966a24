"""train.py --distill as users run it, on tiny rendered rooms."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file

import make_report
import train
from selfsup_depth import assembly, cli
from selfsup_depth.checkpoints import load_checkpoint
from selfsup_depth.config import DistillConfig, TrainConfig
from selfsup_depth.datasets import augment, collate
from selfsup_depth.datasets.builtin import BUILTIN, BuiltinData, ensure_builtin_indoor
from selfsup_depth.errors import UserError
from selfsup_depth.teachers import TeacherInfo
from tests.datasets.indoor_files import write_unisin
from tests.teachers.teacher_files import write_isl_file

SMALL = [
    "--height", "64", "--width", "64", "--encoder", "mobilenetv3_small_050", "--weights_init", "scratch",
    "--batch_size", "4", "--num_epochs", "2", "--num_workers", "0", "--no_cuda", "--frame_ids", "0", "--use_stereo",
]  # fmt: skip


@pytest.fixture(scope="module")
def rooms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ensure_builtin_indoor(tmp_path_factory.mktemp("rooms"), frames=8, size=64, workers=1)


@pytest.fixture
def distill(rooms: Path, tmp_path: Path):  # noqa: ANN201 (a function of options)
    def run(*options: str, log_dir: Path = tmp_path / "runs") -> list[dict]:
        data = ["--dataset", "simsin", "--data_path", str(rooms), "--split", str(rooms / "splits")]
        assert train.main([*data, *SMALL, "--log_dir", str(log_dir), *options]) == 0
        lines = (log_dir / "mdp" / "metrics.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]

    return run


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "mdp" / "models" / "last" / "depth.safetensors")


def test_a_distilled_run_logs_its_terms_and_saves_no_teacher(distill, tmp_path: Path) -> None:
    lines = distill("--distill", "true_depth", "--distill_warmup", "0")
    steps = [line for line in lines if line["kind"] == "train"]
    assert any(line["distill/statistical"] > 0 and line["distill/spatial"] > 0 for line in steps)
    for line in steps:  # of a student that knows nothing yet
        assert (line["distill/statistical"] > 0) == (line["teacher_skipped"] < 1)
    checkpoint = load_checkpoint(tmp_path / "runs" / "mdp" / "models" / "best")
    assert set(checkpoint.state_dicts) == {"encoder", "depth"}
    assert checkpoint.meta.config["distill"] == "true_depth"
    assert checkpoint.meta.metres_per_unit == pytest.approx(1.312)


def test_a_cache_gives_the_numbers_of_the_teacher_within_float16(distill, tmp_path: Path, capsys) -> None:
    options = ["--distill", "true_depth", "--distill_warmup", "0"]
    live = distill(*options, log_dir=tmp_path / "live")
    taught = [*options, "--teacher_cache", str(tmp_path / "cache")]
    cached = distill(*taught, log_dir=tmp_path / "cached")
    assert "0 of" in capsys.readouterr().out
    first = [lines[0] for lines in (live, cached)]
    assert first[0]["distill/statistical"] == pytest.approx(first[1]["distill/statistical"], rel=1e-3)
    assert first[0]["loss"] == pytest.approx(first[1]["loss"], rel=1e-3)
    again = distill(*taught, log_dir=tmp_path / "again")
    assert [line["loss"] for line in again if "loss" in line] == [line["loss"] for line in cached if "loss" in line]


def test_the_student_starts_the_same_with_a_teacher_and_without(distill, tmp_path: Path) -> None:
    plain = distill(log_dir=tmp_path / "plain")
    taught = distill("--distill", "true_depth", "--dist_wt", "0", log_dir=tmp_path / "taught")
    assert plain[0]["reprojection/0"] == taught[0]["reprojection/0"]
    one, other = weights(tmp_path / "plain"), weights(tmp_path / "taught")
    assert all(torch.equal(one[name], other[name]) for name in one)
    moved = distill("--distill", "true_depth", "--distill_warmup", "0", log_dir=tmp_path / "moved")
    assert moved[-1]["abs_rel"] != plain[-1]["abs_rel"]


def test_a_distilled_run_resumes_and_not_with_another_teacher(distill, tmp_path: Path) -> None:
    options = ["--distill", "true_depth", "--distill_warmup", "1"]
    whole = distill(*options, log_dir=tmp_path / "whole")
    distill(*options, "--num_epochs", "1", log_dir=tmp_path / "cut")
    resumed = distill(*options, "--resume", log_dir=tmp_path / "cut")
    assert resumed[-1]["abs_rel"] == whole[-1]["abs_rel"]
    with pytest.raises(UserError, match="--thre: 0.95 -> 0.9"):
        distill(*options, "--thre", "0.9", "--resume", log_dir=tmp_path / "cut")


def test_a_teacher_that_is_never_heard_is_warned_of_before_training(distill, capsys) -> None:
    said = "warning the teacher is never heard: this training has 1 step, but --distill_warmup lets"
    distill("--distill", "true_depth", "--num_epochs", "1")
    text = capsys.readouterr().out
    assert said in text
    assert text.index(said) < text.index("epoch 1/1")
    distill("--distill", "true_depth", "--num_epochs", "1", "--distill_warmup", "0")
    assert "the teacher" not in capsys.readouterr().out


def test_the_built_in_rooms_train_by_their_name(rooms: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setitem(BUILTIN, "builtin_indoor", BuiltinData(lambda: rooms, "builtin_indoor"))
    options = ["--dataset", "builtin_indoor", *SMALL, "--distill", "true_depth", "--log_dir", str(tmp_path)]
    assert train.main(options) == 0
    assert (tmp_path / "mdp" / "examples.png").is_file()


def test_a_run_on_built_in_footage_does_not_depend_on_where_it_was_rendered(rooms: Path, tmp_path: Path, monkeypatch):
    monkeypatch.setitem(BUILTIN, "builtin_indoor", BuiltinData(lambda: rooms, "builtin_indoor"))
    run = tmp_path / "mdp"
    assert train.main(["--dataset", "builtin_indoor", *SMALL, "--num_epochs", "1", "--log_dir", str(tmp_path)]) == 0
    kept = yaml.safe_load((run / "config.yaml").read_text())
    assert kept["dataset"] == "builtin_indoor" and not {"data_path", "split"} & set(kept)
    moved = shutil.copytree(rooms, tmp_path / "elsewhere")
    monkeypatch.setitem(BUILTIN, "builtin_indoor", BuiltinData(lambda: moved, "builtin_indoor"))
    assert train.main(["--config", str(run / "config.yaml"), "--num_epochs", "2", "--resume"]) == 0
    (run / "report.html").unlink()
    assert make_report.main(["--run", str(run), "--num_workers", "0", "--no_cuda"]) == 0
    assert (run / "report.html").is_file()


def test_a_teacher_file_in_the_original_naming_teaches_and_its_cache_serves_without_it(
    distill, tmp_path: Path, capsys
) -> None:
    file = write_isl_file(tmp_path / "dpt_hybrid-midas-501f0c75.pt", "dpt_hybrid")
    taught = ["--distill", str(file), "--teacher_size", "native", "--teacher_cache", str(tmp_path / "cache")]
    first = distill(*taught, "--num_epochs", "1", log_dir=tmp_path / "first")
    assert first[0]["distill/statistical"] >= 0
    manifest = json.loads((tmp_path / "cache" / "teacher.json").read_text())
    assert (manifest["name"], manifest["kind"]) == ("dpt_hybrid", "relative_disparity")
    file.unlink()
    again = distill(*taught, "--num_epochs", "1", log_dir=tmp_path / "again")
    assert "The cached maps are complete and are used as they are" in capsys.readouterr().out
    assert again[-1]["abs_rel"] == first[-1]["abs_rel"]


class Brightness:
    """A network teacher without weights."""

    info = TeacherInfo("brightness", "relative_disparity", "brightness 1")

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        return images.mean(1, keepdim=True)


def test_unisin_trains_with_a_teacher_network_and_without_depth(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("selfsup_depth.tutors.load_teacher", lambda name, **_: Brightness())
    data = ["--dataset", "unisin", "--data_path", str(write_unisin(tmp_path / "unisin", frames=12, size=(128, 72)))]
    options = [*data, *SMALL, "--distill", "dpt_hybrid", "--distill_warmup", "0", "--log_dir", str(tmp_path / "runs")]
    assert train.main(options) == 0
    lines = [json.loads(line) for line in (tmp_path / "runs" / "mdp" / "metrics.jsonl").read_text().splitlines()]
    assert "distill/statistical" in next(line for line in lines if line["kind"] == "train")
    assert "distill/statistical" not in next(line for line in lines if line["kind"] == "validation")


def test_the_published_student_takes_a_distilled_step(rooms: Path) -> None:
    config = cli.parse(TrainConfig, [
        "--config", "distdepth", "--data_path", str(rooms), "--height", "64", "--width", "64", "--weights_init",
        "scratch", "--distill", "true_depth", "--distill_warmup", "0",
    ])  # fmt: skip
    training = assembly.build_training_set(config)
    teaching = assembly.build_teaching(config, training, torch.device("cpu"), 0, print)
    assert teaching is not None
    method, _ = assembly.build(config, training, teaching, resuming=False)
    batch = teaching.complete(augment(collate([training[0], training[1]])))
    losses = method.losses(batch)
    losses.total.backward()
    assert "distill/spatial" in losses.terms
    assert len(method.networks["encoder"].state_dict()) == 932
    assert method.networks["pose_encoder"].state_dict()["encoder.conv1.weight"].shape == (64, 9, 7, 7)
    assert all(p.grad is not None for p in method.networks["depth"].parameters())


# ------------------------------------------------------------------ what a user gets wrong


def test_a_teacher_that_cannot_be_had_is_said_before_anything_is_made(distill, tmp_path: Path, monkeypatch) -> None:
    def unreachable(url: str) -> None:
        raise OSError("no route to host")

    monkeypatch.setenv("SELFSUP_DEPTH_TEACHERS", str(tmp_path / "none"))
    monkeypatch.setattr("selfsup_depth.teachers.fetching._probe", unreachable)
    monkeypatch.setattr("selfsup_depth.teachers.fetching._cached_repository", lambda hub: None)
    with pytest.raises(UserError, match=r"dpt_hybrid-midas-501f0c75\.pt"):
        distill("--distill", "dpt_hybrid")
    assert not (tmp_path / "runs" / "mdp").exists()


def test_options_of_a_teacher_need_a_teacher() -> None:
    with pytest.raises(UserError, match="--teacher_cache and --thre are about a teacher: name one with --distill"):
        DistillConfig(teacher_cache=Path("cache"), thre=0.9)
    with pytest.raises(UserError, match="--thre is about a teacher: name one with --distill"):
        DistillConfig(thre=0.9)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dist_wt": -1.0}, "--dist_wt must be a finite number, 0 or more, found -1: 0 leaves the term out"),
        ({"dist_wt": float("inf")}, "--dist_wt must be a finite number, 0 or more, found inf"),
        ({"dist_spatial_wt": float("nan")}, "--dist_spatial_wt must be a finite number, 0 or more, found nan"),
        ({"thre": 95.0}, "--thre is a quantile between 0 and 1, found 95"),
        ({"distill_warmup": -5}, "--distill_warmup must be 0 or more"),
        ({"teacher_size": "big"}, "--teacher_size is trained, native or a number"),
        ({"teacher_size": "2049"}, "--teacher_size 2049 is more than 2048 pixels: teachers were trained at 256 to 518"),
    ],
)
def test_impossible_values_are_named(options: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        DistillConfig(distill="true_depth", **options)


def test_a_wrong_option_ends_the_program_with_its_sentence(capsys) -> None:
    with pytest.raises(SystemExit) as stopped:
        train.main(["--distill", "true_depth", "--thre", "95"])
    assert stopped.value.code == 2
    assert "--thre is a quantile" in capsys.readouterr().err


def test_a_cache_of_another_teacher_is_refused_before_training(distill, rooms: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    distill("--distill", "true_depth", "--teacher_cache", str(cache), "--num_epochs", "1")
    manifest = json.loads((cache / "teacher.json").read_text())
    (cache / "teacher.json").write_text(json.dumps(manifest | {"identity": "other weights", "name": "dpt_large"}))
    with pytest.raises(UserError, match=r"was made by another teacher, dpt_large \(other weights\), than true_depth"):
        distill("--distill", "true_depth", "--teacher_cache", str(cache))


def test_true_depth_on_data_without_it_is_refused(own_footage: Path, tmp_path: Path) -> None:
    shutil.rmtree(own_footage / "train" / "depth")
    data = ["--dataset", "stereo_folder", "--data_path", str(own_footage), "--distill", "true_depth"]
    with pytest.raises(UserError, match="ground-truth depth"):
        train.main([*data, *SMALL, "--log_dir", str(tmp_path), "--teacher_cache", str(tmp_path / "cache")])
