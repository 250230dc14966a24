from __future__ import annotations

from selfsup_depth.evaluation.leaks import leak_of


def test_training_on_the_benchmark_list_is_said_when_scoring_on_eigen():
    sentence = leak_of({"dataset": "kitti", "split": "benchmark"}, "eigen")
    assert sentence.startswith("451 of the 697 test frames")


def test_the_default_lists_are_clean_and_unknown_ones_say_nothing():
    assert leak_of({"dataset": "kitti", "split": None}, "eigen") is None
    assert leak_of({"dataset": "kitti_odom"}, "eigen").startswith("84 of the 697")
    assert leak_of({}, "eigen") is None  # a checkpoint of others
    assert leak_of({"dataset": "stereo_folder", "split": "/my/lists"}, "eigen") is None
    assert leak_of({"dataset": "kitti", "split": "benchmark"}, None) is None
