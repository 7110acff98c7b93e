"""The worker process of one decoder, or of several that share it: raw ring in, decisions out.

The only process of a session that runs plugin code. Started by the session as ``python -m rtbci.worker RUN_FOLDER
SESSION_FOLDER DEVICE DECODER …``, where DEVICE is "cpu" once another device was lost, and "-" before. It may crash, hang or
be killed at any instant: it holds nothing that anybody waits for.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path

from rtbci import assemble, config
from rtbci.deciding import Decider
from rtbci.devices import uses_device
from rtbci.errors import ConfigError, DeviceLost, ModelError, Overrun, RtbciError, TransformError
from rtbci.joining import Due, Joining, ask, decide
from rtbci.runfolder import RunFolder, replace_json

OWN_DEVICE = "-"
"""In place of a device: the one that a decoder takes by itself."""
PRACTICE = 3
"""Times that networks are asked about noise before the first real window, as every decoder is in the warm-up."""


class Worker:
    """Decides for its decoders until their session ends.

    ::

        load -> warm up -> [wait for the samples of the next window -> each transforms -> newest windows -> decide] -> end

    Attributes
    ----------
    at : the decoder, or those that are joined, whose turn it is: who is to blame for what is raised.
    """

    def __init__(self, run: RunFolder, session: Path, names: Sequence[str], device: str | None = None) -> None:
        self.at = ", ".join(names)
        self._names = names
        self._run_folder = run
        self._session = session
        self._device = device
        self._deciders: list[Decider] = []
        self._parent = os.getppid()

    def run(self) -> None:
        """Load, warm up, decide; returns when the session's stream has ended."""
        self._deciders = self._made()
        for decider in self._deciders:
            decider.say("starting")
        assemble.limit_threads()
        info, _ = self._run_folder.read_stream()
        noise = [(decider, decider.load(info)) for decider in self._each()]
        for decider in self._each():
            decider.begin()
        self._joining = Joining(self._deciders)
        self._practise([(decider, window) for decider, window in noise if window is not None])
        for decider in self._deciders:
            decider.keep_origin(self._joining.is_exact(decider))
            decider.say("live")
        try:
            self._decide()
        finally:
            for decider in self._deciders:
                decider.close()

    def _made(self) -> list[Decider]:
        fields = json.loads((self._session / "session.json").read_text())
        path = fields.get("experiment_path")
        text = (self._session / "experiment.toml").read_text()
        experiment = config.loads(text, Path(path) if path else None)
        return [
            Decider(self._run_folder, self._session, experiment, name, Path(fields["models"][name]), self._device)
            for name in self._names
        ]

    def _each(self) -> Iterator[Decider]:
        for decider in self._deciders:
            self.at = decider.name
            yield decider

    def _practise(self, noise: Sequence[Due]) -> None:
        """Ask once more about noise: those that join together, and networks alone, which were prepared anew to begin."""
        alone = [[one] for one in noise if uses_device(one[0].decoder)]
        joined = [group for group in self._joining.groups(noise) if len(group) > 1]
        for group in (*alone, *joined):
            self._turn_of(group)
            for _ in range(PRACTICE):
                ask(group)

    def _turn_of(self, group: Sequence[Due]) -> None:
        self.at = ", ".join(decider.name for decider, _ in group)

    def _decide(self) -> None:
        while waiting := [decider for decider in self._deciders if not decider.ended]:
            waiting[0].source.wait_for(min(decider.pipeline.next_needed() for decider in waiting), 0.05)
            for decider in self._each():
                self._take(decider)
            while due := [(one, window) for one in self._each() if (window := one.due()) is not None]:
                for group in self._joining.groups(due):
                    self._turn_of(group)
                    decide(group)
            for decider in self._each():
                decider.tell()
            if os.getppid() != self._parent:
                print("the session is gone; ending", flush=True)
                return
        for decider in self._deciders:
            decider.say("ended")

    def _take(self, decider: Decider) -> None:
        try:
            decider.take()
        except Overrun as overrun:
            print(f"{decider.name}: too slow, {overrun}; beginning again with the newest samples", flush=True)
            decider.begin_again()
            decider.keep_origin(self._joining.is_exact(decider))

    def last_words(self, problem: str, *, fatal: bool = False, lost: bool = False) -> None:
        """Tell the session what the ``problem`` is, and whose; ``lost``: the device of that decoder is."""
        print(f"{self.at}: {problem}", flush=True)
        if len(self._names) > 1 or lost:
            problem = f"{self.at}: {problem}"
        said = {"state": "failed", "pid": os.getpid(), "problem": problem, "fatal": fatal, "lost": lost, "notes": []}
        if self._run_folder.path.exists():
            for name in self._names:
                replace_json(self._run_folder.worker(name), said)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one worker; 0: its session has ended, 2: it cannot work (the reason is in its status), 1: it crashed."""
    run, session, device, *names = sys.argv[1:] if arguments is None else arguments
    worker = Worker(RunFolder(Path(run)), Path(session), names, None if device == OWN_DEVICE else device)
    try:
        worker.run()
    except (ConfigError, ModelError, TransformError) as error:
        # starting again would not help: the session is told, and stops asking
        worker.last_words(str(error), fatal=True)
        return 2
    except RtbciError as error:
        if error.__cause__ is not None:
            traceback.print_exception(error.__cause__)  # a plugin's own mistake: its author finds all of it in the log
        worker.last_words(str(error), lost=isinstance(error, DeviceLost))
        return 1
    except Exception as error:  # noqa: BLE001 - a plugin may raise anything; its author is told where
        traceback.print_exc()
        frame = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{Path(frame.filename).name}:{frame.lineno}"
        worker.last_words(f"raised {type(error).__name__}: {error} ({place})")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
