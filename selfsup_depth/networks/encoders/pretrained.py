"""ImageNet weights: from the cache if they are there, else downloaded, else a message that helps."""

from __future__ import annotations

import urllib.error
import urllib.request
from pathlib import Path

import torch
import torchvision
from torch import Tensor

from selfsup_depth.errors import UserError
from selfsup_depth.networks.encoders.weights import read_weights

#: a machine without network shall hear so at once, not after a client's minutes of retries
PROBE_SECONDS = 5.0


def torchvision_weights(name: str) -> dict[str, Tensor]:
    """torchvision's IMAGENET1K_V1 weights of a ResNet, those Monodepth2 starts from.

    Raises:
        UserError: when they are neither in the torch hub cache nor to be downloaded.
    """
    url = torchvision.models.get_model_weights(name)["IMAGENET1K_V1"].url
    cached = hub_file(url)
    if not cached.is_file():
        check_reachable(name, url, url, f"not at {cached}", f"put it at {cached}")
        try:
            torch.hub.load_state_dict_from_url(url, map_location="cpu", check_hash=True, weights_only=True)
        except (OSError, RuntimeError) as error:
            raise unavailable(name, url, f"not at {cached}", f"put it at {cached}", error) from error
    return read_weights(cached)


def hub_file(url: str) -> Path:
    """Where torch hub keeps the file of an address."""
    return Path(torch.hub.get_dir()) / "checkpoints" / url.rsplit("/", 1)[-1]


def check_reachable(name: str, probe: str, url: str, missing: str, put: str) -> None:
    """Ask a server for a sign of life.

    Raises:
        UserError: when it gives none within PROBE_SECONDS.
    """
    request = urllib.request.Request(probe, method="HEAD")
    try:
        with urllib.request.urlopen(request, timeout=PROBE_SECONDS):
            return
    except urllib.error.HTTPError:
        return  # the server is there; what it says to the real request is for that request to judge
    except OSError as error:
        raise unavailable(name, url, missing, put, error) from error


def unavailable(name: str, url: str, missing: str, put: str, reason: Exception) -> UserError:
    """The way out for whoever cannot download: a local file, or no pretrained weights."""
    lines = str(reason).strip().splitlines() or [type(reason).__name__]
    return UserError(
        f"--weights_init pretrained: the ImageNet weights of {name} are {missing} and cannot be downloaded "
        f"from {url} ({lines[0]}); fetch that file on another machine and {put}, or give any local file "
        "with --weights_init PATH, or start from random weights with --weights_init scratch."
    )
