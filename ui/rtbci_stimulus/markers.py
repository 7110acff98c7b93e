"""The stream of markers: an LSL outlet whose header says what was presented, and how well its times are known."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from typing import Any

import pylsl

from rtbci.sources.lsl_quiet import quieten


def now() -> float:
    """Seconds of the LSL clock."""
    return float(pylsl.local_clock())


class MarkerOutlet:
    """An LSL stream ``name`` of type Markers with one text channel; ``header`` stands in its ``desc/rtbci_stimulus``."""

    def __init__(self, name: str, header: Mapping[str, Any]) -> None:
        quieten()
        # the same stream to whoever lost it and looks for it again
        source_id = f"rtbci-stimulus-{name}-{socket.gethostname()}"
        info = pylsl.StreamInfo(name, "Markers", 1, pylsl.IRREGULAR_RATE, "string", source_id)
        channel = info.desc().append_child("channels").append_child("channel")
        channel.append_child_value("label", "marker")
        described = info.desc().append_child("rtbci_stimulus")
        for key, value in header.items():
            text = value if isinstance(value, str) else json.dumps(value)
            described.append_child_value(key, text)
        self._outlet = pylsl.StreamOutlet(info, chunk_size=1, max_buffered=360)

    def send(self, label: str, time: float) -> None:
        """Send a marker that happened at ``time``, in seconds of the LSL clock."""
        self._outlet.push_sample([label], time)

    def received(self) -> bool:
        """Whether anybody receives it."""
        return bool(self._outlet.have_consumers())

    def close(self) -> None:
        """Take the stream away."""
        del self._outlet
