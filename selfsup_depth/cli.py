"""From a command line (and YAML files) to a frozen dataclass, and from a UserError to an exit status.

The dataclasses in `config.py` are the only description of the options: names, types, defaults and
help all come from their fields, flattened to Monodepth2's style (`--frame_ids 0 -1 1 --use_stereo`).
A YAML file is turned into the same words and put in front of the command line, so both follow
the same rules and the command line wins.
"""

from __future__ import annotations

import dataclasses
import difflib
import os
import signal
import sys
import threading
import traceback
import typing
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

import tyro
import yaml

from selfsup_depth.errors import UserError
from selfsup_depth.workers import dead_worker, keep_freed_memory

Config = TypeVar("Config")
#: Recipes that come with the library; `--config distdepth` finds configs/distdepth.yaml.
RECIPES = Path(__file__).parent / "configs"
STOPPED = "stopped by Ctrl-C"
_TRUE, _FALSE = {"true", "yes", "on", "1"}, {"false", "no", "off", "0"}


def parse(config_class: type[Config], argv: Sequence[str] | None = None, *, recipe: Path | None = None) -> Config:
    """Read options from `recipe` (YAML), then every `--config FILE.yaml` or recipe's name, then `argv`.

    The last one wins.

    Raises UserError for a bad YAML file or key; unknown options end the program with status 2 and
    the nearest known names, as tyro prints them.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    files, words = _take_config_files(words)
    types = field_types(config_class)
    layers = [_words_from_yaml(path, types) for path in ([recipe] if recipe else []) + files]
    return tyro.cli(
        config_class,
        args=_settle_switches([*_flatten(layers), *words], types),
        use_underscores=True,
        config=(tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff),
    )


def run(main: Callable[[], int | None]) -> int:
    """Run a script's `main`; a UserError becomes one sentence on stderr and status 2, Ctrl-C status 130.

    So does a loader's worker that was killed. What a KeyboardInterrupt says of itself is printed: how the program was
    stopped, and what it has saved. Memory that the program frees it keeps: fresh pages for the maps of every step or
    picture are an eighth of its time on a CPU.
    """
    keep_freed_memory()
    try:
        return main() or 0
    except (UserError, RuntimeError) as error:
        told = error if isinstance(error, UserError) else dead_worker(error)
        if told is None:
            raise
        print(f"error: {told}", file=sys.stderr)
        # frees the loaders on the stack, whose workers then end in order: at exit they would be killed, and torch
        # would report that at length
        traceback.clear_frames(error.__traceback__)
        return 2
    except KeyboardInterrupt as stop:
        print(str(stop) or STOPPED, file=sys.stderr)
        return 130


@contextmanager
def quiet_ctrl_c() -> Iterator[None]:
    """Around a script's imports, which take seconds: Ctrl-C ends the program there with one line.

    No exception would do: modules of C code print or swallow one that comes while they are loaded.
    """
    before = signal.getsignal(signal.SIGINT)
    mine = before is signal.default_int_handler and threading.current_thread() is threading.main_thread()
    if mine:
        signal.signal(signal.SIGINT, _end_at_once)
    try:
        yield
    finally:
        if mine:
            signal.signal(signal.SIGINT, before)


def _end_at_once(number: int, frame: FrameType | None) -> None:
    os.write(2, f"{STOPPED}\n".encode())
    os._exit(130)


def field_types(config_class: type) -> dict[str, Any]:
    """Option name -> type, through nested dataclasses."""
    hints = typing.get_type_hints(config_class)
    found: dict[str, Any] = {}
    for field in dataclasses.fields(config_class):
        if dataclasses.is_dataclass(hints[field.name]):
            found |= field_types(hints[field.name])
        else:
            found[field.name] = hints[field.name]
    return found


def as_flat_dict(config: Any) -> dict[str, Any]:
    """The options of a configuration as plain JSON/YAML values, in order."""
    flat: dict[str, Any] = {}
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(value):
            flat |= as_flat_dict(value)
        else:
            flat[field.name] = _plain(value)
    return flat


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, tuple | list):
        return [_plain(entry) for entry in value]
    return value


def _take_config_files(words: list[str]) -> tuple[list[Path], list[str]]:
    files: list[Path] = []
    rest: list[str] = []
    stream = iter(words)
    for word in stream:
        if word == "--config" or word.startswith("--config="):
            name = word.partition("=")[2] or next(stream, "")
            if not name:
                raise UserError("--config needs the path of a YAML file, or the name of a recipe")
            files.append(_recipe_or_file(name))
        else:
            rest.append(word)
    return files, rest


def _recipe_or_file(name: str) -> Path:
    """A file of the user's; else a recipe of ours by its plain name."""
    recipe = RECIPES / f"{name}.yaml"
    return recipe if not Path(name).is_file() and "/" not in name and recipe.is_file() else Path(name)


def _words_from_yaml(path: Path, types: dict[str, Any]) -> list[str]:
    if not path.is_file():
        recipes = ", ".join(sorted(recipe.stem for recipe in RECIPES.glob("*.yaml")))
        raise UserError(f"--config {path}: no such file, and no such recipe; there are: {recipes}")
    try:
        content = yaml.safe_load(path.read_text()) or {}
    except yaml.YAMLError as error:
        raise UserError(f"--config {path} is not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise UserError(f"--config {path}: expected lines `option: value`, found {type(content).__name__}")
    words: list[str] = []
    for key, value in content.items():
        if key not in types:
            near = difflib.get_close_matches(str(key), types, n=3)
            hint = f"; perhaps you meant {' or '.join(near)}" if near else "; see --help for the options"
            raise UserError(f"--config {path}: unknown option '{key}'{hint}")
        if value is None:
            continue  # an empty value leaves the default
        entries = value if isinstance(value, list) else [value]
        words += [f"--{key}", *(str(entry) for entry in entries)]
    return words


def _settle_switches(words: list[str], types: dict[str, Any]) -> list[str]:
    """`--switch`, `--switch true` and `--switch false` all work, and the last one decides."""
    switches = {name for name, kind in types.items() if kind is bool}
    state: dict[str, bool] = {}
    rest: list[str] = []
    position = 0
    while position < len(words):
        word, _, value = words[position].partition("=")
        name = word.removeprefix("--").replace("-", "_")
        position += 1
        if not word.startswith("--") or name not in switches:
            rest.append(words[position - 1])
            continue
        if not value and position < len(words) and words[position].lower() in _TRUE | _FALSE:
            value = words[position]
            position += 1
        if value and value.lower() not in _TRUE | _FALSE:
            raise UserError(f"--{name} is a switch: expected true or false, found '{value}'")
        state[name] = not value or value.lower() in _TRUE
    return rest + [f"--{name}" for name, on in state.items() if on]


def _flatten(layers: Sequence[Sequence[str]]) -> Iterator[str]:
    for layer in layers:
        yield from layer
