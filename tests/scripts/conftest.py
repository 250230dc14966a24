"""A finished tiny run, and footage to make others."""

from __future__ import annotations

from pathlib import Path

import pytest
from stereo_footage import write_stereo_folder


@pytest.fixture(scope="session")
def footage(tmp_path_factory) -> Path:
    return write_stereo_folder(tmp_path_factory.mktemp("footage"))


@pytest.fixture
def own_footage(tmp_path) -> Path:
    """A copy that the test may damage."""
    return write_stereo_folder(tmp_path / "footage")


@pytest.fixture(scope="session")
def tiny_options(footage) -> list[str]:
    """Options of train.py that make a run of a few seconds."""
    return [
        "--dataset", "stereo_folder", "--data_path", str(footage), "--height", "64", "--width", "96",
        "--weights_init", "scratch", "--encoder", "mobilenetv3_small_050", "--pose_model_type", "posecnn",
        "--batch_size", "4", "--num_epochs", "2", "--num_workers", "0", "--no_cuda",
    ]  # fmt: skip


@pytest.fixture(scope="session")
def trained(tmp_path_factory, tiny_options) -> Path:
    """The folder of a finished tiny stereo run."""
    import train

    log_dir = tmp_path_factory.mktemp("runs")
    assert train.main([*tiny_options, "--frame_ids", "0", "--use_stereo", "--log_dir", str(log_dir)]) == 0
    return log_dir / "mdp"
