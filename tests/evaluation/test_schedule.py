"""Tasks on an embedded cluster, and on a real Dask scheduler with two workers in other processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.evaluation.test_evaluate import given
from tests.live import rtbci, wait_for

DIES = """
import os
import signal
from pathlib import Path

import numpy as np


class Dies:
    # kills its process, the first time or always
    def __init__(self, always: bool = False, trace: str = ""):
        self.always, self.trace = always, trace

    def fit(self, windows, labels):
        first = not Path(self.trace).exists()
        Path(self.trace).touch()
        if first or self.always:
            os.kill(os.getpid(), signal.SIGKILL)

    def predict(self, window):
        return np.log([0.5, 0.5])
"""


@contextmanager
def process(*arguments: object) -> Iterator[subprocess.Popen[bytes]]:
    started = subprocess.Popen(
        [sys.executable, "-m", "dask", *map(str, arguments)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    )
    try:
        yield started
    finally:
        started.terminate()
        try:
            started.wait(20)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Dask scheduler with two workers, each a process of its own."""
    file = tmp_path_factory.mktemp("dask") / "scheduler.json"
    with ExitStack() as stack:
        stack.enter_context(
            process("scheduler", "--host", "127.0.0.1", "--port", 0, "--no-dashboard", "--scheduler-file", file)
        )
        wait_for(file.exists, 60, "no Dask scheduler")
        address = str(json.loads(file.read_text())["address"])
        for number in (1, 2):
            stack.enter_context(
                process("worker", address, "--nthreads", 1, "--name", f"w{number}", "--no-dashboard",
                        "--local-directory", file.parent / f"w{number}")
            )  # fmt: skip
        from dask.distributed import Client

        with Client(address, timeout=30, set_as_default=False) as client:
            client.wait_for_workers(2, timeout=90)
        yield address


def hashes(said: dict) -> list[tuple[str, str, str]]:
    return [(row["decoder"], row["fold"], row["decisions_sha256"]) for row in said["rows"]]


def test_workers_of_a_cluster_decide_what_one_process_decides(scheduler, runs, experiment, tmp_path):
    code, alone, errors = rtbci("evaluate", experiment, *given(runs), "--out", tmp_path / "alone", "--jobs", 1)
    assert code == 0, errors
    code, cluster, errors = rtbci(
        "evaluate", experiment, *given(runs), "--out", tmp_path / "cluster", "--scheduler", scheduler
    )
    assert code == 0, errors
    assert hashes(cluster) == hashes(alone) and len(hashes(alone)) == 4
    assert [row["shuffled"] for row in cluster["rows"]] == [row["shuffled"] for row in alone["rows"]]
    # what the cluster finished is kept here, and is not asked for again
    code, again, errors = rtbci("evaluate", experiment, *given(runs), "--out", tmp_path / "cluster", "--jobs", 1)
    assert code == 0 and again["resumed"] == 4 and hashes(again) == hashes(alone)


def test_processes_of_this_machine_decide_what_one_decides(runs, experiment, tmp_path):
    code, two, errors = rtbci("evaluate", experiment, *given(runs), "--out", tmp_path / "two", "--jobs", 2)
    assert code == 0, errors
    code, one, errors = rtbci("evaluate", experiment, *given(runs), "--out", tmp_path / "one", "--jobs", 1)
    assert code == 0, errors
    assert hashes(two) == hashes(one)


def with_dying_decoder(experiment: Path, folder: Path, always: bool) -> None:
    (folder / "dies.py").write_text(DIES)
    trace = folder / "trace"
    arguments = f'use = "./dies.py:Dies"\nalways = {str(always).lower()}\ntrace = "{trace}"'
    experiment.write_text(experiment.read_text().replace('use = "csp"', arguments))


def test_a_task_whose_worker_died_is_run_again(runs, experiment, tmp_path):
    with_dying_decoder(experiment, tmp_path, always=False)
    code, said, errors = rtbci("evaluate", experiment, *given(runs), "--out", tmp_path / "out", "--jobs", 2)
    assert code == 0, errors
    assert [row["decoder"] for row in said["rows"]] == ["csp", "csp", "power", "power"]


def test_a_task_that_kills_every_worker_is_reported_and_loses_no_other(runs, experiment, tmp_path):
    with_dying_decoder(experiment, tmp_path, always=True)
    code, said, errors = rtbci("evaluate", experiment, *given(runs[:2]), "--out", tmp_path / "out", "--jobs", 2)
    assert code == 1, errors
    assert [row["decoder"] for row in said["rows"]] == ["power"]
    (failed,) = said["failed"]
    assert "csp" in failed["task"] and "did not survive" in failed["error"]


def test_a_scheduler_without_workers_is_refused(runs, experiment, tmp_path):
    file = tmp_path / "scheduler.json"
    with process("scheduler", "--host", "127.0.0.1", "--port", 0, "--no-dashboard", "--scheduler-file", file):
        wait_for(file.exists, 60, "no Dask scheduler")
        address = json.loads(file.read_text())["address"]
        code, said, _ = rtbci("evaluate", experiment, *given(runs), "--out", tmp_path / "out", "--scheduler", address)
    assert code == 2 and "has no workers" in said["error"]
