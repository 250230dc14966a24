"""A teacher is frozen, keeps out of everybody's way, and answers in the size it was asked."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from selfsup_depth.errors import UserError
from selfsup_depth.teachers import InputPolicy, Teacher, TeacherInfo

POLICY = InputPolicy(short_side=64, multiple=32)


class Expert(nn.Module):
    """A convolution, a layer that differs in training, and a record of what it was shown."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.net = nn.Sequential(nn.Conv2d(3, 1, 3, padding=1), nn.Dropout(0.5))
        self.seen: list[tuple[torch.Size, torch.dtype, bool]] = []

    def forward(self, images: Tensor) -> Tensor:
        answer = self.net(images)
        self.seen.append((images.shape, answer.dtype, torch.is_inference_mode_enabled()))
        return answer


def teacher(network: nn.Module | None = None, kind: str = "relative_disparity") -> Teacher:
    return Teacher(network or Expert(), TeacherInfo("test", kind, "test; 1"), POLICY)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "quantity"),
    [("relative_disparity", "disparity"), ("calibrated_depth", "depth"), ("metric_depth", "depth")],
)
def test_the_kind_says_in_which_space_to_align(kind: str, quantity: str) -> None:
    assert teacher(kind=kind).info.quantity == quantity


def test_the_network_is_in_eval_mode_without_gradients() -> None:
    network = Expert().train()
    asked = teacher(network)
    assert not any(module.training for module in network.modules())
    assert not any(parameter.requires_grad for parameter in network.parameters())
    images = torch.rand(2, 3, 48, 80)
    assert torch.equal(asked(images), asked(images))  # no dropout
    assert network.seen[0][2]  # no graph is recorded, not even a hidden one


class Greedy(nn.Module):
    """Asks for more memory than there is."""

    def forward(self, images: Tensor) -> Tensor:
        return torch.empty(2**50)


class OnCard(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory.")


class OnednnAlone(nn.Module):
    """What a convolution of a CPU says of too little memory."""

    def forward(self, images: Tensor) -> Tensor:
        raise RuntimeError("could not create a primitive")


@pytest.mark.parametrize("network", [Greedy(), OnCard(), OnednnAlone()])
def test_too_little_memory_is_said_with_the_size_that_the_teacher_sees(network: nn.Module) -> None:
    with pytest.raises(UserError, match="teacher test: the memory .* for 2 images of 128x64 .* smaller --teacher_size"):
        teacher(network)(torch.rand(2, 3, 48, 96))


def test_another_error_of_the_network_stays_what_it_is() -> None:
    with pytest.raises(RuntimeError, match="expected input.* to have 5 channels"):
        teacher(nn.Conv2d(5, 1, 3))(torch.rand(1, 3, 64, 64))


def test_a_loss_reaches_the_student_and_not_the_teacher() -> None:
    network = Expert()
    asked = teacher(network)
    images = torch.rand(2, 3, 48, 80, requires_grad=True)
    student = nn.Conv2d(3, 1, 1)
    answer = asked(images)
    assert not answer.requires_grad and not answer.is_inference()
    # a product keeps the answer for the backward pass, which an inference tensor would refuse
    (student(images) * answer).sum().backward()
    assert student.weight.grad is not None and student.weight.grad.abs().sum() > 0
    assert all(parameter.grad is None for parameter in network.parameters())


def test_a_module_that_owns_a_teacher_does_not_register_it() -> None:
    class Method(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.student = nn.Conv2d(3, 1, 1)
            self.network = Expert()
            self.teacher = teacher(self.network)
            del self.network

    method = Method()
    assert set(method.state_dict()) == {"student.weight", "student.bias"}
    assert len(list(method.parameters())) == 2
    method.train()
    method.requires_grad_(True)
    inner = method.teacher._network
    assert not inner.training and not any(parameter.requires_grad for parameter in inner.parameters())


@pytest.mark.parametrize(("height", "width"), [(64, 64), (48, 80), (37, 101), (200, 33)])
def test_answers_have_the_size_of_the_question(height: int, width: int) -> None:
    network = Expert()
    answer = teacher(network)(torch.rand(2, 3, height, width))
    assert answer.shape == (2, 1, height, width)
    assert answer.dtype == torch.float32
    assert answer.min() >= 0
    shown = network.seen[0][0]
    assert all(side % 32 == 0 for side in shown[-2:])


def test_surrounding_autocast_changes_nothing() -> None:
    network, images = Expert(), torch.rand(1, 3, 64, 64)
    asked = teacher(network)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = asked(images)
    assert mixed.dtype == torch.float32
    assert network.seen[0][1] == torch.float32
    assert torch.equal(mixed, asked(images))
    torch.testing.assert_close(asked(images.double()), mixed)


def test_half_precision_is_the_teachers_own_and_its_answer_is_single() -> None:
    network = Expert()
    asked = Teacher(network, TeacherInfo("test", "relative_disparity", "test; 1; bf16"), POLICY, "bf16")
    images = torch.rand(2, 3, 48, 80)
    answer = asked(images)
    assert network.seen[0][1] == torch.bfloat16 and answer.dtype == torch.float32
    torch.testing.assert_close(answer, teacher(Expert())(images), rtol=0.02, atol=0.02)
    assert not torch.equal(answer, teacher(Expert())(images))


class Standardised(nn.Conv2d):
    """Computes with its weights before it uses them, as the ResNet of DPT-hybrid does."""

    def forward(self, images: Tensor) -> Tensor:
        own = self.weight
        assert own.dtype == torch.float32
        return nn.functional.conv2d(images, (own - own.mean()) / own.std(), self.bias, padding=1)


def test_half_precision_casts_weights_once_and_answers_as_autocast_does() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), Standardised(8, 8, 3), nn.BatchNorm2d(8),
                            nn.ReLU(), nn.ConvTranspose2d(8, 8, 2, 2), nn.Conv2d(8, 1, 1)).eval()  # fmt: skip
    images = torch.rand(2, 3, 64, 64)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        expected = network.to(memory_format=torch.channels_last)(POLICY.prepare(images)).float()
    info = TeacherInfo("test", "relative_disparity", "test; 1; bf16")
    answer = Teacher(network, info, POLICY, "bf16")(images)
    wanted = nn.functional.interpolate(expected, (64, 64), mode="bilinear", align_corners=False).clamp(min=0)
    assert wanted.max() > 0 and torch.equal(answer, wanted)
    assert [p.dtype for p in network[0].parameters()] == 2 * [torch.bfloat16]


def test_the_teacher_moves_with_to() -> None:
    network = Expert()
    asked = teacher(network)
    assert asked.to("meta") is asked
    assert all(parameter.is_meta for parameter in network.parameters())


@pytest.mark.parametrize(
    "images",
    [torch.zeros(3, 64, 64), torch.zeros(1, 1, 64, 64), torch.zeros(1, 3, 64, 64, dtype=torch.uint8)],
)
def test_anything_but_float_rgb_images_is_refused(images: Tensor) -> None:
    with pytest.raises(UserError, match=r"teacher test: expected float RGB images \[B, 3, H, W\]"):
        teacher()(images)


def test_an_image_smaller_than_the_patch_is_refused() -> None:
    with pytest.raises(UserError, match="an image of 100x31 pixels is smaller than the teacher's patch of 32x32"):
        teacher()(torch.zeros(1, 3, 31, 100))
