"""One training step in several ways, on the same batch: what `benchmarks.step` times."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import skimage.data
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.plain import PlainObjective
from geometry.se3 import translation_transform
from selfsup_depth.config import TrainConfig
from selfsup_depth.losses import repo_spatial_loss, ssim_loss_map
from selfsup_depth.methods import MethodRequest, Monodepth2, build_method
from selfsup_depth.methods.ego_motion import Motion
from selfsup_depth.methods.photometric_objective import TIE_BREAK
from selfsup_depth.structures import STEREO, Batch, FrameId, View
from selfsup_depth.teachers.contract import Teacher, TeacherInfo, TeacherPrecision
from selfsup_depth.teachers.dpt import build_dpt
from selfsup_depth.teachers.input_policy import InputPolicy
from trainer.hooks import Hooks, TrainingData
from trainer.loop import Trainer
from trainer.precision import Precision

Step = Callable[[], Any]
BASELINE_M = 0.54


def photographed(config: TrainConfig, device: torch.device) -> Batch:
    """A batch of shifted crops of a photograph: what is in it decides nothing but who wins a pixel."""
    data, size = config.data, config.optimizer.batch_size
    height, width = data.height, data.width
    photo = torch.from_numpy(skimage.data.coffee()).permute(2, 0, 1)[None] / 255
    large = F.interpolate(photo, (height + 32, width + 64), mode="bilinear", antialias=True).to(device)
    camera = torch.tensor([[0.58 * width, 0, width / 2], [0, 1.92 * height, height / 2], [0, 0, 1]], device=device)

    def view(down: int, right: int) -> View:
        crops = [large[..., 8 + down + i % 8 :, 16 + right + i % 8 :][..., :height, :width] for i in range(size)]
        image = torch.cat(crops).contiguous()
        return View(image, image, camera.repeat(size, 1, 1))

    sources: dict[FrameId, View] = {frame: view(frame, 3 * frame) for frame in data.frame_ids[1:]}
    if not data.use_stereo:
        return Batch(view(0, 0), sources, names=["photo"] * size, wants_maps=False)
    stereo = translation_transform(torch.tensor([[-BASELINE_M, 0.0, 0.0]], device=device).repeat(size, 1))
    sources[STEREO] = view(0, 9)
    return Batch(view(0, 0), sources, stereo, names=["photo"] * size, wants_maps=False)


def method_of(config: TrainConfig, device: torch.device) -> Monodepth2:
    torch.manual_seed(config.run.seed)
    unit = BASELINE_M / 0.1 if config.data.use_stereo else None
    request = MethodRequest(
        config.network, config.loss, config.data.frame_ids, config.data.use_stereo, unit, config.distill,
        speed=config.speed,
    )  # fmt: skip
    method = build_method(config.run.method, request).to(device)
    assert isinstance(method, Monodepth2)
    return method


# ------------------------------------------------------------------ ours


def our_step(config: TrainConfig, batch: Batch, device: torch.device, teacher: Teacher | None = None) -> Step:
    """The step of the trainer itself: losses, checks, clipping, optimiser, average of the weights.

    Args:
        teacher: asked at every step; else maps are read from the batch, as from a cache.
    """
    data = TrainingData([None] * config.optimizer.batch_size, list, lambda _: batch, 0)  # type: ignore[arg-type]
    hooks = Hooks(describe=_never, validate=_never, picture=lambda _: {})
    trainer = Trainer(method_of(config, device), data, hooks, config.optimizer, config.run, device)
    trainer.method.train()
    generator = torch.Generator(device).manual_seed(0)

    def batches() -> Iterator[tuple[Batch, torch.Generator]]:
        while True:
            yield batch if teacher is None else replace(batch, teacher=teacher(batch.target.image)), generator

    stream = batches()
    return lambda: trainer._step(stream)


def _never(*_: object) -> Any:
    raise AssertionError("a benchmark saves and scores nothing")


# ------------------------------------------------------------------ the published way


class PlainStep:
    """As published: fp32, a pass of the pose network for each pair, PlainObjective, Adam one tensor at a time."""

    def __init__(self, config: TrainConfig, batch: Batch, device: torch.device, teacher: nn.Module | None) -> None:
        method = method_of(replace(config, speed=replace(config.speed, compile=False)), device).train()
        self.method, self.networks, self.batch, self.teacher = method, method.networks, batch, teacher
        self.noise = TIE_BREAK
        network = config.network
        self.objective = PlainObjective(config.loss, min_depth=network.min_depth, max_depth=network.max_depth)
        parameters = [p for p in method.networks.parameters() if p.requires_grad]
        self.optimizer = torch.optim.Adam(parameters, config.optimizer.learning_rate)

    def __call__(self) -> Tensor:
        self.optimizer.zero_grad()
        loss = self.loss()
        loss.backward()
        self.optimizer.step()
        return loss

    def loss(self) -> Tensor:
        """With new noise on the identity error, as published drawn anew for every batch."""
        batch = self.batch
        disps = self.networks["depth"](self.networks["encoder"](batch.target.network_image))
        motions = self._motions()

        def transforms(depth: Tensor) -> dict[FrameId, Tensor]:
            scale = (1 / depth).mean(dim=(1, 2, 3)) if self.method.motion.model == "posecnn" else None
            found = {frame: motion.source_T_target(scale) for frame, motion in motions.items()}
            return found | ({STEREO: self.method._stereo_in_units(batch)} if STEREO in batch.sources else {})

        image = batch.target.image
        noise = torch.randn(len(batch.names), len(batch.sources), *image.shape[-2:], device=image.device)
        total = self.objective(batch, disps, transforms, self.noise * noise)
        if self.teacher is None:
            return total
        # as published: the teacher stays in the graph, and its parameters get gradients that nobody uses
        taught = 1 / (self.teacher(2 * batch.target.image - 1) + 1)
        depth = 1 / (0.1 + 9.9 * disps[0])
        taught = taught / taught.mean() * depth.detach().mean()
        return total + 0.1 * ssim_loss_map(depth, taught).mean() + repo_spatial_loss(depth, taught)

    def _motions(self) -> dict[FrameId, Motion]:
        motion = self.method.motion
        if motion.input == "all":
            return motion.predict(self.networks, self.batch, {})
        found: dict[FrameId, Motion] = {}
        for frame in motion.sources:  # a pass for each pair
            alone = replace(motion, frames=(0, frame))
            found |= alone.predict(self.networks, self.batch, {})
        return found


# ------------------------------------------------------------------ the floor


def floor_step(config: TrainConfig, batch: Batch, device: torch.device, teacher: Teacher | None = None) -> Step:
    """Forward and backward of the networks alone, and forward of a teacher, as our step runs them."""
    method = method_of(replace(config, speed=replace(config.speed, compile=False)), device).train()
    method.networks.to(memory_format=torch.channels_last)
    precision = Precision(config.optimizer.precision, device)

    def step() -> None:
        if teacher is not None:
            teacher(batch.target.image)
        with precision.autocast():
            features = method._features(batch)
            disps = method.networks["depth"](features[0])
            motions = method.motion.predict(method.networks, batch, features) if method.motion.sources else {}
        outputs = [disp.mean() for disp in disps.values()]
        outputs += [motion.axis_angle.mean() + motion.translation.mean() for motion in motions.values()]
        torch.stack(outputs).sum().backward()
        method.zero_grad(set_to_none=True)

    return step


# ------------------------------------------------------------------ the image arithmetic alone


def arithmetic(config: TrainConfig, batch: Batch, device: torch.device) -> dict[str, Step]:
    """Warps, losses and masks, forward and backward, of given disparities and motions: plain and ours."""
    method = method_of(config, device).train()
    generator = torch.Generator().manual_seed(0)
    height, width = batch.target.image.shape[-2:]
    disps = {}
    for scale in config.network.scales:
        coarse = torch.rand(len(batch.names), 1, 4, 8, generator=generator)
        smooth = F.interpolate(coarse, (height >> scale, width >> scale), mode="bilinear")
        disps[scale] = (0.02 + 0.1 * smooth).to(device).requires_grad_()
    with torch.no_grad():
        motions = method.motion.predict(method.networks, batch, method._features(batch))
        transforms = {frame: motion.source_T_target() for frame, motion in motions.items()}
    transforms = {frame: transform.clone().requires_grad_() for frame, transform in transforms.items()}
    if STEREO in batch.sources:
        transforms[STEREO] = method._stereo_in_units(batch)
    network = config.network
    plain = PlainObjective(config.loss, min_depth=network.min_depth, max_depth=network.max_depth)
    noise = 1e-5 * torch.randn(len(batch.names), len(batch.sources), height, width).to(device)

    def ours() -> None:
        method.objective(batch, disps, lambda _: transforms).total.backward()

    def as_published() -> None:
        plain(batch, disps, lambda _: transforms, noise).backward()

    return {"plain": as_published, "ours": ours}


# ------------------------------------------------------------------ teachers


def random_dpt_hybrid(device: torch.device) -> nn.Module:
    """DPT-hybrid with random weights: the real cost; normalised images [B, 3, H, W] to maps of their size."""
    return build_dpt("dpt_hybrid").to_empty(device=device).apply(_small_weights)


def _small_weights(module: nn.Module) -> None:
    for parameter in module.parameters(recurse=False):
        nn.init.normal_(parameter, std=0.02)
    for buffer in module.buffers(recurse=False):
        buffer.fill_(1)


def our_teacher(network: nn.Module, precision: TeacherPrecision) -> Teacher:
    """The same network as our trainings ask it, at the input's own size."""
    info = TeacherInfo("dpt_hybrid", "relative_disparity", "random")
    return Teacher(copy.deepcopy(network), info, InputPolicy(None, 32), precision)


def plain_teacher(network: nn.Module) -> nn.Module:
    """The same network as the published code holds it: trainable, in training mode."""
    return copy.deepcopy(network).train().requires_grad_()
