"""What of a machine each of its processes takes."""

from __future__ import annotations

import pytest
import torch

from selfsup_depth.config import RunConfig
from selfsup_depth.errors import UserError
from trainer.loop import choose_device
from trainer.processes import Processes
from trainer.threads import cores_of_process, share_threads


@pytest.fixture
def eight_cores(monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: set(range(8)), raising=False)
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def test_processes_share_the_cores_of_their_machine(eight_cores, monkeypatch):
    two = Processes(rank=3, count=4, local_rank=1, local_count=2)
    assert cores_of_process() == 8
    assert cores_of_process(two) == 4
    assert cores_of_process(Processes(count=20, local_count=20)) == 1
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert share_threads(two, torch.device("cpu")) is None
    assert torch.get_num_threads() == 4
    torch.set_num_threads(1)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # by torchrun, or by the user: nobody knows
    told = share_threads(two, torch.device("cpu"))
    assert told.startswith("each process computes with 1 thread, but has 4 cores to itself: OMP_NUM_THREADS=4 before")
    assert torch.get_num_threads() == 1
    assert share_threads(two, torch.device("cuda")) is None
    assert share_threads(Processes(), torch.device("cpu")) is None


def test_each_process_of_a_machine_has_its_own_gpu(monkeypatch):
    chosen = []
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    monkeypatch.setattr("torch.cuda.set_device", chosen.append)
    two = Processes(rank=3, count=4, local_rank=1, local_count=2)
    assert choose_device(RunConfig(), two) == torch.device("cuda", 1)
    assert chosen == [1]
    assert choose_device(RunConfig(no_cuda=True), two) == torch.device("cpu")
    with pytest.raises(UserError, match=r"started 4 processes on a machine with 2 GPU\(s\).* --nproc_per_node"):
        choose_device(RunConfig(), Processes(count=4, local_count=4))
