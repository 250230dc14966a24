"""Which pixels of validation images the photometric loss of a run would leave out (Godard et al. 2019, eq. 5)."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from selfsup_depth.checkpoints import load_checkpoint, load_into
from selfsup_depth.config import DistillConfig
from selfsup_depth.datasets import ViewDataset, augment, collate
from selfsup_depth.errors import UserError
from selfsup_depth.methods import MethodRequest, build_method
from selfsup_depth.outcome.finished_run import FinishedRun
from selfsup_depth.structures import STEREO, Method


class AutoMasks:
    """Auto-masks by name of a validation image. `why_none` says why there are none at all; None: there can be some."""

    def __init__(self, run: FinishedRun, method: Method, dataset: ViewDataset) -> None:
        self._method = method
        self.why_none: str | None = None
        self._whole: ViewDataset | None = None
        if run.config.loss.disable_automasking:
            self.why_none = "trained with --disable_automasking"
            return
        try:
            self._whole = with_all_frames(dataset, run)
        except UserError:
            self.why_none = "no validation image has all the frames that training compares"
            return
        self._index = {self._whole.name(i): i for i in range(len(self._whole))}

    def find(self, name: str) -> Tensor | None:
        """[H, W] at the network's size: 1 where a warped source decides, 0 where the pixel is left out.

        None: this image lacks a frame that training compares, or the method has no auto-mask.
        """
        if self._whole is None or name not in self._index:
            return None
        index = self._index[name]
        device = next(self._method.parameters()).device
        batch = augment(collate([self._whole[index]]).to(device))
        with torch.no_grad():
            maps = self._method.losses(batch, torch.Generator(device).manual_seed(index)).maps
        return maps["auto_mask"][0, 0].cpu() if "auto_mask" in maps else None


def with_all_frames(dataset: ViewDataset, run: FinishedRun) -> ViewDataset:
    """The same part of the data set, as whole samples.

    Raises:
        UserError: when no item has all its frames.
    """
    data = run.config.data
    frames = (*data.frame_ids, *((STEREO,) if data.use_stereo else ()))
    request = replace(dataset.request, frame_ids=frames, with_depth=False, is_train=False)
    return ViewDataset(dataset.name_of_dataset, dataset.source, request)


def whole_method(run: FinishedRun, device: torch.device) -> Method:
    """The best checkpoint with all its networks; without its teacher, which says nothing about auto-masks."""
    checkpoint = load_checkpoint(run.best)
    network = replace(run.config.network, weights_init="scratch", pose_weights_init=None)
    data = run.config.data
    request = MethodRequest(
        network, run.config.loss, data.frame_ids, data.use_stereo, checkpoint.meta.metres_per_unit, DistillConfig()
    )
    method = build_method(checkpoint.meta.method, request)
    load_into(method.networks, checkpoint, list(method.networks))
    return method.to(device).eval()
