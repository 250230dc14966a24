"""make_report.py as users run it, and the report that train.py leaves."""

from __future__ import annotations

import json
import re
import shutil
from html import unescape
from pathlib import Path

import numpy as np
import pytest
from prepared_sets import prepare_pairs
from stereo_footage import write_stereo_folder

import make_report
import train
from selfsup_depth.errors import UserError
from selfsup_depth.outcome import FinishedRun
from selfsup_depth.outcome.curves import UNITS, curves

MONO = ["--frame_ids", "0", "-1", "1"]
STEREO = ["--frame_ids", "0", "--use_stereo"]


@pytest.fixture(scope="session")
def mono(tmp_path_factory, tiny_options) -> Path:
    """A run without a unit, of a name that is no name."""
    log_dir = tmp_path_factory.mktemp("mono")
    options = ["--log_dir", str(log_dir), "--model_name", "<script>alert(1)<", "--learning_rate", "1e-3"]
    assert train.main([*tiny_options, *MONO, *options]) == 0
    return log_dir / "<script>alert(1)<"


@pytest.fixture(scope="session")
def page(trained) -> str:
    return unescape((trained / "report.html").read_text())


def copy_of(run: Path, folder: Path) -> Path:
    return Path(shutil.copytree(run, folder / run.name))


def pictures(text: str) -> int:
    """Of galleries; those of clouds do not count."""
    return text[: text.index('id="clouds"')].count('src="data:image/webp')


def headings(text: str) -> list[str]:
    return re.findall(r"<h[23]>(.*?)</h[23]>", text)


def test_a_training_leaves_a_report(page, trained):
    assert len(page) < 5e6
    assert {
        "Scores", "By distance", "Depth edges", "Best", "Worst", "In space", "Curves", "loss", "reprojection",
        "auto_masked", "learning_rate", "waiting_for_data", "validation abs_rel", "Every image",
    } <= set(headings(page))  # fmt: skip
    summary = json.loads((trained / "validation.json").read_text())
    scores, ends = summary["headline"], summary["intervals"]["unaligned"]["abs_rel"]
    assert f"<td>{scores['abs_rel']:.3f}<small>{ends[0]:.3f} to {ends[1]:.3f}</small></td>" in page
    assert "un-aligned (metres)" in page and "aligned (median)" in page and "each image's median" in page
    for row in summary["rows"]:
        assert f'["{row["name"]}",{row["valid_pixels"]}.0,' in page
    assert "ten baselines" not in page and "0.5000 m" in page  # where the metres come from
    command = re.search(r"<td>(python train.py --data_path .*)</td>", page).group(1)
    assert "--use_stereo" in command and "--encoder mobilenetv3_small_050" in command
    assert summary["trained_on"].startswith("cpu") and "trained on" in page


def test_every_curve_says_what_it_counts(trained):
    """Of everything that a training logs, but for names that only other options bring."""
    log = FinishedRun.read(trained).log
    charts = curves(log)
    assert len(charts) > 12 and [chart.title for chart in charts if not chart.unit] == []
    names = {name.partition("/")[0] for name in UNITS} - {name.partition("/")[0] for line in log for name in line}
    assert names == {"predictive_mask", "distill", "teacher_skipped", "focal_length", "translation", "rotation"}


def test_rows_agree_with_their_means(trained):
    summary = json.loads((trained / "validation.json").read_text())
    for column in ("aligned", "unaligned"):
        for name, (low, high) in summary["intervals"][column].items():
            values = [row[column][name] for row in summary["rows"]]
            assert summary[column][name] == pytest.approx(np.mean(values))
            assert min(values) - 1e-9 <= low <= np.mean(values) <= high <= max(values) + 1e-9
    bins = [name for name in summary["intervals"]["extras"] if name.startswith("share")]
    assert sum(summary["extra_metrics"]["means"][name]["mean"] for name in bins) == pytest.approx(100)


def test_three_images_with_all_their_pictures(page):
    # the best one and the others, each with image, prediction, truth, error and auto-mask
    assert pictures(page) == 5 * 3 and page.count("% ignored (dark)</span>") == 3


def test_it_is_made_anew_with_chosen_frames(trained, tmp_path, capsys):
    pytest.importorskip("viser")
    run = copy_of(trained, tmp_path)
    (run / "report.html").unlink()
    name = json.loads((run / "validation.json").read_text())["rows"][1]["name"]
    assert make_report.main(["--run", str(run), "--frames", name, "--num_workers", "0"]) == 0
    assert f"report: {run / 'report.html'}" in capsys.readouterr().out
    text = (run / "report.html").read_text()
    assert re.findall(r"data-scene=\"\d\"><b>(.*?)</b> (.*?)</button>", text) == [
        ("prediction", name), ("ground truth", name),
    ]  # fmt: skip
    assert "trained on" in text  # what is only known at the end of a training is not lost
    with pytest.raises(UserError, match=r"--frames nothing is no validation image of .* for example '.*wall"):
        make_report.main(["--run", str(run), "--frames", "nothing", "--num_workers", "0"])


def test_two_runs_side_by_side(trained, mono, tmp_path):
    output = tmp_path / "page.html"
    options = ["--run", str(trained), "--against", str(mono), "--output", str(output), "--num_workers", "0"]
    assert make_report.main(options) == 0
    assert output.stat().st_size < 5e6 and not (trained / "report_against_<script>alert(1)<.html").exists()
    raw = output.read_text()
    assert "<script>alert(1)" not in raw
    text = unescape(raw)
    assert "<h1>mdp against <script>alert(1)<</h1>" in text
    assert "aligned scores, 3 images" in text  # the second run knows no metres
    assert re.search(r"3 images are too few to say which run has the better abs_rel:.*; p = [\d.]+\)", text)
    assert "Where mdp is better by most" in text or "is better by most" in text
    charts = text.split('<div class="chart">')
    both = next(part for part in charts if part.startswith("<h3>validation aligned_abs_rel"))
    assert both.count("<path") == 2 and '<div class="counts">share of the true depth</div>' in both
    assert "The runs differ in --frame_ids, --use_stereo: their loss curves are not of the same quantity." in text


def test_a_run_without_a_unit_says_so(mono):
    text = unescape((mono / "report.html").read_text())
    assert "not metric" in text and "Depths in metres (median-aligned)" in text
    assert "relative (none: trained from video alone" in text
    assert re.search(r"No auto-mask: no validation image has all the frames", text) is None  # frame 1 of 3 has both
    assert text.count("% ignored (dark)") >= 1


def test_the_page_beside_the_run_is_named_after_both(trained, tmp_path):
    run, other = copy_of(trained, tmp_path), Path(shutil.copytree(trained, tmp_path / "other"))
    assert make_report.main(["--run", str(run), "--against", str(other), "--num_workers", "0"]) == 0
    assert "Both runs have the same abs_rel" in (run / "report_against_other.html").read_text()
    with pytest.raises(UserError, match=r"--against .*mdp is the run itself"):
        make_report.main(["--run", str(run), "--against", str(run), "--num_workers", "0"])


def test_runs_of_other_images_are_refused(trained, tmp_path):
    other = Path(shutil.copytree(trained, tmp_path / "other"))
    summary = json.loads((other / "validation.json").read_text())
    summary["rows"] = summary["rows"][1:]
    (other / "validation.json").write_text(json.dumps(summary))
    with pytest.raises(UserError, match="other was validated on other images than mdp"):
        make_report.main(["--run", str(trained), "--against", str(other), "--num_workers", "0"])


@pytest.fixture(scope="session")
def blind(tmp_path_factory, tiny_options) -> dict[str, Path]:
    """Runs on footage without depth: stereo, the same with another loss at another size, and video alone."""
    data, log_dir = write_stereo_folder(tmp_path_factory.mktemp("blind")), tmp_path_factory.mktemp("blind_runs")
    for part in ("train", "val"):
        shutil.rmtree(data / part / "depth")
    other = ["--no_ssim", "--disable_automasking", "--width", "64"]
    for name, options in (("mdp", STEREO), ("small", [*STEREO, *other]), ("video", MONO)):
        where = ["--data_path", str(data), "--log_dir", str(log_dir), "--model_name", name, "--num_epochs", "1"]
        assert train.main([*tiny_options, *options, *where]) == 0
    return {name: log_dir / name for name in ("mdp", "small", "video")}


def test_footage_without_truth_still_has_a_report(blind):
    text = unescape((blind["mdp"] / "report.html").read_text())
    assert "has no ground-truth depth, so there are no depth scores" in text
    assert "training loss on validation images" in text
    assert not {"Scores", "By distance", "Every image"} & set(headings(text))
    assert {"Some validation images", "In space", "validation loss", "validation reprojection"} <= set(headings(text))
    assert pictures(text) == 3 * 3  # image, prediction, auto-mask


def against(run: Path, other: Path, tmp_path: Path) -> str:
    output = tmp_path / "page.html"
    options = ["--run", str(run), "--against", str(other), "--output", str(output), "--num_workers", "0", "--no_cuda"]
    assert make_report.main(options) == 0
    return unescape(output.read_text())


def test_runs_without_truth_are_compared_by_what_they_explain(blind, tmp_path):
    text = against(blind["mdp"], blind["small"], tmp_path)
    assert "3 images are too few to say which run has the better photometric error" in text
    assert "photometric error of the stereo partner at 96x64, 3 of 3 images" in headings(text)
    assert "the frames as they are" in text and "not whose depth is truer" in text
    assert "runs differ in --disable_automasking, --no_ssim: their loss curves are not of the same quantity" in text
    assert "validation loss" in headings(text) and "explains the image better by most" in text
    assert text.count(">mdp: photometric error</span>") == text.count(">small: photometric error</span>") >= 2
    table = text.split('class="scores"')[1].split("</table>")[0]
    first, second = (float(value) for value in re.findall(r"<td>([\d.]+)</td>", table)[:2])
    text = against(blind["small"], blind["mdp"], tmp_path)
    table = text.split('class="scores"')[1].split("</table>")[0]
    assert [float(value) for value in re.findall(r"<td>([\d.]+)</td>", table)[:2]] == [second, first]


def test_runs_that_warp_nothing_in_common_are_shown_and_not_counted(blind, tmp_path):
    text = against(blind["mdp"], blind["video"], tmp_path)
    assert (
        "There is no number to compare these runs by: one was trained on frames 0 s, the other on frames 0 -1 1, and "
        "no frame is warped by both. Look at their curves and predictions." in text
    )
    assert 'class="scores"' not in text and "metres, equal medians" in text
    assert "differ in --frame_ids, --use_stereo: their loss curves" in text


def test_a_run_without_truth_has_no_scores_to_compare(blind, trained):
    with pytest.raises(UserError, match="validation.json is missing, so .* cannot be compared"):
        make_report.main(["--run", str(trained), "--against", str(blind["mdp"]), "--num_workers", "0"])


def test_a_run_without_auto_masks_says_why(own_footage, tmp_path, tiny_options):
    options = ["--data_path", str(own_footage), "--log_dir", str(tmp_path), "--num_epochs", "1"]
    assert train.main([*tiny_options, *STEREO, *options, "--disable_automasking"]) == 0
    text = (tmp_path / "mdp" / "report.html").read_text()
    assert "No auto-mask: trained with --disable_automasking." in text and "ignored (dark)" not in text


def test_validation_frames_without_neighbours_have_no_auto_mask(own_footage, tmp_path, tiny_options):
    for name in ("wall_0001", "wall_0002"):
        for side in ("left", "right", "depth"):
            (own_footage / "val" / side / f"{name}.png").unlink()
    options = ["--data_path", str(own_footage), "--log_dir", str(tmp_path), "--num_epochs", "1"]
    assert train.main([*tiny_options, *MONO, *options]) == 0
    text = (tmp_path / "mdp" / "report.html").read_text()
    assert "No auto-mask: no validation image has all the frames that training compares." in text
    assert "<h3>Worst</h3>" not in text  # one image is all there is


def test_moved_data_is_found(trained, footage, tmp_path):
    run = copy_of(trained, tmp_path)
    config = (run / "config.yaml").read_text().replace(str(footage), str(tmp_path / "gone"))
    (run / "config.yaml").write_text(config)
    with pytest.raises(UserError, match="--data_path .*gone is not a folder"):
        make_report.main(["--run", str(run), "--num_workers", "0"])
    assert make_report.main(["--run", str(run), "--data_path", str(footage), "--num_workers", "0"]) == 0


def test_lists_inside_the_data_move_along(trained):
    config = make_report.FinishedRun.read(trained).config
    data = make_report.replace(config.data, data_path=Path("/old/drive"), split="/old/drive/splits")
    moved = make_report.moved(make_report.replace(config, data=data), Path("/new"))
    assert (moved.data.data_path, moved.data.split) == (Path("/new"), "/new/splits")
    data = make_report.replace(data, split="eigen_zhou")
    assert make_report.moved(make_report.replace(config, data=data), Path("/new")).data.split == "eigen_zhou"


def test_scores_that_cannot_be_written(trained, tmp_path):
    run = copy_of(trained, tmp_path)
    (run / "validation.json").unlink()
    (run / "validation.json").mkdir()
    with pytest.raises(UserError, match=r"validation.json cannot be written \(.*\): free some space, then python"):
        make_report.main(["--run", str(run), "--num_workers", "0"])


def test_bad_input(tmp_path, trained):
    with pytest.raises(UserError, match="is not the folder of a run"):
        make_report.main(["--run", str(tmp_path)])
    (tmp_path / "file").write_text("")
    output = str(tmp_path / "file" / "page.html")
    with pytest.raises(UserError, match=r"page.html cannot be written"):
        make_report.main(["--run", str(trained), "--output", output, "--num_workers", "0"])


def test_of_a_run_on_prepared_data_with_depth(footage, tiny_options, tmp_path):
    """Its held-out frames keep the neighbours that auto-masks compare, although scores need none."""
    prepared = prepare_pairs(tmp_path / "set", footage, size=(64, 96))
    options = ["--dataset", "prepared", "--data_path", str(prepared), *tiny_options[4:], *MONO, "--use_stereo"]
    assert train.main([*options, "--num_epochs", "1", "--log_dir", str(tmp_path)]) == 0
    (tmp_path / "mdp" / "report.html").unlink()
    assert make_report.main(["--run", str(tmp_path / "mdp"), "--num_workers", "0", "--no_cuda"]) == 0
    assert json.loads((tmp_path / "mdp" / "validation.json").read_text())["protocol"]["name"] == "stereo_folder"
    text = unescape((tmp_path / "mdp" / "report.html").read_text())
    ignored = [int(share) for share in re.findall(r"<span>auto-mask: (\d+) % ignored", text)]
    assert len(ignored) == 1 and pictures(text) == 5  # of three held-out frames one has both neighbours
    assert 0 < ignored[0] < 100 and "No auto-mask" not in text
