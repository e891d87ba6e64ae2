import os

import pytest

from umbed_keras.backend.cores import visible_gpus, worker_environments

pytestmark = pytest.mark.torch_alone

THREADS = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")


@pytest.fixture(autouse=True)
def four_cores(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {2, 3, 6, 7}, raising=False)
    for name in THREADS:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(("count", "threads"), [(1, "4"), (2, "2"), (3, "1"), (9, "1")])
def test_cores_are_divided(monkeypatch, count, threads):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert worker_environments(count) == [dict.fromkeys(THREADS, threads)] * count


def test_the_users_numbers_of_threads_are_kept(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert worker_environments(2) == [dict(zip(THREADS, "32", strict=True))] * 2


def test_gpus_go_round(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,GPU-ab")
    assert visible_gpus() == ["4", "GPU-ab"]
    environments = worker_environments(3)
    assert [one["CUDA_VISIBLE_DEVICES"] for one in environments] == ["4", "GPU-ab", "4"]
    assert {one["XLA_PYTHON_CLIENT_PREALLOCATE"] for one in environments} == {"false"}


def test_gpus_are_those_that_the_driver_lists(monkeypatch, tmp_path):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert visible_gpus() == []
    command = tmp_path / "nvidia-smi"
    command.write_text("#!/bin/sh\necho 'GPU 0: one'\necho 'GPU 1: another'\n")
    command.chmod(0o755)
    assert visible_gpus() == ["0", "1"]
