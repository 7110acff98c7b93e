"""What is held out stays a window away from what is trained on, also where windows are moved at random."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from rtbci.held_out import chronological, kept_apart
from rtbci.training_run import TrainingRun
from rtbci_deep.embedders import Nice
from rtbci_deep.material import Material
from tests.plugins.deep import simulated


def test_no_window_is_moved_into_the_gap_before_what_is_held_out():
    """Trials of 3 s a second apart: a window of 1.5 s may end with its trial, a second before the next one begins."""
    data = simulated.calibration(10, window=150)
    split = chronological(data, 0.2, every_class=True)
    begin = int(data.places.start[split.held_out].min())
    apart = kept_apart(data, split)
    assert int(data.places.highest[split.train].max()) > begin - 2 * data.n_samples
    assert int(apart.places.highest[split.train].max()) == begin - 2 * data.n_samples
    assert (apart.places.highest >= apart.places.start).all()
    early = data.trial < 7  # nothing of earlier trials has changed
    np.testing.assert_array_equal(apart.places.highest[early], data.places.highest[early])


def test_what_a_training_draws_ends_a_window_before_what_is_held_out(monkeypatch):
    data = simulated.calibration(10, window=150)
    drawn: list[int] = []
    usual = Material._draw

    def draw(self, random):
        rows, shifts = usual(self, random)
        drawn.extend((self.calibration.places.start[rows] + shifts).tolist())
        return rows, shifts

    monkeypatch.setattr(Material, "_draw", draw)
    decoder = Nice(epochs=20, dims=8)
    decoder.prepare(data.info, data.n_samples, 2)
    decoder.learn(data, TrainingRun())
    begin = int(data.places.start[chronological(data, 0.2, every_class=False).held_out].min())
    assert max(drawn) + 2 * data.n_samples <= begin
    assert max(drawn) + 3 * data.n_samples > begin  # and no further away than it must


def test_where_nothing_is_held_out_windows_move_as_they_may():
    data = simulated.calibration(10)
    split = chronological(data, 0.0, every_class=True)
    np.testing.assert_array_equal(kept_apart(data, split).places.highest, data.places.highest)


def test_trials_that_lie_too_close_leave_something_to_train_on():
    """Four pictures within two windows' time: held out, the last one would leave nothing that is far enough before it."""
    data, _ = simulated.evoked(4, window=100)
    near = data.places.start[:1] + 20 * np.arange(4)
    data = replace(data, places=replace(data.places, start=near, lowest=near, highest=near))
    split = chronological(data, 0.2, every_class=False)
    assert len(split.train) == 4 and len(split.held_out) == 0
    assert split.problem == "the trials lie too close to hold some out"
    run = TrainingRun()
    decoder = Nice(epochs=1, dims=8)
    decoder.prepare(data.info, data.n_samples, 2)
    decoder.learn(data, run)
    assert any("too close to hold some out" in note for note in run.notes)
