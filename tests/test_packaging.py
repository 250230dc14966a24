"""The wheel works outside the checkout, and the scripts set their threads before torch starts its own."""

from __future__ import annotations

import ast
import os
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (path,) = folder.glob("*.whl")
    return path


def test_the_wheel_holds_code_recipes_and_commands_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert "selfsup_depth/configs/builtin_drive.yaml" in names
    assert "selfsup_depth/report/templates/report.html" in names
    tops = {name.split("/")[0] for name in names if ".dist-info" not in name}
    assert tops == {
        "selfsup_depth", "geometry", "splits", "trainer",
        "train.py", "evaluate_depth.py", "export_gt_depth.py", "predict_depth.py",
        "prepare_data.py", "make_report.py", "check_data.py", "evaluate_pose.py", "export_onnx.py",
    }  # fmt: skip


def test_the_wheel_works_outside_the_checkout(wheel, tmp_path):
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    code = (
        "import train, predict_depth, selfsup_depth; from splits import read_split;"
        "from selfsup_depth import DepthPredictor;"
        "from selfsup_depth import cli; assert (cli.RECIPES / 'builtin_drive.yaml').is_file();"
        "assert len(read_split('eigen', 'test')) == 697;"
        "print(selfsup_depth.__file__)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env={"PYTHONPATH": str(site), "PATH": "/usr/bin"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith(str(site))


@pytest.mark.parametrize(
    "script", ["train.py", "evaluate_depth.py", "predict_depth.py", "prepare_data.py", "make_report.py"]
)
def test_scripts_tame_waiting_threads_before_torch_is_loaded(script):
    body = ast.parse((ROOT / script).read_text()).body
    kinds = ["GOMP_SPINCOUNT" in ast.unparse(node) for node in body]
    before = [ast.unparse(node) for node in body[: kinds.index(True)]]
    assert [line for line in before if line.startswith(("import", "from"))] == [
        "from __future__ import annotations", "import os",
    ]  # fmt: skip


SCRIPTS = [
    "train.py", "evaluate_depth.py", "export_gt_depth.py", "predict_depth.py", "prepare_data.py", "make_report.py",
    "check_data.py", "evaluate_pose.py", "export_onnx.py",
]  # fmt: skip


@pytest.mark.parametrize("script", SCRIPTS)
def test_ctrl_c_while_a_script_loads_is_one_line(script, tmp_path):
    """rich is among what every script loads; here loading it takes as long as torch does on a slow disk."""
    (tmp_path / "rich").mkdir()
    (tmp_path / "rich" / "__init__.py").write_text("")
    for module in ("console", "progress"):
        (tmp_path / "rich" / f"{module}.py").write_text("import time\nprint('loading', flush=True)\ntime.sleep(60)\n")
    (tmp_path / "torch.py").write_text("")
    (tmp_path / "tyro.py").write_text("")
    process = subprocess.Popen(
        [sys.executable, str(ROOT / script)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
    )  # fmt: skip
    assert process.stdout.readline() == "loading\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (130, "stopped by Ctrl-C\n")


def test_requirements_pin_the_pair_of_torch_and_torchvision_and_name_no_host():
    text = (ROOT / "requirements.txt").read_text()
    assert "torch==" in text
    assert "torchvision==" in text
    assert "://" not in text
