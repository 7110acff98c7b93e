"""A retrieval is a decision among items: softmax, evidence over windows and repeats, abstention, ranks."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtbci.bank import Bank
from rtbci.bank.averages import Averages
from rtbci.bank.rest import rest_of
from rtbci.bank.retriever import Index, Retriever, surety
from rtbci.calibration import Calibration, Places, Signal
from rtbci.confidence import log_softmax
from rtbci.evidence import Evidence
from rtbci.retrieval_tally import as_json
from rtbci.retrieved import Found, from_json, from_row, to_json, to_row
from rtbci.trials import Gathered
from rtbci.types import Channel, Marker, StreamInfo, Window
from tests.bank.drawn import COLOURS, draw

CLASSES = {"warm": ["W"], "greens": ["G"], "other": ["B", "blues"]}
LENGTH, RATE = 20, 100.0


@dataclass
class Reads:
    """A decoder whose windows carry their embedding: the first samples of their only channel."""

    n_dims: int
    item_scale: float = 5.0
    logit_scale: float = 5.0
    space_id: str = "test"

    def embed(self, window):
        return np.array(window.samples[0, : self.n_dims], np.float32)

    def classify(self, embedding):
        return np.log(np.full(2, 0.5))


@pytest.fixture(scope="module")
def index(tmp_path_factory) -> Index:
    """Nine pictures of nine colours, in three classes."""
    from tests.bank.drawn import build

    parent = tmp_path_factory.mktemp("colours")
    for k, name in enumerate(COLOURS):
        for j, rgb in enumerate(((210, 30, 30), (210, 30, 110), (210, 110, 30))):
            draw(parent / "colours" / name / f"{name}{j}.png", tuple(np.roll(rgb, k).tolist()), 9)
    return Index(Bank.open(build(parent, parent / "colours", out="colours.bank")))


def retriever(index: Index, hop: int | None = None, **more) -> Retriever:
    settled = {
        "time_constant": 2.0,
        "threshold": 0.7,
        "length": LENGTH,
        "rate": RATE,
        "n_channels": 1,
        "top": 4,
        **more,
    }
    return Retriever(index, Reads(index.bank.dim), CLASSES, hop=hop, **settled)


def window(embedding: np.ndarray, start: int = 0, label: str | None = None, fresh: int = LENGTH) -> Window:
    samples = np.zeros((1, LENGTH), np.float32)
    samples[0, : len(embedding)] = embedding
    marker = None if label is None else Marker(start / RATE, label)
    return Window(samples, start, start + LENGTH - 1, (start + LENGTH - 1) / RATE, 0.0, marker, fresh)


def cosines(index: Index, z: np.ndarray) -> np.ndarray:
    return index.bank.embeddings.astype(np.float64) @ (z / np.linalg.norm(z))


def test_one_window_is_a_softmax_over_all_items(index):
    z = np.array([0.9, -0.3, 0.2], np.float32)
    found, _ = retriever(index).retrieve(window(z, label="none of these"), z)
    wanted = log_softmax(5.0 * cosines(index, z))
    order = np.argsort(-wanted, kind="stable")[:4]
    assert found.items.tolist() == order.tolist()
    assert found.log_probs == pytest.approx(wanted[order], abs=1e-4)
    assert found.cosines == pytest.approx(cosines(index, z)[order], abs=1e-4)
    assert (found.truth, found.rank, found.repeats) == (-1, 0, 1)


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_evidence_over_windows_is_that_of_classes(index, data):
    n = data.draw(st.integers(1, 8))
    hop = data.draw(st.integers(1, LENGTH))
    fresh = [data.draw(st.integers(1, LENGTH)) for _ in range(n)]
    random = np.random.default_rng(data.draw(st.integers(0, 99)))
    looking = retriever(index, hop=hop)
    classes = Evidence(len(index.bank.items), LENGTH, hop, RATE, time_constant=2.0)
    for k in range(n):
        z = random.standard_normal(3).astype(np.float32)
        found, _ = looking.retrieve(window(z, k * hop, fresh=fresh[k]), z)
        posterior, _ = classes.add(log_softmax(5.0 * cosines(index, z)), fresh[k])
        assert found.log_probs == pytest.approx(posterior[found.items], abs=2e-3)


def test_after_missing_samples_evidence_begins_from_nothing(index):
    z = np.array([0.5, 0.1, -0.7], np.float32)
    first, _ = retriever(index, hop=5).retrieve(window(z), z)
    looking = retriever(index, hop=5)
    looking.retrieve(window(-z), -z)
    looking.reset()
    again, _ = looking.retrieve(window(z), z)
    assert again.log_probs.tobytes() == first.log_probs.tobytes()


def test_repeats_of_an_item_are_averaged_and_count_that_often(index):
    looking = retriever(index)
    truth = index.bank.items[3].id
    own = index.bank.embeddings[3].astype(np.float32)
    noise = np.random.default_rng(0).standard_normal((3, len(own))).astype(np.float32)
    noise -= noise.mean(axis=0)  # of three presentations nothing of it is left
    for k in range(3):
        z = own + noise[k]
        found, judged = looking.retrieve(window(z, k * 50, truth), z)
        assert (found.truth, found.repeats) == (3, k + 1)
    assert found.rank == 1
    assert found.embedding == pytest.approx(own / np.linalg.norm(own), abs=1e-5)
    wanted = log_softmax(3 * 5.0 * cosines(index, own))
    assert found.log_probs == pytest.approx(wanted[found.items], abs=1e-3)
    assert [(one.kind, one.averaged) for one in judged] == [("item", 1), ("item", 3), ("centre", 1)]
    assert judged[1].rank == 1 and judged[0].rank == found.rank_alone
    other, _ = looking.retrieve(window(own, 200, index.bank.items[5].id), own)
    assert other.repeats == 1
    alone = retriever(index, average=False)
    for _ in range(2):
        found, judged = alone.retrieve(window(own, 0, truth), own)
    assert found.repeats == 1 and len(judged) == 2


def test_sums_beyond_the_memory_are_forgotten_oldest_first():
    averages = Averages(LENGTH, 2, largest=2 * 8 * LENGTH * 2)
    samples = np.ones((2, LENGTH), np.float32)
    assert averages.add(1, samples)[0] == 1
    count, mean = averages.add(1, 3 * samples)
    assert count == 2 and (mean == 2.0).all() and mean.ctypes.data % 64 == 0
    averages.add(2, samples)
    averages.add(3, samples)
    assert [averages.add(item, samples)[0] for item in (3, 2, 1)] == [2, 2, 1]


def test_what_rest_gives_as_often_is_not_claimed(index):
    z = np.array([0.9, -0.3, 0.2], np.float32)
    sure = surety(index.items.scores(z), 5.0)
    rest = np.concatenate([np.full(2, sure), np.full(97, sure - 1.0)])
    found, _ = retriever(index, rest=rest, false_alarms=0.05).retrieve(window(z, label="x"), z)
    assert found.rest == pytest.approx(3 / 100)
    assert found.answer == found.items[0]
    found, _ = retriever(index, rest=rest, false_alarms=0.02).retrieve(window(z, label="x"), z)
    assert found.answer == -1
    unsure, _ = retriever(index, threshold=0.99).retrieve(window(z, label="x"), z)
    assert unsure.answer == -1 and math.isnan(unsure.rest)  # no rest was kept: the threshold decides
    sure_of_it, _ = retriever(index, threshold=0.1).retrieve(window(z, label="x"), z)
    assert sure_of_it.answer == found.items[0]


def test_rest_lies_between_trials_and_before_no_gap(index):
    random = np.random.default_rng(0)
    samples = random.standard_normal((1000, 1)).astype(np.float32)
    samples[700:760] = samples[700]  # were missing
    start = np.array([100, 300], np.int64)
    zeros = np.zeros(2, np.int64)
    places = Places(zeros, start, start, start, zeros, np.arange(2, dtype=np.int64))
    info = StreamInfo("x", RATE, (Channel("C0"),))
    signals = (Signal(samples, "x"),)
    calibration = Calibration(
        info, info, ("a", "b"), (("a",), ("b",)), signals, places, LENGTH, ("a", "b"), np.zeros((2, 2)), None, True
    )
    seen: list[int] = []

    class Notes(Reads):
        def embed(self, window):
            seen.append(window.start)
            return super().embed(window)

    rest = rest_of(index, Notes(index.bank.dim), calibration)
    assert len(rest) == len(seen) > 30
    used = {t for s in seen for t in range(s, s + LENGTH)}
    assert not used & set(range(100, 170)) and not used & set(range(300, 370)) and not used & set(range(702, 760))
    assert len(used) == LENGTH * len(seen)  # side by side
    z = samples[seen[0] : seen[0] + index.bank.dim, 0]
    assert rest[0] == surety(index.items.scores(z), 5.0)


def test_a_trial_of_windows_that_slide_is_judged_by_its_evidence_from_nothing(index):
    own = index.bank.embeddings[7].astype(np.float32)
    other = index.bank.embeddings[0].astype(np.float32)
    looking = retriever(index, hop=5)
    items = tuple((z, 5) for z in (other, other, own, own, own, own, own))
    trial = Gathered(Marker(2.0, index.bank.items[7].id), 0, 200, 200, 250, items)
    found = [one for one in looking.judge(trial) if one.kind == "item"]
    assert [one.seconds for one in found] == pytest.approx([0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5])
    assert found[0].rank > 1 and found[-1].rank == 1
    assert [one.whole for one in found] == [False] * 6 + [True]
    said = as_json(found)
    assert said["retrieval"]["n"] == 1 and said["retrieval"]["top1"] == 1.0
    assert [row["seconds"] for row in said["retrieval_by_time"]] == pytest.approx(
        [0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5]
    )
    (centre,) = [one for one in looking.judge(trial) if one.kind == "centre"]
    assert (centre.candidates, centre.truth) == (3, index.bank.classes.index(index.bank.items[7].category))


# ---------------------------------------------------------------------- ranks


def judged(index: Index, *shown: tuple[str, np.ndarray]) -> list[Found]:
    looking = retriever(index, average=False)
    return [one for label, z in shown for one in looking.retrieve(window(z, 0, label), z)[1]]


def test_items_are_ranked_among_all_items_and_their_classes_among_all_classes(index):
    bank = index.bank
    shown = [(item.id, z) for item, z in zip(bank.items, bank.embeddings.astype(np.float32), strict=True)]
    said = as_json(judged(index, *shown))
    items, centres = said["retrieval"], said["retrieval_classes"]
    assert (items["candidates"], items["n"], items["kind"], items["top1"], items["median_rank"]) == (9, 9, "item", 1, 1)
    assert items["chance_top1"] == items["shuffled_top1"] == pytest.approx(1 / 9)
    assert (centres["candidates"], centres["top1"]) == (3, 1.0)


def test_markers_of_classes_are_ranked_among_classes_alone(index):
    z = index.bank.centre("greens")
    # the bank has no class "warm", and none called "W"
    found = judged(index, ("G", z), ("B", z), ("W", z))
    assert [one.kind for one in found] == ["centre", "centre"]
    assert found[0].rank == 1 and found[1].rank > 1
    assert as_json(found)["retrieval"]["kind"] == "centre"


def test_the_shuffled_control_is_the_mean_over_all_orders(index):
    bank = index.bank
    shown, said = [0, 1, 4, 4, 8], [0, 4, 4, 4, 0]
    embeddings = bank.embeddings.astype(np.float32)
    pairs = [(bank.items[truth].id, embeddings[answer]) for truth, answer in zip(shown, said, strict=True)]
    orders = list(itertools.permutations(shown))
    wanted = np.mean([np.mean([a == b for a, b in zip(order, said, strict=True)]) for order in orders])
    assert as_json(judged(index, *pairs))["retrieval"]["shuffled_top1"] == pytest.approx(wanted)


def test_nothing_that_was_shown_gives_nothing(index):
    assert as_json(judged(index, ("T1", index.bank.centre("reds")))) == {}


def test_what_was_found_travels_bit_for_bit(index):
    z = np.array([0.9, -0.3, 0.2], np.float32)
    found, _ = retriever(index).retrieve(window(z, 7, index.bank.items[1].id), z)
    there = from_row(to_row(found), 4)
    logged = from_json(to_json(found))
    for other in (there, logged):
        for name in ("items", "log_probs", "cosines"):
            assert getattr(other, name).tobytes() == getattr(found, name).tobytes()
        assert (other.truth, other.rank, other.start, other.marker_time) == (1, found.rank, 7, found.marker_time)
        assert math.isnan(other.rest)
    assert there.embedding.tobytes() == found.embedding.tobytes()


def test_of_equal_cosines_the_lower_number_comes_first_and_the_truth_last(tmp_path: Path, make_bank):
    for k in range(3):
        draw(tmp_path / "same" / f"p{k}.png", (10, 20, 30), 5)  # the same picture
    draw(tmp_path / "same" / "q.png", (200, 20, 30), 5)
    same = Index(Bank.open(make_bank(tmp_path / "same", out="same.bank")))
    z = same.bank.embeddings[0].astype(np.float32)
    found, judged = retriever(same, top=2).retrieve(window(z, 0, same.bank.items[0].id), z)
    assert found.items.tolist() == [0, 1]
    assert found.rank == 3 and judged[0].best == -1


def test_of_a_trial_of_windows_that_slide_the_last_one_claims(index):
    own = index.bank.embeddings[7].astype(np.float32)
    items = tuple((own, 5) for _ in range(4))
    trial = Gathered(Marker(2.0, index.bank.items[7].id), 0, 200, 200, 235, items)
    sure = surety(index.items.scores(own), 5.0)

    def claims(**more) -> list[int]:
        return [one.claimed for one in retriever(index, hop=5, **more).judge(trial) if one.kind == "item"]

    assert claims(rest=np.full(99, sure - 1.0)) == [-1, -1, -1, 7]
    assert claims(rest=np.full(99, sure)) == [-1] * 4
    assert claims(threshold=0.1) == [-1, -1, -1, 7]
    assert claims(threshold=0.999) == [-1] * 4


def test_another_search_finds_the_same_within_its_tolerance_and_one_that_misses_items_is_refused(index):
    from rtbci.errors import BankError

    other = Index(index.bank, "gpu")  # without a GPU it runs on PyTorch's CPU
    assert other.tolerance > 0.0 and index.tolerance == 0.0
    z = np.array([0.9, -0.3, 0.2], np.float32)
    one, _ = retriever(index).retrieve(window(z, label="x"), z)
    two, _ = retriever(other).retrieve(window(z, label="x"), z)
    assert two.items.tolist() == one.items.tolist()
    assert two.cosines == pytest.approx(one.cosines, abs=other.tolerance)
    with pytest.raises(BankError, match='search "gone"; one of exact, approximate, gpu would be right'):
        Index(index.bank, "gone")
