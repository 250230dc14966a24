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
        check_reachable(url, name, url, cached)
        try:
            torch.hub.load_state_dict_from_url(url, map_location="cpu", check_hash=True, weights_only=True)
        except (OSError, RuntimeError) as error:
            raise unavailable(name, url, cached, error) from error
    return read_weights(cached)


def hub_file(url: str) -> Path:
    """Where torch hub keeps the file of an address."""
    return Path(torch.hub.get_dir()) / "checkpoints" / url.rsplit("/", 1)[-1]


def check_reachable(server: str, name: str, url: str, cached: Path) -> None:
    """Ask a server for a sign of life before a client with a long patience does.

    Raises:
        UserError: when it gives none within PROBE_SECONDS; see `unavailable` for the other arguments.
    """
    request = urllib.request.Request(server, method="HEAD")
    try:
        with urllib.request.urlopen(request, timeout=PROBE_SECONDS):
            return
    except urllib.error.HTTPError:
        return  # the server is there; what it says to the real request is for that request to judge
    except OSError as error:
        raise unavailable(name, url, cached, error) from error


def unavailable(name: str, url: str, cached: Path, error: Exception) -> UserError:
    """The ways out for whoever cannot download: a local file, or no pretrained weights.

    Args:
        url: of the file with the weights of `name`.
        cached: the file, or the folder, in which they were looked for.
    """
    reason = str(getattr(error, "reason", error)).strip().splitlines() or [type(error).__name__]
    there = f"put it at {cached}, or give it" if cached.suffix else "give it"
    return UserError(
        f"--weights_init pretrained: the ImageNet weights of {name} are not at {cached} and cannot be "
        f"downloaded ({reason[0]}); fetch {url} on another machine and {there} with --weights_init PATH, or "
        "start from random weights with --weights_init scratch."
    )
