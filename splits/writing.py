"""Lists as files, under the names that Monodepth2 uses."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from splits.kitti_rules import archives_to_download, eigen_to_benchmark_ids
from splits.reading import read_split
from splits.table import SPLITS


def write_split(name: str, folder: str | Path) -> list[Path]:
    """Write the lists of a named split into `folder` (made if missing); returns the paths.

    The test lists, benchmark's val list and its `eigen_to_benchmark_ids.npy` equal the published files byte
    for byte; `all_files.txt` is the published train and val together.

    Raises:
        ValueError: the name is unknown, `folder` is a file, or one of the files exists and differs.
    """
    return write_files(split_files(name), folder)


def split_files(name: str) -> dict[str, bytes]:
    """File name -> content, for each file of a named split."""
    if name not in SPLITS:
        raise ValueError(f"unknown split {name!r}: choose from {', '.join(SPLITS)}")
    split = SPLITS[name]
    files = {split.file_name(part): _text(read_split(name, part)) for part in split.parts}
    if name == "benchmark":
        files["eigen_to_benchmark_ids.npy"] = _npy(eigen_to_benchmark_ids())
    return files


def all_files() -> dict[str, bytes]:
    """Relative path -> content, for every list of every split and the archives to download."""
    files = {
        f"{split.folder}/{file}": content
        for name, split in SPLITS.items()
        for file, content in split_files(name).items()
    }
    files["kitti_archives_to_download.txt"] = _text(list(archives_to_download()))
    return files


def write_files(files: Mapping[str, bytes], folder: str | Path) -> list[Path]:
    """Write relative path -> content under `folder`; nothing is written if a file exists and differs.

    Raises:
        ValueError: as above, or `folder` is a file.
    """
    root = Path(folder).expanduser()
    if root.exists() and not root.is_dir():
        raise ValueError(f"{root} is a file, but expected a folder to write lists to: give another name")
    contents = {root / file: content for file, content in files.items()}
    for path, content in contents.items():
        if path.exists() and path.read_bytes() != content:
            # Someone's own or published lists, which could not be had back.
            raise ValueError(
                f"{path} already exists and differs from the list to be written: "
                f"give another folder, or move the file away"
            )
    for path, content in contents.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return list(contents)


def _text(lines: list[str]) -> bytes:
    """Every published list ends with a newline."""
    return "".join(f"{line}\n" for line in lines).encode("ascii")


def _npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()
