"""The report of run, replay and demo as programs were promised it: every field, its type, and how they hang together."""

from __future__ import annotations

import re
from typing import Any


def check_report(report: dict[str, Any], *decoders: str, n_classes: int = 2) -> None:
    """Hold ``report`` against the promise; ``decoders`` are the names that it must have, in order."""
    assert list(report["decoders"]) == list(decoders)
    for decoder in report["decoders"].values():
        assert type(decoder["trials"]) is int
        confusion = decoder["confusion"]
        assert len(confusion) == n_classes
        assert all(type(n) is int for row in confusion for n in row)
        assert sum(map(sum, confusion)) == decoder["trials"]
        if decoder["trials"]:
            right = sum(confusion[k][k] for k in range(n_classes))
            assert decoder["trial_accuracy"] == right / decoder["trials"]
            assert type(decoder["window_accuracy"]) is float
            assert 0.0 <= decoder["window_accuracy"] <= 1.0
        else:
            assert decoder["trial_accuracy"] is None
            assert decoder["window_accuracy"] is None
        ages = decoder["decision_age_ms"]
        assert set(ages) == {"p50", "p95", "p99"}
        if decoder["windows"]["decoded"]:
            assert ages["p50"] <= ages["p95"] <= ages["p99"]
        else:
            assert set(ages.values()) == {None}
        assert {"decoded", "skipped", "late"} <= set(decoder["windows"])
        assert all(type(n) is int for n in decoder["windows"].values())
        assert re.fullmatch("[0-9a-f]{64}", decoder["decisions_sha256"])
    assert type(report["samples"]["received"]) is int
    assert type(report["samples"]["lost"]) is int
    assert type(report["gaps"]) is int
    assert report["session"] is None or type(report["session"]) is str
