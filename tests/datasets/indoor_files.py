"""Small data in the layouts of UniSIN, VA and NYUv2, written without any of the readers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

VA_DEPTH = "gt_depth_rectify/cam{camera}_frame{frame:04d}.depth.pfm"
NYU_SCENES = ("kitchen_0001", "kitchen_0001", "office_0002", "office_0002", "bath_0003", "bath_0003")


def pixels(seed: int, width: int, height: int) -> np.ndarray:
    """[h, w, 3] uint8 that no two seeds share."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def write_picture(path: Path, seed: int, width: int, height: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels(seed, width, height)).save(path, compress_level=1)


def write_unisin(root: Path, frames: int = 4, sequences: tuple[str, ...] = ("hall_0",), size=(32, 18)) -> Path:
    for number, sequence in enumerate(sequences):
        for frame in range(frames):
            for side in (0, 1):
                write_picture(root / sequence / f"{frame:04d}_{side}.png", 100 * number + 10 * frame + side, *size)
    return root


def write_va(root: Path, frames: int = 4, size: int = 16, calibrated: bool = False) -> Path:
    """Depth of camera c at frame f is 1 + f + c / 2 in the top half and twice that below."""
    for frame in range(frames):
        for camera in (0, 1):
            write_picture(root / f"camera_{camera}" / f"{frame:08d}.png", 10 * frame + camera, size, size)
            depth = np.full((size, size), 1.0 + frame + camera / 2, dtype=np.float32)
            depth[size // 2 :] *= 2
            write_pfm(root / VA_DEPTH.format(camera=camera, frame=frame), depth)
    if calibrated:
        values = {"fx": 300.0, "fy": 300.0, "cx": 310.0, "cy": 320.0, "cx_right": 330.0, "baseline_m": 0.1}
        size_of_it = {"image_width": 640, "image_height": 640, "pixel_origin": "corner"}
        (root / "calib.json").write_text(json.dumps(values | size_of_it))
    return root


def write_pfm(path: Path, depth: np.ndarray) -> None:
    """Bottom row first, little endian."""
    path.parent.mkdir(parents=True, exist_ok=True)
    header = f"Pf\n{depth.shape[1]} {depth.shape[0]}\n-1.0\n".encode()
    path.write_bytes(header + depth[::-1].astype("<f4").tobytes())


def nyu_depth(number: int) -> np.ndarray:
    """[480, 640] metres; every pixel has its own, so that a transposed or shifted map is noticed."""
    rows, columns = np.mgrid[:480, :640]
    return (number + rows / 1000 + columns / 1_000_000).astype(np.float32)


def write_nyu_folder(root: Path, numbers: tuple[int, ...] = (1, 2), part: str = "val") -> Path:
    for number in numbers:
        write_picture(root / f"img_{part}" / f"{number:05d}.png", number, 640, 480)
        (root / f"depth_{part}").mkdir(exist_ok=True)
        np.save(root / f"depth_{part}" / f"{number:05d}.npy", nyu_depth(number))
    return root


def write_nyu_mat(root: Path, scenes: tuple[str, ...] | None = NYU_SCENES, count: int = 6) -> Path:
    """The official file with `count` images: Matlab's arrays [480, 640, 3, N] and [480, 640, N], axes reversed."""
    import h5py

    path = root / "nyu_depth_v2_labeled.mat"
    with h5py.File(path, "w", userblock_size=512) as file:
        images = file.create_dataset("images", (count, 3, 640, 480), np.uint8, chunks=(1, 3, 640, 480))
        depths = file.create_dataset("depths", (count, 640, 480), np.float32, chunks=(1, 640, 480))
        file.create_dataset("rawDepths", (count, 640, 480), np.float32)  # holes everywhere: must not be read
        for i in range(count):
            images[i] = pixels(i + 1, 640, 480).transpose(2, 1, 0)
            depths[i] = nyu_depth(i + 1).T
        if scenes is not None:
            cells = file.create_dataset("scenes", (1, count), h5py.ref_dtype)
            for i, scene in enumerate(scenes):
                text = file.create_dataset(f"#refs#/{i}", data=np.array([[ord(c)] for c in scene], dtype=np.uint16))
                cells[0, i] = text.ref
    return path


def write_nyu_splits(root: Path, train: tuple[int, ...] = (1, 2, 3, 4), test: tuple[int, ...] = (5, 6)) -> Path:
    """splits.mat as published: Matlab's version 5, columns of doubles, counting from 1."""
    from scipy.io import savemat

    columns = {"trainNdxs": train, "testNdxs": test}
    savemat(root / "splits.mat", {key: np.array(values, np.float64)[:, None] for key, values in columns.items()})
    return root / "splits.mat"
