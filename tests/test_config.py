"""What --help says of an option agrees with what the option takes; refusals name a value that works."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from selfsup_depth import config
from selfsup_depth.config import DataConfig, DistillConfig, LoadingConfig, LossConfig, OptimizerConfig, RunConfig
from selfsup_depth.datasets import DATASETS
from selfsup_depth.errors import UserError
from selfsup_depth.methods import METHODS
from splits import SPLITS

SOURCE = "\n".join(path.read_text() for path in sorted(Path(config.__file__).parent.glob("*.py")))


def help_of(option: str) -> str:
    found = re.search(rf'^    {option}: [^\n]*\n    """(.*?)"""', SOURCE, re.MULTILINE | re.DOTALL)
    assert found, option
    return found[1]


def test_options_that_are_names_list_them():
    for option, names in (
        ("dataset", set(DATASETS)),
        ("method", set(METHODS)),
        ("split", {name for name, split in SPLITS.items() if "train" in split.parts} | {"list file"}),
        ("models_to_load", {*RunConfig().models_to_load, "predictive_mask"}),
    ):
        assert [name for name in names if not re.search(rf"\b{name}\b", help_of(option))] == [], option


def test_what_none_means_is_said():
    options = re.findall(r"^    (\w+): .*\| None = None$", SOURCE, re.MULTILINE)
    assert len(options) > 10
    assert [option for option in options if "None: " not in " ".join(help_of(option).split())] == []


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: OptimizerConfig(batch_size=0), "--batch_size must be at least 1, found 0; the default is 12"),
        (lambda: OptimizerConfig(learning_rate=0), "--learning_rate must be positive, found 0; the default is 0.0001"),
        (lambda: OptimizerConfig(ema_decay=1), "found 1; the default is 0.995"),
        (lambda: OptimizerConfig(clip_gradient_norm=-1), "found -1: 0 never shortens"),
        (lambda: LossConfig(disparity_smoothness=-1), "found -1; the default is 0.001"),
        (lambda: DataConfig(num_workers=-1), "--num_workers must be 0 or more, found -1; the default is 12"),
        (lambda: DataConfig(frame_ids=(0, 1, 1)), "names a frame twice: 0 1 1; try --frame_ids 0 1"),
        (lambda: DistillConfig("dpt_hybrid", dist_wt=-1.0), "found -1: 0 leaves the term out"),
        (lambda: DistillConfig("dpt_hybrid", thre=2.0), "found 2; the default is 0.95"),
        (lambda: DistillConfig("dpt_hybrid", distill_warmup=-1), "found -1: 0 is no warm-up"),
        (lambda: RunConfig(save_frequency=0), "--save_frequency must be at least 1, found 0; the default is 1"),
        (lambda: LoadingConfig(shard_cache_gb=-1), "--shard_cache_gb must be 0 or more, found -1: 0 keeps nothing"),
        (lambda: RunConfig(seed=-1), "--seed must be 0 or more, found -1; the default is 0"),
        (lambda: RunConfig(model_name="a/b"), "found 'a/b': give where it lies as --log_dir"),
    ],
)
def test_refusals_name_a_value_that_works(make, message):
    with pytest.raises(UserError, match=re.escape(message)):
        make()
