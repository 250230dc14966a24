"""What was written, counted and told: for the sidecar of a video and for the summary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from selfsup_depth.prediction.cameras import PictureCamera
from selfsup_depth.prediction.frames import Frame

FileFacts = Mapping[str, Mapping[str, Any]]  # output -> what a sidecar says of its file
OF_ONE_FILE = ("file", "points", "saturated_pixels")  # entries that differ from frame to frame


class Ledger:
    """Filled in the order of the pictures."""

    def __init__(self) -> None:
        self.written = 0
        self.left_out: list[str] = []
        self.saturated: Counter[str] = Counter()  # output -> pixels beyond the largest value that it can hold
        self.size: tuple[int, int] | None = None  # (height, width) of the first picture
        self.camera: PictureCamera | None = None  # of the first picture whose camera is known
        self._outputs: dict[str, dict[str, Any]] = {}
        self._times: dict[str, float] = {}

    def enter(self, frame: Frame, files: FileFacts, camera: PictureCamera | None = None) -> None:
        """A picture whose files are complete."""
        for output, facts in files.items():
            if "saturated_pixels" in facts:
                self.saturated[output] += facts["saturated_pixels"]
            if frame.path is None:
                shared = {key: value for key, value in facts.items() if key not in OF_ONE_FILE}
                pattern = facts["file"].replace(frame.name.rpartition("/")[2], "NUMBER")
                self._outputs.setdefault(output, {"files": f"{frame.name.rpartition('/')[0]}/{pattern}", **shared})
        self.size = self.size or frame.size
        self.camera = self.camera or camera
        if frame.time_s is not None:
            self._times[frame.name.rpartition("/")[2]] = round(frame.time_s, 6)
        self.written += 1

    @property
    def frames_per_second(self) -> float | None:
        """Mean rate at which frames with times were taken; None: fewer than two have one."""
        times = list(self._times.values())
        return (len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 and times[-1] > times[0] else None

    def facts(self) -> dict[str, Any]:
        """Of all frames of a video or a webcam together."""
        outputs = {
            name: facts | ({"saturated_pixels": self.saturated[name]} if name in self.saturated else {})
            for name, facts in self._outputs.items()
        }
        return {"frames": self.written, "left_out": self.left_out, "outputs": outputs, "times_s": self._times}
