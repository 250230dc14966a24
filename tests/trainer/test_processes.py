"""Two processes train as one, and end as one."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import ranks
import torch
import torch.distributed as dist

from selfsup_depth.checkpoints import load_checkpoint
from selfsup_depth.errors import UserError
from tests.trainer import rank_work
from trainer.processes import from_environment, patience
from trainer.sampler import EpochSampler, share
from trainer.seeds import dropout_seed, noise_seed

UNEVEN = {"batch_size": 5, "num_epochs": 2, "accumulate_steps": 2}  # shares of 2 and 3 samples; 2 steps an epoch


def train(folder: Path, count: int, name: str, changes: dict) -> list[dict[str, torch.Tensor]]:
    """The weights that each of `count` processes ends with."""
    if count == 1:
        rank_work.train(folder, name, changes)
    else:
        ranks.run(count, folder, rank_work.train, folder, name, changes)
    return [torch.load(folder / f"weights{rank}.pt") for rank in range(count)]


def lines(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "toy" / "metrics.jsonl").read_text().splitlines()]


def assert_close(one: dict, other: dict, tolerance: float = 1e-6) -> None:
    assert one.keys() == other.keys()
    for name in one:
        assert torch.allclose(one[name], other[name], rtol=0, atol=tolerance), name


# ------------------------------------------------------------------ the same numbers


@pytest.mark.parametrize("count", [2, 3, 5, 8])
def test_the_shares_are_the_batches_of_one_process(count):
    whole = EpochSampler(23, 8, seed=1)
    parts = [EpochSampler(23, 8, seed=1, rank=rank, count=count) for rank in range(count)]
    for sampler in (whole, *parts):
        sampler.start_at(3, 1)
    assert len(whole) == len(parts[0])
    for batch, *shares in zip(whole, *parts, strict=True):
        assert [key for part in shares for key in part] == batch
        assert max(map(len, shares)) - min(map(len, shares)) <= 1
    assert [i for rank in range(count) for i in share(3, rank, count)] == [0, 1, 2]


def test_no_two_processes_draw_the_same():
    seeds = [draw(0, step, rank) for draw in (noise_seed, dropout_seed) for rank in range(3) for step in range(5000)]
    assert len({seed % 2**32 for seed in seeds}) == len(seeds)  # a CPU's generator reads 32 bits of a seed
    assert noise_seed(7, 3) == 7 * 1_000_003 + 3


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("counting", UNEVEN),
        ("sparing", UNEVEN),
        ("normed", {**UNEVEN, "sync_batchnorm": True}),
    ],
)
def test_two_processes_train_as_one(name, changes, tmp_path):
    (one,) = train(tmp_path / "one", 1, name, changes)
    both = train(tmp_path / "two", 2, name, changes)
    assert_close(one, both[0])
    assert_close(both[0], both[1], tolerance=0)
    for line, same in zip(lines(tmp_path / "one"), lines(tmp_path / "two"), strict=True):
        assert line.keys() == same.keys()
        for key in line.keys() - {"kind", "images_per_s", "waiting_for_data"}:
            assert same[key] == pytest.approx(line[key], rel=1e-5), key


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_without_synchronising_the_processes_still_hold_one_network(precision, tmp_path):
    both = train(tmp_path, 2, "toy", {"num_epochs": 2, "ema_decay": 0.9, "precision": precision})
    assert_close(both[0], both[1], tolerance=0)
    assert lines(tmp_path)[-1]["kind"] == "validation"


def test_only_the_main_process_writes_and_prints(tmp_path):
    changes = {"num_epochs": 1}
    rank_work.train(tmp_path / "one", "counting", changes)
    started = ranks.start(2, tmp_path / "two", rank_work.train, tmp_path / "two", "counting", changes)
    main, other = started.wait()
    assert (main.status, other.status, other.out, other.err) == (0, 0, "", "")
    assert "epoch 1: score" in main.out
    one, two = (
        sorted(path.relative_to(tmp_path / name / "toy").as_posix() for path in (tmp_path / name / "toy").rglob("*")
               if "events" not in path.name)
        for name in ("one", "two")
    )  # fmt: skip
    assert one == two
    assert len(list((tmp_path / "two" / "toy").rglob("events.*"))) == 1


@pytest.mark.parametrize("count", [1, 2])
def test_a_run_of_two_that_was_killed_goes_on_with_as_many_and_with_fewer(count, tmp_path):
    changes = {"num_epochs": 2, "run": {"save_steps": 2}}
    (uninterrupted,) = train(tmp_path / "whole", 1, "counting", changes)
    cut = tmp_path / "cut"
    ended = ranks.start(2, cut, rank_work.struck, cut, 0, 7, "SIGKILL", changes).wait()
    assert ended[0].status == -9
    assert load_checkpoint(cut / "toy" / "models" / "last").meta.step == 6
    both = train(tmp_path / "both", 2, "counting", changes)
    changes["run"]["resume"] = True
    resumed = train(cut, count, "counting", changes)
    assert_close(uninterrupted, resumed[0])
    if count == 2:
        assert_close(both[0], resumed[0], tolerance=0)
    last, same = lines(tmp_path / "whole")[-1], lines(cut)[-1]
    assert (last["kind"], last["step"]) == (same["kind"], same["step"])
    assert same["score"] == pytest.approx(last["score"], rel=1e-6)


# ------------------------------------------------------------------ the same end

LOST = "process 0: stopped, because process 1 has ended; nothing since step 2 was saved: go on from there with --resume"


def strike(folder: Path, rank: int, what: str, **settings: object) -> list[ranks.Ended]:
    changes = {"run": {"save_steps": 2}, **settings}
    return ranks.start(2, folder, rank_work.struck, folder, rank, 3, what, changes).wait(30)


def assert_intact(folder: Path, step: int = 2) -> None:
    last = load_checkpoint(folder / "toy" / "models" / "last", with_training_state=True)
    assert last.meta.step == last.training_state["position"]["step"] == step


def test_a_killed_process_ends_the_other_with_a_sentence(tmp_path):
    main, killed = strike(tmp_path, 1, "SIGKILL")
    assert (main.status, killed.status) == (1, -9)
    assert main.err == (
        "error: another process of this run was killed or does not answer any more; nothing since step 2 was saved: go "
        "on from there with --resume\n"
    )
    assert_intact(tmp_path)


def test_a_process_that_fails_says_why_and_the_other_that_it_follows(tmp_path):
    main, failed = strike(tmp_path, 1, "bad picture")
    assert (main.status, failed.status) == (1, 2)
    assert failed.err == "error: picture_7.png cannot be read\n"
    assert main.err == LOST + "\n"
    assert_intact(tmp_path)


@pytest.mark.parametrize("sync", [False, True])
def test_a_share_larger_than_memory_is_said_with_the_batch_that_fits(sync, tmp_path):
    main, full = strike(tmp_path, 1, "out of memory", sync_batchnorm=sync)
    assert (main.status, full.status) == (1, 2)
    told = "its 2 samples of a step take more memory" if sync else "2 samples at once .*: 1 fit, so give --batch_size 2"
    assert re.search(told, full.err), full.err
    assert main.err == LOST + "\n"
    assert_intact(tmp_path)


def test_a_failure_of_the_main_process_is_told_once(tmp_path):
    main, other = strike(tmp_path, 0, "bad picture")
    assert (main.err, other.err) == ("error: picture_7.png cannot be read\n", "")
    assert (main.status, other.status) == (2, 1)


def test_a_loss_that_is_no_number_in_one_process_stops_both_alike(tmp_path):
    main, other = strike(tmp_path, 1, "no number")
    assert (main.status, other.status) == (2, 2)
    (sentence,) = (main.err + other.err).splitlines()  # said by one of them
    samples = rank_work.Setup(tmp_path).trainer(rank_work.Counting(), 23).sampler
    share_of_other = list(samples)[3][2:]
    names = ", ".join(f"sample {index}" for _, index in share_of_other)
    assert sentence.startswith(f"error: step 4: the loss term fit is not a finite number (samples {names});")
    assert_intact(tmp_path)


@pytest.mark.parametrize(("rank", "what", "source"), [(1, "SIGTERM", "SIGTERM"), (0, "SIGINT", "Ctrl-C")])
def test_a_signal_to_one_process_stops_both_after_the_same_step(rank, what, source, tmp_path):
    main, other = strike(tmp_path, rank, what)
    assert (main.status, other.status, other.err) == (130, 130, "")
    assert main.err == f"stopped by {source}; step 5 is saved: go on with --resume\n"  # asked for in step 4
    assert_intact(tmp_path, 5)
    # no process ends the others, as torchrun would, while the checkpoint is being written
    assert [(tmp_path / f"saved{rank}").read_text() for rank in range(2)] == ["5", "5"]


def test_a_process_that_does_not_answer_is_given_up(tmp_path):
    started = ranks.start(
        2, tmp_path, rank_work.struck, tmp_path, 1, 3, "SIGSTOP", {"run": {"save_steps": 2}}, SELFSUP_DEPTH_TIMEOUT="3"
    )
    started.processes[0].join(30)
    started.kill()
    assert started.processes[0].exitcode == 1
    assert "killed or does not answer any more; nothing since step 2" in started.texts()[0][1]
    assert_intact(tmp_path)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_processes_that_are_started_again_find_nothing_of_the_first(count, tmp_path):
    """Not the news that the run has ended, no old address; there may be more of them or fewer."""
    changes = {"num_epochs": 1, "run": {"save_steps": 2}}
    first = ranks.start(2, tmp_path, rank_work.struck, tmp_path, 1, 3, "bad picture", changes)
    assert [ended.status for ended in first.wait()] == [1, 2]
    ended = ranks.start(count, tmp_path, rank_work.train, tmp_path, "counting", changes, store=first.store).wait()
    assert [each.status for each in ended] == [0] * count, ended


def test_the_main_process_takes_its_turn_first_then_the_first_of_each_machine(tmp_path):
    ended = ranks.start(4, tmp_path, rank_work.in_turn, tmp_path, "", machines=2).wait()
    assert [each.status for each in ended] == [0] * 4, ended
    turns, left = ([float((tmp_path / f"{when}{rank}").read_text()) for rank in range(4)] for when in ("turn", "left"))
    assert turns[0] < min(turns[1], turns[2])
    assert turns[2] < turns[3]
    assert max(turns) < min(left)


@pytest.mark.parametrize(("ends", "status"), [("bad option", 2), ("help", 0)])
def test_what_ends_the_main_process_in_its_turn_ends_the_others_in_silence(ends, status, tmp_path):
    main, other = ranks.start(2, tmp_path, rank_work.in_turn, tmp_path, ends).wait(20)
    assert (main.status, other.status, other.err) == (status, status, "")
    assert main.err == ("error: --colour blue is not known\n" if ends == "bad option" else "")
    assert not list(tmp_path.glob("turn*"))


def test_machines_that_see_other_data_are_refused(tmp_path):
    ended = ranks.start(2, tmp_path, rank_work.other_data, tmp_path).wait(20)
    (sentence,) = "".join(one.err for one in ended).splitlines()
    assert sentence.startswith("error: process 1 of 2 would train with something else than process 0: --samples: 20")


def test_a_batch_smaller_than_the_processes_is_refused(tmp_path):
    ended = ranks.start(2, tmp_path, rank_work.train, tmp_path, "counting", {"batch_size": 1}).wait(20)
    (sentence,) = "".join(one.err for one in ended).splitlines()
    assert sentence.startswith("error: --batch_size 1 is the batch of all 2 processes together")


def test_a_timeout_that_is_no_number_of_seconds_is_refused(monkeypatch):
    monkeypatch.setenv("SELFSUP_DEPTH_TIMEOUT", "soon")
    with pytest.raises(UserError, match="SELFSUP_DEPTH_TIMEOUT=soon: expected the seconds"):
        patience()


def test_a_process_that_never_comes_is_not_waited_for_without_end(monkeypatch):
    store = dist.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    for name, value in {"RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "2"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
    monkeypatch.setenv("MASTER_PORT", str(store.port))
    monkeypatch.setenv("TORCHELASTIC_USE_AGENT_STORE", "True")
    monkeypatch.setenv("SELFSUP_DEPTH_TIMEOUT", "0.3")
    with pytest.raises(UserError, match="not all 2 processes of this run have come within 0 s"):
        from_environment()


def test_one_process_of_a_launcher_is_like_none(monkeypatch):
    for name, value in {"RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MASTER_ADDR", "nowhere")
    monkeypatch.setenv("MASTER_PORT", "1")
    assert from_environment().alone
