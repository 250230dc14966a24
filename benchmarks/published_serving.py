"""How Monodepth2's published scripts (arXiv:1806.01260) evaluate and predict (re-expressed, to be compared with)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import matplotlib
import numpy as np
import torch
import torch.nn.functional as F
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms.functional import to_tensor

from geometry.depth import disp_to_depth
from selfsup_depth import __version__
from selfsup_depth.arithmetic import autocast_type
from selfsup_depth.checkpoints import CheckpointMeta, load_checkpoint, load_into, save_checkpoint
from selfsup_depth.errors import UserError
from selfsup_depth.methods import build_method
from selfsup_depth.predictor import depth_only_request

NEAREST, FARTHEST = 1e-3, 80.0  # metres, of Eigen's protocol
SHOWN_PERCENTILE = 95


def write_checkpoint(folder: Path, encoder: str, height: int, width: int) -> Path:
    """Random weights that see about 8 m everywhere: how long a network takes does not depend on what it has learnt."""
    meta = CheckpointMeta(
        library_version=__version__, method="monodepth2", encoder=encoder, upsample="nearest", scales=(0, 1, 2, 3),
        height=height, width=width, min_depth=0.1, max_depth=100.0, metres_per_unit=5.4, scale_source="a benchmark",
        frame_ids=(0,),
    )  # fmt: skip
    torch.manual_seed(0)
    request = depth_only_request(meta)
    method = build_method(meta.method, replace(request, network=replace(request.network, initial_depth=1.5)))
    save_checkpoint(folder, dict(method.networks.items()), meta)
    return folder


def has_bf16(device: torch.device) -> bool:
    try:
        autocast_type("bf16", device)
    except UserError:
        return False
    return True


class PublishedNetwork:
    """Encoder and decoder in fp32, tensors laid out as they come."""

    def __init__(self, folder: Path) -> None:
        checkpoint = load_checkpoint(folder)
        self.meta, self.device = checkpoint.meta, torch.device("cuda" if torch.cuda.is_available() else "cpu")
        method = build_method(self.meta.method, depth_only_request(self.meta))
        load_into(method.networks, checkpoint, list(method.networks))
        self.networks = method.networks.to(self.device).eval()

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Tensor:
        """[B, 3, h, w] -> inverse depth [B, 1, h, w] in 1 / network units, on the device."""
        disp = self.networks["depth"](self.networks["encoder"](images.to(self.device)))[0]
        return disp_to_depth(disp, self.meta.min_depth, self.meta.max_depth)[0]


class PublishedImages(Dataset[Tensor]):
    """Pillow's decoder and Lanczos filter. The published data set resizes to three further sizes that nobody sees."""

    def __init__(self, files: Sequence[Path], meta: CheckpointMeta) -> None:
        self.files, self.size = files, (meta.width, meta.height)

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> Tensor:
        with Image.open(self.files[index]) as file:
            return to_tensor(file.convert("RGB").resize(self.size, Image.Resampling.LANCZOS))


def images_ready(files: Sequence[Path], network: PublishedNetwork) -> Tensor:
    """[N, 3, h, w] where the network runs."""
    images = PublishedImages(files, network.meta)
    return torch.stack([images[number] for number in range(len(images))]).to(network.device)


def evaluate_as_published(
    network: PublishedNetwork, files: Sequence[Path], truths: Path, batch: int, workers: int = 0
) -> np.ndarray:
    """Eigen's seven numbers, un-aligned: predict everything, then score one image after the other."""
    loader = DataLoader(PublishedImages(files, network.meta), batch, num_workers=workers)
    predicted = np.concatenate([network(images).cpu()[:, 0].numpy() for images in loader])
    depths = np.load(truths, allow_pickle=True, fix_imports=True, encoding="latin1")["data"]
    errors = []
    for disp, truth in zip(predicted, depths, strict=True):
        height, width = truth.shape
        depth = 1 / cv2.resize(disp, (width, height))
        crop = np.array([0.40810811 * height, 0.99189189 * height, 0.03594771 * width, 0.96405229 * width]).astype(int)
        inside = np.zeros(truth.shape)
        inside[crop[0] : crop[1], crop[2] : crop[3]] = 1
        mask = np.logical_and(np.logical_and(truth > NEAREST, truth < FARTHEST), inside)
        guess, truth = depth[mask] * network.meta.metres_per_unit, truth[mask]
        guess[guess < NEAREST] = NEAREST
        guess[guess > FARTHEST] = FARTHEST
        errors.append(published_errors(truth, guess))
    return np.array(errors).mean(0)


def published_errors(truth: np.ndarray, guess: np.ndarray) -> tuple[float, ...]:
    """abs_rel, sq_rel, rmse, rmse_log, a1, a2, a3 of the valid pixels."""
    factor = np.maximum(truth / guess, guess / truth)
    shares = [(factor < 1.25**power).mean() for power in (1, 2, 3)]
    rmse = np.sqrt(((truth - guess) ** 2).mean())
    rmse_log = np.sqrt(((np.log(truth) - np.log(guess)) ** 2).mean())
    abs_rel, sq_rel = np.mean(np.abs(truth - guess) / truth), np.mean((truth - guess) ** 2 / truth)
    return (abs_rel, sq_rel, rmse, rmse_log, *shares)


def predict_as_published(network: PublishedNetwork, files: Sequence[Path], folder: Path) -> None:
    """One picture after the other: depth as .npy at the network's size, disparity at the picture's as coloured JPEG."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in files:
        with Image.open(path) as file:
            image = file.convert("RGB")
        resized = image.resize((network.meta.width, network.meta.height), Image.Resampling.LANCZOS)
        disp = network(to_tensor(resized)[None])
        np.save(folder / f"{path.stem}_depth.npy", network.meta.metres_per_unit / disp.cpu().numpy())
        size = (image.height, image.width)
        shown = F.interpolate(disp, size, mode="bilinear", align_corners=False).squeeze().cpu().numpy()
        scale = Normalize(vmin=shown.min(), vmax=np.percentile(shown, SHOWN_PERCENTILE))
        mapper = ScalarMappable(norm=scale, cmap=matplotlib.colormaps["magma"])
        coloured = (mapper.to_rgba(shown)[:, :, :3] * 255).astype(np.uint8)
        Image.fromarray(coloured).save(folder / f"{path.stem}_disp.jpeg")
