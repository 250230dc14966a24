"""What images and depth maps look like as members of a tar shard."""

from __future__ import annotations

import io

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchvision.io import ImageReadMode, decode_jpeg

from selfsup_depth.datasets.prepared_files import StoredAs


def encode_image(image: Tensor, quality: int) -> tuple[bytes, int]:
    """[3, H, W] uint8 as a JPEG of this quality, or for 0 as an .npy file; and where in that the pixels begin.

    Colours are kept at full resolution: at the size of training they are as fine as everything else.
    """
    file = io.BytesIO()
    if quality == 0:
        np.save(file, image.contiguous().numpy())
        return file.getvalue(), file.tell() - image.numel()
    Image.fromarray(image.permute(1, 2, 0).numpy()).save(file, "JPEG", quality=quality, subsampling="4:4:4")
    return file.getvalue(), 0


def decode_into(content: np.ndarray, stored_as: StoredAs, out: Tensor) -> None:
    """Fills `out` [3, H, W] uint8 with an image from its bytes (uint8).

    Raises ValueError when they are not an image of that size.
    """
    if stored_as == "npy":
        out.numpy()[...] = content.reshape(out.shape)
        return
    try:
        # a copy, because the bytes may be those of a file that is mapped to be read alone
        image = decode_jpeg(torch.from_numpy(content.copy()), mode=ImageReadMode.RGB)
    except RuntimeError as error:
        raise ValueError(str(error)) from error
    if image.shape != out.shape:
        raise ValueError(f"it holds an image {list(image.shape)}, expected {list(out.shape)}")
    out.copy_(image)


def encode_depth(depth: np.ndarray) -> bytes:
    """[h, w] float32 metres, compressed."""
    file = io.BytesIO()
    np.savez_compressed(file, depth=depth.astype(np.float32, copy=False))
    return file.getvalue()


def decode_depth(content: np.ndarray) -> np.ndarray:
    """[h, w] float32 metres. Raises whatever the parser stumbles over when the bytes are others."""
    with np.load(io.BytesIO(content.tobytes())) as archive:
        return np.asarray(archive["depth"])
