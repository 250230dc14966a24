"""A run of two processes that is killed and goes on: its losses beside those of one that nothing stopped.

    python -m benchmarks.killed [--at 30] [--plot FILE] [--json FILE] [options of train.py]

whole        torchrun with two processes, from beginning to end
killed       the same, but one of the processes gets SIGKILL when step --at is saved; then the same command again
fewer        the same killed run, ended by one process alone

Without options of train.py: the built-in drive, small networks, --sync_batchnorm (so that one process sees the same
batches as two), and a checkpoint every ten steps.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from matplotlib.figure import Figure

ROOT = Path(__file__).parents[1]
OPTIONS = [
    "--frame_ids", "0", "-1", "1", "--use_stereo", "--height", "64", "--width", "192", "--batch_size", "4",
    "--encoder", "mobilenetv3_small_050", "--pose_model_type", "posecnn", "--weights_init", "scratch",
    "--num_epochs", "2", "--num_workers", "1", "--save_steps", "10", "--sync_batchnorm", "--no_cuda",
]  # fmt: skip
TWO = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
ALONE = [sys.executable]
PATIENCE_S = 1800
#: way -> (step, loss) of every line of its log
Curves = dict[str, list[tuple[int, float]]]


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--at", type=int, default=30)
    parser.add_argument("--plot", type=Path, default=None)
    parser.add_argument("--json", type=Path, default=None)
    asked, options = parser.parse_known_args(argv)
    options = [*OPTIONS, *options]
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        finish(TWO, root / "whole", options)
        went_on_from = kill(root / "killed", options, asked.at)
        shutil.copytree(root / "killed", root / "fewer")
        said = [finish(TWO, root / "killed", options), finish(ALONE, root / "fewer", options)]
        curves: Curves = {way: losses(root / way) for way in ("whole", "killed", "fewer")}
        scores = {way: final_scores(root / way) for way in curves}
    assert all(re.search(rf"^resuming at epoch \d+, step {went_on_from}$", text, re.MULTILINE) for text in said), said
    print(f"killed after step {went_on_from} was saved, of {curves['whole'][-1][0]} steps")
    for way in ("killed", "fewer"):
        print(f"{way}: losses differ from the whole run's by {apart(curves, way):.1e} at most, scores {scores[way]}")
    print(f"whole: scores {scores['whole']}")
    if asked.json is not None:
        asked.json.write_text(json.dumps({"went_on_from": went_on_from, "curves": curves, "scores": scores}) + "\n")
    if asked.plot is not None:
        draw(asked.plot, curves, went_on_from)


def command(launcher: list[str], folder: Path, options: list[str]) -> list[str]:
    return [*launcher, str(ROOT / "train.py"), *options, "--log_dir", str(folder), "--resume"]


def finish(launcher: list[str], folder: Path, options: list[str]) -> str:
    """Train to the end, from wherever the folder's run stands; what was printed."""
    ended = subprocess.run(command(launcher, folder, options), capture_output=True, text=True, timeout=PATIENCE_S)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def kill(folder: Path, options: list[str], at: int) -> int:
    """Start two processes and kill one once step `at` is saved; the step that was saved last."""
    quiet = subprocess.DEVNULL
    started = subprocess.Popen(command(TWO, folder, options), stdout=quiet, stderr=quiet, start_new_session=True)
    try:
        deadline = time.monotonic() + PATIENCE_S
        while saved_step(folder) < at:
            assert started.poll() is None and time.monotonic() < deadline, "it took no steps"
            time.sleep(0.01)
        trains = re.match(r"pid (\d+)", (folder / ".mdp.lock").read_text())
        assert trains is not None
        os.kill(int(trains[1]), signal.SIGKILL)
        assert started.wait(PATIENCE_S) != 0
    finally:
        if started.poll() is None:
            os.killpg(started.pid, signal.SIGKILL)
    return saved_step(folder)


def saved_step(folder: Path) -> int:
    try:
        return int(json.loads((folder / "mdp" / "models" / "last" / "checkpoint.json").read_text())["meta"]["step"])
    except (OSError, ValueError):
        return 0


def losses(folder: Path) -> list[tuple[int, float]]:
    return [(entry["step"], entry["loss"]) for entry in entries(folder, "train")]


def final_scores(folder: Path) -> dict[str, float]:
    last = entries(folder, "validation")[-1]
    return {name: round(last[name], 5) for name in ("abs_rel", "rmse", "a1") if name in last}


def entries(folder: Path, kind: str) -> list[dict]:
    found = [json.loads(line) for line in (folder / "mdp" / "metrics.jsonl").read_text().splitlines()]
    return [entry for entry in found if entry["kind"] == kind]


def apart(curves: Curves, way: str) -> float:
    """Largest relative difference of a loss from that of the whole run."""
    assert [step for step, _ in curves[way]] == [step for step, _ in curves["whole"]]
    pairs = zip(curves[way], curves["whole"], strict=True)
    return max(abs(loss / whole - 1) for (_, loss), (_, whole) in pairs)


def draw(path: Path, curves: Curves, went_on_from: int) -> None:
    figure = Figure(figsize=(6, 3.5), layout="constrained")
    axes = figure.subplots()
    labels = {"whole": "two processes, nothing happens", "killed": "killed, resumed by two", "fewer": "resumed by one"}
    for way, style in zip(labels, ("-", "--", ":"), strict=True):
        axes.plot(*zip(*curves[way], strict=True), style, label=labels[way], linewidth=2)
    axes.axvline(went_on_from, color="0.6", linewidth=1)
    axes.annotate(" killed", (went_on_from, axes.get_ylim()[1]), va="top")
    axes.set(xlabel="step", ylabel="loss")
    axes.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=100)


if __name__ == "__main__":
    main()
