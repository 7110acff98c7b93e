"""Faults on purpose: what is struck hangs on the seed alone, and the session sees what it would see by chance."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rtbci.errors import SourceError, StreamLost
from rtbci.runfolder import MarkerReader
from rtbci.sources.fault_kinds import KINDS, Draws, packet_samples, read_faults
from rtbci.sources.faults import FaultySource
from rtbci.sources.file import FileSource
from rtbci.sources.followers import Followers
from rtbci.sources.playback import PlaybackSource
from rtbci.sources.synthetic import SyntheticSource
from rtbci.sources.transport import Manner
from rtbci.testing import check_source
from rtbci.types import Marker, Samples, Times
from tests.sources.playing import RATE, FromMemory, Memory, Rig, bits, fresh, recording

Make = Callable[..., Rig]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    rigs: list[Rig] = []

    def build(reader: Memory, **how: Any) -> Rig:
        rigs.append(Rig(tmp_path / f"run{len(rigs)}", reader, **{"speed": None, **how}))
        return rigs[-1]

    yield build
    for rig in rigs:
        rig.close()


class Source(FromMemory):
    """A recording as a whole source, with its markers."""

    def __init__(self, reader: Memory) -> None:
        super().__init__(reader)
        self.info, self._newest = reader.info, 0.0

    def open(self) -> Any:
        return self.info

    def read(self, samples: Samples, times: Times, timeout: float) -> int:
        n = super().read(samples, times, timeout)
        self._newest = float(times[n - 1])
        return n

    def now(self) -> float:
        return self._newest

    def close(self) -> None:
        """Nothing is held open."""


def played(
    reader: Memory, faults: dict[str, Any], seed: int = 0, rows: int = 64
) -> tuple[Samples, Times, list[Marker], Any]:
    """All that comes through: samples, times, markers in order, and the counts."""
    source = FaultySource(Source(reader), faults, seed)
    source.open()
    samples, times, markers = [], [], []
    block, stamps = np.empty((rows, reader.info.n_channels), np.float32), np.empty(rows)
    while True:
        try:
            n = source.read(block, stamps, 0.0)
        except EOFError:
            markers += source.markers()
            break
        except StreamLost:
            while not source.reopen(0.1):
                markers += source.markers()
            continue
        samples.append(block[:n].copy())
        times.append(stamps[:n].copy())
        markers += source.markers()
    source.close()
    return np.concatenate(samples), np.concatenate(times), markers, source.faults()


ALL = {
    "drop": 0.05,
    "nan": 0.05,
    "dead": ("Cz",),
    "jitter": 0.03,
    "drift": 500.0,
    "late-markers": 0.7,
    "lost-markers": 0.3,
}


class TestChance:
    def test_what_is_struck_hangs_on_the_seed_and_not_on_the_chunks(self) -> None:
        reader = recording(60.0)
        first = played(reader, ALL, 3)
        for rows in (1, 7, 1000):
            again = played(reader, ALL, 3, rows)
            assert first[0].tobytes() == again[0].tobytes()
            assert first[1].tobytes() == again[1].tobytes()
            assert sorted(first[2], key=lambda m: m.time) == sorted(again[2], key=lambda m: m.time)
            assert first[3] == again[3]
        other = played(reader, ALL, 4)
        assert other[1].tobytes() != first[1].tobytes()

    def test_shares_are_what_was_asked_for(self) -> None:
        _, times, markers, counts = played(recording(2000.0), {"drop": 0.1, "lost-markers": 0.25, "nan": 0.2}, 1)
        assert counts["drop"]["struck"] == 200_000 - len(times)
        assert counts["drop"]["struck"] / 200_000 == pytest.approx(0.1, abs=0.01)
        assert counts["nan"]["struck"] / 200_000 == pytest.approx(0.2, abs=0.015)
        assert counts["lost-markers"]["struck"] == 999 - len(markers)
        assert counts["lost-markers"]["struck"] / 999 == pytest.approx(0.25, abs=0.05)

    def test_draws_are_the_same_in_any_order(self) -> None:
        whole = Draws(7, "drop").at(np.arange(5000))
        again = Draws(7, "drop")
        assert (
            np.concatenate([again.at(np.arange(a, a + 100)) for a in range(0, 5000, 100)]).tobytes() == whole.tobytes()
        )
        assert again.at(np.array([4990, 3, 2000])).tolist() == [whole[4990], whole[3], whole[2000]]
        assert Draws(7, "nan").at(np.arange(10)).tolist() != whole[:10].tolist()

    def test_nothing_is_changed_where_nothing_is_on(self) -> None:
        reader = recording(10.0)
        samples, times, markers, counts = played(reader, {})
        assert samples.tobytes() == reader.samples(0, 1000).tobytes()
        assert times.tobytes() == reader.times(0, 1000).tobytes()
        assert tuple(markers) == reader.markers
        assert not any(fault["on"] or fault["struck"] for fault in counts.values())

    def test_with_faults_it_is_still_a_source(self, tmp_path: Path) -> None:
        report = check_source(
            lambda: FaultySource(SyntheticSource(channels=4, rate=250.0, speed=None), {"drop": 0.1, "nan": 0.1}),
            n_samples=800,
        )
        assert report.n_samples == 800


class TestSamples:
    def test_lost_packets_are_gaps_and_what_is_decided_lies_between_them(self, make: Make) -> None:
        rig = make(recording(60.0), faults={"drop": 0.02}, seed=2)
        rig.end()
        lost = rig.source.faults()["drop"]["struck"]
        gaps = rig.ring.gaps()
        assert rig.ring.written == 6000 - lost
        # the last packet may be lost with nothing after it that tells
        assert rig.acquisition.lost_samples == sum(gap.missing for gap in gaps) == pytest.approx(lost, abs=4)
        assert len(gaps) >= 20
        decisions = rig.decisions()
        assert len(decisions) > 50
        assert not any(decision.start < gap.index < decision.stop for decision in decisions for gap in gaps)
        assert rig.workers["fast"].said.skipped == 0
        assert rig.source.playback()["faults"]["drop"] == {"value": 0.02, "on": True, "struck": lost}  # type: ignore[index]

    @pytest.mark.parametrize("rate", [10.0, 64.0, 100.0, 160.0, 512.0, 1000.0, 2048.0])
    def test_a_lost_packet_is_a_gap_at_any_rate(self, rate: float) -> None:
        from rtbci.gaps import find_gaps

        n = packet_samples(rate)
        times = np.delete(np.arange(400) / rate, slice(100, 100 + n))
        (gap,) = find_gaps(times, rate)
        assert gap.missing == n

    def test_samples_that_are_no_numbers_are_counted_and_in_no_window(self, make: Make) -> None:
        rig = make(recording(60.0), faults={"nan": 0.01})
        rig.end()
        struck = rig.source.faults()["nan"]["struck"]
        assert rig.acquisition.not_finite == struck > 0
        samples, _, _ = rig.ring.read(0, rig.ring.written)
        assert np.isnan(samples).sum() == struck  # one channel of three
        for decision in rig.decisions():
            assert np.isfinite(samples[decision.start : decision.stop]).all()
        assert len(rig.decisions()) > 50

    def test_a_dead_channel_is_flat_and_the_others_are_untouched(self) -> None:
        reader = recording(10.0)
        samples, _, _, counts = played(reader, {"dead": ("Cz", "C4")})
        assert (samples[:, 1:] == 0.0).all()
        assert samples[:, 0].tobytes() == np.ascontiguousarray(reader.samples(0, 1000)[:, 0]).tobytes()
        assert counts["dead"] == {"value": "Cz,C4", "on": True, "struck": 1000}

    def test_a_channel_that_is_not_there_is_refused_before_anything_runs(self) -> None:
        with pytest.raises(SourceError, match=r"the stream has no channel 'C9'; it has C3, Cz, C4"):
            FaultySource(Source(recording(2.0)), {"dead": ("C9",)}).open()


class TestStamps:
    def test_jitter_within_the_tolerance_changes_stamps_and_no_decision(self, make: Make) -> None:
        reader = recording(20.0)
        rig = make(reader, faults={"jitter": 0.01})
        rig.end()
        assert rig.ring.n_gaps == 0
        _, times, _ = rig.ring.read(0, 2000)
        early = reader.times(0, 2000) - times
        assert (np.diff(times) >= 0.0).all()
        assert (early >= -1e-9).all() and early.max() <= 0.01 + 1e-9 and early.max() > 0.005
        assert [bits(d) for d in rig.decisions()] == [bits(d) for d in fresh(reader, 0)]

    def test_jitter_beyond_it_is_gaps(self, make: Make) -> None:
        rig = make(recording(20.0), faults={"jitter": 0.2})
        rig.end()
        assert rig.ring.n_gaps > 10
        assert rig.ring.written == 2000

    def test_a_gap_stays_one_under_jitter(self) -> None:
        from rtbci.gaps import find_gaps

        reader = recording(60.0)
        times = reader.times(0, 6000).copy()
        for at in range(500, 6000, 500):
            times[at:] += 0.04
        gappy = Memory(reader.info, reader.samples(0, 6000), times, ())
        _, stamped, _, _ = played(gappy, {"jitter": 0.02}, rows=33)
        found = {gap.index for gap in find_gaps(stamped, RATE)}
        assert set(range(500, 6000, 500)) <= found

    def test_a_lost_packet_stays_a_gap_under_jitter(self) -> None:
        from rtbci.gaps import find_gaps

        reader = recording(60.0)
        _, stamped, _, counts = played(reader, {"drop": 0.1, "jitter": 0.2}, seed=1, rows=33)
        _, kept, _, _ = played(reader, {"drop": 0.1}, seed=1)
        assert counts["drop"]["struck"] == 6000 - len(kept) > 300
        wanted = {gap.index for gap in find_gaps(kept, RATE)}
        assert len(wanted) > 50
        assert wanted <= {gap.index for gap in find_gaps(stamped, RATE)}

    @pytest.mark.parametrize("rate", [100.0, 1000.0, 20_000.0])
    def test_a_seek_leaves_a_gap_however_slow_the_clock(self, rate: float) -> None:
        from rtbci.gaps import find_gaps

        reader = recording(8.0, rate=rate)
        player = PlaybackSource(lambda: reader, "noise.xdf", Followers({}, rate, lambda: None), Manner(speed=None))
        source = FaultySource(player, {"drift": -100_000.0})
        source.open()
        block, times = np.empty((4096, 3), np.float32), np.empty(4096)
        n = 0
        while n == 0:
            n = source.read(block, times, 0.1)
        before = float(times[n - 1])
        assert source.command({"action": "seek", "time": 5.0})["ok"]
        n = 0
        while n == 0:
            n = source.read(block, times, 0.1)
        gaps = find_gaps(times[:n], rate, 0, before)
        assert [gap.index for gap in gaps] == [0]
        source.close()

    def test_a_clock_drifts_away_from_the_markers_without_a_gap(self, make: Make) -> None:
        reader = recording(20.0)
        rig = make(reader, faults={"drift": 2000.0})
        rig.end()
        _, times, _ = rig.ring.read(0, 2000)
        true = reader.times(0, 2000)
        assert times == pytest.approx(true[0] + (true - true[0]) * 1.002, abs=1e-9)
        assert rig.ring.n_gaps == 0
        assert [m.time for m in MarkerReader(rig.run.markers).new()] == [m.time for m in reader.markers]

    def test_a_clock_that_is_put_right_stays_where_it_is(self) -> None:
        source = FaultySource(Source(recording(20.0)), {"drift": 1000.0})
        source.open()
        block, first, second = np.empty((1000, 3), np.float32), np.empty(1000), np.empty(1000)
        source.read(block, first, 0.0)
        source.set("drift", on=False)
        source.read(block, second, 0.0)
        assert second - np.arange(1000, 2000) / RATE - 1000.0 == pytest.approx(0.01, abs=1e-6)
        assert second[0] - first[-1] == pytest.approx(0.01, abs=1e-4)


class TestMarkers:
    def test_markers_that_come_late_make_the_same_trials(self, make: Make) -> None:
        reader = recording(20.0)
        intime, late = make(reader), make(reader, faults={"late-markers": 1.3})
        for rig in (intime, late):
            rig.end()
        assert [bits(d) for d in late.decisions()] == [bits(d) for d in intime.decisions()]
        assert late.workers["fast"].said.trials == intime.workers["fast"].said.trials
        assert len(late.workers["fast"].said.trials) == 9
        assert late.source.faults()["late-markers"]["struck"] == 9

    def test_a_late_marker_becomes_known_when_it_is_due_and_at_the_end_at_once(self) -> None:
        source = FaultySource(Source(recording(10.0)), {"late-markers": 2.5})
        source.open()
        block, times = np.empty((100, 3), np.float32), np.empty(100)
        heard = []
        with pytest.raises(EOFError):
            while True:
                source.read(block, times, 0.0)
                heard += [
                    (marker.label, marker.time - 1000.0, round(times[-1] - 1000.0, 2)) for marker in source.markers()
                ]
        assert heard == [("L", 2.0, 4.99), ("R", 4.0, 6.99), ("L", 6.0, 8.99)]
        assert [marker.time - 1000.0 for marker in source.markers()] == [8.0]


class TestGoingAway:
    def test_the_stream_is_lost_and_comes_back_behind_a_gap(self, make: Make) -> None:
        rig = make(recording(60.0), paused=True, hold=True)
        rig.ask("step")
        rig.settled()
        rig.ask("fault", name="disconnect", value=5.0)
        rig.until(lambda: rig.acquisition.state == "lost", "the stream is lost")
        assert rig.acquisition.problem == "rehearsed: the stream is away for 5 s"
        assert rig.ring.written == 100
        rig.ask("resume")
        rig.until(lambda: rig.acquisition.state == "live", "the stream is back")
        rig.until(lambda: rig.place() == 60.0, "the end")
        rig.settled()
        (gap,) = rig.ring.gaps()
        assert (gap.index, gap.missing) == (100, pytest.approx(500, abs=3))
        assert rig.source.faults()["disconnect"] == {"value": 5.0, "on": False, "struck": 1}
        assert rig.decisions()[1].start == 100
        # markers come from another program: those of the time away are heard
        assert len(MarkerReader(rig.run.markers).new()) == 29

    def test_a_recording_that_ends_meanwhile_ends(self, make: Make) -> None:
        rig = make(recording(5.0), faults={"disconnect": 60.0})
        rig.acquisition.join(30.0)
        assert (rig.acquisition.state, rig.acquisition.problem, rig.ring.written) == (
            "ended",
            "rehearsed: the stream is away for 60 s",
            0,
        )

    def test_a_source_that_loses_its_stream_by_itself_looks_for_it_itself(self) -> None:
        class Lost(Source):
            asked: float = 0.0

            def reopen(self, timeout: float) -> bool:
                self.asked = timeout
                return True

        inner = Lost(recording(2.0))
        assert FaultySource(inner).reopen(0.7) is True
        assert inner.asked == 0.7
        with pytest.raises(StreamLost, match="cannot look for its stream again"):
            FaultySource(Source(recording(2.0))).reopen(0.1)


class TestSwitching:
    def test_faults_go_on_and_off_while_it_runs(self, make: Make) -> None:
        rig = make(recording(40.0), paused=True, hold=True)
        assert rig.ask("fault", name="dead", value="C3")["playback"]["faults"]["dead"]["on"]
        rig.ask("step")
        rig.settled()
        rig.ask("fault", name="dead", on=False)
        rig.ask("seek", time=20.0)
        rig.settled()
        samples, _, _ = rig.ring.read(0, rig.ring.written)
        assert (samples[:100, 0] == 0.0).all() and (samples[100:, 0] != 0.0).all()
        told = rig.ask("fault", name="dead", on=True)["playback"]["faults"]["dead"]
        assert told == {"value": "C3", "on": True, "struck": 100}

    @pytest.mark.parametrize(
        ("order", "said"),
        [
            ({"name": "fire"}, "there is no fault 'fire'; there are drop, nan"),
            ({"name": "drop", "value": 1.5}, "fault drop is 1.5; 0 to 1 (share) would be right, such as drop=0.01"),
            ({"name": "drop", "value": "much"}, "fault drop is 'much'"),
            ({"name": "drift", "value": True}, "fault drift is True; -100000 to 100000 (ppm)"),
            ({"name": "dead", "value": "C9"}, "no channel 'C9'; it has C3, Cz, C4"),
            ({"name": "dead", "on": True}, "fault dead names no channel"),
            ({"name": "dead", "value": 3}, "fault dead is 3; channel names"),
            ({"name": "jitter", "value": 0.01, "on": "yes"}, "on is 'yes'; true or false"),
            ({}, "there is no fault ''"),
        ],
    )
    def test_nonsense_is_refused_in_a_sentence(self, order: dict[str, Any], said: str) -> None:
        source = FaultySource(Source(recording(2.0)))
        source.open()
        assert said in source.command({"do": "play", "action": "fault", **order})["error"]
        assert not any(fault["on"] for fault in source.faults().values())

    def test_a_live_source_takes_faults_and_keeps_what_it_has(self) -> None:
        source = FaultySource(SyntheticSource(channels=4, rate=250.0, speed=None), {"nan": 0.5})
        source.open()
        told = source.playback()
        assert told is not None
        assert (told["recording"], told["position"], told["faults"]["nan"]["on"]) == (None, None, True)
        assert "cannot be played" in source.command({"do": "play", "action": "pause"})["error"]
        assert source.command({"action": "fault", "name": "drop", "value": 0.5})["ok"]
        assert source.truth().generators  # what this source alone has
        assert not hasattr(source, "clock")
        source.close()

    def test_every_fault_reads_its_usual_value_from_a_command_line(self) -> None:
        given = [f"{kind.name}={kind.usual or 'C3, Cz'}" for kind in KINDS]
        assert read_faults(given) == {kind.name: ("C3", "Cz") if kind.most is None else kind.usual for kind in KINDS}
        with pytest.raises(SourceError, match=r"fault 'drop' has no value \(share\); such as drop=0.01"):
            read_faults(["drop"])

    def test_around_a_recording_read_as_a_file(self, tmp_path: Path) -> None:
        path = tmp_path / "r.csv"
        path.write_text("timestamps,C3\n" + "".join(f"{i / 100!r},{i}\n" for i in range(200)))
        source = FaultySource(FileSource(path), {"drop": 1.0})
        source.open()
        assert source.read(np.empty((50, 1), np.float32), np.empty(50), 0.0) == 0
        assert source.n_samples == 200
        source.close()
