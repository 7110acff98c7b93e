"""What a split is told of recordings, and which of them are the same."""

from __future__ import annotations

import pytest

from rtbci import config
from rtbci.errors import SourceError
from rtbci.evaluation.nouns import Recorded
from rtbci.evaluation.survey import survey
from tests.evaluation.conftest import TEXT

EXPERIMENT = config.loads(TEXT)


def test_trials_lie_at_the_samples_of_their_markers(runs):
    (one,) = survey(EXPERIMENT, [Recorded("1", "1", "1", runs[0])])
    assert len(one.onsets) == 20 and one.rate == 160.0
    assert one.classes == {0, 1}
    assert [at for at, _ in one.onsets] == sorted(at for at, _ in one.onsets)
    assert one.labels_seen["T1"] == one.labels_seen["T2"] == 10
    assert one.n_samples > one.onsets[-1][0]


def test_recordings_whose_names_share_their_beginning_up_to_a_dot_are_not_the_same(runs, tmp_path):
    names = ["record-[2012.07.06-19.06.14]_raw.fif", "record-[2012.07.06-19.02.16]_raw.fif"]
    for name, run in zip(names, runs, strict=False):
        (tmp_path / name).write_bytes(run.read_bytes())
    found = survey(EXPERIMENT, [Recorded("1", "1", str(k), tmp_path / name) for k, name in enumerate(names)])
    assert found[0].sha256 != found[1].sha256


def test_the_same_bytes_under_two_names_are_refused(runs, tmp_path):
    copy = tmp_path / "other.fif"
    copy.write_bytes(runs[0].read_bytes())
    with pytest.raises(SourceError, match="holds the same bytes as"):
        survey(EXPERIMENT, [Recorded("1", "1", "1", runs[0]), Recorded("1", "1", "2", copy)])


def test_other_markers_beside_the_same_samples_are_another_content(runs, tmp_path):
    import mne

    raw = mne.io.read_raw_fif(runs[0], verbose="error")
    raw.annotations.onset[0] += 0.5
    raw.save(tmp_path / "moved_raw.fif", verbose="error")
    before, after = (
        survey(EXPERIMENT, [Recorded("1", "1", "1", path)])[0] for path in (runs[0], tmp_path / "moved_raw.fif")
    )
    assert before.content != after.content
