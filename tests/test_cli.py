"""Options: Monodepth2's names, types and defaults; YAML beneath the command line; clear refusals."""

from __future__ import annotations

import signal
import weakref
from pathlib import Path

import pytest

from selfsup_depth import cli
from selfsup_depth.config import DataConfig, LossConfig, NetworkConfig, OptimizerConfig, RunConfig, TrainConfig
from selfsup_depth.errors import UserError

#: Monodepth2's training options and defaults (A.13); where ours differ on purpose, see docs/differences.md.
PUBLISHED = {
    "num_layers": 18, "dataset": "kitti", "png": False, "height": 192, "width": 640,
    "disparity_smoothness": 1e-3, "scales": [0, 1, 2, 3], "min_depth": 0.1, "max_depth": 100.0,
    "use_stereo": False, "frame_ids": [0, -1, 1], "batch_size": 12, "learning_rate": 1e-4, "num_epochs": 20,
    "scheduler_step_size": 15, "v1_multiscale": False, "avg_reprojection": False, "disable_automasking": False,
    "predictive_mask": False, "no_ssim": False, "weights_init": "pretrained", "pose_model_input": "pairs",
    "pose_model_type": "separate_resnet", "no_cuda": False, "num_workers": 12, "load_weights_folder": None,
    "models_to_load": ["encoder", "depth", "pose_encoder", "pose"], "log_frequency": 250, "save_frequency": 1,
    "model_name": "mdp",
}  # fmt: skip


def parse(text: str) -> TrainConfig:
    return cli.parse(TrainConfig, text.split())


def test_defaults_are_the_published_ones():
    defaults = cli.as_flat_dict(TrainConfig())
    assert {name: defaults[name] for name in PUBLISHED} == PUBLISHED


def test_monodepth2_command_lines_work_verbatim():
    config = parse("--frame_ids 0 -1 1 --use_stereo --split eigen_full --num_layers 50 --learning_rate 1e-5")
    assert config.data.frame_ids == (0, -1, 1)
    assert config.data.use_stereo
    assert config.network.num_layers == 50
    assert config.optimizer.learning_rate == 1e-5


def test_yaml_is_beneath_the_command_line(tmp_path):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("frame_ids: [0, -2, 2]\nuse_stereo: true\nlearning_rate: 1e-3\nbatch_size: 4\ndata_path:\n")
    config = parse(f"--config {recipe} --batch_size 6")
    assert config.data.frame_ids == (0, -2, 2)
    assert config.data.use_stereo
    assert config.optimizer.learning_rate == 1e-3
    assert config.optimizer.batch_size == 6
    assert config.data.data_path is None
    assert not parse(f"--config {recipe} --use_stereo false").data.use_stereo


def test_flat_dict_round_trips_through_yaml(tmp_path):
    import yaml

    config = parse("--frame_ids 0 1 --no_ssim --weights_init scratch --scales 0 2")
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(cli.as_flat_dict(config)))
    assert parse(f"--config {path}") == config


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("num_layer: 18", "unknown option 'num_layer'; perhaps you meant num_layers"),
        ("- a\n- b", "expected lines"),
        ("a: [", "not valid YAML"),
    ],
)
def test_bad_yaml_is_refused_by_name(tmp_path, text, message):
    path = tmp_path / "recipe.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=message) as caught:
        parse(f"--config {path}")
    assert str(path) in str(caught.value)


def test_missing_yaml_is_refused():
    with pytest.raises(UserError, match="no such file"):
        parse("--config nowhere.yaml")
    with pytest.raises(UserError, match="needs the path"):
        parse("--config")


def test_unknown_option_ends_with_the_nearest_name(capsys):
    with pytest.raises(SystemExit) as caught:
        parse("--frame_idz 0")
    assert caught.value.code == 2
    assert "--frame_ids" in capsys.readouterr().err


def test_switch_with_a_wrong_value_is_refused():
    with pytest.raises(UserError, match="--use_stereo is a switch"):
        parse("--use_stereo=maybe")


def test_what_a_failed_script_held_is_freed_at_once(capsys):
    """Loader workers that live until the interpreter's exit are killed there, which torch reports."""
    freed = []

    class Loader:
        pass

    def main():
        loader = Loader()
        weakref.finalize(loader, freed.append, True)
        error = UserError("a sample is damaged")  # refers to the frame that refers to it, as torch raises it
        raise error

    assert cli.run(main) == 2
    assert freed and "a sample is damaged" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: DataConfig(height=100), "--height must be a multiple of 32"),
        (lambda: DataConfig(width=32), "--width must be a multiple of 32, at least 64"),
        (lambda: DataConfig(frame_ids=(-1, 0, 1)), "--frame_ids must start with 0.*Try --frame_ids 0 -1 1"),
        (lambda: DataConfig(frame_ids=(0, 1, 1)), "names a frame twice"),
        (lambda: DataConfig(frame_ids=(0,)), "leaves nothing to compare"),
        (lambda: DataConfig(num_workers=-1), "--num_workers"),
        (lambda: NetworkConfig(scales=(0, 5)), "--scales must be distinct"),
        (lambda: NetworkConfig(scales=(1, 2)), "--scales must contain 0"),
        (lambda: NetworkConfig(min_depth=2, max_depth=1), "--min_depth must be positive and below"),
        (lambda: NetworkConfig(initial_depth=1000), "--initial_depth must lie between"),
        (lambda: LossConfig(predictive_mask=True), "--predictive_mask cannot work together with auto-masking"),
        (lambda: LossConfig(disparity_smoothness=-1), "--disparity_smoothness must not be negative"),
        (lambda: OptimizerConfig(batch_size=0), "--batch_size must be at least 1"),
        (lambda: OptimizerConfig(learning_rate=0), "--learning_rate must be positive"),
        (lambda: OptimizerConfig(clip_gradient_norm=-1), "--clip_gradient_norm"),
        (lambda: OptimizerConfig(ema_decay=1.0), "--ema_decay"),
        (lambda: OptimizerConfig(learning_rate=float("nan")), "--learning_rate must be positive"),
        (lambda: LossConfig(disparity_smoothness=float("nan")), "--disparity_smoothness"),
        (lambda: RunConfig(seed=-1), "--seed must be 0 or more"),
        (lambda: RunConfig(save_steps=-3), "--save_steps must be 0 or more"),
        (lambda: RunConfig(model_name="a/b"), "--model_name must be a plain folder name"),
        (lambda: RunConfig(log_frequency=0), "--log_frequency"),
    ],
)
def test_impossible_options_are_refused_in_words(build, message):
    with pytest.raises(UserError, match=message):
        build()


def test_run_turns_user_errors_into_one_sentence(capsys):
    def fails():
        raise UserError("the sky is missing: look up")

    def interrupted():
        raise KeyboardInterrupt

    assert cli.run(fails) == 2
    assert capsys.readouterr().err == "error: the sky is missing: look up\n"
    def interrupted_with_a_sentence():
        raise KeyboardInterrupt("stopped by SIGTERM; step 7 is saved")

    assert cli.run(interrupted) == 130
    assert capsys.readouterr().err == "stopped by Ctrl-C\n"
    assert cli.run(interrupted_with_a_sentence) == 130
    assert capsys.readouterr().err == "stopped by SIGTERM; step 7 is saved\n"
    assert cli.run(lambda: None) == 0


def test_quiet_ctrl_c_gives_the_handler_back_and_respects_another():
    before = signal.getsignal(signal.SIGINT)
    try:
        for handler in (signal.default_int_handler, signal.SIG_IGN):
            signal.signal(signal.SIGINT, handler)
            with cli.quiet_ctrl_c():
                assert (signal.getsignal(signal.SIGINT) is handler) == (handler is signal.SIG_IGN)
            assert signal.getsignal(signal.SIGINT) is handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_every_option_has_a_help_text(capsys):
    with pytest.raises(SystemExit):
        parse("--help")
    text = capsys.readouterr().out
    for name in cli.field_types(TrainConfig):
        assert f"--{name}" in text


def test_builtin_recipe_is_readable():
    recipe = Path(cli.__file__).parent / "configs" / "builtin_drive.yaml"
    config = cli.parse(TrainConfig, ["--batch_size", "3"], recipe=recipe)
    assert config.network.weights_init == "scratch"
    assert config.optimizer.batch_size == 3
