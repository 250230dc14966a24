"""From what a user writes after --distill to a teacher."""

from __future__ import annotations

import difflib
import re
from dataclasses import replace
from pathlib import Path

import torch

from selfsup_depth.errors import UserError
from selfsup_depth.teachers.contract import Teacher, TeacherInfo, TeacherPrecision
from selfsup_depth.teachers.expert import Facts
from selfsup_depth.teachers.fetching import TeacherAbsent, find, find_or_fetch
from selfsup_depth.teachers.hugging_face import hugging_face_facts, load_hugging_face
from selfsup_depth.teachers.input_policy import TeacherSize
from selfsup_depth.teachers.isl import isl_facts, load_isl_file
from selfsup_depth.teachers.reading import content_hash
from selfsup_depth.teachers.table import TEACHERS, TRUE_DEPTH, IslFile, TeacherSpec, named_by_file

_HUB_NAME = re.compile(r"^[\w-][\w.-]*/[\w.-]+$")


def load_teacher(
    name_or_path: str,
    *,
    device: torch.device | str = "cpu",
    weights: Path | None = None,
    size: TeacherSize = "trained",
    precision: TeacherPrecision = "fp32",
) -> Teacher:
    """A frozen teacher, ready to be asked.

    Args:
        name_or_path: a name in TEACHERS, a checkpoint file of isl-org, a folder in Hugging Face format, or a
            Hugging Face name such as "Intel/dpt-large". What exists on disk goes before a hub name.
        weights: file or folder with the weights of a name in TEACHERS, instead of looking for them.
        size: the scale images are shown at; "native" costs about half of "trained" for 256x256 images.
        precision: of the network's arithmetic.

    Raises:
        UserError: for an unknown name, or weights that cannot be had, read, or do not fit.
    """
    name, place, spec = _what(name_or_path, weights)
    path = place if isinstance(place, Path) else find_or_fetch(name, place)
    try:
        expert = load_hugging_face(path) if path.is_dir() else load_isl_file(path, spec)
    except ModuleNotFoundError as error:
        if error.name != "transformers":
            raise
        raise TeacherAbsent(
            f"--distill {name_or_path}: this teacher needs the package transformers, which is not installed; run "
            "pip install 'selfsup-depth[teacher]'."
        ) from error
    facts = _at(expert.facts, size)
    return Teacher(expert.network, _info(name, facts, precision), facts.policy, precision).to(device)


def told_by_files(
    name_or_path: str, *, size: TeacherSize = "trained", precision: TeacherPrecision = "fp32"
) -> TeacherInfo | None:
    """What `load_teacher` would say of the teacher, told by files of which the weights are hashed and not loaded.

    So it says nothing about weights that do not fit; who needs the network asks `load_teacher`. None where only
    that can tell: the files are not here or not readable, a file has a name that says nothing, or the package
    that reads the folder is not installed.

    Raises:
        UserError: for an unknown name, an incomplete folder, or an impossible size.
    """
    try:
        name, place, spec = _what(name_or_path, None)
        path = place if isinstance(place, Path) else find(place)
        if path is None:
            return None
        facts = hugging_face_facts(path) if path.is_dir() else isl_facts(path, spec)
        return None if facts is None else _info(name, _at(facts, size), precision)
    except (TeacherAbsent, OSError):
        return None
    except ModuleNotFoundError as error:
        if error.name != "transformers":
            raise
        return None


def _what(name_or_path: str, weights: Path | None) -> tuple[str, Path | TeacherSpec, IslFile | None]:
    """Name of the teacher, where its weights are or are to be found, and what they are if the name says so."""
    spec = TEACHERS.get(name_or_path)
    if spec is not None:
        return name_or_path, weights or spec, spec.file
    if weights is not None:
        raise UserError(
            f"--distill {name_or_path}: weights of their own ({weights}) go with a name ({', '.join(TEACHERS)}); "
            "leave them out, or give such a name."
        )
    path = Path(name_or_path).expanduser()
    if path.exists():
        return named_by_file(path) or path.absolute().name, path, None
    if path.suffix in (".pt", ".pth") or path.is_absolute() or name_or_path.startswith((".", "~")):
        raise TeacherAbsent(
            f"--distill {name_or_path}: there is no such file or folder; give the path of a checkpoint file of isl-org "
            "or of a folder with config.json, or a name such as dpt_hybrid, which is downloaded."
        )
    if _HUB_NAME.match(name_or_path):
        return name_or_path, TeacherSpec(hub=name_or_path), None
    raise _unknown(name_or_path)


def _at(facts: Facts, size: TeacherSize) -> Facts:
    return replace(facts, policy=facts.policy.at(size))


def _info(name: str, facts: Facts, precision: TeacherPrecision) -> TeacherInfo:
    arithmetic = "" if precision == "fp32" else precision
    weights = f"weights {content_hash(facts.files)}"
    parts = (name, facts.kind, facts.conversion, weights, str(facts.policy), arithmetic)
    return TeacherInfo(name, facts.kind, identity="; ".join(part for part in parts if part))


def _unknown(name: str) -> UserError:
    names = (*TEACHERS, TRUE_DEPTH)
    close = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {close[0]}? " if close else ""
    return UserError(
        f"--distill {name}: expected a teacher's name, a path or a Hugging Face name (org/model), found none of them; "
        f"{hint}names are {', '.join(names)}."
    )
