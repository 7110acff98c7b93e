from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtbci.charge import Charge, Switch, trial_runs
from rtbci.errors import DecoderError

TraceFunction = Callable[[FrameType, str, Any], Any]
STOP = 3.5
NAMES = ("tangent", "mdm", "csp")


def test_the_first_is_in_charge_unless_another_is_named() -> None:
    assert Charge(NAMES).decoder == "tangent"
    assert Charge(NAMES, "mdm").decoder == "mdm"


def test_a_name_that_is_no_decoder_is_refused_with_the_ones_there_are() -> None:
    with pytest.raises(DecoderError, match=r'"tangnt".*"tangent", "mdm", "csp"'):
        Charge(NAMES).ask("tangnt")
    with pytest.raises(DecoderError, match='"lda"'):
        Charge(NAMES, "lda")
    with pytest.raises(DecoderError, match="at least one"):
        Charge(())


def test_between_trials_it_switches_at_once() -> None:
    charge = Charge(NAMES)
    charge.ask("mdm")
    assert charge.next == "mdm"
    assert charge.update(10.0, trial_runs(10.0, [5.0], STOP))
    assert (charge.decoder, charge.next) == ("mdm", None)
    assert charge.switches == [Switch(10.0, "tangent", "mdm")]
    assert charge.switches[0].as_json() == {"time": 10.0, "from": "tangent", "to": "mdm"}


def test_within_a_trial_it_waits_for_its_stop() -> None:
    charge = Charge(NAMES)
    charge.ask("mdm")
    for now in (8.0, 9.0, 11.4):
        assert not charge.update(now, trial_runs(now, [8.0], STOP, charge.asked))
        assert charge.decoder == "tangent"
    assert charge.update(11.5, trial_runs(11.5, [8.0], STOP, charge.asked))
    assert charge.decoder == "mdm"


def test_a_trial_runs_from_its_marker_until_its_stop() -> None:
    assert not trial_runs(7.9, [8.0], STOP)
    assert trial_runs(8.0, [8.0], STOP)
    assert trial_runs(11.4, [8.0], STOP)
    assert not trial_runs(11.5, [8.0], STOP)


def test_asking_for_the_one_in_charge_withdraws_the_wish() -> None:
    charge = Charge(NAMES)
    charge.ask("mdm")
    charge.update(1.0, True)
    charge.ask("tangent")
    assert charge.next is None and charge.asked is None
    assert not charge.update(2.0, False)
    assert charge.switches == []


def test_a_newer_wish_replaces_an_older_one_and_does_not_wait_anew() -> None:
    charge = Charge(NAMES)
    charge.ask("mdm")
    charge.update(1.0, True)
    charge.ask("csp")
    assert charge.asked == 1.0
    charge.update(2.0, False)
    assert charge.switches == [Switch(2.0, "tangent", "csp")]


def test_trials_without_a_pause_do_not_put_a_wish_off_for_ever() -> None:
    charge, now = Charge(NAMES), 10.0
    markers = [0.2 * k for k in range(500)]  # epochs of 0.8 s overlap: a trial runs at every instant
    charge.ask("mdm")
    while not charge.update(now, trial_runs(now, markers, 0.8, charge.asked)):
        assert trial_runs(now, markers, 0.8)
        now += 0.05
    assert charge.switches[0].time == pytest.approx(10.8)


@settings(max_examples=200, deadline=None)
@given(
    gaps=st.lists(st.floats(4.0, 9.0), min_size=1, max_size=8),
    wishes=st.lists(st.tuples(st.floats(0.0, 60.0), st.sampled_from(NAMES)), max_size=12),
    tick=st.floats(0.01, 0.3),
)
def test_no_trial_is_shared_by_two_decoders_and_no_wish_is_forgotten(
    gaps: list[float], wishes: list[tuple[float, str]], tick: float
) -> None:
    """Trials of 3.5 s with a pause after each, wishes at any time, a session that looks around every ``tick``."""
    markers = [sum(gaps[: k + 1]) for k in range(len(gaps))]
    charge, waiting, now = Charge(NAMES), sorted(wishes), 0.0
    held: list[tuple[float, str]] = []  # who was in charge when
    while now < 70.0:
        while waiting and waiting[0][0] <= now:
            charge.ask(waiting.pop(0)[1])
        known = [time for time in markers if time <= now]
        before = charge.decoder
        if charge.update(now, trial_runs(now, known, STOP, charge.asked)):
            assert charge.decoder != before
            assert not trial_runs(now, markers, STOP)
        held.append((now, charge.decoder))
        now += tick
    for marker in markers:
        assert len({name for time, name in held if marker <= time < marker + STOP}) <= 1
    assert charge.next is None
    asked = [name for _, name in sorted(wishes)]
    assert charge.decoder == (asked[-1] if asked else NAMES[0])
    chain = [charge.switches[0].old] if charge.switches else []
    for switch in charge.switches:
        assert switch.old == chain[-1]
        chain.append(switch.new)


@pytest.mark.parametrize("line", range(1, 8))
def test_a_wish_of_another_thread_never_comes_between_the_halves_of_a_switch(line: int) -> None:
    """Whoever asks is a thread that answers commands; here it asks at line number ``line`` of the session's `update`."""
    charge = Charge(NAMES)
    charge.ask("mdm")
    asking = threading.Thread(target=charge.ask, args=("tangent",))  # withdraws the wish, or wishes tangent back
    lines = 0

    def trace(frame: FrameType, event: str, arg: object) -> TraceFunction | None:
        nonlocal lines
        if frame.f_code is not Charge.update.__code__:
            return None
        lines += event == "line"
        if lines == line and asking.ident is None:
            asking.start()
            asking.join(0.1)
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        charge.update(1.0, running=False)
    finally:
        sys.settrace(before)
    assert asking.ident is not None
    asking.join()
    if charge.switches:
        assert charge.switches == [Switch(1.0, "tangent", "mdm")]
        assert (charge.decoder, charge.next) == ("mdm", "tangent")
    else:
        assert (charge.decoder, charge.next) == ("tangent", None)
