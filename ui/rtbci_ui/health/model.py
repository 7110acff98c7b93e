"""How a running session is: looks at everything that tells, and keeps what must be compared with before. Without Qt."""

from __future__ import annotations

from rtbci.errors import RtbciError
from rtbci_ui.banner import Banner
from rtbci_ui.facts import Fact
from rtbci_ui.health.facts import Group, groups
from rtbci_ui.health.frames import FrameTimes
from rtbci_ui.health.problems import Problem, Watched, as_banner, problems
from rtbci_ui.health.recent import Growth, Recent
from rtbci_ui.health.restarts import Restart, restarts
from rtbci_ui.health.stage_times import StageFeed, StageRow, table
from rtbci_ui.run import Run
from rtbci_ui.status import DecoderStatus, Status

LOOK_SECONDS = 0.25
COUNTERS = ("skipped", "late", "restarts")


class Health:
    """Looks at ``run`` four times a second at most; the shell and the panel share one.

    Attributes
    ----------
    frames : how fluently the window draws; the shell tells it.
    name : the decoder that is looked at; "" before there is one.
    looks : how often it has looked, so that a view knows when there is something new.
    """

    def __init__(self, run: Run, frames: FrameTimes | None = None) -> None:
        self.run = run
        self.frames = frames if frames is not None else FrameTimes(run.monotonic)
        self.name = ""
        self.looks = 0
        self._looked = -LOOK_SECONDS
        self._chosen = ""
        self._growth = Growth()
        self._recent: dict[str, Recent] = {}
        self._undecided: dict[str, float] = {}  # since when a decoder has been live without any decision
        self._stages: dict[str, StageFeed] = {}
        self._problem = ""

    def select(self, name: str) -> None:
        """Look at decoder ``name`` from now on; it need not be there yet."""
        self._chosen = name
        self._choose()

    def _choose(self) -> None:
        names = [] if self.run.status is None else [decoder.name for decoder in self.run.status.decoders]
        if self._chosen in names:
            self.name = self._chosen
        elif self.name not in names:
            self.name = names[0] if names else ""

    def refresh(self) -> bool:
        """Look again, if it is time; say whether it was. It never raises because something is not there."""
        now = self.run.monotonic()
        if now - self._looked < LOOK_SECONDS:
            return False
        self._looked = now
        self.looks += 1
        self._choose()
        status = self.run.status
        if status is not None:
            self._count(status, now)
        self._look_at_stages()
        return True

    def _count(self, status: Status, now: float) -> None:
        recording = status.recording
        growing = recording.state == "recording"
        self._growth.add(recording.seconds if growing else None, recording.bytes)
        counters = {"lost": status.lost, "gaps": status.gaps}
        for decoder in status.decoders:
            counters |= {f"{what} {decoder.name}": getattr(decoder, what) for what in COUNTERS}
            feed = self.run.feeds.get(decoder.name)
            live = status.state == decoder.state == "live" and decoder.hop is not None and status.clock_rate > 0.0
            if live and (feed is None or feed.newest is None):
                self._undecided.setdefault(decoder.name, now)
            else:
                self._undecided.pop(decoder.name, None)
        for name, value in counters.items():
            self._recent.setdefault(name, Recent()).add(now, value)

    def _look_at_stages(self) -> None:
        if not self.name:
            return
        feed = self._stages.setdefault(self.name, StageFeed(self.run.folder.stages(self.name)))
        try:
            feed.refresh()
        except (RtbciError, OSError, ValueError, KeyError) as error:
            self._problem = str(error)
        else:
            self._problem = ""

    @property
    def decoder(self) -> DecoderStatus | None:
        """What the session says of the decoder that is looked at."""
        status = self.run.status
        return next((d for d in status.decoders if d.name == self.name), None) if status is not None else None

    def stages(self) -> list[StageRow]:
        """Where the age of its decisions comes from; rows of None before the first."""
        feed, decisions = self._stages.get(self.name), self.run.feeds.get(self.name)
        if feed is None:
            feed = StageFeed(self.run.folder.stages(self.name))
        return table(feed.rows, decisions.drawing if decisions is not None else ())

    def problems(self) -> list[Problem]:
        """What is wrong now, loudest first."""
        run = self.run
        fresh = {name: feed.freshness(run.now()) for name, feed in run.feeds.items()}
        watched = Watched(
            stale_for=run.stale_for,
            bytes_per_second=self._growth.rate,
            decisions={name: one for name, one in fresh.items() if one is not None},
            undecided={name: run.monotonic() - since for name, since in self._undecided.items()},
            grown={name: counter.grown for name, counter in self._recent.items()},
            frame_ms=self.frames.milliseconds(),
            problem=run.problem or self._problem,
        )
        return problems(run.status, watched)

    def banner(self) -> Banner | None:
        """The loudest problem, for the shell's banner; None where nothing is worth one."""
        return as_banner(self.problems())

    def groups(self) -> list[Group]:
        """The facts, grouped; of a session that has said nothing yet, that it has not."""
        status = self.run.status
        if status is None:
            return [Group("Session", (Fact("state", "nothing was heard of it yet"),))]
        return groups(status, self.decoder, self._growth.rate, self.frames)

    def restarts(self) -> list[Restart]:
        """Which workers were started again, newest first."""
        return [] if self.run.status is None else restarts(self.run.status.decoders)

    def close(self) -> None:
        """Let go of the rings."""
        for feed in self._stages.values():
            feed.close()
