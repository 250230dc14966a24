"""Each fault, planted alone in good data, is found by the check that is for it, and good data has none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from planted_faults import FAULTS, blurred, drive, focal, with_depth, with_K
from preflight_looks import found_in, look_at, look_at_dataset
from recording import RecordingSource

from selfsup_depth.datasets import DatasetRequest, FootageOptions, ReaderOptions, ViewDataset
from selfsup_depth.preflight import CHECKS, run_checks


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_found_and_named(name):
    fault = FAULTS[name]
    found = found_in(look_at(fault.make()))
    assert fault.check in found, f"found only {list(found)}"
    finding = found[fault.check]
    assert fault.words in " ".join((finding.found, finding.cause, finding.remedy))
    assert np.isfinite(finding.number) and finding.expected and finding.cause and finding.remedy
    assert finding.picture is not None and finding.picture.std() > 5
    assert set(found) <= {fault.check, *fault.echoes}


def test_good_data_has_no_finding_and_is_looked_at_by_every_check():
    recording = with_depth(lambda depth: np.rint(1000 * depth) / 1000)  # as 16-bit millimetres are read
    results = run_checks(look_at(recording))
    assert {name: result.saw for name, result in results.items() if result.findings} == {}
    of_files = {"bit_depth", "animation", "duplicate_files"}  # test_file_faults.py has these
    of_videos = {"undecodable_frames", "unmatched_frames"}  # test_video_faults.py has these
    assert {name for name, result in results.items() if not result.looked} == of_files | of_videos
    assert set(results) == set(CHECKS)


def test_more_than_twenty_faults_are_planted_and_every_check_has_one():
    assert len(FAULTS) > 50
    elsewhere = {
        "readable", "bit_depth", "animation", "duplicate_files", "missing_partners", "depth_readable", "depth_range",
        "undecodable_frames", "unmatched_frames",
    }  # fmt: skip
    assert {fault.check for fault in FAULTS.values()} == set(CHECKS) - elsewhere


def test_a_depth_range_that_is_missed_is_found_and_another_one_is_named():
    footage = look_at(drive())
    far = found_in(replace(footage, depth_range=(0.1, 1.5)))
    assert set(far) == {"depth_range"} and "--max_depth" in far["depth_range"].remedy
    near = found_in(replace(footage, depth_range=(2.5, 100.0)))
    assert set(near) == {"depth_range"} and "--min_depth" in near["depth_range"].remedy
    suggested = float(near["depth_range"].remedy.split()[-1])
    assert found_in(replace(footage, depth_range=(suggested, 100.0))) == {}


def test_a_size_that_training_asks_for_is_compared_with_the_images():
    recording = drive()
    height, width = recording.left[0].shape[:2]
    for scale, squeezed in ((0.45, True), (0.55, False), (1.9, False), (2.2, True)):
        request = DatasetRequest(height, round(width * scale), (0, -1, 1, "s"))
        found = found_in(look_at_dataset(ViewDataset("recording", RecordingSource(request, recording), request)))
        assert set(found) == ({"squeezed"} if squeezed else set())


def test_a_guessed_camera_that_is_learnt_is_no_fault():
    recording = replace(drive(), camera_is_guess=True)
    options = ReaderOptions(footage=FootageOptions(guess_fov=60.0))
    request = DatasetRequest(*recording.left[0].shape[:2], (0, -1, 1), options=options)
    results = run_checks(look_at_dataset(ViewDataset("recording", RecordingSource(request, recording), request)))
    assert results["known_camera"].findings == ()
    assert results["known_camera"].saw == "a guess of 77 degrees, from which it is learnt"


def test_without_stereo_and_poses_depth_in_millimetres_is_found_all_the_same():
    recording = replace(with_depth(lambda depth: 1000 * depth), has_poses=False)
    found = found_in(look_at(recording, (0, -1, 1)))
    assert set(found) == {"depth_unit"}
    assert "neither stereo nor poses" in found["depth_unit"].found


def test_names_that_count_backwards_are_found_whatever_the_pictures_say():
    names = sorted(f"frame{number}.jpg" for number in range(2, 20, 2))  # as words: 10, 12, ..., 2, 4
    finding = found_in(look_at(replace(drive(), names=names), moments=9))["frame_order"]
    assert "frame16.jpg -> frame18.jpg -> frame2.jpg; their numbers do not count upwards" in finding.found


@pytest.mark.parametrize(("fx", "is_found"), [(290.0, False), (40.0, True)])
def test_copies_that_were_squeezed_to_a_size_of_training_are_asked_for_an_impossible_shape_only(fx, is_found):
    footage = look_at(with_K(focal(fx, 190.0)))
    assert CHECKS["focal_ratio"].run(footage).findings
    footage.parts[0].source.made_from = "folder"
    assert bool(CHECKS["focal_ratio"].run(footage).findings) == is_found


def test_whole_metres_are_coarse_and_no_turned_bits_although_they_are_multiples_of_8_millimetres():
    found = found_in(look_at(with_depth(lambda depth: np.rint(np.minimum(depth, 60)))))
    assert set(found) == {"depth_encoding"} and "8 bits" in found["depth_encoding"].cause


def test_depth_that_is_not_a_number_infinite_or_negative_is_unknown_depth():
    def holes(depth: np.ndarray) -> np.ndarray:
        pattern = np.arange(depth.size).reshape(depth.shape) % 40
        return np.select([pattern == 0, pattern == 1, pattern == 2], [np.nan, np.inf, -1.0], depth)

    recording = with_depth(holes)
    with np.errstate(all="raise"):
        assert found_in(look_at(recording)) == {}


@pytest.mark.parametrize("size", [(12, 40), (18, 18), (3, 5)])
def test_pictures_too_small_to_match_are_no_trouble(size):
    noise = np.random.default_rng(0)
    images = [noise.integers(0, 256, (*size, 3), dtype=np.uint8) for _ in range(18)]
    K = np.array([[30.0, 0, size[1] / 2], [0, 30.0, size[0] / 2], [0, 0, 1]])
    recording = replace(drive().copy(), left=images[:9], right=images[9:], left_K=K, right_K=K, has_depth=False)
    run_checks(look_at(recording))


def test_grey_pictures_without_texture_are_no_trouble():
    grey = [np.full((60, 80, 3), 100 + 10 * n, dtype=np.uint8) for n in range(9)]
    recording = replace(drive().copy(), left=grey, right=[blurred(image) for image in grey], has_depth=False)
    run_checks(look_at(recording))
