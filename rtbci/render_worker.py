"""The process that draws what a decoder says was seen: retrievals in, the newest picture out.

Started by the session as ``python -m rtbci.render_worker RUN_FOLDER SESSION_FOLDER DECODER``. It looks at the decoder's ring
as everybody else does; nobody waits for it, it takes the machine's time only where nothing else wants it, and it may crash
or hang at any instant. A picture carries the time of the window that it was drawn of.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtbci import config, plugins, rendered
from rtbci.asking import origin
from rtbci.bank import Bank
from rtbci.errors import BankError, ConfigError, Overrun, RecordingError
from rtbci.interfaces import Captions, Renderer, SeesWindows
from rtbci.render_requests import Requests
from rtbci.rendered import Rendered
from rtbci.ring import Ring
from rtbci.runfolder import RunFolder, replace_json
from rtbci.types import Retrieved, StreamInfo, Window

LOOK_SECONDS = 0.02
"""Between two looks at the ring: much less than a picture takes, and half a per cent of a core."""
TELL_SECONDS = 1.0
"""The longest between two reports while nothing is drawn."""
KEPT = 50
"""Pictures over which the median of their seconds is taken."""
NICE = 10
"""How far it steps back behind what decides."""


class RenderWorker:
    """Draws for one decoder until its session ends.

    ::

        make -> prepare -> warm up -> [wait for a newer retrieval -> draw -> publish] -> session gone
    """

    def __init__(self, run: RunFolder, session: Path, decoder: str) -> None:
        self._run = run
        self._session = session
        self._decoder = decoder
        self._parent = os.getppid()
        self._requests = Requests(run.retrieved(decoder))
        self._seconds: deque[float] = deque(maxlen=KEPT)
        self._number = 0
        self._told = 0.0
        self._raw: Ring | None = None

    def run(self) -> None:
        """Load, warm up, draw; returns when the session is gone."""
        self._say("starting")
        self._make()
        self._warm_up()
        while not self._is_over():
            try:
                info, self._offset = self._run.read_stream()
                break
            except RecordingError:
                time.sleep(LOOK_SECONDS)
        else:
            return
        if isinstance(self._renderer, SeesWindows):
            self._renderer.begin(info)
        try:
            self._say("live")
            while not self._is_over():
                if (found := self._requests.next()) is None:
                    if time.monotonic() - self._told > TELL_SECONDS:
                        self._say("live")
                    time.sleep(LOOK_SECONDS)
                    continue
                self._draw(found, info)
                self._say("live")
        except OSError:
            if self._run.path.exists():
                raise
        finally:
            self._requests.close()

    # ------------------------------------------------------------------ beginning

    def _make(self) -> None:
        fields = json.loads((self._session / "session.json").read_text())
        path = fields.get("experiment_path")
        experiment = config.loads((self._session / "experiment.toml").read_text(), Path(path) if path else None)
        if experiment.renderer is None or experiment.bank is None:
            raise ConfigError(f"{experiment.file}: no [renderer] with a [bank]; one of each would be right")
        self._use = experiment.renderer.use
        self._bank = Bank.open(experiment.resolve(experiment.bank.path))
        where = f"{experiment.file}: [renderer]"
        self._renderer: Any = plugins.make("renderers", self._use, experiment.renderer.args, experiment.base, where)
        try:
            self._renderer.prepare(self._bank.path)
        except BankError as error:
            raise BankError(f"{where} {self._use}: {error}") from error
        if (space := getattr(self._renderer, "space_id", None)) != self._bank.space_id:
            raise BankError(
                f"{where} {self._use} draws from embeddings of {space}; {self._bank.path} is of {self._bank.space_id}"
            )

    def _warm_up(self) -> None:
        """Draw the first item of the bank, for nobody: kernels are compiled and memory is taken now."""
        if isinstance(self._renderer, SeesWindows):
            return  # it has seen no window yet
        self._picture(self._bank.embeddings[0].astype(np.float32), lambda: not self._is_over())

    # ------------------------------------------------------------------ drawing

    def _draw(self, found: Retrieved, info: StreamInfo) -> None:
        asked = time.monotonic()
        if isinstance(self._renderer, SeesWindows):
            self._show(found, info)
        pixels = self._picture(found.embedding, lambda: self._requests.go_on() and not self._is_over())
        ready = time.monotonic()
        self._requests.done(pixels is not None)
        if pixels is None:
            return
        self._seconds.append(ready - asked)
        self._number += 1
        rendered.write(
            self._run.rendered(self._decoder),
            Rendered(
                pixels,
                self._decoder,
                self._use,
                found.start,
                found.stop,
                found.signal_time,
                asked + self._offset,
                ready + self._offset,
                self._caption(pixels, found),
                self._number,
                self._requests.overtaken,
            ),
        )

    def _picture(self, embedding: NDArray[np.float32], go_on: Callable[[], bool]) -> NDArray[np.uint8] | None:
        renderer: Renderer = self._renderer
        pixels = renderer.render(embedding, go_on)
        if pixels is None:
            return None
        array = np.asarray(pixels)
        if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3 or not array.size:
            raise BankError(f"{self._use} drew {array.shape} {array.dtype}; (height, width, 3) uint8 would be right")
        return array

    def _caption(self, pixels: NDArray[np.uint8], found: Retrieved) -> str:
        said = ""
        if isinstance(self._renderer, Captions):
            said = str(self._renderer.caption(pixels))
        return said or self._bank.items[int(found.items[0])].caption

    def _show(self, found: Retrieved, info: StreamInfo) -> None:
        """Let the renderer see the untransformed signal before the newest sample of what was found."""
        if self._raw is None:
            self._raw = Ring.attach(self._run.raw)
        stop = found.sample + 1
        start = stop - max(1, round(self._renderer.seconds * info.rate))
        try:
            samples, _, arrivals = self._raw.read(max(start, 0), stop)
        except (Overrun, IndexError):  # no longer there
            return
        if start >= 0:
            signal = np.ascontiguousarray(samples.T, np.float32)
            window = Window(signal, start, found.sample, found.signal_time, float(arrivals[-1]))
            self._renderer.see(window)

    # ------------------------------------------------------------------ the session

    def _is_over(self) -> bool:
        return os.getppid() != self._parent or not self._run.path.exists()

    def _say(self, state: str, problem: str | None = None, *, fatal: bool = False) -> None:
        self._told = time.monotonic()
        if not self._run.path.exists():
            return
        replace_json(
            self._run.renderer,
            {
                "state": state,
                "pid": os.getpid(),
                "problem": problem,
                "fatal": fatal,
                "decoder": self._decoder,
                "drawn": self._number,
                "overtaken": self._requests.overtaken,
                "seconds": round(median(self._seconds), 4) if self._seconds else None,
            },
        )

    def last_words(self, problem: str, *, fatal: bool = False) -> None:
        """Tell the session what the ``problem`` is."""
        print(problem, flush=True)
        self._say("failed", problem, fatal=fatal)


def step_back() -> None:
    """Let everything that decides, acquires and records go first."""
    if hasattr(os, "nice"):
        os.nice(NICE)


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw for one session; 0: it has ended, 2: this cannot be drawn (the reason is in its status), 1: it crashed."""
    run, session, decoder = sys.argv[1:] if arguments is None else arguments
    step_back()
    worker = RenderWorker(RunFolder(Path(run)), Path(session), decoder)
    try:
        worker.run()
    except (BankError, ConfigError) as error:
        # starting again would not help
        if error.__cause__ is not None:
            traceback.print_exception(error.__cause__)
        worker.last_words(str(error), fatal=True)
        return 2
    except Exception as error:  # noqa: BLE001 - a plugin may raise anything; its author is told where
        traceback.print_exc()
        worker.last_words(f"raised {origin(error)}")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
