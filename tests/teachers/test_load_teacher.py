"""From a name or path to a teacher: where weights are looked for, what is said when they cannot be had."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import time
import urllib.error
import urllib.request
from email.message import Message
from pathlib import Path

import pytest
import torch
from huggingface_hub import constants
from huggingface_hub.errors import RemoteEntryNotFoundError

from selfsup_depth.errors import UserError
from selfsup_depth.teachers import TEACHERS, fetching, load_teacher, teacher_folder
from selfsup_depth.teachers.table import named_by_file
from tests.teachers.teacher_files import tiny_dpt, write_isl_file

HUB = "Intel/dpt-large"


def test_importing_the_teachers_does_not_import_transformers_and_its_absence_is_said(tmp_path: Path) -> None:
    write_isl_file(tmp_path / "dpt_hybrid.pt", "dpt_hybrid")
    program = f"""
import sys
from selfsup_depth.errors import UserError
from selfsup_depth.teachers import load_teacher
assert "transformers" not in sys.modules and "huggingface_hub" not in sys.modules
sys.modules["transformers"] = None
try:
    load_teacher({str(tmp_path / "dpt_hybrid.pt")!r})
except UserError as error:
    print(error)
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "needs the package transformers, which is not installed; run pip install" in run.stdout


def test_a_missing_package_of_another_name_is_no_matter_of_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(path: Path, spec: object) -> None:
        raise ModuleNotFoundError("No module named 'x'", name="x")

    monkeypatch.setattr("selfsup_depth.teachers.loading.load_isl_file", broken)
    (tmp_path / "a.pt").touch()
    with pytest.raises(ModuleNotFoundError):
        load_teacher(str(tmp_path / "a.pt"))


def test_an_unknown_name_lists_the_names_and_the_nearest() -> None:
    with pytest.raises(UserError) as error:
        load_teacher("dpt_hybird")
    assert "did you mean dpt_hybrid?" in str(error.value)
    assert ", ".join(TEACHERS) in str(error.value)
    with pytest.raises(UserError, match="found none of them; names are dpt_hybrid, .*, true_depth"):
        load_teacher("qqqq")
    with pytest.raises(UserError, match="did you mean true_depth?"):  # no network, but something that can be asked for
        load_teacher("true_deph")


@pytest.mark.parametrize("path", ["absent.pt", "./absent", "/absent/folder", "~/absent"])
def test_a_missing_path_is_named(path: str) -> None:
    with pytest.raises(UserError, match=f"--distill {path}: there is no such file or folder"):
        load_teacher(path)


@pytest.mark.parametrize("name", [*TEACHERS, "somebody/some-depth"])
def test_without_network_every_teacher_says_at_once_what_to_fetch_and_where_to_put_it(folder: Path, name: str) -> None:
    start = time.monotonic()
    with pytest.raises(UserError) as error:
        load_teacher(name)
    assert time.monotonic() - start < 2.0
    message = str(error.value)
    assert f"--distill {name}: its weights are neither in {folder} nor" in message
    assert message.count("Name or service not known") == 1
    spec = TEACHERS.get(name)
    if spec is None:
        assert f"huggingface.co/{name} into the folder {folder / name}" in message
    if spec and spec.file:
        assert f"{spec.file.url} as {folder / spec.file.name}" in message
    if spec and spec.hub:
        assert f"huggingface.co/{spec.hub} into the folder {folder / spec.hub}" in message


def test_offline_mode_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(UserError, match="cannot be downloaded .*HF_HUB_OFFLINE is set"):
        load_teacher("depth_anything_v2_small")


def test_the_teacher_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SELFSUP_DEPTH_TEACHERS", raising=False)
    monkeypatch.delenv("SELFSUP_DEPTH_CACHE", raising=False)
    assert teacher_folder() == Path.home() / ".cache/selfsup_depth/teachers"
    monkeypatch.setenv("SELFSUP_DEPTH_CACHE", "/disk")
    assert teacher_folder() == Path("/disk/teachers")
    monkeypatch.setenv("SELFSUP_DEPTH_TEACHERS", "/experts")
    assert teacher_folder() == Path("/experts")


def test_a_file_in_the_teacher_folder_is_found_by_the_teachers_name(folder: Path) -> None:
    folder.mkdir()
    write_isl_file(folder / "dpt_hybrid_nyu-2ce69ec7.pt", "dpt_hybrid")
    teacher = load_teacher("dpt_hybrid_nyu")
    assert (teacher.info.name, teacher.info.kind) == ("dpt_hybrid_nyu", "calibrated_depth")
    assert teacher.policy.input_size(480, 640) == (480, 640)
    by_path = load_teacher(str(folder / "dpt_hybrid_nyu-2ce69ec7.pt"))
    assert by_path.info == teacher.info


def test_a_repository_in_the_teacher_folder_is_found_by_either_name(folder: Path) -> None:
    tiny_dpt().save_pretrained(folder / HUB)  # type: ignore[operator]
    assert load_teacher("dpt_large").info.name == "dpt_large"
    assert load_teacher(HUB).info.name == HUB


def test_weights_can_be_given_for_a_name_and_only_for_a_name(folder: Path, tmp_path: Path) -> None:
    tiny_dpt().save_pretrained(tmp_path / "mine")  # type: ignore[operator]
    assert load_teacher("dpt_large", weights=tmp_path / "mine").info.name == "dpt_large"
    with pytest.raises(UserError, match="weights of their own .* go with a name"):
        load_teacher(str(tmp_path / "mine"), weights=tmp_path / "mine")


def test_the_hugging_face_cache_needs_no_network(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot = tmp_path / "snapshot"
    tiny_dpt().save_pretrained(snapshot)  # type: ignore[operator]

    def cached(hub: str, file: str) -> str | None:
        assert hub == HUB
        return str(snapshot / file) if (snapshot / file).is_file() else None

    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", cached)
    assert load_teacher("dpt_large").info.kind == "relative_disparity"
    (snapshot / "model.safetensors").unlink()  # half a repository is none
    with pytest.raises(UserError, match="cannot be downloaded"):
        load_teacher("dpt_large")


class _Answer:
    def __enter__(self) -> None: ...

    def __exit__(self, *error: object) -> None: ...


def test_a_repository_is_downloaded_file_by_file(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot = tmp_path / "snapshot"
    tiny_dpt().save_pretrained(snapshot)  # type: ignore[operator]
    asked = []

    def download(hub: str, file: str) -> str:
        asked.append(file)
        if not (snapshot / file).is_file():
            raise RemoteEntryNotFoundError.__new__(RemoteEntryNotFoundError)
        return str(snapshot / file)

    monkeypatch.setattr(urllib.request, "urlopen", lambda *arguments, **options: _Answer())
    monkeypatch.setattr("huggingface_hub.hf_hub_download", download)
    assert load_teacher("somebody/tiny").info.name == "somebody/tiny"
    assert asked == ["config.json", "preprocessor_config.json", "model.safetensors"]


def test_a_file_is_downloaded_with_its_checksum(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def download(url: str, path: str, hash_prefix: str | None) -> None:
        asked.append((url.rsplit("/", 1)[-1], hash_prefix))
        write_isl_file(Path(path), "dpt_hybrid")

    def not_allowed(*arguments: object, **options: object) -> None:
        raise urllib.error.HTTPError("url", 405, "Method Not Allowed", Message(), None)

    monkeypatch.setattr(urllib.request, "urlopen", not_allowed)  # a server that answers is there
    monkeypatch.setattr(torch.hub, "download_url_to_file", download)
    load_teacher("dpt_hybrid_kitti")
    with pytest.raises(UserError, match="midas"):
        load_teacher("midas_v21")  # what came is no MiDaS
    assert asked == [("dpt_hybrid_kitti-cb926ef4.pt", "cb926ef4"), ("midas_v21_384.pt", None)]


def test_a_download_that_breaks_off_is_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_off(*arguments: object, **options: object) -> None:
        raise RuntimeError('invalid hash value (expected "2ce69ec7", got "00000000")')

    monkeypatch.setattr(fetching, "_probe", lambda url: None)
    monkeypatch.setattr(torch.hub, "download_url_to_file", break_off)
    with pytest.raises(UserError, match=r"cannot be downloaded \(invalid hash value"):
        load_teacher("dpt_hybrid_nyu")


def test_the_identity_tells_weights_sizes_and_meanings_apart(tmp_path: Path) -> None:
    for name, seed in (("a", 0), ("b", 1)):
        tiny_dpt(seed).save_pretrained(tmp_path / name / "dpt")  # type: ignore[operator]
    tiny_dpt(0).save_pretrained(tmp_path / "copy" / "dpt")  # type: ignore[operator]
    first, other, copy = (load_teacher(str(tmp_path / name / "dpt")).info for name in ("a", "b", "copy"))
    assert first == copy  # the same weights in another place
    assert first.identity != other.identity
    native = load_teacher(str(tmp_path / "a" / "dpt"), size="native").info
    hundred = load_teacher(str(tmp_path / "a" / "dpt"), size=100).info
    assert len({first.identity, native.identity, hundred.identity}) == 3
    (tmp_path / "a" / "dpt" / "preprocessor_config.json").write_text('{"size": 200}')
    assert load_teacher(str(tmp_path / "a" / "dpt")).info.identity != first.identity
    assert str(tmp_path) not in first.identity


def test_the_identity_is_spelt_as_ever_so_that_caches_stay_valid(tmp_path: Path) -> None:
    path = write_isl_file(tmp_path / "dpt_hybrid_nyu.pt", "dpt_hybrid")
    digits = hashlib.sha256(hashlib.sha256(path.read_bytes()).digest()).hexdigest()[:16]
    assert load_teacher(str(path)).info.identity == (
        f"dpt_hybrid_nyu; calibrated_depth; 1/(0.000305 raw + 0.1378); weights {digits}; "
        "short side 480, multiple 32, mean (0.5, 0.5, 0.5), std (0.5, 0.5, 0.5)"
    )


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("dpt_hybrid-midas-501f0c75.pt", "dpt_hybrid"),
        ("dpt_large-midas-2f21e586.pt", "dpt_large"),
        ("dpt_hybrid_nyu-2ce69ec7.pt", "dpt_hybrid_nyu"),
        ("dpt_hybrid_kitti.pt", "dpt_hybrid_kitti"),
        ("midas_v21_384.pt", "midas_v21"),
        ("dpt_hybrid_nyu_new-217f207d.pt", None),
        ("dpt_hybrid_384.pt", None),
        ("midas_v21_small_256.pt", "midas_v21_small"),
        ("midas_v21_small-70d6b9c8.pt", "midas_v21_small"),
        ("model-small-70d6b9c8.pt", None),
    ],
)
def test_file_names_that_name_a_teacher(file: str, name: str | None) -> None:
    assert named_by_file(Path("somewhere") / file) == name
