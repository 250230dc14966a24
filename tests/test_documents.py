"""What the documents promise: tests that they name exist, recipes parse, defaults can be used."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from selfsup_depth import cli
from selfsup_depth.config import OptimizerConfig, RunConfig, TrainConfig
from selfsup_depth.methods import METHODS
from selfsup_depth.tutors import TRUE_DEPTH

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_named_tests_exist(page: Path) -> None:
    for path, name in re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", page.read_text()):
        assert (ROOT / path).is_file(), f"{page.name} names {path}"
        assert not name or f"def {name}(" in (ROOT / path).read_text(), f"{page.name} names {path}::{name}"


@pytest.mark.parametrize("recipe", sorted(cli.RECIPES.glob("*.yaml")), ids=lambda recipe: recipe.stem)
def test_every_recipe_parses_by_its_name(recipe: Path) -> None:
    config = cli.parse(TrainConfig, ["--use_stereo", "--config", recipe.stem])
    assert config != TrainConfig()


def test_the_defaults_are_usable() -> None:
    assert OptimizerConfig().learning_rate == 1e-4
    assert set(RunConfig().models_to_load) == {"encoder", "depth", "pose_encoder", "pose"}
    assert RunConfig().method in METHODS


def test_the_published_recipe_is_the_published_one() -> None:
    config = cli.parse(TrainConfig, ["--config", "distdepth"])
    network, data, optimizer = config.network, config.data, config.optimizer
    assert (network.num_layers, network.pose_num_layers, network.upsample) == (152, 50, "bilinear")
    assert (data.height, data.width, data.use_stereo) == (256, 256, True)
    assert (optimizer.batch_size, optimizer.num_epochs, optimizer.scheduler_step_size) == (15, 10, 8)
    assert network.max_depth == 10
    assert config.distill.distill == "dpt_hybrid" != TRUE_DEPTH
    assert (config.distill.thre, config.distill.distill_mode) == (0.95, "paper")
