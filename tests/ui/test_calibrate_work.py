"""Which model, which choice and which numbers count in a calibration, whatever comes of its steps."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from rtbci_ui.calibrate.places import Places
from rtbci_ui.calibrate.steps import Stage
from rtbci_ui.facts import Fact
from tests.ui.fake_session import FakeSession
from tests.ui.test_calibrate_panel import Session


@pytest.fixture
def session(dark: object, fake: FakeSession, tmp_path: Path, qtbot: object) -> Iterator[Session]:
    made = Session(fake, tmp_path, qtbot)
    yield made
    made.panel.work.cancel()
    made.run.close()


class Hands:
    """The children's part in a calibration, done by hand: what is asked for is kept, and `done` ends it."""

    def __init__(self, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
        self.work, self.asked = session.panel.work, list[tuple[str, list[str]]]()

        def run(name: str, arguments: Sequence[str]) -> None:
            self.asked.append((name, list(arguments)))
            self.work.stages[name] = Stage("running")

        monkeypatch.setattr(self.work, "_run", run)

    def done(self, name: str, code: int = 0, result: object = None) -> None:
        self.work._done(name, code, result or {}, "" if code == 0 else "it failed")

    def trained(self, session: Session) -> None:
        """The experiment as it is: a model, 30 of 40 right, and maps."""
        self.work.train([session.recording])
        for name in ("train", "maps", "evaluate", "check"):
            self.done(name, result=SCORED if name == "evaluate" else None)


def _scored(accuracy: float) -> dict[str, object]:
    one = {"trials": 40, "trial_accuracy": accuracy, "chance": 0.5, "permutation_p": 0.001}
    return {"summary": {"riemann": one}}


SCORED = {**_scored(0.75), "warnings": ["the order of the trials can be guessed"]}
CHOSEN = {"validated": {**_scored(0.65), "folds": [{"band": [8, 12]}]}}


@pytest.mark.parametrize("how", ["fails", "is cancelled"])
def test_a_choice_that_is_not_trained_leaves_the_last_one_with_its_own_numbers(
    session: Session, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    hands, work = Hands(session, monkeypatch), session.panel.work
    hands.trained(session)
    assert work.choose(("C3", "C4"), (8.0, 12.0)) == ""
    for name in ("train", "check", "validate"):
        hands.done(name, result=CHOSEN if name == "validate" else None)
    runs, model, choice = work.runs, work.model, work.chosen_now
    assert choice == (("C3", "C4"), (8.0, 12.0))
    assert [score.right for score in work.validated] == [26]
    monkeypatch.setattr(Places, "beside", lambda path: Places(path, path.with_name("n.rtbci"), path.parent / "n"))
    assert work.choose(("C3", "Cz"), (9.0, 13.0)) == ""
    assert work.chosen_now == choice  # until another is trained
    if how == "fails":
        hands.done("train", code=2)
    else:
        work.cancel()
    assert (work.runs, work.model, work.chosen_now) == (runs, model, choice)
    assert not session.experiment.with_name("n-chosen.toml").exists()
    facts = [fact.value for fact in session.panel.live._facts()]
    assert "65 % of 40 trials (riemann)" in facts
    assert "75 % of 40 trials (riemann)" not in facts
    session.panel.train.show_work()
    assert session.panel.train.choice.apply.isEnabled()  # and another one can be tried


def test_the_number_of_a_rule_is_not_taken_for_that_of_a_choice_by_hand(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    hands, work = Hands(session, monkeypatch), session.panel.work
    hands.trained(session)
    assert {fact.title for fact in session.panel.live._facts()} >= {"Cross-validated"}
    assert session.panel.live._facts()[-1] == Fact("", "the order of the trials can be guessed", "warning")
    work.choose(("C3",), (8.0, 12.0))
    for name in ("train", "validate"):
        hands.done(name, result=CHOSEN if name == "validate" else None)
    facts = session.panel.live._facts()
    assert "Cross-validated" not in {fact.title for fact in facts}
    assert facts[-1].value == "of the rule, chosen anew in every fold; a choice by hand it does not judge"


def test_maps_are_made_as_they_were_asked_for_last(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    hands, work = Hands(session, monkeypatch), session.panel.work
    work.train([session.recording])
    assert work.stages["maps"].state == "running"
    session.panel.train.maps.average.setChecked(True)  # while they are being made without
    name, arguments = hands.asked[-1]
    assert (name, "--average" in arguments) == ("maps", True)


def test_an_experiment_that_was_changed_since_is_held_against_its_model_again(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    hands = Hands(session, monkeypatch)
    session.look()
    hands.trained(session)
    assert session.panel.live.why_not() == ""
    session.experiment.write_text(session.experiment.read_text().replace("window = 1.0", "window = 2.0"))
    os.utime(session.experiment, (1.0, 1.0))
    session.look()
    assert session.panel.live.why_not() == "whether all fits is being checked"
    assert hands.asked[-1][0] == "check"
