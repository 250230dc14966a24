"""Monodepth2: depth from video, stereo, or both (Godard et al., ICCV 2019; spec A), with a teacher or without."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn

from geometry.depth import depth_to_disp, disp_to_depth
from selfsup_depth.config import DistillConfig, LossConfig, NetworkConfig, SpeedConfig
from selfsup_depth.methods.ego_motion import EgoMotion, Motion
from selfsup_depth.methods.photometric_objective import PhotometricObjective, Transforms
from selfsup_depth.methods.structure_distillation import Quantity, StructureDistillation
from selfsup_depth.networks import DepthDecoder, Encoder, LearntFocalLength, PoseCNN, PoseDecoder, build_encoder
from selfsup_depth.structures import STEREO, Batch, DepthPrediction, FrameId, Losses, Method, View

#: Where depth starts, network units. With stereo a unit is ten baselines, and things are about that far. Without it the
#: unit is free, and what counts is that motions as small as an untrained pose network's are seen as parallax: at 1.5 a
#: training from video stayed without any (docs/differences.md).
STARTS = {True: 1.5, False: 0.2}


@dataclass(frozen=True)
class MethodRequest:
    """Everything a method is built from.

    The networks work in their own unit of length. With stereo it is ten baselines: the published
    nominal baseline of 0.1, which makes depth ranges and learning rates carry over between rigs.
    `metres_per_unit` turns it into metres; None: trained from video alone, no one knows.
    """

    network: NetworkConfig
    loss: LossConfig
    frame_ids: tuple[int, ...]
    use_stereo: bool
    metres_per_unit: float | None
    distill: DistillConfig = field(default_factory=DistillConfig)
    teacher_quantity: Quantity = "disparity"  # what the teacher of `distill` gives
    speed: SpeedConfig = field(default_factory=SpeedConfig)


class Monodepth2(Method):
    """Depth network, pose network and the photometric objective."""

    def __init__(self, request: MethodRequest) -> None:
        super().__init__()
        network = request.network
        self.use_stereo = request.use_stereo
        self.metres_per_unit = request.metres_per_unit
        self.min_depth, self.max_depth = network.min_depth, network.max_depth
        self.motion = EgoMotion(network.pose_model_type, network.pose_model_input, request.frame_ids)
        self.objective = PhotometricObjective(
            request.loss,
            min_depth=network.min_depth,
            max_depth=network.max_depth,
            compiled=request.speed.compile,
        )
        self.freeze_batchnorm = network.freeze_batchnorm
        self.distillation = None
        if request.distill.distill is not None:
            self.distillation = StructureDistillation(
                request.distill,
                request.teacher_quantity,
                min_depth=network.min_depth,
                max_depth=network.max_depth,
                metres_per_unit=request.metres_per_unit,
            )
        encoder = build_encoder(network.encoder or f"resnet{network.num_layers}", weights=network.weights_init)
        depth = _depth_decoder(network, encoder, request.use_stereo)
        self.networks = nn.ModuleDict({"encoder": encoder, "depth": depth})
        if self.motion.sources:
            self.networks.update(_pose_networks(network, self.motion, encoder.channels))
        if network.learn_intrinsics:
            self.networks["intrinsics"] = LearntFocalLength()
        if request.loss.predictive_mask:
            sources = len(self.motion.sources) + request.use_stereo
            self.networks["predictive_mask"] = DepthDecoder(
                encoder.channels, network.scales, out_channels=sources, reductions=encoder.reductions
            )

        if request.speed.gradient_checkpointing:
            for part in self.networks.values():
                if isinstance(part, Encoder):
                    part.recompute_activations()
        if request.speed.compile_networks:
            for part in self.networks.values():
                part.compile()

    def train(self, mode: bool = True) -> Monodepth2:
        super().train(mode)
        if self.freeze_batchnorm:
            for module in self.modules():
                if isinstance(module, nn.modules.batchnorm._BatchNorm):
                    module.eval()
        return self

    def losses(self, batch: Batch, generator: torch.Generator | None = None) -> Losses:
        """Loss terms of a batch (A.8). Networks run in the caller's precision, geometry in float32."""
        batch = self._with_learnt_intrinsics(batch)
        features = self._features(batch)
        disps = self.networks["depth"](features[0])
        motions = self.motion.predict(self.networks, batch, features) if self.motion.sources else {}
        masks = self.networks["predictive_mask"](features[0]) if "predictive_mask" in self.networks else None
        with torch.autocast(batch.target.image.device.type, enabled=False):
            disps = {scale: disp.float() for scale, disp in disps.items()}
            masks = {scale: mask.float() for scale, mask in masks.items()} if masks else None
            losses = self.objective(batch, disps, self._transforms(batch, motions), masks, generator)
            if self.distillation is not None:
                self.distillation(losses, disps[0], batch)
            _describe_motion(losses, motions)
            if "intrinsics" in self.networks:
                losses.health["focal_length"] = batch.target.intrinsics[:, 0, 0].detach().mean()
        return losses

    @torch.inference_mode()
    def predict(self, images: Tensor, intrinsics: Tensor | None = None) -> DepthPrediction:
        """Depth of images [B, 3, H, W] in [0, 1]; metres if `metres_per_unit` is known."""
        depth = self._depth(images) * (self.metres_per_unit or 1.0)
        return DepthPrediction(depth, metric=self.metres_per_unit is not None)

    def _depth(self, images: Tensor) -> Tensor:
        """[B, 1, H, W] in network units, float32."""
        disp = self.networks["depth"](self.networks["encoder"](images))[0].float()
        return disp_to_depth(disp, self.min_depth, self.max_depth)[1]

    @torch.inference_mode()
    def predict_motion(self, images: Mapping[int, Tensor]) -> dict[FrameId, Tensor]:
        unknown = torch.eye(3, device=images[0].device).expand(len(images[0]), 3, 3)  # no pose network looks at it
        views = {frame: View(image, image, unknown) for frame, image in images.items()}
        batch = Batch(views[0], {frame: view for frame, view in views.items() if frame != 0})
        features = self._features(batch) if self.motion.model == "shared" else {}
        motions = self.motion.predict(self.networks, batch, features)
        depth_scale = None
        if self.motion.model == "posecnn":
            depth_scale = (1.0 / self._depth(images[0])).mean(dim=(1, 2, 3))
        return {frame: motion.source_T_target(depth_scale) for frame, motion in motions.items()}

    @torch.no_grad()
    def camera(self, intrinsics: Tensor) -> Tensor:
        if "intrinsics" not in self.networks:
            return intrinsics
        device = next(self.parameters()).device
        return self.networks["intrinsics"](intrinsics[None].to(device))[0].cpu()

    def _with_learnt_intrinsics(self, batch: Batch) -> Batch:
        """The batch as the learnt camera sees it; all its frames are taken by one camera."""
        if "intrinsics" not in self.networks:
            return batch

        def learnt(view: View) -> View:
            return replace(view, intrinsics=self.networks["intrinsics"](view.intrinsics))

        sources = {frame: learnt(view) for frame, view in batch.sources.items()}
        return replace(batch, target=learnt(batch.target), sources=sources)

    def _features(self, batch: Batch) -> dict[FrameId, list[Tensor]]:
        """Features of the target; of every frame in time too when the pose network shares the encoder."""
        encoder = self.networks["encoder"]
        if self.motion.model != "shared" or not self.motion.sources:
            return {0: encoder(batch.target.network_image)}
        frames: list[FrameId] = [0, *self.motion.sources]
        images = [batch.target.network_image, *(batch.sources[f].network_image for f in frames[1:])]
        together = [level.chunk(len(frames)) for level in encoder(torch.cat(images))]
        return {frame: [level[position] for level in together] for position, frame in enumerate(frames)}

    def _transforms(self, batch: Batch, motions: dict[FrameId, Motion]) -> Transforms:
        stereo = self._stereo_in_units(batch) if self.use_stereo else None

        def transforms(depth: Tensor) -> dict[FrameId, Tensor]:
            scale = (1.0 / depth).mean(dim=(1, 2, 3)) if self.motion.model == "posecnn" else None
            found = {frame: motion.source_T_target(scale) for frame, motion in motions.items()}
            return found if stereo is None else found | {STEREO: stereo}

        return transforms

    def _stereo_in_units(self, batch: Batch) -> Tensor:
        if batch.stereo_T_target is None or self.metres_per_unit is None:
            raise ValueError("stereo training needs batch.stereo_T_target and metres_per_unit")
        transform = batch.stereo_T_target.clone()
        transform[:, :3, 3] /= self.metres_per_unit
        return transform


def _depth_decoder(network: NetworkConfig, encoder: Encoder, use_stereo: bool) -> DepthDecoder:
    initial = None
    start = network.initial_depth
    if start is None:
        start = STARTS[use_stereo]
        if not 1.5 * network.min_depth < start < network.max_depth:
            start = math.sqrt(network.min_depth * network.max_depth)
    if start:
        depth = torch.tensor(start)
        initial = float(depth_to_disp(depth, network.min_depth, network.max_depth))
    return DepthDecoder(
        encoder.channels,
        network.scales,
        upsample=network.upsample,
        reductions=encoder.reductions,
        initial_disp=initial,
    )


def _pose_networks(network: NetworkConfig, motion: EgoMotion, channels: tuple[int, ...]) -> dict[str, nn.Module]:
    images = motion.images_per_prediction
    if motion.model == "posecnn":
        return {"pose": PoseCNN(images)}
    if motion.model == "shared":
        return {"pose": PoseDecoder(channels, num_input_features=images, num_poses=images - 1)}
    # as published, a pair's decoder has two outputs of which the second is never used: their weights fit
    layers = network.pose_num_layers or network.num_layers
    encoder = build_encoder(f"resnet{layers}", in_images=images, weights=_pose_weights(network))
    poses = 2 if motion.input == "pairs" else images - 1
    return {
        "pose_encoder": encoder,
        "pose": PoseDecoder(encoder.channels, num_input_features=1, num_poses=max(poses, 2)),
    }


def _pose_weights(network: NetworkConfig) -> str:
    """A weights file of another encoder cannot start the pose network."""
    if network.pose_weights_init:
        return network.pose_weights_init
    is_file = network.weights_init not in ("pretrained", "scratch")
    differs = network.encoder is not None or network.pose_num_layers not in (None, network.num_layers)
    return "pretrained" if differs and is_file else network.weights_init


def _describe_motion(losses: Losses, motions: dict[FrameId, Motion]) -> None:
    if not motions:
        return
    translation = torch.stack([motion.translation.detach() for motion in motions.values()])
    rotation = torch.stack([motion.axis_angle.detach() for motion in motions.values()])
    losses.health["translation"] = translation.norm(dim=-1).mean()
    losses.health["rotation"] = rotation.norm(dim=-1).mean()
