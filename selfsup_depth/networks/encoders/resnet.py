"""ResNet encoders as Monodepth2 builds them: its state-dict keys, its normalisation, its features."""

from __future__ import annotations

import torchvision
from torch import Tensor, nn

from selfsup_depth.networks.encoders.base import Encoder
from selfsup_depth.networks.encoders.checkpointing import recompute
from selfsup_depth.networks.encoders.pretrained import torchvision_weights
from selfsup_depth.networks.encoders.weights import load_weights, read_weights

#: Monodepth2 normalises all channels alike, not with the per-channel ImageNet values
MEAN, STD = 0.45, 0.225


class ResNetEncoder(Encoder):
    """torchvision's ResNet-18/34/50/101/152, seen at strides 2 to 32 (Monodepth2, section 4).

    The whole torchvision model is kept as `encoder`, so that the keys are those of every published
    Monodepth2 checkpoint, `encoder.fc.*` included. `fc` takes no part in the features: it is frozen,
    because a parameter that waits for a gradient that never comes stops distributed training.

    Args:
        name: resnet18, resnet34, resnet50, resnet101 or resnet152.
        in_images: images stacked along the channels.
        weights: "scratch" (Kaiming normal, fan out), "pretrained" (torchvision's IMAGENET1K_V1) or the path
            of a .pth or .safetensors file with torchvision's or Monodepth2's keys. Weights made for one
            image serve n: the first convolution becomes n copies of itself divided by n.

    Raises:
        UserError: when weights cannot be had or do not fit.
    """

    def __init__(self, name: str, in_images: int = 1, weights: str = "scratch") -> None:
        super().__init__()
        self.in_images = in_images
        # torchvision's own initialisation is the Kaiming fan-out one of "scratch"
        self.encoder = torchvision.models.get_model(name, weights=None)
        if in_images > 1:
            self.encoder.conv1 = _first_convolution(in_images)
        self.encoder.fc.requires_grad_(False)
        expansion = self.encoder.layer1[0].expansion
        self.channels = (64, *(width * expansion for width in (64, 128, 256, 512)))
        self.reductions = (2, 4, 8, 16, 32)
        if weights != "scratch":
            tensors = torchvision_weights(name) if weights == "pretrained" else read_weights(weights)
            source = f"pretrained {name}" if weights == "pretrained" else weights
            load_weights(self.encoder, tensors, source, unused="fc.")

    def recompute_activations(self) -> None:
        for layer in (self.encoder.layer1, self.encoder.layer2, self.encoder.layer3, self.encoder.layer4):
            for block in layer:
                recompute(block)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Five features of images `[B, 3 * in_images, H, W]` in [0, 1], at 1/2 to 1/32."""
        net = self.encoder
        stem = net.relu(net.bn1(net.conv1((images - MEAN) / STD)))
        features = [stem, net.layer1(net.maxpool(stem))]
        for layer in (net.layer2, net.layer3, net.layer4):
            features.append(layer(features[-1]))
        return features


def _first_convolution(in_images: int) -> nn.Conv2d:
    convolution = nn.Conv2d(3 * in_images, 64, kernel_size=7, stride=2, padding=3, bias=False)
    nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
    return convolution
