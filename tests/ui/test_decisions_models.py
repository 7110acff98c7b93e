"""What the decisions panel shows, without a window: minutes of decisions, trials, comparison, confusion."""

import json
import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtbci.annotations import Annotations
from rtbci.charge import Switch
from rtbci.recording.session_folder import SessionFolder
from rtbci.report import shuffled_accuracy
from rtbci.runfolder import DecisionRing, RunFolder
from rtbci.types import Decision, Flag, Gap, Marker
from rtbci_ui.decisions import confusion, words
from rtbci_ui.decisions.arrangement import arrangement
from rtbci_ui.decisions.comparison import Standing, mcnemar, score
from rtbci_ui.decisions.history import BINS, KEPT_ANSWERS, SPANS, Batch, History
from rtbci_ui.decisions.outcomes import Outcome, Sums
from rtbci_ui.decisions.switches import SwitchLog, path_of
from rtbci_ui.decisions.timeline import LIKELIEST, Claim, Takeover, next_span, timeline
from rtbci_ui.decisions.trial_book import TrialBook, TrialLog
from rtbci_ui.feed import DecisionFeed
from rtbci_ui.status import DecoderStatus
from rtbci_ui.truth import TrialSpan, running


def batch(times, posterior, answers=None, own=None, markers=None, broken=None):
    times, posterior = np.asarray(times, float), np.asarray(posterior, float)
    n = len(times)
    likeliest = posterior.argmax(axis=1).astype(np.int64)
    return Batch(
        times,
        posterior,
        likeliest if answers is None else np.asarray(answers, np.int64),
        likeliest if own is None else np.asarray(own, np.int64),
        np.full(n, np.nan) if markers is None else np.asarray(markers, float),
        np.zeros(n, bool) if broken is None else np.asarray(broken, bool),
    )


def two(p):
    p = np.asarray(p, float)
    return np.stack([p, 1 - p], axis=1)


class TestHistory:
    def test_a_bin_holds_the_mean_of_its_decisions_and_the_share_that_abstained(self):
        history = History(2)
        width = SPANS[1] / BINS  # 0.5 s
        times = 100.0 + width * np.array([0.1, 0.3, 0.5, 0.7, 1.2])
        history.add(batch(times, two([0.9, 0.7, 0.6, 0.6, 0.2]), answers=[0, -1, -1, -1, 1]))
        course = history.course(101.0, SPANS[1])
        assert course.decisions.tolist() == [4, 1]
        np.testing.assert_allclose(course.posterior[:, 0], [0.7, 0.2], rtol=1e-6)
        np.testing.assert_allclose(course.times, [times[:4].mean(), times[4]])
        np.testing.assert_allclose(course.abstained, [0.75, 0.0])
        assert course.claims.tolist() == [-1, 1]

    @settings(max_examples=30, deadline=None)
    @given(cuts=st.lists(st.integers(1, 1999), max_size=6), seed=st.integers(0, 99))
    def test_the_bins_do_not_depend_on_how_decisions_came(self, cuts, seed):
        random = np.random.default_rng(seed)
        times = 50.0 + np.cumsum(random.uniform(0.01, 2.0, 2000))
        p, answers = random.uniform(size=2000), random.integers(-1, 2, 2000)
        whole, parts = History(2), History(2)
        whole.add(batch(times, two(p), answers))
        edges = [0, *sorted(set(cuts)), 2000]
        for a, b in pairwise(edges):
            parts.add(batch(times[a:b], two(p[a:b]), answers[a:b]))
        for span in SPANS:
            one, other = (history.course(times[-1], span) for history in (whole, parts))
            np.testing.assert_allclose(one.posterior, other.posterior, atol=1e-5)
            np.testing.assert_array_equal(one.decisions, other.decisions)
            np.testing.assert_array_equal(one.claims, other.claims)
        for one, other in zip(whole.singly(), parts.singly(), strict=True):
            np.testing.assert_array_equal(one, other)

    def test_what_is_older_than_the_stretch_is_gone_and_memory_stays(self):
        history = History(2)
        for start in np.arange(0.0, 8000.0, 100.0):
            times = start + np.arange(0.0, 100.0, 0.1)
            history.add(batch(times, two(np.full(len(times), 0.6))))
        for span in SPANS:
            course = history.course(8000.0, span)
            assert len(course.times) <= BINS + 1
            assert course.times[0] >= 8000.0 - span - span / BINS
            assert course.times[-1] == pytest.approx(8000.0, abs=2 * span / BINS)
        assert len(history.singly()[0]) == KEPT_ANSWERS

    def test_abstentions_are_counted_over_the_newest_stretch(self):
        history = History(2)
        assert history.abstained(60.0) == (0, 0)
        history.add(batch(np.arange(100.0), two(np.full(100, 0.5)), answers=[0] * 50 + [-1, 0] * 25))
        assert history.abstained(20.0) == (10, 20)

    def test_time_that_is_set_back_forgets_what_came_later(self):
        history = History(2)
        history.add(batch(np.arange(0.0, 50.0), two(np.full(50, 0.9))))
        history.forget_after(20.0)
        history.add(batch([21.0, 22.0], two([0.1, 0.1])))
        times, _, own, _ = history.singly()
        assert times.tolist() == [*np.arange(0.0, 21.0), 21.0, 22.0]
        assert own.tolist() == [0] * 21 + [1, 1]
        assert history.course(22.0, 60.0).times.max() == pytest.approx(22.0)

    def test_of_very_many_classes_only_the_likeliest_is_kept(self):
        history = History(1000)
        posterior = np.full((2, 1000), 0.5 / 999)
        posterior[:, 7] = 0.5
        history.add(batch([1.0, 2.0], posterior))
        assert not history.per_class
        np.testing.assert_allclose(history.course(2.0, 60.0).posterior, [[0.5], [0.5]])


def decision(when, p=0.8, answer=0, flags=Flag.NONE, own=None):
    logs = np.log([p, 1 - p])
    mine = logs if own is None else np.log([own, 1 - own])
    return Decision(0, 1, 1, mine, logs, answer, when, when + 0.003, when + 0.01, flags=flags)


@pytest.fixture
def ring(tmp_path):
    made = DecisionRing.create(tmp_path / "a.ring", ("fists", "feet"), 0.1, 2.0)
    yield made
    made.close()


DECODER = DecoderStatus("a", classes=("fists", "feet"), labels={"T1": 0, "T2": 1}, trial=(0.5, 3.5), threshold=0.7)


class TestFeed:
    def test_attaching_late_takes_what_the_ring_still_holds(self, ring):
        for k in range(20_000):
            ring.add(decision(k / 10))
        feed = DecisionFeed("a", ring)
        assert feed.refresh()
        times, *_ = feed.history.singly()
        assert times[-1] == pytest.approx(1999.9)
        assert times[0] == pytest.approx((20_000 - 16_384 + 64) / 10)
        assert feed.newest.signal_time == pytest.approx(1999.9)
        assert feed.times[0] == pytest.approx(1939.9)
        course = feed.history.course(1999.9, 3600.0)
        assert course.times[0] == pytest.approx(368.0, abs=6.0)
        assert course.decisions.sum() == 16_384 - 64

    def test_a_replay_that_begins_anew_does_not_draw_the_future(self, ring):
        feed = DecisionFeed("a", ring)
        for when in (1.0, 2.0, 3.0, 9.0):
            ring.add(decision(when))
        feed.refresh()
        ring.add(decision(2.5, 0.1, 1))
        ring.add(decision(2.6, 0.1, 1))
        feed.refresh()
        finite = ~np.isnan(feed.evidence[:, 0])
        assert feed.times[finite].tolist() == pytest.approx([1.0, 2.0, 2.5, 2.6])
        assert feed.history.singly()[0].tolist() == pytest.approx([1.0, 2.0, 2.5, 2.6])


class TestTimeline:
    def shown(self, ring, now, span, markers=(), gaps=(), **more):
        feed = DecisionFeed("a", ring)
        feed.refresh()
        return timeline(feed, DECODER, markers, gaps, now, span, **more)

    def test_every_decision_of_the_last_minute_is_on_its_curve(self, ring):
        for k in range(50):
            ring.add(decision(5.0 + k / 10, 0.5 + k / 200))
        shown = self.shown(ring, 10.0, 60.0)
        assert [curve.index for curve in shown.curves] == [0, 1]
        np.testing.assert_allclose(shown.curves[0].x, np.arange(-5.0, -0.05, 0.1), atol=1e-9)
        np.testing.assert_allclose(shown.curves[0].y, 0.5 + np.arange(50) / 200)
        assert (shown.threshold, shown.chance) == (0.7, 0.5)

    def test_a_longer_stretch_has_means_and_breaks_where_nothing_came(self, ring):
        for k in range(100):
            ring.add(decision(5.0 + k / 10, 0.9))
        for k in range(100):
            ring.add(decision(100.0 + k / 10, 0.3, -1))
        shown = self.shown(ring, 110.0, 300.0)
        y = shown.curves[0].y
        broken = np.flatnonzero(np.isnan(y))
        assert len(broken) == 1
        np.testing.assert_allclose(y[: broken[0]], 0.9, atol=1e-6)
        np.testing.assert_allclose(y[broken[0] + 1 :], 0.3, atol=1e-6)
        assert shown.curves[0].x[broken[0] - 1] == pytest.approx(-95.3, abs=0.3)

    def test_trials_are_shaded_with_what_was_true_and_gaps_as_gaps(self, ring):
        markers = [Marker(2.0, "T1"), Marker(50.0, "T2"), Marker(52.0, "other"), Marker(69.0, "T1")]
        shown = self.shown(ring, 70.0, 60.0, markers, [Gap(5, 60.0, 61.5, 375), Gap(1, 1.0, 2.0, 9)])
        assert [(s.start, s.stop, s.index, s.text) for s in shown.shades] == [
            (-19.5, -16.5, 1, "feet"),
            (-0.5, 0.0, 0, "fists"),
            (-10.0, -8.5, -1, "gap"),
        ]

    def test_claims_are_stretches_and_abstaining_is_none(self, ring):
        for k in range(30):
            ring.add(decision(10.0 + k / 10, 0.9, 0 if k < 10 else -1 if k < 20 else 1))
        claims = self.shown(ring, 13.0, 60.0).claims
        assert [claim.index for claim in claims] == [0, -1, 1]
        assert claims[0] == Claim(pytest.approx(-3.1), pytest.approx(-2.1), 0)
        assert claims[2].stop == pytest.approx(-0.1)

    def test_who_took_over_stands_where_it_was_and_not_outside_the_stretch(self, ring):
        ring.add(decision(69.9))
        switches = [Switch(9.0, "a", "b"), Switch(30.0, "b", "a"), Switch(70.5, "a", "b")]
        shown = self.shown(ring, 70.0, 60.0, switches=switches)
        assert shown.takeovers == (Takeover(-40.0, "b", "a"),)
        assert len(self.shown(ring, 70.6, 300.0, switches=switches).takeovers) == 3
        assert timeline(None, DECODER, [], [], 70.0, 60.0, switches=switches).takeovers == shown.takeovers

    def test_silence_has_a_beginning_only_where_it_is_too_long(self, ring):
        ring.add(decision(10.0))
        assert self.shown(ring, 10.1, 60.0).silent_from is None
        assert self.shown(ring, 90.0, 60.0, stale=True).silent_from == pytest.approx(-80.0)

    def test_nothing_yet_is_nothing(self):
        shown = timeline(None, DecoderStatus("a"), [], [], 0.0, 900.0)
        assert shown.curves == shown.claims == shown.shades == ()

    def test_very_many_classes_have_one_curve_of_the_likeliest(self, tmp_path):
        many = DecisionRing.create(tmp_path / "m.ring", tuple(f"c{k}" for k in range(300)), 0.1, 1.0)
        logs = np.log(np.r_[0.4, np.full(299, 0.6 / 299)])
        for k in range(3):
            many.add(Decision(0, 1, 1, logs, logs, 0, k / 10, k / 10, k / 10))
        feed = DecisionFeed("m", many)
        feed.refresh()
        (curve,) = timeline(feed, DecoderStatus("m"), [], [], 0.2, 60.0).curves
        assert curve.index == LIKELIEST
        np.testing.assert_allclose(curve.y, 0.4, atol=1e-6)
        many.close()

    def test_stretches_follow_each_other(self):
        assert [next_span(span) for span in SPANS] == [300.0, 900.0, 3600.0, 60.0]


def test_the_trial_that_goes_on_begins_with_its_marker_and_ends_with_its_stop():
    markers = [Marker(10.0, "T2"), Marker(11.0, "T1"), Marker(40.0, "other")]
    assert running(DECODER, markers, 9.9) is None
    assert running(DECODER, markers, 10.0) == TrialSpan(10.5, 13.5, 1)
    assert running(DECODER, markers, 12.0).truth == 0  # the later one of two that overlap
    assert running(DECODER, markers, 14.4).truth == 0
    assert running(DECODER, markers, 14.5) is None
    assert running(DecoderStatus("a"), markers, 10.0) is None


def line(time, truth, answer, evidence=(-0.2, -1.7), claimed=None, label="T1"):
    fields = {
        "time": time, "label": label, "truth": truth, "answer": answer, "windows": 11, "correct": 7,
        "evidence": list(evidence), "claimed": answer if claimed is None else claimed, "seconds_to_claim": None,
    }  # fmt: skip
    return json.dumps(fields)


class TestTrialLog:
    @pytest.fixture
    def folder(self, tmp_path):
        return RunFolder(tmp_path)

    def test_only_what_is_new_is_read_and_half_a_line_waits(self, folder):
        log = TrialLog(folder, "a")
        assert not log.refresh()
        path = folder.trials("a")
        path.write_text(line(1.0, 0, 0) + "\n" + line(2.0, 1, 0)[:20])
        assert log.refresh()
        assert [trial.time for trial in log.trials] == [1.0]
        with path.open("a") as file:
            file.write(line(2.0, 1, 0)[20:] + "\n")
        assert log.refresh()
        assert not log.refresh()
        assert [(t.time, t.truth, t.answer, t.right) for t in log.trials] == [(1.0, 0, 0, True), (2.0, 1, 0, False)]
        assert log.trials[1].log_loss == pytest.approx(1.7)
        log.close()

    def test_a_trial_counts_once(self, folder):
        folder.trials("a").write_text((line(1.0, 0, 0) + "\n") * 2)
        log = TrialLog(folder, "a")
        log.refresh()
        assert len(log.trials) == 1

    def test_a_damaged_line_is_named_and_counts_nowhere(self, folder):
        folder.trials("a").write_text("{broken\n" + line(1.0, 5, 0) + "\n" + line(2.0, 0, 0) + "\n")
        log = TrialLog(folder, "a")
        log.refresh()
        assert [trial.time for trial in log.trials] == [2.0]
        assert "truth is class 5 of 2" in log.problem

    def test_hours_of_trials_are_taken_in_by_steps(self, folder):
        folder.trials("a").write_text("".join(line(float(k), 0, k % 2) + "\n" for k in range(2000)))
        log = TrialLog(folder, "a")
        steps = 0
        while log.refresh():
            steps += 1
        assert steps > 2
        assert not log.behind
        assert (len(log.trials), log.sums.n, log.sums.right) == (2000, 2000, 1000)

    def test_a_book_that_has_not_read_all_yet_says_so(self, folder):
        folder.trials("a").write_text("".join(line(float(k), 0, k % 2) + "\n" for k in range(2000)))
        book = TrialBook(folder)
        book.refresh(("a",))
        assert book.behind
        while book.refresh(("a",)):
            pass
        assert not book.behind
        book.close()

    def test_a_file_that_is_another_one_is_counted_anew(self, folder):
        folder.trials("a").write_text(line(1.0, 0, 0) + "\n" + line(2.0, 0, 1) + "\n")
        log = TrialLog(folder, "a")
        log.refresh()
        before = log.trials
        folder.trials("a").unlink()
        folder.trials("a").write_text(line(1.0, 0, 0) + "\n")
        log.refresh()
        assert log.trials is not before
        assert (len(log.trials), log.sums.n, log.sums.right) == (1, 1, 1)
        log.close()


class TestSwitchLog:
    @pytest.fixture
    def kept(self, tmp_path):
        return SessionFolder.create(tmp_path / "kept", "test")

    def test_what_the_session_logs_is_known_to_a_window_that_comes_late(self, kept):
        annotations, early, path = Annotations(kept), SwitchLog(), path_of(kept.path, ("a", "b"))
        early.refresh(path)
        assert (early.switches, early.problem) == ([], "")
        annotations.switched(Switch(12.5, "a", "b"), 3125)
        early.refresh(path)
        annotations.switched(Switch(20.0, "b", "a"), 5000)
        early.refresh(path)
        late = SwitchLog()
        late.refresh(path)
        assert early.switches == late.switches == [Switch(12.5, "a", "b"), Switch(20.0, "b", "a")]
        early.close()
        late.close()

    def test_a_decoder_that_is_called_charge_has_its_own_log(self, kept):
        kept.update(models={"charge": "m", "b": "m"})
        kept.decision_log("charge").write_text('{"start": 0}\n')
        Annotations(kept).switched(Switch(1.0, "charge", "b"), 250)
        log = SwitchLog()
        log.refresh(path_of(kept.path, ("charge", "b")))
        assert (log.switches, log.problem) == ([Switch(1.0, "charge", "b")], "")
        log.close()

    def test_what_cannot_be_read_is_said_and_no_reason_to_fall_over(self, kept):
        log, path = SwitchLog(), path_of(kept.path, ("a", "b"))
        path.mkdir()
        log.refresh(path)
        assert log.problem == f"who was in charge before is unknown (Is a directory): {path}"
        path.rmdir()
        path.write_text('{broken\n{"time": 3.0, "from": "a", "to": "b", "sample": 9}\n')
        log.refresh(path)
        assert log.switches == [Switch(3.0, "a", "b")]
        assert "its line cannot be read" in log.problem
        log.close()


def compare(trials, chance, reference):
    standing = Standing()
    standing.update(trials)
    return standing.comparison(chance, reference)


def outcome(time, right, loss=0.3, claimed=0):
    return Outcome(time, "T1", 0, 0 if right else 1, claimed, loss, 11, 7)


class TestComparison:
    def test_only_trials_that_all_have_are_compared_and_the_others_counted(self):
        a = [outcome(t, t != 3) for t in range(10)]
        b = [outcome(t, t >= 8, 0.9, -1) for t in range(2, 12)]
        found = compare({"a": a, "b": b, "c": []}, {"a": 0.5, "b": 0.5, "c": 0.5}, "a")
        assert (found.shared, found.left_out, found.without) == (8, 4, ("c",))
        assert [(s.name, s.trials, s.right, s.abstained, s.left_out) for s in found.scores] == [
            ("a", 8, 7, 0, 2),
            ("b", 8, 2, 8, 2),
        ]
        assert found.scores[1].log_loss == pytest.approx(0.9)
        (between,) = found.differences
        assert (between.only_one, between.only_other, between.better) == (5, 0, "")
        assert between.p == pytest.approx(2 / 2**5)

    def test_mcnemar_is_the_exact_binomial(self):
        assert mcnemar(0, 0) == 1.0
        assert mcnemar(5, 5) == 1.0
        assert mcnemar(10, 0) == pytest.approx(2 / 1024)
        assert mcnemar(8, 2) == mcnemar(2, 8) == pytest.approx(2 * (1 + 10 + 45) / 1024)

    def test_mcnemar_of_a_day_of_flashes(self):
        from scipy.stats import binomtest

        for one, other in ((5200, 5000), (600, 450), (3000, 20)):
            assert mcnemar(one, other) == pytest.approx(binomtest(one, one + other).pvalue, rel=1e-9)

    @settings(max_examples=40, deadline=None)
    @given(data=st.data())
    def test_trials_may_come_in_any_order_and_the_comparison_is_the_same(self, data):
        known = {name: [] for name in "abc"}
        standing = Standing()
        for _ in range(data.draw(st.integers(0, 25))):
            name = data.draw(st.sampled_from("abc"))
            time = float(data.draw(st.integers(0, 8)))
            if all(trial.time != time for trial in known[name]):
                known[name].append(outcome(time, data.draw(st.booleans()), data.draw(st.sampled_from([0.25, 1.5]))))
            if data.draw(st.booleans()):
                standing.update(known)
        standing.update(known)
        chance = dict.fromkeys("abc", 0.5)
        there = {name: {trial.key: trial for trial in trials} for name, trials in known.items() if trials}
        shared = set.intersection(*map(set, there.values())) if there else set()
        for reference in "abc":
            found = standing.comparison(chance, reference)
            assert found == compare(known, chance, reference)
            assert (found.shared, found.left_out) == (len(shared), len(set().union(*there.values())) - len(shared))
            assert [s.right for s in found.scores] == [sum(t[key].right for key in shared) for t in there.values()]
            for difference in found.differences:
                one, other = there[difference.one], there[difference.other]
                assert difference.only_one == sum(one[key].right and not other[key].right for key in shared)
                assert difference.only_other == sum(other[key].right and not one[key].right for key in shared)

    def test_a_log_that_begins_anew_leaves_nothing_of_before(self):
        standing = Standing()
        standing.update({"a": [outcome(1, True), outcome(2, True)]})
        standing.update({"a": [outcome(1, False)]})
        assert [(s.trials, s.right) for s in standing.comparison({"a": 0.5}, "a").scores] == [(1, 0)]

    def test_three_decoders_pay_for_being_three(self):
        good = [outcome(t, True) for t in range(20)]
        bad = [outcome(t, t >= 7) for t in range(20)]
        found = compare({"x": good, "y": bad, "z": bad}, dict.fromkeys("xyz", 0.5), "x")
        assert [d.p for d in found.differences] == [pytest.approx(2 * 2 / 2**7)] * 2
        assert [d.better for d in found.differences] == ["x", "x"]

    def test_a_reference_without_trials_gives_way(self):
        found = compare({"a": [], "b": [outcome(0, True)]}, {"a": 0.5, "b": 0.5}, "a")
        assert (found.shared, found.differences, found.without) == (1, (), ("a",))

    def test_nothing_is_nothing(self):
        found = compare({"a": []}, {"a": 0.5}, "a")
        assert (found.scores, found.shared, found.without) == ((), 0, ("a",))


class TestWords:
    def test_no_accuracy_without_its_ground(self):
        trials = [outcome(t, t < 32) for t in range(40)]
        assert words.accuracy(score("a", Sums.of(trials), 0.5)) == (
            "32 of 40 trials, .80 (.65–.90), chance .50, shuffled .80"
        )
        assert words.accuracy(score("a", Sums(), 0.5)) == "no trials yet"

    def test_who_always_answers_the_frequent_class_does_not_look_as_if_he_knew_something(self):
        """A P300 matrix: one flash in six is a target, and 'none of them' is right five times out of six."""
        trials = [Outcome(float(k), "T", int(k % 6 > 0), 1, -1, 0.18, 1, 1) for k in range(120)]
        known = score("a", Sums.of(trials), 0.5)
        assert words.accuracy(known) == "100 of 120 trials, .83 (.76–.89), chance .50, shuffled .83"
        assert words.ground(compare({"a": trials}, {"a": 0.5}, "a"), 2)[1] == (
            "classes are not equally frequent: whoever knows nothing else reaches .83, log-loss 0.45"
        )
        found = confusion.of_trials(Sums.of(trials), 2)
        assert ", ".join(words.confusion(found, 0.5)) == "100 of 120 trials, .83 (.76–.89), chance .50, shuffled .83"

    def test_shuffled_is_what_the_report_says(self):
        random = np.random.default_rng(1)
        pairs = random.integers(0, 3, (50, 2)).tolist()
        trials = [Outcome(float(k), "T", truth, answer, -1, 0.1, 1, 1) for k, (truth, answer) in enumerate(pairs)]
        assert Sums.of(trials).shuffled == pytest.approx(shuffled_accuracy(trials, 3))

    def test_all_but_one_are_not_all(self):
        trials = [outcome(t, t > 0) for t in range(400)]
        assert words.accuracy(score("a", Sums.of(trials), 1 / 300)).startswith("399 of 400 trials, .997 (")
        assert ", chance .003," in words.accuracy(score("a", Sums.of(trials), 1 / 300))

    def test_what_cannot_be_told_is_said_so(self):
        a = [outcome(t, t != 0) for t in range(10)]
        b = [outcome(t, t > 2) for t in range(10)]
        found = compare({"a": a, "b": b}, {"a": 0.5, "b": 0.5}, "a")
        assert words.difference(found.differences[0]) == (
            "a and b: no difference can be told yet (p = .50); 2 right only by a, 0 only by b"
        )
        same = compare({"a": a, "b": a}, {"a": 0.5, "b": 0.5}, "a")
        assert "no difference can be told" in words.difference(same.differences[0])
        c = [outcome(t, False) for t in range(20)]
        d = [outcome(t, True) for t in range(20)]
        better = compare({"c": c, "d": d}, {"c": 0.5, "d": 0.5}, "c").differences[0]
        assert words.difference(better) == "d is better (p < .001): 0 right only by c, 20 only by d"

    def test_who_is_in_charge_is_said_only_where_there_are_several(self):
        assert words.role("a", "a", "", 1) == words.role("a", "", "", 2) == ""
        assert words.role("a", "a", "b", 2) == "in charge"
        assert words.role("b", "a", "b", 2) == "takes over at the trial's end"
        assert words.role("c", "a", "b", 3) == "in shadow"

    @pytest.mark.parametrize(
        ("p", "said"), [(0.0001, "p < .001"), (0.0312, "p = .031"), (0.4, "p = .40"), (1, "p = 1.00")]
    )
    def test_p_values(self, p, said):
        assert words.probability_of_chance(p) == said


class TestConfusion:
    def test_trials_are_counted_by_truth_and_answer(self):
        trials = [Outcome(float(k), "T", k % 2, 0 if k < 6 else 1, -1, 0.1, 1, 1) for k in range(10)]
        found = confusion.of_trials(Sums.of(trials), 3)
        assert found.counts.tolist() == [[3, 2, 0], [3, 2, 0], [0, 0, 0]]
        assert (found.n, found.right) == (10, 5)
        np.testing.assert_allclose(found.shares()[:2, :2], [[0.6, 0.4], [0.6, 0.4]])
        assert np.isnan(found.shares()[2]).all()

    def test_of_more_classes_than_a_table_can_show_the_sums_are_known(self):
        trials = [Outcome(float(k), "T", k % 40, k % 40 if k else 7, -1, 0.1, 1, 1) for k in range(80)]
        found = confusion.of_trials(Sums.of(trials), 40)
        assert found.counts.size == 0
        assert ", ".join(words.confusion(found, 1 / 40)) == "79 of 80 trials, .99 (.93–1.0), chance .03, shuffled .03"
        history = History(40)
        history.add(batch([3.0, 4.0], np.eye(40)[[5, 6]]))
        windows = confusion.of_windows(history, [TrialSpan(0.5, 5.0, 5)], 0.5, 2.0, 1.0, 40)
        assert (windows.counts.size, windows.n, windows.right, windows.shuffled) == (0, 2, 1, 0.5)

    def test_windows_count_that_lie_wholly_within_a_trial(self):
        history = History(2)
        times = np.arange(0.0, 20.0, 0.5)
        own = (np.arange(len(times)) % 2).astype(int)
        history.add(batch(times, two(np.full(len(times), 0.6)), own=own))
        spans = [TrialSpan(4.0, 8.0, 1), TrialSpan(12.0, 15.0, 0)]
        found = confusion.of_windows(history, spans, 0.5, 2.0, 0.5, 2)
        inside = {
            1: [t for t in times if t - 2.0 >= 4.0 and t <= 8.0],
            0: [t for t in times if t - 2 >= 12 and t <= 15],
        }
        expected = np.zeros((2, 2), int)
        for truth, ends in inside.items():
            for end in ends:
                expected[truth, own[int(end * 2)]] += 1
        assert found.counts.tolist() == expected.tolist()
        assert found.n == 8

    def test_a_trial_of_the_windows_own_length_is_a_hop_longer(self):
        history = History(2)
        times = np.arange(0.05, 10.0, 0.1)
        history.add(batch(times, two(np.full(len(times), 0.9))))
        assert confusion.of_windows(history, [TrialSpan(3.0, 5.0, 0)], 0.5, 2.0, 0.1, 2).n == 1

    def test_event_windows_belong_to_their_markers(self):
        history = History(2)
        history.add(batch([1.0, 2.0, 3.0], two([0.9, 0.1, 0.9]), markers=[0.3, 1.3, 2.7]))
        spans = [TrialSpan(0.3 + 0.1, 0.8, 0), TrialSpan(1.3 + 0.1, 1.8, 1)]
        found = confusion.of_windows(history, spans, 0.1, 0.6, None, 2)
        assert found.counts.tolist() == [[1, 0], [0, 1]]

    def test_words_tell_trials_from_overlapping_windows(self):
        table = np.array([[8, 2], [2, 8]])
        trials = confusion.Confusion(table, "trials", 20, 16, 0.5)
        assert ", ".join(words.confusion(trials, 0.5)) == "16 of 20 trials, .80 (.58–.92), chance .50, shuffled .50"
        windows = confusion.Confusion(table, "windows", 20, 16, 0.5)
        assert ", ".join(words.confusion(windows, 0.5)) == "16 of 20 overlapping windows, .80, chance .50, shuffled .50"
        assert words.confusion(confusion.of_trials(Sums(), 2), 0.5) == ("no trials yet",)


@settings(deadline=None)
@given(width=st.integers(200, 4000), height=st.integers(150, 2200))
def test_every_part_has_its_place_on_one_page_or_the_other(width, height):
    first, second = (arrangement(width, height, page) for page in (0, 1))
    assert set(first.places) | set(second.places) == {"cards", "minute", "compared", "table"}
    assert first.pages == (first != second)
    for arranged in (first, second):
        cells = [
            (r, c)
            for row, column, rows, columns in arranged.places.values()
            for r in range(row, row + rows)
            for c in range(column, column + columns)
        ]
        assert len(cells) == len(set(cells))
        assert max(r for r, _ in cells) < len(arranged.rows) and max(c for _, c in cells) < len(arranged.columns)


def test_guessing_is_stated_beside_the_comparison():
    found = compare({"a": [outcome(0, True)], "b": []}, {"a": 0.25, "b": 0.25}, "a")
    assert words.ground(found, 4) == [
        f"1 trial that has ended; guessing: .25, log-loss {math.log(4):.2f}",
        "no trial yet: b",
    ]
