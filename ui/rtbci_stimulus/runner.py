"""A run of a schedule, swap by swap: which frame comes next, which markers a swap sends, what was dropped, what keys do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

from rtbci_stimulus.frame import Frame
from rtbci_stimulus.pages import end_page, start_page
from rtbci_stimulus.scene import ACCENT, Box, Scene, Text, pause_page
from rtbci_stimulus.schedule import Schedule, Step
from rtbci_stimulus.timing import Display, Intervals, Pace

ASK_SECONDS = 5.0
"""How long the first Esc waits for the second."""
ASK = "Esc again ends the run"
PAUSE_COMES = "A pause comes before the next trial"

Send = Callable[[str, float], None]
"""Sends a marker: label, and time in seconds of the LSL clock."""
Note = Callable[[Mapping[str, Any]], None]


class Phase(Enum):
    """Where a run is."""

    START = "start"
    WAITING = "waiting"
    RUNNING = "running"
    PAUSED = "paused"
    END = "end"
    CLOSED = "closed"


class Runner:
    """Takes a schedule from its first page to its last.

    ::

        START ── Space ──► WAITING (for a receiver of the markers) ──► RUNNING ── last frame ──► END ── key ──► CLOSED
                                                    P: at the next trial │ ▲ Space
                                                                         ▼ │
                                                                       PAUSED
        Esc, and Esc again within five seconds: END, from wherever it is

    The schedule keeps to the time that passes: after a swap that came n refreshes after the one before, a step is n frames
    on (`Pace`), so what flickers keeps its phase. But no step is left out: where its end was missed, the next one is shown
    from its first frame, later by what was missed.

    Parameters
    ----------
    send : sends markers. note : takes the events of the log. delay : seconds from the swap to the light, added to markers.
    receiver : whether anybody receives the markers; ``wait`` seconds are waited for it at most.
    ready : whether all is loaded; it is waited for. more : adds to the summary, such as the "failure" of a picture.
    auto : begins and goes on without keys, and closes at the end.
    patch_frames : frames that the patch is white from a marker on. follow : it shows the light of the first flickering box.
    """

    def __init__(
        self,
        schedule: Schedule,
        display: Display,
        send: Send,
        note: Note,
        *,
        title: str = "",
        delay: float = 0.0,
        receiver: Callable[[], bool] = lambda: True,
        wait: float = 0.0,
        ready: Callable[[], bool] = lambda: True,
        more: Callable[[], Mapping[str, Any]] = lambda: {},
        auto: bool = False,
        patch_frames: int = 1,
        follow: bool = False,
    ) -> None:
        self.schedule = schedule
        self.display = display
        self.phase = Phase.START
        self.intervals = Intervals()
        self.sent = 0
        self.unheard = 0
        self.trials = 0
        self.frames = 0
        self.unwaited = 0
        self.completed = False
        self.aborted = False
        self.answers: list[dict[str, int]] = []
        self.typed = ""
        self._send, self._note, self.title = send, note, title
        self._delay, self._receiver, self._wait, self._auto = delay, receiver, wait, auto
        self._ready, self._more = ready, more
        self._patch_frames, self._follow = patch_frames, follow
        self._step = 0
        self._k = 0
        self._position = 0  # frames of the schedule before this step
        self._marked = False  # whether the markers of this step were sent
        self._pending: list[str] = ["run-start"]
        self._white = 0
        self._pace = Pace(schedule.rate)
        self._last: float | None = None  # the newest swap that the schedule followed, None at a new beginning
        self._origin = 0.0  # when frame 0 of the schedule would have been, by the newest beginning
        self._began: float | None = None
        self._ended: float | None = None
        self._now = 0.0
        self._n_trials = schedule.n_trials
        self._begun = 0  # trials that began before this step
        self._waiting_since: float | None = None
        self._final: Scene = ()
        self._asked: float | None = None
        self._pause_wanted = False
        self._pause_stays = False  # a pause between blocks that was asked for ends with the space bar, whatever `auto`
        self._pause_at = ""
        self._drawn = False

    # what is drawn

    @property
    def done(self) -> bool:
        """Whether the last page was closed."""
        return self.phase is Phase.CLOSED

    @property
    def _now_step(self) -> Step:
        return self.schedule.steps[self._step]

    def frame(self) -> Frame:
        """The frame that is to be drawn now; the same one until the next swap."""
        self._drawn = True
        rate = self.schedule.rate
        footer = ASK if self._asked is not None else PAUSE_COMES if self._pause_wanted else ""
        if self.phase is Phase.RUNNING:
            step = self._now_step
            return Frame(step.scene + self._typing(step), self._k, rate, self._patch(step), footer)
        if self.phase is Phase.PAUSED:
            light = 1.0 if not self._follow and (self._pause_at or self._white) else 0.0
            return Frame(pause_page(self.trials, self._n_trials), 0, rate, light, footer)
        if self.phase in (Phase.START, Phase.WAITING):
            waiting = self.phase is Phase.WAITING
            told = self.title, self.schedule, self.display.words, self._receiver(), self._ready(), waiting
            return Frame(start_page(*told, failure=str(self._more().get("failure", ""))), 0, rate, 0.0, footer)
        return Frame(self._final, 0, rate, 0.0)

    def _typing(self, step: Step) -> Scene:
        return (Text(self.typed or "_", 0.0, 0.03, 0.09, ACCENT),) if step.hold == "number" else ()

    def _patch(self, step: Step) -> float:
        if self._follow:
            waves = (shape.wave for shape in step.scene if isinstance(shape, Box) and shape.wave is not None)
            wave = next(waves, None)
            return 0.0 if wave is None else wave.level(self._k, self.schedule.rate)
        due = self._white > 0 or (not self._marked and bool(step.marks or self._pending))
        return 1.0 if due else 0.0

    # what a swap does

    def swapped(self, time: float) -> None:
        """The frame that `frame` gave was swapped at ``time`` seconds."""
        if not self._drawn:
            return
        self._drawn, self._now = False, time
        if self._asked is not None and time - self._asked > ASK_SECONDS:
            self._asked = None
        if self.phase is Phase.START and self._auto:
            self._press_start()
        if self.phase is Phase.WAITING:
            self._await(time)
        elif self.phase is Phase.RUNNING:
            self._follow_schedule(time)
        elif self.phase is Phase.PAUSED:
            self._pause_page(time)
        elif self.phase is Phase.END and self._auto:
            self.phase = Phase.CLOSED

    def _await(self, time: float) -> None:
        """Begin when all is loaded and somebody receives the markers, or was waited for long enough."""
        if self._waiting_since is None:
            self._waiting_since = time
        heard = self._receiver()
        if self._ready() and (heard or time - self._waiting_since >= self._wait):
            self._note({"event": "begin", "time": time, "receiver": heard})
            self._begin()

    def _pause_page(self, time: float) -> None:
        self._white = max(0, self._white - 1)
        if self._pause_at:
            self._white = self._patch_frames - 1
            self._emit(self._pause_at, time)
            self._pause_at = ""

    def _begin(self) -> None:
        self.phase = Phase.RUNNING
        self._begin_anew()

    def _begin_anew(self) -> None:
        """The next swap begins a stretch of its own: how long it was to it is nothing that the schedule knew."""
        self._last = None
        self._pace.begin()

    def _follow_schedule(self, time: float) -> None:
        rate = self.schedule.rate
        elapsed = self._pace.passed(time)
        if not elapsed:  # the swap before was stamped late, and followed as such; or swaps do not wait
            self.unwaited += 1
            self._mark(time)
            return
        if self._last is None:
            self._origin = time - (self._position + self._k) / rate
        elif lost := self.intervals.add(time - self._last, rate):
            frame = self._position + self._k
            self._note({"event": "dropped", "frames": lost, "time": time, "step": self._step, "frame": frame})
        self._last = time
        self.frames += 1
        if self._began is None:
            self._began = time
        self._mark(time)
        self._advance(elapsed)

    def _mark(self, time: float) -> None:
        """Send what belongs to the frame that was just swapped."""
        self._white = max(0, self._white - 1)
        if self._marked:
            return
        self._marked = True
        step = self._now_step
        labels = [*self._pending, *step.marks]
        self._pending = []
        if labels:
            self._white = self._patch_frames - 1
        for label in labels:
            self._emit(label, time)

    def _emit(self, label: str, time: float) -> None:
        self.unheard += not self._receiver()
        self._send(label, time + self._delay)
        self.sent += 1
        frame = self._position + self._k
        planned = self._origin + frame / self.schedule.rate if self.phase is Phase.RUNNING else None
        self._note(
            {
                "event": "marker",
                "label": label,
                "frame": frame,
                "planned": planned,
                "swap": time,
                "time": time + self._delay,
            }
        )

    def _advance(self, elapsed: int) -> None:
        step = self._now_step
        self._k += elapsed
        if self._k < step.frames or (step.hold and (not self._auto or self._pause_stays)):
            return
        if step.hold == "number":
            self._answer(step)
        self._next_step()

    def _next_step(self) -> None:
        step = self._now_step
        if step.hold:
            self._begin_anew()
            if step.hold == "key":
                self._pending.append("resume")
        self._begun += step.begins == "trial"
        self._pause_stays = False
        self._position += step.frames
        self._step, self._k, self._marked = self._step + 1, 0, False
        if self._step == len(self.schedule.steps):
            self.trials = self._n_trials
            self.completed = True
            self._end("run-end")
            return
        if self._now_step.begins:
            self.trials = self._begun
            if self._pause_wanted:
                self._pause()

    def _pause(self) -> None:
        """The pause that was asked for: the one between two blocks where that is due, which then waits for the space bar."""
        self._pause_wanted = False
        if self._now_step.begins == "block":
            self._pause_stays = True
        elif self._pending == ["resume"]:  # asked for in a pause, which goes on
            self._pending, self.phase = [], Phase.PAUSED
        else:
            self.phase, self._pause_at = Phase.PAUSED, "pause"

    def _answer(self, step: Step) -> None:
        if self.typed:
            answer = {"answer": int(self.typed), "truth": step.truth}
            self.answers.append(answer)
            self._note({"event": "answer", **answer, "time": self._now})
        self.typed = ""

    def _end(self, label: str) -> None:
        """The last marker goes with the newest swap: the first page after it brings no new stimulus."""
        if self._began is not None:
            self._step = min(self._step, len(self.schedule.steps) - 1)
            self._emit(label, self._now)
        self.phase, self._asked, self._ended = Phase.END, None, self._now
        summary = self.summary()
        self._final = end_page(self.title, summary)
        self._note({"event": "end", "time": self._now, **summary})

    # what keys do

    def key(self, key: str) -> None:
        """A key: "space", "return", "escape", "p", "backspace" or a digit."""
        self._note({"event": "key", "key": key, "time": self._now, "phase": self.phase.value})
        if key == "escape":
            self._escape()
        elif self.phase is Phase.END:
            if key in ("space", "return"):
                self.phase = Phase.CLOSED
        elif self.phase is Phase.START and key == "space":
            self._press_start()
        elif self.phase is Phase.PAUSED and key == "space" and not self._pause_at:
            self._pending.append("resume")
            self._begin()
        elif self.phase is Phase.RUNNING:
            self._key_while_running(key)

    def _press_start(self) -> None:
        self.phase, self._waiting_since = Phase.WAITING, None

    def _escape(self) -> None:
        if self.phase is Phase.END:
            self.phase = Phase.CLOSED
        elif self._asked is None:
            self._asked = self._now
        else:
            self._end_early()

    def abort(self) -> None:
        """End at once, without a page; nothing where it has ended."""
        if self.phase not in (Phase.END, Phase.CLOSED):
            self._end_early()
        self.phase = Phase.CLOSED

    def _end_early(self) -> None:
        self.aborted = True
        self._end("abort")

    def _key_while_running(self, key: str) -> None:
        hold = self._now_step.hold
        if hold == "number" and key.isdigit():
            self.typed = (self.typed + key)[:3]
        elif hold == "number" and key == "backspace":
            self.typed = self.typed[:-1]
        elif hold and self._marked and (key == "space" or (hold == "number" and key == "return")):
            if hold == "number":
                self._answer(self._now_step)
            self._next_step()
        elif key == "p":
            self._pause_wanted = not self._pause_wanted

    # what came out

    def summary(self) -> dict[str, Any]:
        """What a person and a program want to know at the end."""
        return {
            "completed": self.completed,
            "aborted": self.aborted,
            "trials": self.trials,
            "planned_trials": self.schedule.n_trials,
            "markers": self.sent,
            "unheard": self.unheard,
            "frames": self.frames,
            "dropped": self.intervals.dropped,
            "unwaited": self.unwaited,
            "interval_median_ms": self.intervals.percentile(50),
            "interval_p99_ms": self.intervals.percentile(99),
            "refresh_rate": self.schedule.rate,
            "synchronised": self.display.synchronised,
            "display": self.display.words,
            "seconds": None if self._began is None else (self._ended or self._now) - self._began,
            "answers": list(self.answers),
            **self._more(),
        }
