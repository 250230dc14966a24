"""docs/your_own_data.md: every command that stands there is run, on small footage in the files that it names."""

from __future__ import annotations

import importlib
import re
import shlex
import shutil
from pathlib import Path

import pytest

from export_onnx import ExportOnnxConfig
from make_report import ReportConfig
from selfsup_depth import cli
from selfsup_depth.config import TrainConfig
from selfsup_depth.config.check import CheckConfig
from selfsup_depth.datasets import builtin
from selfsup_depth.datasets.builtin import ensure_builtin_drive, plain_footage
from selfsup_depth.evaluation.config import EvaluateConfig
from selfsup_depth.odometry.config import PoseConfig
from selfsup_depth.prediction.opening import open_source
from selfsup_depth.prediction.options import PredictConfig
from selfsup_depth.prediction.video_frames import Webcam
from selfsup_depth.preparation.config import PrepareConfig

pytest.importorskip("cv2")
from own_footage import WRITERS  # noqa: E402 (which needs OpenCV)

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "your_own_data.md").read_text()
PARTS = {part.partition("\n")[0]: part for part in PAGE.split("\n## ")}
#: From footage to report, as it is promised: the first commands of these sections.
WALKS = {"A stereo rig": "footage/rig", "A video": "footage/drive.mp4"}
FRAMES = 14
SIZE = "--height 64 --width 96 --num_workers 0"
SMALLER = {
    "train.py": f"{SIZE} --batch_size 4 --num_epochs 1 --no_cuda --weights_init scratch --pose_model_type posecnn "
    "--encoder mobilenetv3_small_050",
    "prepare_data.py": SIZE,
    "check_data.py": SIZE,
    "predict_depth.py": "--no_cuda",
    "evaluate_depth.py": "--no_cuda --num_workers 0",
    "evaluate_pose.py": "--no_cuda --num_workers 0",
    "make_report.py": "--no_cuda --num_workers 0",
}
#: Run by a test of their own.
BENCHMARKS = {
    "benchmarks.loader": "tests/benchmarks/test_loader_benchmark.py",
    "benchmarks.latency": "tests/benchmarks/test_latency_benchmark.py",
}


def commands_of(part: str) -> list[str]:
    """In blocks, indented, and inside sentences, in their order."""
    found = re.findall(r"^ *(python .*)$|`(python [^`]*)`", part, re.MULTILINE)
    return list(dict.fromkeys(" ".join((line or inside).split()) for line, inside in found))


def walk_of(section: str) -> list[str]:
    """The lines of a section's first block of commands."""
    block = re.search(r"^```\n(python .*?)^```", PARTS[section], re.MULTILINE | re.DOTALL)
    assert block is not None
    return block[1].splitlines()


def script_of(command: str) -> str:
    return shlex.split(command)[1]


def run(command: str, smaller: str = "") -> int:
    script, *words = shlex.split(command)[1:]
    return importlib.import_module(Path(script).stem).main([*words, *shlex.split(smaller)])


@pytest.fixture(scope="session")
def drive(tmp_path_factory) -> Path:
    return ensure_builtin_drive(tmp_path_factory.mktemp("drive"), frames=FRAMES, height=64, width=96, workers=1)


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    """In a folder of nobody, with a cache of its own."""
    monkeypatch.setenv("SELFSUP_DEPTH_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


# ------------------------------------------------------------------ from footage to report


@pytest.fixture
def _short_first_try(tmp_path, monkeypatch):
    """The recipe of the walk with a tiny network and one epoch: its commands are run as they stand."""
    written = (cli.RECIPES / "first_try.yaml").read_text()
    shorter = "encoder: mobilenetv3_small_050\npose_model_type: posecnn\nnum_epochs: 1\nnum_workers: 0\nno_cuda: true\n"
    kept = "".join(f"{line}\n" for line in written.splitlines() if not line.startswith("num_epochs"))
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes" / "first_try.yaml").write_text(kept + shorter)
    monkeypatch.setattr(cli, "RECIPES", tmp_path / "recipes")


@pytest.mark.usefixtures("_short_first_try")
@pytest.mark.parametrize("section", WALKS)
def test_five_commands_or_fewer_from_bare_footage_to_report(section, tmp_path, drive):
    commands, footage = walk_of(section), tmp_path / WALKS[section]
    assert 1 <= len(commands) <= 5
    assert [script_of(commands[0]), script_of(commands[-1])] == ["check_data.py", "predict_depth.py"]
    footage.parent.mkdir()
    if footage.suffix:
        plain_footage.write_video(drive, footage)
    else:
        plain_footage.write_rig(drive, footage)
        assert {path.name for path in footage.iterdir()} == {"left", "right", "calib.yaml"}
    for command in commands:
        assert run(command) == 0, command
    (report,) = tmp_path.glob("runs/*/report.html")
    assert report.stat().st_size > 100_000
    assert report.parent.name in PARTS[section]
    outputs = shlex.split(commands[-1])[-1]
    assert len(list((tmp_path / outputs).glob("*_depth.npy"))) == FRAMES or list((tmp_path / outputs).glob("*.mp4"))


def test_footage_to_try_it_on_is_written_as_the_page_says(tmp_path, monkeypatch, drive):
    python, dash_m, module, *words = shlex.split(commands_of(PARTS["# Your own camera"])[0])
    assert (python, dash_m) == ("python", "-m")
    monkeypatch.setattr(plain_footage, "ensure_builtin_drive", lambda: drive)
    monkeypatch.setattr("sys.argv", [module, *words])
    assert importlib.import_module(module).main() == 0
    assert all((tmp_path / footage).exists() for footage in WALKS.values())


# ------------------------------------------------------------------ everything after the walk


@pytest.fixture(scope="session")
def footage(tmp_path_factory) -> Path:
    """What the page names, each written when it is first asked for."""
    return tmp_path_factory.mktemp("footage")


@pytest.fixture(scope="session")
def runs(tmp_path_factory, drive) -> Path:
    """Two runs on the drive, with true depth to be compared by."""
    folder = tmp_path_factory.mktemp("runs")
    words = f"python train.py --dataset builtin --data_path {drive} --split {drive}/splits --use_stereo --skip_checks"
    for name in ("mdp", "other"):
        assert run(f"{words} --log_dir {folder} --model_name {name}", SMALLER["train.py"]) == 0
    return folder


def bring(words: list[str], there: Path, here: Path) -> None:
    """Copy the footage that a command names, as it is on a disk of somebody's own."""
    for name in {Path(word).parts[0] for word in words if not word.startswith("-")} & set(WRITERS):
        if not (there / name).exists():
            WRITERS[name](there / name)
        if not (here / name).exists():
            (shutil.copytree if (there / name).is_dir() else shutil.copy2)(there / name, here / name)


def after_the_walk(section: str) -> list[str]:
    commands = commands_of(PARTS[section])
    return [command for command in commands if section not in WALKS or command not in walk_of(section)]


@pytest.mark.parametrize("section", [name for name in list(PARTS)[1:] if after_the_walk(name)])
def test_every_command_runs(section, footage, request, tmp_path, monkeypatch):
    drive = builtin.BuiltinData(lambda: request.getfixturevalue("drive"), "builtin_drive")
    monkeypatch.setitem(builtin.BUILTIN, "builtin", drive)
    monkeypatch.setattr(Webcam, "__init__", lambda self, number: None)
    commands = after_the_walk(section)
    for command in commands:
        script, *words = shlex.split(command)[1:]
        if script == "-m":
            assert (ROOT / BENCHMARKS[words[0]]).is_file()
            continue
        bring(words, footage, tmp_path)
        here = command.replace("CHECKPOINT", "runs/mdp/models/best")
        if re.search(r"\bruns/(mdp|other)", here):  # made by others
            here = re.sub(r"\bruns/(mdp|other)", rf"{request.getfixturevalue('runs')}/\1", here)
        if "--image_path 0 " in command:  # of a webcam there are the options alone
            assert isinstance(open_source(cli.parse(PredictConfig, shlex.split(here)[2:])), Webcam)
            continue
        assert run(here, SMALLER.get(script, "")) == 0, command
    told = " ".join(commands)
    for name in re.findall(r"--model_name (\w+)", told):
        assert (tmp_path / "runs" / name / "report.html").is_file()
    for name in set(re.findall(r"--output_directory (\w+)", told)) - {"webcam_depth"}:
        assert any((tmp_path / name).iterdir())


# ------------------------------------------------------------------ what is said between


def test_sizes_have_the_shape_that_is_said():
    rows = re.findall(r"^\| (?:held upright, )?(\d+):(\d+) \| (\d+) (\d+) \|$", PAGE, re.MULTILINE)
    assert len(rows) == 5
    for across, down, height, width in (map(int, row) for row in rows):
        assert width * down == height * across and height % 32 == width % 32 == 0


def test_every_option_that_is_named_exists():
    configs = (TrainConfig, CheckConfig, PrepareConfig, PredictConfig, EvaluateConfig, PoseConfig, ReportConfig,
               ExportOnnxConfig)  # fmt: skip
    known = {"config", "help"}.union(*map(cli.field_types, configs))
    assert set(re.findall(r"--([a-z]\w+)", PAGE)) - known == set()
