"""The evaluation report: what stands on the page and in the CSV files."""

from __future__ import annotations

import csv
import gzip
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rtbci.errors import RtbciError
from rtbci.evaluation import csv_files, figures, markup, tables, timeline
from rtbci.evaluation.nouns import Outcome, Stretch
from rtbci.evaluation.report_html import Evaluated, in_words, page, write
from rtbci.trials import Trial

FILES = {"report.html", "rows.csv", "summary.csv", "trials.csv", "decisions.csv"}
VOID = {"meta", "br"}


def outcome(
    decoder: str = "tangent",
    *,
    subject: str = "1",
    classes: tuple[str, ...] = ("left", "right"),
    idle: int | None = None,
    truths: tuple[int, ...] = (0, 1, 1, 0),
    answers: tuple[int, ...] = (0, 1, 0, 0),
    hop: float | None = 0.5,
    seconds: float = 40.0,
    seed: int = 0,
) -> Outcome:
    """Trials of 4 s, 10 s apart; decisions that favour each trial's answer while it lasts."""
    rng = np.random.default_rng(seed)
    cues = 3.0 + 10.0 * np.arange(len(truths))
    time = cues + 4.0 if hop is None else np.arange(2.0, seconds, hop)
    log_probs = rng.normal(size=(len(time), len(classes)))
    for cue, answer in zip(cues, answers, strict=True):
        log_probs[(time > cue) & (time <= cue + 4), answer] += 3.0
    log_probs -= np.log(np.exp(log_probs).sum(axis=1, keepdims=True))
    posterior = [np.full(len(classes), 0.2 / (len(classes) - 1)) for _ in answers]
    for p, answer in zip(posterior, answers, strict=True):
        p[answer] = 0.8
    trials = [
        Trial(100.0 + c, f"go {t}", t, a, 5, 4, tuple(np.log(p).tolist()), a, 2.5)
        for c, t, a, p in zip(cues.tolist(), truths, answers, posterior, strict=True)
    ]
    stretch = Stretch(
        recording=f"/data/sub-{subject}.xdf",
        seconds=seconds,
        time=time,
        log_probs=log_probs,
        evidence=log_probs,
        answer=np.where(log_probs.max(axis=1) > np.log(0.6), log_probs.argmax(axis=1), -1),
        truth=np.full(len(time), -1, np.int64),
        trials=tuple(trials),
        spans=np.stack([cues, cues + 4.0], axis=1),
        cues=cues,
    )
    n = len(truths)
    ones = np.ones(n, np.int64)
    shuffled = np.stack([ones, 1 - ones])
    return Outcome(decoder, subject, "1", "run 2", True, classes, idle, 2.0, hop, (stretch,), shuffled, ones)


def scores(accuracy: float | None = 0.75, trials: int = 4, **more: Any) -> dict[str, Any]:
    return {"trial_accuracy": accuracy, "trials": trials, "ci": [0.301, 0.954], "chance": 0.5, **more}


def evaluated(*outcomes: Outcome, **more: Any) -> Evaluated:
    names = dict.fromkeys(one.decoder for one in outcomes)
    given: dict[str, Any] = {
        "name": "fists",
        "split": "chronological",
        "split_text": "trained on the past",
        "outcomes": outcomes,
        "rows": [
            {"decoder": o.decoder, "subject": o.subject, "session": o.session, "fold": o.fold, **scores()}
            for o in outcomes
        ],
        "summary": {name: scores() for name in names},
        "comparisons": [],
        "warnings": (),
        "failed": [],
        "about": {"command": "rtbci evaluate", "experiment": "[source]\nuse = 'file'"},
    }
    return Evaluated(**{**given, **more})


class _Balanced(HTMLParser):
    """Fails on a tag that is closed without having been opened; keeps the text and what tags refer to."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text: list[str] = []
        self.references: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.references += [value or "" for name, value in attrs if name in ("href", "src", "xlink:href", "srcset")]
        assert not any(name.startswith("on") for name, _ in attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open[-1] == tag, f"</{tag}> within {self.open[-4:]}"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def read(text: str) -> _Balanced:
    parser = _Balanced()
    parser.feed(text)
    parser.close()
    assert parser.open == []
    return parser


def words(text: str) -> str:
    return " ".join(" ".join(read(text).text).split())


KINDS = {
    "two classes": (outcome(), outcome("csp")),
    "four classes": (outcome(classes=("left", "right", "feet", "tongue"), truths=(0, 1, 2, 3)),),
    "an idle class": (outcome(classes=("rest", "left", "right"), idle=0, truths=(1, 2, 0, 1)),),
    "locked to markers": (outcome(hop=None),),
    "a class missing": (outcome(truths=(0, 0, 0, 0)),),
    "no trials": (outcome(truths=(), answers=()),),
    "no trials, locked": (outcome(truths=(), answers=(), hop=None),),
    "nine classes": (outcome(classes=tuple("abcdefghi"), truths=(8, 7, 1, 0)),),
    "many subjects": tuple(outcome(d, subject=s) for d in ("a", "b") for s in ("1", "2", "3")),
    "nothing recorded": (outcome(truths=(), answers=(), seconds=0.0),),
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_is_well_formed_and_needs_nothing_beside_it(kind: str) -> None:
    text = page(evaluated(*KINDS[kind]))
    parsed = read(text)
    assert all(reference.startswith("#") for reference in parsed.references)
    targets = set(re.findall(r'\bid="([^"]+)"', text))
    assert {reference[1:] for reference in parsed.references} <= targets
    assert not parsed.tags & {"script", "link", "img", "iframe", "object", "image"}
    assert "http" not in text and "@import" not in text and "url(" not in text
    assert "nan" not in re.findall(r'="([^"]*)"', text)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_evaluation_is_written_whole(kind: str, tmp_path: Path) -> None:
    path = write(tmp_path / "out", evaluated(*KINDS[kind]))
    assert path == tmp_path / "out" / "report.html"
    assert {file.name for file in path.parent.iterdir()} == FILES


def test_scores_that_are_missing_or_none_are_said_not_to_be_computed() -> None:
    one = evaluated(outcome(), summary={"tangent": {"trial_accuracy": None, "kappa": None}}, rows=[{}])
    said = words(page(one))
    assert "tangent has no test trial to be judged by" in said
    assert said.count(markup.NOT_COMPUTED) > 20


def test_the_headline_holds_accuracy_interval_chance_and_controls() -> None:
    summary = scores(
        0.8125,
        160,
        chance_binomial=0.5687,
        permutation_mean=0.501,
        permutation_p=0.0002,
        shuffled=0.4958,
        time_only=0.53,
    )
    said = words(tables.headline({"tangent": summary}))
    assert said.endswith("tangent 160 0.812 0.301 to 0.954 0.500 not computed 0.569 0.501 < 0.001 0.496 0.530"), said


ABOVE = "answered 0.800 of 100 trials right, more than guessing reaches (0.590)"


@pytest.mark.parametrize(
    ("accuracy", "more", "sentence"),
    [
        (0.8, {}, f"{ABOVE}."),
        (0.55, {}, "answered 0.550 of 100 trials right, no more than guessing reaches (0.590)."),
        (
            0.7,
            {"chance_majority": 0.72},
            "answered 0.700 of 100 trials right, no more than always answering the most frequent class (0.720).",
        ),
        (
            1.0,
            {"chance_binomial": 1.25},
            "answered 1.000 of 100 trials right, which are too few to tell anything from guessing.",
        ),
        (
            0.8,
            {"shuffled": 0.66},
            f"{ABOVE}, but trained on shuffled labels it still reaches 0.660: "
            "something other than its labels tells the class.",
        ),
        (
            0.8,
            {"time_only": 0.9, "past": False},
            f"{ABOVE}, but knowing only when a trial comes reaches 0.900: no brain signal is needed for this, "
            "and it was trained in part on what was recorded later, as no live session can be.",
        ),
        (0.8, {"time_only": 0.6}, f"{ABOVE}, while knowing only when a trial comes reaches 0.600 by itself."),
        (0.8, {"shuffled": 0.62, "time_only": 0.62, "chance_majority": 0.6}, f"{ABOVE}."),
    ],
)
def test_a_sentence_claims_no_more_than_the_numbers_do(accuracy: float, more: dict[str, Any], sentence: str) -> None:
    assert in_words({**scores(accuracy, 100, chance_binomial=0.59), **more}) == sentence


def test_warnings_and_failures_stand_above_the_numbers() -> None:
    failed = [{"task": "mdm, subject 1", "error": "1 trial is too few"}]
    said = words(page(evaluated(outcome(), warnings=("Labels come in blocks.",), failed=failed)))
    assert said.index("Labels come in blocks.") < said.index("Accuracy against chance")
    assert said.index("1 task failed") < said.index("Accuracy against chance")
    assert "mdm, subject 1 1 trial is too few" in said


def test_an_evaluation_of_which_everything_failed_says_so(tmp_path: Path) -> None:
    path = write(tmp_path, evaluated(failed=[{"task": "a", "error": "b"}]))
    assert "No task came to an end" in words(path.read_text(encoding="utf-8"))


def test_whatever_comes_from_outside_is_escaped() -> None:
    evil = "<script>alert('ß')</script>&\"脳"
    one = outcome(evil, subject=evil, classes=(evil, "right"))
    text = page(
        evaluated(
            one,
            outcome("other", classes=(evil, "right")),
            name=evil,
            split_text=evil,
            warnings=(evil,),
            failed=[{"task": evil, "error": evil}],
            comparisons=[{"first": evil, "second": "other", "unit": evil, evil: evil}],
            about={evil: evil, "text": evil + "\n"},
        )
    )
    assert "script" not in read(text).tags
    assert words(text).count(evil) > 12


def test_confusions_are_counted_by_truth_and_answer_with_shares_of_the_row() -> None:
    group = [outcome(), outcome(truths=(1, 1, 0, 0), answers=(1, 1, 1, 0), seed=1)]
    np.testing.assert_array_equal(tables.confusion_counts(group), [[3, 1, 0], [1, 3, 0]])
    said = words(tables.confusion(group))
    assert said.endswith("left 3 75 % 1 25 % 4 right 1 25 % 3 75 % 4"), said


def test_a_class_without_trials_has_no_shares() -> None:
    assert words(tables.confusion([outcome(truths=(0, 0, 0, 0))])).endswith("left 3 75 % 1 25 % 4 right – – 0")


def test_a_trial_without_an_answer_has_a_column_of_its_own() -> None:
    one = outcome()
    silent = replace(one.stretches[0].trials[0], answer=-1)
    stretch = replace(one.stretches[0], trials=(silent, *one.stretches[0].trials[1:]))
    np.testing.assert_array_equal(tables.confusion_counts([replace(one, stretches=(stretch,))]), [[1, 0, 1], [1, 1, 0]])


def test_the_grey_zone_of_a_lane_is_the_binomial_level_of_its_trials() -> None:
    ((title, (lane,)),) = figures.sessions([outcome()])
    assert (title, lane.trials, lane.accuracy) == ("tangent", 4, 0.75)
    assert lane.guessing == pytest.approx(1.25)  # four of four are guessed in 6 % of cases: nothing is enough
    assert lane.shuffled == pytest.approx(0.5)
    assert lane.time_only == pytest.approx(0.5)


def test_panels_stack_whatever_there_is_more_of() -> None:
    people = [outcome(d, subject=s) for d in ("a", "b") for s in ("1", "2", "3")]
    assert [(t, [lane.name for lane in lanes]) for t, lanes in figures.sessions(people)] == [
        ("a", ["1", "2", "3"]),
        ("b", ["1", "2", "3"]),
    ]
    decoders = [outcome(d) for d in ("a", "b", "c")]
    assert [(t, [lane.name for lane in lanes]) for t, lanes in figures.sessions(decoders)] == [
        ("session 1", ["a", "b", "c"])
    ]


def test_the_timeline_shows_each_trial_where_it_was() -> None:
    text = timeline.timelines([outcome(), outcome("csp")])
    # 600 columns for 40 s: the trial from 3 to 7 s begins at column 45 and is 60 wide
    truth = re.findall(r'class="strip truth".*?</svg>', text)
    assert len(truth) == 1, "two decoders on one recording share one line of truth"
    assert '<path class="k0" d="M45.0 0h60.0v9h-60.0zM495.0 0h60.0v9h-60.0z"/>' in truth[0]
    assert '<path class="k1" d="M195.0 0h60.0v9h-60.0zM345.0 0h60.0v9h-60.0z"/>' in truth[0]
    assert text.count('class="strip belief"') == 2


def test_idle_is_neutral_and_takes_no_colour_from_the_others() -> None:
    assert [timeline.colour(k, 1) for k in range(4)] == ["k0", "kidle", "k1", "k2"]
    assert [timeline.colour(k, None) for k in (0, 6, 7)] == ["k0", "k6", "k0"]


def test_ten_decoders_on_twenty_subjects_stay_below_five_megabytes() -> None:
    kinds = ("left", "right", "feet", "tongue")
    truths, answers = tuple(k % 4 for k in range(59)), tuple(k * 7 % 4 for k in range(59))
    base = [
        outcome(subject=f"{s}", classes=kinds, truths=truths, answers=answers, hop=0.1, seconds=600.0, seed=s)
        for s in range(20)
    ]
    many = [replace(one, decoder=f"a decoder with a long name, number {d}") for d in range(10) for one in base]
    text = page(evaluated(*many))
    assert len(text.encode()) < 5_000_000
    assert text.count('class="strip belief"') == 200


@pytest.mark.parametrize(
    ("write_number", "value", "said"),
    [
        (markup.share, 0.8125, "0.812"), (markup.share, 1, "1.000"), (markup.share, -0.05, "−0.050"),
        (markup.share, None, "not computed"), (markup.share, float("nan"), "not computed"),
        (markup.quantity, 0.1234, "0.123"), (markup.quantity, 7.345, "7.34"), (markup.quantity, 123.4, "123"),
        (markup.count, 12345, "12\u202f345"), (markup.p_value, 0.0004, "< 0.001"), (markup.p_value, 0.04, "0.040"),
        (markup.interval, [0.1, 0.9], "0.100 to 0.900"), (markup.interval, None, "not computed"),
        (markup.interval, [None, 1.0], "not computed"), (markup.level, 1.25, "none does"),
        (markup.anything, {"a": True, "b": [1, None]}, "a yes; b 1, not computed"),
    ],
)  # fmt: skip
def test_numbers_are_written_alike(write_number: Any, value: object, said: str) -> None:
    assert write_number(value) == said


def rows_of(path: Path) -> list[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_csv_files_hold_what_was_scored_answered_and_decided(tmp_path: Path) -> None:
    one = outcome(classes=('left, "L"', "rechts\n→"))
    rows = [{"decoder": "tangent", "ci": [0.1, 0.9], "kappa": None, "confusion": [[2, 0], [1, 1]], "trials": 4}]
    write(tmp_path, evaluated(one, rows=rows))
    (row,) = rows_of(tmp_path / "rows.csv")
    assert (row["ci_low"], row["ci_high"], row["kappa"]) == ("0.1", "0.9", "")
    assert (row["decoder"], row["confusion"], row["trials"]) == ("tangent", "[[2, 0], [1, 1]]", "4")
    assert rows_of(tmp_path / "summary.csv")[0]["trial_accuracy"] == "0.75"
    trials = rows_of(tmp_path / "trials.csv")
    assert [(t["truth"], t["answer"]) for t in trials[1:3]] == [("rechts\n→", "rechts\n→"), ("rechts\n→", 'left, "L"')]
    assert (trials[1]["marker_time_s"], trials[1]["cue_s"], trials[1]["end_s"]) == ("113.0", "13.0", "17.0")
    assert float(trials[1]["p_rechts\n→"]) == pytest.approx(0.8)
    assert (trials[0]["shuffled_1"], trials[0]["shuffled_2"]) == ("rechts\n→", 'left, "L"')
    decisions = rows_of(tmp_path / "decisions.csv")
    stretch = one.stretches[0]
    assert len(decisions) == len(stretch.time)
    assert [float(d["window_ends_s"]) for d in decisions] == stretch.time.tolist()
    np.testing.assert_allclose(
        [float(d["window_p_rechts\n→"]) for d in decisions], np.exp(stretch.log_probs[:, 1]), rtol=1e-5
    )
    claimed = [("", *one.classes)[answer + 1] for answer in stretch.answer]
    assert [d["claimed"] for d in decisions] == claimed


def test_decoders_of_other_classes_leave_columns_empty(tmp_path: Path) -> None:
    write(tmp_path, evaluated(outcome("a"), outcome("b", classes=("left", "feet"))))
    decisions = rows_of(tmp_path / "decisions.csv")
    assert decisions[0]["window_p_feet"] == "" and decisions[0]["window_p_right"] != ""
    assert decisions[-1]["window_p_right"] == "" and decisions[-1]["window_p_feet"] != ""


def test_many_decisions_are_compressed_and_those_of_before_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, evaluated(outcome()))
    plain = (tmp_path / "decisions.csv").read_bytes()
    monkeypatch.setattr(csv_files, "LARGE", 10)
    write(tmp_path, evaluated(outcome()))
    packed = (tmp_path / "decisions.csv.gz").read_bytes()
    assert gzip.decompress(packed) == plain
    assert packed[4:8] == bytes(4), "no time of day within"
    assert not (tmp_path / "decisions.csv").exists()
    write(tmp_path, evaluated(outcome()))
    assert (tmp_path / "decisions.csv.gz").read_bytes() == packed, "the same evaluation gives the same bytes"


def test_a_file_that_cannot_be_finished_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("old")

    def fails(file: Any) -> None:
        file.write(b"half")
        raise OSError(28, "No space left on device")

    with pytest.raises(RtbciError, match=r"rows\.csv: cannot be written \(No space left on device\)"):
        csv_files.replace_file(path, fails)
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["rows.csv"]


def test_the_page_is_the_same_for_the_same_evaluation() -> None:
    assert page(evaluated(outcome(), outcome("csp"))) == page(evaluated(outcome(), outcome("csp")))
