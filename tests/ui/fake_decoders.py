"""A session with several decoders whose decisions and trials are known, and pictures of the panels over it.

``python -m tests.ui.fake_decoders /tmp/decisions_shots`` plays minutes of it, and saves what the panels show.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path

import numpy as np

from rtbci.annotations import Annotations
from rtbci.charge import Switch
from rtbci.recording.session_folder import FORMAT, SessionFolder
from rtbci.runfolder import DecisionRing, read_json, replace_json
from rtbci.trials import Trial
from rtbci.types import Decision, Flag
from tests.ui.fake_session import FakeSession


class FakeDecoders(FakeSession):
    """`FakeSession` with trial files and somebody in charge; ``classes`` may be others than fists and feet."""

    def __init__(self, folder: Path, decoders=("tangent", "mdm"), classes=None) -> None:
        super().__init__(folder, decoders=decoders)
        self.classes = tuple(classes or ("fists", "feet"))
        self.labels = {f"T{k + 1}": k for k in range(len(self.classes))}
        if classes is not None:
            for name, ring in self.decisions.items():
                ring.close()
                self.run.decisions(name).unlink()
                self.decisions[name] = DecisionRing.create(self.run.decisions(name), self.classes, 0.1, 2.0)
        self.charge: dict[str, str | None] = {"decoder": decoders[0], "next": None}
        self.counts: dict[str, list[int]] = {name: [0, 0] for name in decoders}
        kept = SessionFolder(self.session)
        kept.session.write_text(json.dumps({"format": FORMAT, "models": dict.fromkeys(decoders, "model.rtbci")}))
        kept.decisions.mkdir()
        self.annotations = Annotations(kept)

    def say(self, name: str, seconds: float, evidence, answer=None, own=None, flags=Flag.NONE, marker=math.nan) -> None:
        """Decoder ``name`` decides the window that ends at ``seconds``, with these posteriors."""
        evidence = np.asarray(evidence, float)
        own = evidence if own is None else np.asarray(own, float)
        if answer is None:
            answer = int(evidence.argmax()) if evidence.max() >= 0.7 else -1
        when, index = self.time(seconds), int(seconds * self.info.rate)
        self.decisions[name].add(
            Decision(
                index - 500, index, index, np.log(own), np.log(evidence), answer, when, when + 0.003, when + 0.01,
                flags=flags, marker_time=marker,
            )
        )  # fmt: skip

    def put_in_charge(self, name: str, seconds: float) -> None:
        """Decoder ``name`` takes over at ``seconds``, and the session logs it."""
        old = str(self.charge["decoder"])
        self.charge = {"decoder": name, "next": None}
        self.annotations.switched(Switch(self.time(seconds), old, name), int(seconds * self.info.rate))

    def end_trial(self, name: str, seconds: float, truth: int, answer: int, *, claimed=None, sure=0.8) -> None:
        """Decoder ``name`` has finished the trial whose marker came at ``seconds``."""
        rest = (1.0 - sure) / max(len(self.classes) - 1, 1)
        evidence = np.full(len(self.classes), math.log(rest))
        evidence[answer] = math.log(sure)
        trial = Trial(
            self.time(seconds), f"T{truth + 1}", truth, answer, 11, 8 if truth == answer else 3, tuple(evidence),
            answer if claimed is None else claimed, 1.5,
        )  # fmt: skip
        with self.run.trials(name).open("a") as file:
            file.write(json.dumps(trial.as_json()) + "\n")
        self.counts[name][0] += 1
        self.counts[name][1] += truth == answer

    def write_status(self, seconds: float) -> None:
        """As of any session, with what there is to say of these decoders; by the fake's clock, not by the machine's."""
        for name, (trials, right) in self.counts.items():
            told = {
                "classes": list(self.classes), "labels": self.labels, "chance": 1.0 / len(self.classes),
                "trials": trials, "trial_accuracy": right / trials if trials else None,
            }  # fmt: skip
            self.trouble[name] = {**told, **self.trouble.get(name, {}), "trials": trials}
            self.trouble[name]["trial_accuracy"] = told["trial_accuracy"]
        super().write_status(seconds)
        fields = read_json(self.run.status)
        assert fields is not None
        clock = {"monotonic": self.began + seconds, "time": self.time(seconds)}
        replace_json(self.run.status, {**fields, **clock, "charge": self.charge})

    def play(self, minutes: float, skill=(0.75, 0.5, 0.3), seed: int = 3) -> float:
        """Minutes of trials, which end now; the decoders differ in ``skill``. Return the seconds that have passed."""
        random = np.random.default_rng(seed)
        end = 60.0 * minutes
        n = len(self.classes)
        odds = {name: np.zeros(n) for name in self.decisions}
        truth, begun, total = 0, 2.0, {name: np.zeros(n) for name in self.decisions}
        self.mark("T1", begun)
        claimed = dict.fromkeys(self.decisions, -1)
        for step in range(30, round(10 * end) + 1):
            now = step / 10
            inside = begun + 0.5 < now - 2.0 + 1.5 and now <= begun + 3.5
            for (name, known), able in zip(odds.items(), skill, strict=False):
                pull = np.where(np.arange(n) == truth, able, 0.0) * (begun + 0.8 < now < begun + 4.2)
                known += 0.10 * (pull - known) + 0.16 * random.standard_normal(n)
                share = np.exp(2 * known) / np.exp(2 * known).sum()
                self.say(name, now, share)
                if inside:
                    total[name] += np.log(share) / 10
                    if share.max() >= 0.7 and claimed[name] < 0:
                        claimed[name] = int(share.argmax())
            if now >= begun + 3.5 and total[name].any():
                for name, sums in total.items():
                    share = np.exp(sums) / np.exp(sums).sum()
                    answer = int(share.argmax())
                    self.end_trial(name, begun, truth, answer, claimed=claimed[name], sure=float(share.max()))
                    total[name], claimed[name] = np.zeros(n), -1
            if now >= begun + 5.0:
                begun, truth = now, int(random.integers(n))
                self.mark(f"T{truth + 1}", begun)
        self.push_until(end)
        return end


def main() -> None:
    """Save pictures of the panels."""
    import os
    import shutil
    import time

    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtWidgets import QApplication

    from rtbci_ui import theme
    from rtbci_ui.decisions.panel import DecisionsPanel
    from rtbci_ui.run import Run

    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--theme", default="dark", choices=theme.THEMES)
    given = parser.parse_args()
    out = given.folder
    shutil.rmtree(out / "run", ignore_errors=True)
    app = QApplication([])
    theme.apply(app, given.theme)
    fake = FakeDecoders(out / "run", ("tangent", "mdm", "csp"))
    fake.began = time.monotonic() - 60.0 * given.minutes
    end = fake.play(given.minutes)
    for name, ago in (("mdm", 840.0), ("csp", 830.0), ("tangent", 200.0), ("csp", 41.0), ("tangent", 3.0)):
        fake.put_in_charge(name, end - ago)
    fake.write_status(end)
    late = [0.0]
    stood = fake.began + end + 0.06
    run = Run(fake.run.path, lambda: stood + late[0])
    panel = DecisionsPanel(run)

    def look() -> None:
        for _ in range(4):
            run._looked = -1.0
            run.refresh()
            panel.book.refresh(tuple(panel.cards))
            panel._due = dict.fromkeys(panel._due, -1.0)
            panel.minute._looked = -1.0
            panel.refresh()
            app.processEvents()

    def shoot(name: str, sizes=((700, 450), (1600, 900), (480, 300), (640, 700))) -> None:
        for size in sizes:
            panel.resize(*size)
            look()
            panel.grab().save(str(out / f"{name}-{size[0]}x{size[1]}.png"))

    panel.show()
    shoot("decisions")
    panel.show_page(1)
    shoot("trials", ((480, 300),))
    fake.charge["next"] = "mdm"
    fake.write_status(end)
    panel.select("mdm")
    panel.next_span()
    panel.trials_or_windows()
    shoot("windows", ((1600, 900),))
    for _ in range(2):
        panel.next_span()
        shoot(f"span-{panel.minute.span:.0f}", ((1120, 600),))
    costs = []
    panel.minute.show_span(60.0)
    for _ in range(300):
        began = time.thread_time()
        panel.refresh()
        costs.append(1e3 * (time.thread_time() - began))
    print(f"refresh, nothing new: median {np.median(costs):.3f} ms, p99 {np.percentile(costs, 99):.3f} ms")
    for span in (60.0, 300.0, 900.0, 3600.0):
        costs = []
        panel.minute.span = span
        for _ in range(20):
            panel.minute._looked = -1.0
            began = time.thread_time()
            panel.minute.refresh()
            middle = time.thread_time()
            panel.minute.grab()
            costs.append((1e3 * (middle - began), 1e3 * (time.thread_time() - middle)))
        print(f"timeline of {span:.0f} s: model and paint, median {np.median(costs, axis=0).round(2)} ms")
    late[0] = 12.0
    panel.minute.show_span(60.0)
    shoot("stale", ((700, 450), (1600, 900)))
    run.close()
    fake.close()


if __name__ == "__main__":
    main()
