"""Checkpoint files of isl-org: what is in them decides, and what is not as published is refused."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from selfsup_depth.errors import UserError
from selfsup_depth.losses.aligned_target import aligned_depth
from selfsup_depth.teachers import Teacher, load_teacher
from selfsup_depth.teachers.expert import CalibratedDepth
from selfsup_depth.teachers.isl import load_isl_file
from selfsup_depth.teachers.table import Calibration
from tests.teachers.teacher_files import published_shapes, write_isl_file

IMAGES = torch.rand(1, 3, 64, 96, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def hybrid_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_isl_file(tmp_path_factory.mktemp("isl") / "dpt_hybrid-midas-501f0c75.pt", "dpt_hybrid")


@pytest.fixture(scope="module")
def relative(hybrid_file: Path) -> Teacher:
    return load_teacher(str(hybrid_file), size="native")


def _renamed(path: Path, folder: Path, name: str) -> Path:
    (folder / name).symlink_to(path)
    return folder / name


def test_a_file_of_dpt_hybrid_is_a_relative_teacher(relative: Teacher) -> None:
    assert (relative.info.name, relative.info.kind) == ("dpt_hybrid", "relative_disparity")
    answer = relative(IMAGES)
    assert answer.shape == (1, 1, 64, 96)
    assert torch.isfinite(answer).all() and answer.std() > 1e-3 and answer.min() >= 0


@pytest.mark.parametrize(
    ("file", "name", "short_side", "scale", "shift"),
    [
        ("dpt_hybrid_nyu-2ce69ec7.pt", "dpt_hybrid_nyu", 480, 0.000305, 0.1378),
        ("dpt_hybrid_kitti-cb926ef4.pt", "dpt_hybrid_kitti", 352, 0.00006016, 0.00579),
    ],
)
def test_calibrated_files_say_metres(
    tmp_path: Path, hybrid_file: Path, relative: Teacher, file: str, name: str, short_side: int,
    scale: float, shift: float,
) -> None:  # fmt: skip
    path = str(_renamed(hybrid_file, tmp_path, file))
    teacher = load_teacher(path, size="native")
    assert (teacher.info.name, teacher.info.kind) == (name, "calibrated_depth")
    raw = relative(IMAGES)  # 64x96 is shown and answered as it is: nothing is interpolated
    torch.testing.assert_close(teacher(IMAGES), 1.0 / (scale * raw + shift))
    assert load_teacher(path).policy.short_side == short_side


def test_depth_is_the_calibrated_one_and_not_one_over_raw_plus_one() -> None:
    raw = torch.tensor([-5.0, 0.0, 500.0, 2000.0]).view(1, 1, 2, 2)  # the range of a DPT
    metres = CalibratedDepth(nn.Identity(), Calibration(0.000305, 0.1378))(raw)
    torch.testing.assert_close(metres.flatten(), torch.tensor([7.25689, 7.25689, 3.44471, 1.33726]))
    # DistDepth took 1 / (raw + 1), which makes the farthest pixel 2001 times as far as the nearest
    assert metres.max() / metres.min() == pytest.approx(5.4267, rel=1e-4)


def test_inverse_depth_with_unknown_constants_is_relative_disparity_whatever_they_are(
    tmp_path: Path, hybrid_file: Path
) -> None:
    """Files of dpt_hybrid_nyu_new have constants that are not published where we could read them."""
    teacher = load_teacher(str(_renamed(hybrid_file, tmp_path, "dpt_hybrid_nyu_new-217f207d.pt")), size="native")
    raw = teacher(IMAGES)
    for calibration in (Calibration(0.000305, 0.1378), Calibration(0.0004, 0.06)):
        depth = CalibratedDepth(nn.Identity(), calibration)(raw)
        target = aligned_depth(raw, depth, quantity=teacher.info.quantity, min_depth=1e-3, max_depth=1e3)
        torch.testing.assert_close(target.depth, depth, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("file", ["dpt_hybrid_nyu_new-217f207d.pt", "mine.pt", "dpt_hybrid_384.pt"])
def test_without_published_constants_the_output_is_relative(tmp_path: Path, hybrid_file: Path, file: str) -> None:
    teacher = load_teacher(str(_renamed(hybrid_file, tmp_path, file)))
    assert (teacher.info.name, teacher.info.kind) == (file, "relative_disparity")
    assert teacher.policy.input_size(256, 256) == (384, 384)


def test_a_file_of_dpt_large_is_recognised(tmp_path: Path) -> None:
    teacher = load_teacher(str(write_isl_file(tmp_path / "anything.pt", "dpt_large")), size="native")
    assert teacher._network.model.config.num_hidden_layers == 24
    answer = teacher(IMAGES)
    assert torch.isfinite(answer).all() and answer.std() > 1e-4


def test_a_training_checkpoint_keeps_its_weights_under_model(
    tmp_path: Path, hybrid_file: Path, relative: Teacher
) -> None:
    state = torch.load(hybrid_file, weights_only=True)
    state["scratch.output_conv.4.bias"] = state["scratch.output_conv.4.bias"].half()  # exact, and computed in float32
    torch.save({"model": state, "optimizer": {"lr": 0.1}, "epoch": 3}, tmp_path / "training.pt")
    assert torch.equal(load_teacher(str(tmp_path / "training.pt"), size="native")(IMAGES), relative(IMAGES))


def test_the_unused_classifier_may_be_absent(tmp_path: Path, relative: Teacher) -> None:
    changes: dict[str, Any] = {"pretrained.model.head.weight": None, "pretrained.model.head.bias": None}
    path = write_isl_file(tmp_path / "trimmed.pt", "dpt_hybrid", **changes)
    assert torch.equal(load_teacher(str(path), size="native")(IMAGES), relative(IMAGES))


LAST = "scratch.output_conv.4.weight"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({LAST: None}, "missing 1 (model.head.head.4.weight)"),
        ({"depthlayer.0.weight": torch.zeros(1)}, "unexpected 1 (model.depthlayer.0.weight)"),
        ({LAST: torch.zeros(150, 32, 1, 1)}, "shape 1 (model.head.head.4.weight (150, 32, 1, 1) for (1, 32, 1, 1))"),
    ],
)
def test_weights_of_a_relative_are_refused(tmp_path: Path, changes: dict[str, Tensor | None], said: str) -> None:
    path = write_isl_file(tmp_path / "x.pt", "dpt_hybrid", **changes)
    with pytest.raises(UserError, match=re.escape(said)) as error:
        load_isl_file(path)
    assert f"{path}: expected the weights of DPT-Hybrid, found others" in str(error.value)


def _segmentation_head(name: str, classes: int = 150) -> dict[str, Tensor]:
    """3x3, batch normalisation, ReLU, dropout, 1x1 to the classes."""
    norm = {key: torch.ones(256) for key in ("weight", "bias", "running_mean", "running_var")}
    last = {f"{name}.4.weight": torch.zeros(classes, 256, 1, 1), f"{name}.4.bias": torch.zeros(classes)}
    return {
        f"{name}.0.weight": torch.zeros(256, 256, 3, 3),
        **{f"{name}.1.{key}": value for key, value in norm.items()},
        f"{name}.1.num_batches_tracked": torch.zeros(()),
        **last,
    }


@pytest.mark.parametrize(
    ("file", "architecture"),
    [
        ("dpt_hybrid-ade20k-53898607.pt", "dpt_hybrid"),
        ("dpt_large-ade20k-b12dca68.pt", "dpt_large"),
        ("mine.pt", "dpt_large"),
    ],
)
@pytest.mark.parametrize("auxiliary", [True, False])
def test_networks_for_segmentation_are_called_by_their_name(
    tmp_path: Path, file: str, architecture: str, auxiliary: bool
) -> None:
    of_depth: dict[str, Tensor | None] = dict.fromkeys(
        f"scratch.output_conv.{layer}.{kind}" for layer in (0, 2, 4) for kind in ("weight", "bias")
    )
    changes = of_depth | _segmentation_head("scratch.output_conv")
    changes |= _segmentation_head("auxlayer") if auxiliary else {}
    path = write_isl_file(tmp_path / file, architecture, **changes)
    with pytest.raises(UserError, match=r"found a network for segmentation \(as published for ADE20K") as error:
        load_teacher(str(path))
    assert str(error.value).startswith(f"{path}: expected a depth teacher, ")
    assert "choose a teacher of depth" in str(error.value)
    assert "with keys such as scratch.output_conv.1." in str(error.value)


def test_another_architecture_than_the_name_says_is_refused(tmp_path: Path, hybrid_file: Path) -> None:
    path = _renamed(hybrid_file, tmp_path, "dpt_large-midas-2f21e586.pt")
    said = re.escape(f"{path}: expected the weights of DPT-Large, found those of DPT-Hybrid")
    with pytest.raises(UserError, match=said):
        load_teacher(str(path))
    with pytest.raises(UserError, match="expected the weights of DPT-Large, found those of DPT-Hybrid"):
        load_teacher("dpt_large", weights=hybrid_file)


class _Payload:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.target),)


def _truncated(path: Path, whole: Path) -> None:
    path.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])


#: what is in the file -> how it is written (given the path and a good file) and what is said about it
BROKEN: dict[str, tuple[Callable[[Path, Path], object], str]] = {
    "truncated": (_truncated, "damaged or incomplete"),
    "page": (lambda path, _: path.write_text("<html>"), "damaged or incomplete"),
    "empty": (lambda path, _: torch.save({}, path), "expected a teacher's state dict .* found dict"),
    "list": (lambda path, _: torch.save([1], path), "expected a teacher's state dict .* found list"),
    "numbers": (lambda path, _: torch.save({"a": 1}, path), r"found entries that are no tensors, 1 \(a: int\)"),
    "optimizer": (lambda path, _: torch.save({"optimizer": {}}, path), "found NoneType"),
    "resnet": (
        lambda path, _: torch.save({"conv1.weight": torch.zeros(1)}, path),
        r"expected a depth teacher of isl-org \(DPT-Hybrid, DPT-Large, MiDaS .*, with keys such as conv1.weight; point",
    ),
}


@pytest.mark.parametrize("content", BROKEN)
def test_files_that_hold_no_teacher_are_refused(tmp_path: Path, hybrid_file: Path, content: str) -> None:
    write, said = BROKEN[content]
    path = tmp_path / f"{content}.pt"
    write(path, hybrid_file)
    with pytest.raises(UserError, match=said) as error:
        load_teacher(str(path))
    assert str(path) in str(error.value)
    assert "weights_only" not in str(error.value)  # torch's advice to load it all the same


def test_code_in_a_file_is_not_run(tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(1), "x": _Payload(tmp_path / "ran")}, tmp_path / "evil.pt")
    with pytest.raises(UserError, match=r"evil.pt: expected tensors .* found a Python object \((posix|nt).mkdir\)"):
        load_teacher(str(tmp_path / "evil.pt"))
    assert not (tmp_path / "ran").exists()


def test_published_files_have_368_tensors() -> None:
    assert [len(published_shapes(name)) for name in ("dpt_hybrid", "dpt_large")] == [368, 368]
