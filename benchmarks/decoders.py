"""Ways to decode a JPEG of KITTI's size, and to make it as small as it is trained on, in turns in one run.

    python -m benchmarks.decoders [--rounds 20]

CPU time of one thread. OpenCV and simplejpeg are compared where they are installed; every decoder must give the same
pixels as torchvision.
"""

from __future__ import annotations

import argparse
import importlib
import io
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torchvision.io import ImageReadMode, decode_image

from benchmarks.loader_footage import DRIVE, write_drive
from benchmarks.measuring import Timing, add_options, measure, table, tell
from selfsup_depth.datasets.images import resize_image

SIZE = (192, 640)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser, rounds=20)
    parser.add_argument("--frames", type=int, default=6, help="pictures that are decoded in a round")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as root:
        drive = write_drive(Path(root), options.frames)
        files = [path.read_bytes() for path in sorted((drive / DRIVE / "image_02" / "data").iterdir())]
    ways = decoders()
    expected = ways["torchvision"](files[0])
    for name, decode in ways.items():
        if not np.array_equal(decode(files[0]), expected):
            raise AssertionError(f"{name} gives other pixels than torchvision")
    pictures = [torch.from_numpy(ways["torchvision"](file)).permute(2, 0, 1) for file in files]
    for title, found, base in (("decoding", ways, "Pillow"), ("resizing", resizes(), "Pillow, Lanczos")):
        items = files if title == "decoding" else pictures
        rounds = {name: lambda way=way, items=items: [way(item) for item in items] for name, way in found.items()}
        taken = {name: of_one(timing, len(items)) for name, timing in measure(rounds, options.rounds).items()}
        tell(f"{title} a picture of 1242x375", table(taken, base, of="picture"))


def decoders() -> dict[str, Callable[[bytes], np.ndarray]]:
    """[h, w, 3] RGB from the bytes of a file."""

    def torchvision(file: bytes) -> np.ndarray:
        image = decode_image(torch.frombuffer(bytearray(file), dtype=torch.uint8), mode=ImageReadMode.RGB)
        return image.permute(1, 2, 0).numpy()

    found = {
        "Pillow": lambda file: np.asarray(Image.open(io.BytesIO(file)).convert("RGB")),
        "torchvision": torchvision,
    }
    if cv2 := _module("cv2"):
        cv2.setNumThreads(1)
        found["OpenCV"] = lambda file: cv2.imdecode(np.frombuffer(file, np.uint8), cv2.IMREAD_COLOR_RGB)
    if simplejpeg := _module("simplejpeg"):
        found["simplejpeg"] = simplejpeg.decode_jpeg
    return found


def resizes() -> dict[str, Callable[[torch.Tensor], object]]:
    """Of [3, h, w] bytes."""

    def pillow(how: Image.Resampling) -> Callable[[torch.Tensor], object]:
        return lambda image: Image.fromarray(image.permute(1, 2, 0).numpy()).resize(SIZE[::-1], how)

    return {
        "Pillow, Lanczos": pillow(Image.Resampling.LANCZOS),
        "Pillow, bilinear": pillow(Image.Resampling.BILINEAR),
        "torch, bytes, bilinear": lambda image: resize_image(image, *SIZE),
    }


def of_one(timing: Timing, count: int) -> Timing:
    return Timing(tuple(s / count for s in timing.cpu_s), tuple(s / count for s in timing.wall_s))


def _module(name: str) -> object:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


if __name__ == "__main__":
    main()
