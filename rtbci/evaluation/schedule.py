"""Runs tasks: in this process, in a few processes of this machine, or on a Dask cluster; what is finished is kept at once.

Dask is the engine beyond one process: an embedded ``LocalCluster`` for ``--jobs``, or the scheduler at an address, whose
workers must have the same rtbci and see the recordings under the same paths. A task that fails is told and the others go
on; one whose worker dies is tried again elsewhere, as Dask does.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rtbci import __version__, config
from rtbci.errors import ConfigError, RtbciError
from rtbci.evaluation import flattery
from rtbci.evaluation import task as work
from rtbci.evaluation.nouns import Outcome
from rtbci.evaluation.store import Store
from rtbci.evaluation.task import Claim, Task

if TYPE_CHECKING:
    from collections.abc import Iterator

Progress = Callable[[str], None]
Work = Task | Claim
Result = Outcome | dict[str, Any]
PATIENCE = 15.0
"""Seconds that a scheduler may take to answer."""


@dataclass(frozen=True, slots=True)
class Failed:
    """A task that did not come to an end, and why, in one line."""

    task: Work
    error: str


@dataclass(slots=True)
class Finished:
    """What the tasks came to, by key; ``resumed`` of it was there before."""

    tasks: Mapping[str, Work]
    results: dict[str, Result]
    resumed: int

    def outcomes(self) -> list[Outcome]:
        """The outcomes in the order of their tasks, whichever was finished first."""
        found = [self.results[key] for key in self.tasks if key in self.results]
        return [one for one in found if isinstance(one, Outcome)]


@dataclass(slots=True)
class Count:
    """How far the tasks are."""

    total: int
    done: int
    failed: int = 0
    resumed: int = 0
    started: float = 0.0

    def text(self, now: str) -> str:
        """A bar and what is going on."""
        finished = self.done + self.failed
        bar = "#" * round(20 * finished / max(1, self.total))
        fresh = finished - self.resumed
        left = ""
        if fresh:
            seconds = (time.monotonic() - self.started) / fresh * (self.total - finished)
            left = f", about {seconds / 60:.0f} min left" if seconds > 90 else f", about {seconds:.0f} s left"
        failed = f", {self.failed} failed" if self.failed else ""
        return f"[{bar:<20}] {finished}/{self.total} tasks{failed}{left}: {now}"


def run(
    tasks: Mapping[str, Work],
    store: Store,
    *,
    jobs: int = 1,
    scheduler: str | None = None,
    progress: Progress = lambda text: None,
) -> tuple[Finished, list[Failed]]:
    """Run the ``tasks`` (by key) that ``store`` does not have; what they came to, and which failed.

    Raises
    ------
    ConfigError
        When no scheduler answers at the address, or it has no workers. (One of another version fails its tasks.)
    """
    outcomes: dict[str, Result] = {}
    for key in tasks:
        kept = store.get(key)
        if kept is not None:
            outcomes[key] = kept
    left = {key: task for key, task in tasks.items() if key not in outcomes}
    count = Count(len(tasks), len(outcomes), resumed=len(outcomes), started=time.monotonic())
    finished = Finished(tasks, outcomes, len(outcomes))
    failed: list[Failed] = []
    if not left:
        return finished, failed
    if scheduler is None and min(jobs, len(left)) <= 1:
        results = _here(left, lambda text: progress(count.text(text)))
    else:
        results = _on_dask(left, scheduler, min(jobs, len(left)))
    for key, result in results:
        if not isinstance(result, str):
            store.put(key, result)
            outcomes[key] = result
            count.done += 1
        else:
            failed.append(Failed(tasks[key], result))
            count.failed += 1
        progress(count.text(tasks[key].name))
    return finished, failed


def attempt(task: Work, progress: Progress = lambda text: None) -> Result | str:
    """Run ``task``; what it came to, or in one line why it failed. A defect of ours is no exception to that."""
    if task.version != __version__:
        return f"this worker has rtbci {__version__}, the evaluation {task.version}; the same version would be right"
    try:
        if isinstance(task, Task):
            return work.run(task, progress)
        experiment = config.loads(task.text, task.path)
        return flattery.flattering(experiment, experiment.decoder(task.decoder), task.recordings, task.seed)
    except RtbciError as error:
        return " ".join(str(error).split())
    except Exception as error:  # noqa: BLE001 - one task of many: it is reported, the others go on
        from rtbci.asking import origin

        return f"a defect in rtbci or a plugin: {origin(error)}"


def _here(tasks: Mapping[str, Work], progress: Progress) -> Iterator[tuple[str, Result | str]]:
    for key, task in tasks.items():
        progress(task.name)
        yield key, attempt(task, progress)


def _on_dask(tasks: Mapping[str, Work], scheduler: str | None, jobs: int) -> Iterator[tuple[str, Result | str]]:
    from dask.distributed import as_completed

    with _client(scheduler, jobs) as client:
        futures = {client.submit(attempt, task, key=f"rtbci-{key}", pure=False): key for key, task in tasks.items()}
        for future in as_completed(list(futures)):
            key = futures[future]
            if future.status == "finished":
                yield key, future.result()
            else:  # the worker died, more often than Dask tries again
                error = future.exception()
                yield key, f"its worker did not survive it: {type(error).__name__}: {' '.join(str(error).split())}"


@contextmanager
def _client(scheduler: str | None, jobs: int) -> Iterator[Any]:
    import logging

    from dask import config as settings
    from dask.distributed import Client, LocalCluster

    # one BLAS thread in every worker, set before NumPy is loaded there: rounding must not depend on the machine
    threads = {f"{name}_NUM_THREADS": 1 for name in ("OMP", "OPENBLAS", "MKL")}
    with settings.set({"distributed.nanny.pre-spawn-environ": threads, "distributed.worker.daemon": False}):
        if scheduler is None:
            cluster = LocalCluster(
                n_workers=jobs,
                threads_per_worker=1,
                processes=True,
                host="127.0.0.1",
                dashboard_address="127.0.0.1:0",  # any free port: two evaluations do not meet
                silence_logs=logging.CRITICAL,
            )
            with cluster, Client(cluster) as client:
                yield client
            return
        try:
            client = Client(scheduler, timeout=PATIENCE)
        except (OSError, TimeoutError, ValueError) as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise ConfigError(
                f"--scheduler {scheduler}: no Dask scheduler answers there ({reason}); the address that 'dask scheduler' "
                "prints, such as tcp://10.0.0.5:8786, would be right"
            ) from error
        with client:
            if not client.scheduler_info()["workers"]:
                raise ConfigError(
                    f"--scheduler {scheduler}: has no workers; start some with 'dask worker {scheduler}', where rtbci is "
                    "installed and the recordings are seen under the same paths"
                )
            yield client
