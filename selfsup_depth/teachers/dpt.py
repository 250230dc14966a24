"""DPT (Ranftl et al., "Vision Transformers for Dense Prediction", ICCV 2021) for images of any size."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn


class DPTNetwork(nn.Module):
    """transformers' `DPTForDepthEstimation`, freed from its one square input size.

    Its own `forward` lets the neck guess a square grid of patches, and the hybrid refuses all but 384x384,
    although position embeddings are resized (bilinearly, align_corners=False, as in the original) anyway.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model
        self.patch = _patch(model.config)

    def forward(self, images: Tensor) -> Tensor:
        """[B, 3, H, W] to [B, 1, H, W]: relative disparity, in an arbitrary unit."""
        features = self._vit_features(images) if self.model.backbone is None else self._backbone_features(images)
        height, width = images.shape[-2:]
        fused = self.model.neck(features, height // self.patch, width // self.patch)
        return self.model.head(fused).unsqueeze(1)

    def _vit_features(self, images: Tensor) -> list[Tensor]:
        vit, config = self.model.dpt, self.model.config
        taps = config.backbone_out_indices
        if config.is_hybrid:
            embedded = vit.embeddings(images, interpolate_pos_encoding=True)
            features, taps = list(embedded.intermediate_activations), taps[2:]
        else:
            embedded, features = vit.embeddings(images), []
        tokens = embedded.last_hidden_states
        for index, layer in enumerate(vit.encoder.layer):
            tokens = layer(tokens)
            if index in taps:
                features.append(tokens)
        return features

    def _backbone_features(self, images: Tensor) -> list[Tensor]:
        return list(self.model.backbone(images).feature_maps)


def patch_multiple(config: Any) -> int:
    """Image sides that are multiples of this give an output of the size of the image; of a `DPTConfig`."""
    # the deepest of the four maps has half as many cells as there are patches
    patch = _patch(config)
    return 2 * patch if patch > 8 else 32


def _patch(config: Any) -> int:
    of_backbone = config.backbone_config is not None and not config.is_hybrid
    patch = (config.backbone_config if of_backbone else config).patch_size
    return patch if isinstance(patch, int) else patch[0]


def build_dpt(architecture: Literal["dpt_hybrid", "dpt_large"], *, non_negative: bool = True) -> DPTNetwork:
    """DPT-Hybrid (ViT-B on a ResNet-50) or DPT-Large (ViT-L/16) on the meta device, waiting for weights.

    Args:
        non_negative: end with a ReLU, as every published depth model does.
    """
    from transformers import DPTConfig, DPTForDepthEstimation

    if architecture == "dpt_hybrid":
        config = DPTConfig(
            is_hybrid=True,
            neck_hidden_sizes=[256, 512, 768, 768],
            backbone_out_indices=[2, 5, 8, 11],
            layer_norm_eps=1e-6,
        )
    else:
        config = DPTConfig(
            hidden_size=1024,
            num_hidden_layers=24,
            num_attention_heads=16,
            intermediate_size=4096,
            neck_hidden_sizes=[256, 512, 1024, 1024],
            backbone_out_indices=[5, 11, 17, 23],
            layer_norm_eps=1e-6,
        )
    with torch.device("meta"):
        model = DPTForDepthEstimation(config)
    if not non_negative:
        model.head.head[-1] = nn.Identity()
    return DPTNetwork(model)
