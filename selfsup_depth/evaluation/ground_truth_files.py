"""`gt_depths.npz`: ground-truth depths of a test list in one file, readable without trusting it.

The maps differ in size, so Monodepth2 stores them as one object array under `data`: a pickle, which
can run any code when it is loaded. Our files hold one plain array per image (`depth_00000`, ...) and
the list's lines under `names`, and, for the tools that look for it, the same maps under `data` as well.
We read our own layout with pickles refused; Monodepth2's is read by an unpickler that can build
numpy arrays and nothing else.
"""

from __future__ import annotations

import io
import pickle
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from selfsup_depth.errors import UserError

DepthMap = NDArray[np.float32]

_ALLOWED_IN_PICKLES = {
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("_codecs", "encode"),
    *((f"numpy.{core}.multiarray", "_reconstruct") for core in ("core", "_core")),
    *((f"numpy.{core}.numeric", "_frombuffer") for core in ("core", "_core")),
}


def write_ground_truth(path: Path, depths: Iterable[DepthMap], names: Sequence[str]) -> None:
    """Writes maps [h, w] (float32 metres, 0 = none; sizes may differ) one by one as they come.

    The file appears under its name only when it is complete.

    Raises:
        ValueError: if there are not as many maps as names.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".partial")
    kept: list[DepthMap] = []
    try:
        with zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED, allowZip64=True) as archive:
            for depth in depths:
                kept.append(np.asarray(depth, dtype=np.float32))
                _write_member(archive, f"depth_{len(kept) - 1:05d}", kept[-1])
            if len(kept) != len(names):
                raise ValueError(f"{path}: {len(names)} names for {len(kept)} depth maps.")
            _write_member(archive, "names", np.array(names, dtype=np.str_))
            _write_member(archive, "data", _object_array(kept), allow_pickle=True)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


class GroundTruthFile(Sequence[DepthMap]):
    """The maps of an exported file by index, read when asked for.

    Raises:
        UserError: if the file is missing, not an npz, or holds anything but depth maps.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise UserError(f"Ground truth {path} does not exist; export_gt_depth.py writes it.")
        self.path = path
        try:
            self._archive = np.load(path, allow_pickle=False)
            members = set(self._archive.files)
        except (OSError, ValueError, AttributeError, zipfile.BadZipFile) as error:
            raise UserError(f"Ground truth {path} is not an .npz file ({error}); export it again.") from error
        self.names: tuple[str, ...] | None = None
        self._old_layout: list[DepthMap] | None = None
        self._members = sorted(member for member in members if member.startswith("depth_"))
        if "names" in members:
            self.names = tuple(str(name) for name in self._archive["names"])
        if not self._members:
            self._old_layout = _read_old_layout(path, members)

    def __len__(self) -> int:
        return len(self._members) if self._old_layout is None else len(self._old_layout)

    def __getitem__(self, index: int) -> DepthMap:  # type: ignore[override]
        depth = self._archive[self._members[index]] if self._old_layout is None else self._old_layout[index]
        if depth.ndim != 2 or not np.issubdtype(depth.dtype, np.floating):
            raise UserError(
                f"Ground truth {self.path}, map {index}: expected float depth [h, w], found {depth.dtype} "
                f"{list(depth.shape)}; export it again."
            )
        return np.asarray(depth, dtype=np.float32)


def _write_member(archive: zipfile.ZipFile, name: str, array: NDArray, *, allow_pickle: bool = False) -> None:
    with archive.open(f"{name}.npy", "w", force_zip64=True) as stream:
        np.lib.format.write_array(stream, array, allow_pickle=allow_pickle)


def _object_array(maps: Sequence[DepthMap]) -> NDArray[np.object_]:
    # np.array(maps, dtype=object) would merge equal sizes into one [N, h, w] array of Python floats.
    array = np.empty(len(maps), dtype=object)
    array[:] = maps if maps else []
    return array


def _read_old_layout(path: Path, members: set[str]) -> list[DepthMap]:
    if "data" not in members:
        raise UserError(
            f"Ground truth {path}: expected arrays depth_00000, ... or Monodepth2's 'data', found "
            f"{', '.join(sorted(members)) or 'nothing'}; export it again."
        )
    with zipfile.ZipFile(path) as archive:
        stream = io.BytesIO(archive.read("data.npy"))
    version = np.lib.format.read_magic(stream)
    read_header = (
        np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    )
    _, _, dtype = read_header(stream)
    if dtype.hasobject:
        array = _ArrayUnpickler(stream, path).load()
    else:
        stream.seek(0)
        array = np.lib.format.read_array(stream, allow_pickle=False)
    return list(array)


class _ArrayUnpickler(pickle.Unpickler):
    """Builds numpy arrays; anything else that a pickle may ask for is refused."""

    def __init__(self, stream: io.BytesIO, path: Path) -> None:
        super().__init__(stream, fix_imports=True, encoding="latin1")
        self._path = path

    def find_class(self, module: str, name: str) -> object:
        if (module, name) not in _ALLOWED_IN_PICKLES:
            raise UserError(
                f"Ground truth {self._path} asks to load {module}.{name}, which is no depth map: the file is not "
                "trusted; export it again with export_gt_depth.py."
            )
        return super().find_class(module, name)
