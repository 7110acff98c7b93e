"""What the worker finds in a bank, followed from its files: counted once, let go when replaced, never older than it says."""

import json
import math
import os

import numpy as np
import pytest

from rtbci.bank import Bank
from rtbci.errors import RecordingError
from rtbci.retrieval import wilson_interval
from rtbci.runfolder import RunFolder
from rtbci.types import Marker
from rtbci_ui import retrieval_words as words
from rtbci_ui.retrieval_feed import RetrievalFeed
from rtbci_ui.tallies import Session, Tally
from tests.bank.drawn import build, three_classes
from tests.ui.fake_images import FakeImages


@pytest.fixture(scope="module")
def bank(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bank")
    return Bank.open(build(folder, three_classes(folder / "pictures")))


@pytest.fixture
def fake(tmp_path, bank):
    (tmp_path / "run").mkdir()
    made = FakeImages(RunFolder(tmp_path / "run"), "clip", bank.path, 12)
    yield made
    made.close()


def look(feed):
    feed.look()
    feed.refresh()
    return feed


def feed_of(fake):
    return look(RetrievalFeed(fake.name, fake.run))


def test_before_the_files_are_there_nothing_is_known(tmp_path):
    feed = look(RetrievalFeed("clip", RunFolder(tmp_path)))
    assert (feed.ring, feed.bank, feed.newest, feed.problem) == (None, None, None, "")
    assert feed.freshness(5.0) is None
    assert feed.truth() == (-1, 0, 0)
    assert feed.session.tallies() == []


def test_retrievals_are_taken_in_as_they_come_and_age_from_their_newest_sample(fake):
    feed = feed_of(fake)
    fake.find([3, 1, 2, 0, 4], [0.7, 0.1, 0.1, 0.05, 0.05], time=10.0)
    look(feed)
    assert feed.newest.items.tolist() == [3, 1, 2, 0, 4]
    looked = feed.looked
    look(feed)
    assert feed.looked == looked  # nothing came: nothing is drawn
    feed.patience = 2.0
    assert feed.freshness(11.5).age == pytest.approx(1.5)
    assert not feed.freshness(12.0).stale
    assert feed.freshness(12.1).stale


def test_names_are_captions_or_ids(fake, bank):
    feed = feed_of(fake)
    assert feed.name_of(0) == bank.items[0].id
    assert feed.name_of(99) == "item 99"


def test_a_window_that_is_locked_to_a_marker_knows_what_was_shown(fake):
    feed = feed_of(fake)
    fake.find([3, 1, 2, 0, 4], [0.7, 0.1, 0.1, 0.05, 0.05], time=10.0, truth=2, rank=3, repeats=4, marker=9.0)
    look(feed)
    assert feed.truth() == (2, 3, 4)


def test_of_a_window_that_slides_the_trial_in_which_it_ends_tells(fake, bank):
    feed = feed_of(fake)
    fives = [3, 1, 2, 0, 4], [0.7, 0.1, 0.1, 0.05, 0.05]
    shown = ((7.0, bank.items[9].id), (9.0, bank.items[2].id), (9.2, "blink"), (12.0, bank.items[5].id))
    feed.markers = [Marker(time, label) for time, label in shown]
    feed.trial = (0.5, 1.5)
    fake.find(*fives, time=10.1)
    look(feed)
    assert feed.truth() == (2, 3, 1)  # by the candidates that are shown: the third
    fake.find(*fives, time=10.6)  # after the trial: what was shown is shown no more
    look(feed)
    assert feed.truth() == (-1, 0, 0)
    fake.find(*fives, time=12.2)
    look(feed)
    assert feed.truth() == (5, 0, 1)  # none of the five
    assert words.rank(0, 12) == "not among these"


def test_a_renderer_that_was_killed_is_known_from_the_session(fake):
    fake.say(state="live", problem=None, drawn=4, overtaken=1)
    feed = feed_of(fake)
    feed.hear({"decoder": "clip", "state": "waiting", "problem": "died of signal 9", "drawn": 4, "overtaken": 1})
    look(feed)
    assert words.drawing(None, feed.renderer) == ["renderer waiting, 4 drawn, 1 overtaken", "problem: died of signal 9"]


def test_a_locked_window_that_named_no_item_borrows_no_trial(fake, bank):
    feed = feed_of(fake)
    feed.markers, feed.trial = [Marker(9.0, bank.items[2].id)], (0.0, 2.0)
    fake.find([3, 1, 2, 0, 4], [0.2] * 5, time=10.0, marker=9.5)
    look(feed)
    assert feed.truth() == (-1, 0, 0)


def test_single_and_averaged_presentations_are_counted_apart_and_make_one_trial(fake):
    feed = feed_of(fake)
    fake.tell(1.0, 2, 2, 1, claimed=2)
    fake.tell(5.0, 2, 7, 4)
    fake.tell(5.0, 2, 2, 1, averaged=2, claimed=2)
    fake.tell(5.0, 0, 0, 1, kind="centre", candidates=3)
    look(feed)
    trials = feed.session.trials
    assert [(t.rank, t.repeats, t.rank_alone, t.hit, t.abstained) for t in trials] == [
        (1, 1, 1, True, False),
        (1, 2, 4, True, False),
    ]
    tallies = feed.session.tallies()
    assert [(t.kind, t.retrieval.n, t.retrieval.averaged) for t in tallies] == [
        ("item", 2, 1),
        ("item", 1, 2),
        ("centre", 1, 1),
    ]
    assert tallies[0].retrieval.top1 == 0.5
    assert words.claims(feed.session) == "2 claims, 2 right"  # of trials, however they are counted


def test_a_trial_that_is_still_running_counts_nowhere(fake):
    feed = feed_of(fake)
    fake.tell(1.0, 2, 2, 1, whole=False)
    look(feed)
    assert feed.session.trials == []
    assert feed.session.tallies() == []
    fake.tell(1.0, 2, 2, 1)
    fake.tell(1.0, 2, 5, 9)  # the same once more, by a worker that was started again
    look(feed)
    assert [t.rank for t in feed.session.trials] == [1]
    assert feed.session.tallies()[0].retrieval.n == 1


def test_the_shuffled_control_is_of_the_same_answers(fake):
    feed = feed_of(fake)
    for time, (truth, best) in enumerate([(0, 0), (0, 0), (1, 0), (2, 5)]):
        fake.tell(float(time), truth, best, 1 if truth == best else 6)
    look(feed)
    found = feed.session.tallies()[0].retrieval
    assert found.top1 == 0.5
    assert found.shuffled_top1 == pytest.approx((3 * 2 + 0) / 16)  # three answers "0", which is true twice in four
    assert found.top_interval(1) == wilson_interval(2, 4)


def test_another_number_of_candidates_begins_sums_anew():
    from rtbci.retrieved import Found

    session = Session()
    session.add(Found(1.0, "a", "item", 0, 0, 1, 12, 1, 1.0))
    session.add(Found(2.0, "b", "item", 0, 0, 1, 200, 1, 1.0))
    assert [(t.candidates, t.retrieval.n) for t in session.tallies()] == [(200, 1)]
    assert len(session.trials) == 2


def test_half_a_line_waits_for_its_end_and_a_damaged_one_is_said(fake):
    fake.tell(1.0, 2, 2, 1)
    whole = fake.run.found("clip").read_text()
    fake.run.found("clip").write_text(whole[:30])
    feed = feed_of(fake)
    assert feed.session.trials == []
    with fake.run.found("clip").open("a") as file:
        file.write(whole[30:])
        file.write(json.dumps({**json.loads(whole), "time": 9.0, "rank": 99}) + "\n")
    look(feed)
    assert len(feed.session.trials) == 1
    assert "clip.found.jsonl cannot be read (rank 99 of 12)" in feed.problem


@pytest.mark.skipif(os.name == "nt", reason="an open file cannot be removed there")
def test_hours_of_trials_are_taken_in_by_steps_and_told_of_when_they_are_all_there(fake):
    for k in range(2000):
        fake.tell(float(k), k % 3, k % 3, 1)
    feed = RetrievalFeed("clip", fake.run)
    feed.look()
    steps = 0
    while not feed.told:
        assert len(feed.session.trials) < 2000
        feed.refresh()
        steps += 1
    assert steps > 2
    assert len(feed.session.trials) == 2000
    feed.refresh()
    assert feed.told == 1
    feed.close()


def test_a_file_of_trials_that_was_replaced_is_read_anew(fake):
    fake.tell(1.0, 2, 2, 1)
    feed = feed_of(fake)
    assert len(feed.session.trials) == 1
    fake.run.found("clip").unlink()
    fake.tell(7.0, 3, 1, 2)
    fake.tell(8.0, 3, 3, 1)
    look(feed)
    assert [t.time for t in feed.session.trials] == [7.0, 8.0]


@pytest.mark.skipif(os.name == "nt", reason="an open file cannot be removed there")
def test_a_ring_that_was_replaced_is_followed_from_its_beginning(fake, bank):
    fives = [3, 1, 2, 0, 4], [0.7, 0.1, 0.1, 0.05, 0.05]
    feed = feed_of(fake)
    fake.find(*fives, time=10.0)
    fake.find(*fives, time=10.5)
    look(feed)
    assert feed.newest.signal_time == 10.5
    fake.run.retrieved("clip").unlink()
    again = FakeImages(fake.run, "clip", bank.path, 12, k=3)
    look(feed)
    assert feed.newest.signal_time == 10.5  # of the same bank: what was known still holds
    again.find([8, 9, 10], [0.6, 0.3, 0.1], time=11.0)
    look(feed)
    assert feed.newest.items.tolist() == [8, 9, 10]
    assert feed.ring.k == 3
    again.close()


@pytest.mark.skipif(os.name == "nt", reason="an open file cannot be removed there")
def test_another_bank_makes_old_numbers_of_items_mean_nothing(fake, tmp_path):
    feed = feed_of(fake)
    fake.find([3, 1, 2, 0, 4], [0.2] * 5, time=10.0)
    look(feed)
    fake.run.retrieved("clip").unlink()
    other = FakeImages(fake.run, "clip", tmp_path / "gone.bank", 12)
    look(feed)
    assert feed.newest is None
    assert feed.bank is None
    assert "gone.bank is no bank" in feed.problem
    other.close()


@pytest.mark.skipif(os.name == "nt", reason="an open file cannot be removed there")
def test_a_bank_of_another_size_names_nothing(fake, bank):
    fake.run.retrieved("clip").unlink()
    other = FakeImages(fake.run, "clip", bank.path, 40)
    feed = feed_of(fake)
    assert feed.bank is None
    assert "has 12 items, the decoder's had 40" in feed.problem
    other.close()


def test_attaching_late_takes_what_the_screen_needs(fake):
    for k in range(1500):
        fake.find([3, 1, 2, 0, 4], [0.2] * 5, time=float(k), stop=k)
    feed = feed_of(fake)
    assert feed.newest.stop == 1499
    assert len(feed.recent) == 256


def test_a_drawn_picture_knows_what_was_shown_when_it_was_drawn_and_its_age(fake):
    feed = feed_of(fake)
    fake.find([3, 1, 2, 0, 4], [0.2] * 5, time=10.0, stop=500, truth=7, rank=6, marker=9.0)
    fake.find([3, 1, 2, 0, 4], [0.2] * 5, time=14.0, stop=900, truth=8, rank=6, marker=13.0)
    fake.draw(np.zeros((8, 6, 3), np.uint8), time=10.0, stop=500, took=2.0)
    fake.say(state="live", problem="", drawn=4, overtaken=1)
    look(feed)
    assert feed.rendered.pixels.shape == (8, 6, 3)
    assert feed.drawn_of() == 7
    assert feed.rendered_freshness(15.0).age == pytest.approx(5.0)
    assert not feed.rendered_freshness(21.9).stale
    assert feed.rendered_freshness(22.1).stale
    drawn = feed.drawn
    look(feed)
    assert feed.drawn == drawn
    assert words.drawing(feed.rendered, feed.renderer) == [
        "by prior, took 2.0 s",
        "renderer live, 4 drawn, 1 overtaken",
    ]


def test_a_file_that_is_no_drawn_picture_is_said(fake):
    feed = feed_of(fake)
    fake.run.rendered("clip").write_bytes(b"nothing")
    for _ in range(2):  # for as long as it is one: what is wrong for a moment only is not worth a word
        with pytest.raises(RecordingError, match="is no picture that a renderer drew"):
            feed.look()


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "–"), (0.0, "0 %"), (1.0, "100 %"), (0.346, "35 %"), (0.0996, "10 %"), (0.025, "2.5 %"), (0.005, "0.50 %"),
     (0.9975, "99.7 %"), (0.9996, "99.9 %"),
     (1 / 16740, "0.006 %"), (1e-6, "<.001 %")],
)  # fmt: skip
def test_shares_are_said_in_percent(value, shown):
    assert words.percent(value) == shown


def test_a_row_has_everything_an_accuracy_is_to_be_read_with():
    from rtbci.retrieved import Found

    tally = Tally("item", 200)
    for k, rank in enumerate([1, 1, 3, 40]):
        tally.add(Found(float(k), "x", "item", k, k if rank == 1 else 100, rank, 200, 2 + k % 2, 1.0, True, k))
    row = words.line(tally, "pictures")
    low, high = wilson_interval(2, 4)
    assert row.what == "200 pictures"
    assert row.trials == "n 4, 2–3 averaged"
    assert row.top1 == words.Share("50 %", f"{100 * low:.0f}–{100 * high:.0f} %", "0.50 %", "12 %")
    assert row.top5.value == "75 %"
    assert row.top5.chance == "2.5 %"
    assert (row.median, row.chance_median) == ("2", "100.5")


def test_a_top_five_that_cannot_miss_is_not_shown():
    from rtbci.retrieved import Found

    tally = Tally("centre", 5)
    tally.add(Found(0.0, "x", "centre", 1, 1, 1, 5, 1, 1.0))
    row = words.line(tally, "pictures")
    assert row.what == "5 class centres"
    assert row.top5 is None
    assert row.trials == "n 1, single"


def test_no_number_of_a_retrieval_is_lost_on_the_way(fake):
    feed = feed_of(fake)
    fake.find([3, 1, 2, 0, 4], [0.5, 0.2, 0.1, 0.1, 0.1], time=10.0, rest=0.04)
    look(feed)
    assert np.exp(feed.newest.log_probs) == pytest.approx([0.5, 0.2, 0.1, 0.1, 0.1])
    assert feed.newest.rest == 0.04
    assert math.isnan(feed.newest.marker_time)
