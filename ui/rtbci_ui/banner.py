"""What the banner at the top says, and how loudly: decided in one place, without Qt.

::

    silent, process dead     alarm     the session process is gone
    silent, process alive    alarm     the session does not answer
    lost                     alarm     the stream is lost, since when, what rtbci does about it
    recording stopped        alarm     why, and that decoding goes on; a warning where a person stopped it
    a decoder failed         warning   which and why
    starting, connecting     notice    what is being waited for
    ended                    notice    the numbers are final
    a message                notice    as the session put it
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from enum import IntEnum

from rtbci_ui import wording
from rtbci_ui.status import Status


class Level(IntEnum):
    """How loud a banner is."""

    NOTICE = 0
    WARNING = 1
    ALARM = 2


@dataclass(frozen=True, slots=True)
class Banner:
    """A headline, what is being done about it, and how loud it is."""

    level: Level
    headline: str
    detail: str = ""


def alive(pid: int | None) -> bool | None:
    """Whether process ``pid`` exists, or None where that cannot be asked without harm (Windows) or is not known."""
    if pid is None or sys.platform == "win32":
        return None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def banner(
    status: Status | None,
    monotonic: float,
    *,
    folder_there: bool = True,
    process_alive: bool | None = None,
    samples_silent: float | None = None,
) -> Banner | None:
    """The most urgent thing to say, or None while all is well.

    Parameters
    ----------
    status : what the session said last, or None before its first word.
    monotonic : now, in seconds of time.monotonic().
    folder_there : whether the run folder still exists.
    process_alive : whether the session's process exists, None where that is not known.
    samples_silent : seconds since the newest sample, None before the first.
    """
    if status is None:
        if not folder_there:
            return Banner(Level.ALARM, "The run folder is gone", "The session has ended; close this window.")
        return Banner(Level.NOTICE, "Waiting for the session", "It has not said anything yet.")
    if status.state == "ended":
        kept = f"Recorded in {status.session}. " if status.session and status.recording.state != "off" else ""
        return Banner(Level.NOTICE, "The session has ended", kept + "All numbers are final.")
    if not folder_there:
        return Banner(
            Level.ALARM,
            "The session is over: its run folder is gone",
            "It left without a last word; what is shown is what was known last. `rtbci recover` closes its recording.",
        )
    age = status.age(monotonic)
    if status.stale(monotonic, process_alive):
        since = f"Last word {wording.age_ms(age)} ago; every number below is at least that old."
        who = f"process {status.pid}" if status.pid is not None else "its process"
        if process_alive is False:
            return Banner(Level.ALARM, f"The session is gone ({who} does not exist any more)", since)
        return Banner(Level.ALARM, f"The session does not answer ({who} is frozen or gone)", since)
    if status.state == "lost":
        silent = "" if samples_silent is None else f" {wording.duration(samples_silent)} ago"
        name = f" “{status.stream.name}”" if status.stream.name else ""
        doing = status.message or "Looking for it by source id, then by name and signature; decoders abstain."
        return Banner(Level.ALARM, f"Stream{name} lost{silent}", doing)
    if status.recording.state == "stopped" and (status.recording.problem or status.playback is None):
        if not status.recording.problem:
            return Banner(
                Level.WARNING,
                "Not recording",
                "It was stopped by hand; Ctrl+Shift+R begins another file. Decoding goes on.",
            )
        return Banner(
            Level.ALARM,
            f"Recording stopped: {status.recording.problem}",
            "Acquisition and decoding go on; nothing more is kept.",
        )
    failed = [d for d in status.decoders if d.state == "failed"]
    if failed:
        why = "; ".join(f"{d.name}: {d.problem or 'no reason given'}" for d in failed)
        return Banner(Level.WARNING, "A decoder has failed" if len(failed) == 1 else "Decoders have failed", why)
    if status.state in ("starting", "connecting"):
        headline = "Starting" if status.state == "starting" else "Waiting for the stream…"
        return Banner(Level.NOTICE, headline, status.message or "")
    restarting = [d for d in status.decoders if d.state == "restarting" or (d.state == "waiting" and d.problem)]
    if restarting:
        why = "; ".join(f"{d.name}: {d.problem or 'no reason given'}" for d in restarting)
        return Banner(Level.WARNING, "Restarting a decoder", why)
    if status.message:
        return Banner(Level.NOTICE, status.message)
    return None
