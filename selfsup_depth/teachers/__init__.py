"""Frozen experts: networks that were trained elsewhere and say something about depth."""

from __future__ import annotations

from selfsup_depth.teachers.contract import Kind, Quantity, Teacher, TeacherInfo
from selfsup_depth.teachers.fetching import TeacherAbsent, teacher_folder
from selfsup_depth.teachers.input_policy import InputPolicy, TeacherSize
from selfsup_depth.teachers.loading import load_teacher, told_by_files
from selfsup_depth.teachers.table import TEACHERS, TRUE_DEPTH

__all__ = [
    "TEACHERS",
    "TRUE_DEPTH",
    "InputPolicy",
    "Kind",
    "Quantity",
    "Teacher",
    "TeacherAbsent",
    "TeacherInfo",
    "TeacherSize",
    "load_teacher",
    "teacher_folder",
    "told_by_files",
]
