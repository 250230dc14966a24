"""Point clouds for the page: scenes of viser, written without its server staying open."""

from __future__ import annotations

import contextlib
import importlib.metadata
import io
import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from selfsup_depth.report.content import Cloud

OLDEST = (1, 1)  # earlier ones cannot write a scene as a page
#: viser's camera has fixed near and far planes: every scene is shown with this median depth.
SHOWN_DEPTH = 4.0
#: The first look: from behind and above the camera that took the image, in median depths.
BEHIND, ABOVE = 0.15, 0.2

POINT = 1.8  # size of a point, in distances of neighbours at the median depth: farther ones are farther apart


@dataclass(frozen=True)
class Scenes:
    """Documents that differ in their data only: document i is `before + data[i] + after`."""

    before: str
    data: tuple[str, ...]
    after: str


def why_no_viewer() -> str | None:
    """A sentence when viser cannot write scenes here; None: it can."""
    remedy = "pip install 'selfsup-depth[viz]', then python make_report.py --run with the folder of this run."
    try:
        found = importlib.metadata.version("viser")
    except importlib.metadata.PackageNotFoundError:
        return f"The 3-D viewer is an optional part that is not installed where this report was written: {remedy}"
    if tuple(int(part) for part in found.split(".")[:2]) < OLDEST:
        return f"The 3-D viewer needs viser {'.'.join(map(str, OLDEST))} or newer, and found viser {found}: {remedy}"
    try:
        # viser talks to itself over a local port, and waits for ever where none can be had
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
    except OSError as error:
        return (
            f"The 3-D viewer needs a local port while the report is written, and none could be had ({error.strerror}): "
            "run make_report.py where programs may open one."
        )
    return None


def write_scenes(clouds: Sequence[Cloud]) -> Scenes:
    """One document per cloud, each complete and offline; what they have in common is kept once."""
    documents = [_document(cloud) for cloud in clouds]
    if len(documents) == 1:
        return Scenes("", (documents[0],), "")
    before = os.path.commonprefix(documents)
    rests = [document[len(before) :] for document in documents]
    after = os.path.commonprefix([rest[::-1] for rest in rests])[::-1]
    return Scenes(before, tuple(rest[: len(rest) - len(after)] for rest in rests), after)


def _document(cloud: Cloud) -> str:
    import viser

    depth = float(np.median(cloud.points[:, 2]))
    scale = SHOWN_DEPTH / depth
    with contextlib.redirect_stdout(io.StringIO()):  # its banner and its farewell
        server = viser.ViserServer(host="127.0.0.1", port=0, verbose=False)
        try:
            server.scene.set_up_direction("-y")
            server.initial_camera.position = (0.0, -ABOVE * SHOWN_DEPTH, -BEHIND * SHOWN_DEPTH)
            server.initial_camera.look_at = (0.0, 0.0, SHOWN_DEPTH)
            server.scene.add_point_cloud(
                f"/{cloud.label}",
                (cloud.points * scale).astype(np.float32),
                cloud.colours,
                point_size=POINT * cloud.spacing * scale,
                point_shape="circle",
                point_shading="flat",
            )
            return server.scene.as_html()
        finally:
            server.stop()
