"""What is said of a rehearsal: in its folder, that it was one, and of its numbers, what they are not."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rtbci.cli.output import say

if TYPE_CHECKING:
    from rtbci.config import Experiment
    from rtbci.session import Session
    from rtbci.sources.faults import FaultySource

log = logging.getLogger(__name__)


def notes(experiment: Experiment, models: Mapping[str, Path], recordings: Sequence[Path]) -> list[str]:
    """Why accuracies of a rehearsal of ``recordings`` with ``models`` (file by decoder) would flatter, a sentence each."""
    from rtbci import model

    there = [path for path in recordings if path.is_file()]
    found = []
    for name, path in models.items():
        trained = model.read_manifest(path)[name].get("trained_on") or ()
        if any(model.trained_on_this(trained, recording) for recording in there):
            found.append(model.flattering(name))
        if experiment.decoder(name).adapt:
            found.append(
                f"{name}: learns while it runs: after a seek back, or in a loop, it decides trials it has learnt from"
            )
    return found


def mark(session: Session, recording: Path, player: FaultySource) -> None:
    """Say in the session folder that it is a rehearsal: at its beginning, for one that is killed has no end."""
    from rtbci.errors import RecordingError

    if session.folder is None:
        return
    try:
        session.folder.update(rehearsal={"recording": str(recording), "faults": player.faults()})
    except RecordingError as error:  # a full disk: it is tried again at the end
        log.warning("%s", error)


def keep_or_clear(session: Session, result: dict[str, Any], folder: Path | None, as_json: bool) -> None:
    """Say in the session folder which faults struck; remove one that nothing was recorded in and nobody named."""
    made = session.folder
    if made is None:
        return
    if result["recording"].get("parts") or folder is not None:
        made.update(rehearsal=result["playback"])
        return
    shutil.rmtree(made.path, ignore_errors=True)
    result["session"] = None
    say("nothing was recorded; --record keeps what is played", as_json)
