"""What a worker that looks in a bank writes, and a renderer, with ranks known; and pictures of the window over it.

``python -m tests.ui.fake_images /tmp/images_shots`` draws a bank, plays a session, and saves what the window shows of it.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

import numpy as np

from rtbci import rendered
from rtbci.rendered import Rendered
from rtbci.retrieved import Found, RetrievedRing
from rtbci.runfolder import RunFolder, replace_json
from rtbci.types import Retrieved


def retrieved(items, shares, *, time, stop=0, answer=None, truth=-1, rank=0, repeats=1, marker=float("nan"), rest=None):
    """A retrieval with the candidates ``items`` and their probabilities, best first; its first one is claimed."""
    unit = np.zeros(4, np.float32)
    unit[0] = 1.0
    return Retrieved(
        start=stop - 250, stop=stop, sample=stop, items=np.array(items, np.int64), log_probs=np.log(np.array(shares)),
        cosines=np.linspace(0.5, 0.1, len(items)), answer=items[0] if answer is None else answer, embedding=unit,
        signal_time=time, arrival_time=time + 0.002, ready_time=time + 0.012, rest=float("nan") if rest is None else rest,
        repeats=repeats, truth=truth, rank=rank, rank_alone=rank, marker_time=marker,
    )  # fmt: skip


class FakeImages:
    """The files of one decoder that looks in the bank at ``bank`` of ``n_items`` items."""

    def __init__(self, run: RunFolder, name: str, bank: Path, n_items: int, k: int = 5) -> None:
        self.run, self.name, self.k, self.n_items = run, name, k, n_items
        self.ring = RetrievedRing.create(run.retrieved(name), k, 4, n_items, bank)

    def find(self, items, shares, **more) -> None:
        """Publish a retrieval."""
        self.ring.add(retrieved(items, shares, **more))

    def tell(
        self, time, truth, best, rank, *, kind="item", candidates=None, averaged=1, whole=True, claimed=-1, seconds=1.0
    ):
        """Write the line of a trial."""
        found = Found(
            time, f"item{truth}", kind, truth, best, rank, candidates or self.n_items, averaged, seconds, whole, claimed
        )
        with self.run.found(self.name).open("a") as file:
            file.write(json.dumps(found.as_json()) + "\n")

    def draw(self, pixels, *, time, stop=0, took=0.8, number=1, overtaken=0, caption="") -> None:
        """Replace the drawn picture."""
        picture = Rendered(
            pixels,
            self.name,
            "prior",
            stop - 250,
            stop,
            time,
            time + 0.05,
            time + 0.05 + took,
            caption,
            number,
            overtaken,
        )
        rendered.write(self.run.rendered(self.name), picture)

    def say(self, **state) -> None:
        """What the renderer says of itself."""
        replace_json(self.run.renderer, {"decoder": self.name, **state})

    def close(self) -> None:
        """Unmap."""
        self.ring.close()


def play(fake: FakeImages, times: list[float], seed: int = 5, classes: int = 10, average: bool = True) -> None:
    """One trial at each of ``times`` by a decoder that is good at classes and fair at items; the last one goes on."""
    random = np.random.default_rng(seed)
    n = fake.n_items
    shown = random.integers(0, n // 2, len(times))
    seen: dict[int, int] = {}
    for number, (time, truth) in enumerate(zip(times, (int(t) for t in shown), strict=True)):
        seen[truth] = repeats = seen.get(truth, 0) + 1
        scores = random.standard_normal((2, n)) * np.array([[1.0], [1.0 / np.sqrt(repeats)]])
        scores[:, truth] += 2.4
        scores[:, [k for k in range(n) if k // (n // classes) == truth // (n // classes)]] += 0.8
        for averaged, row in zip((1, repeats), scores, strict=True):
            order = np.argsort(-row)
            rank = 1 + int(np.flatnonzero(order == truth)[0])
            share = np.exp(2.0 * row) / np.exp(2.0 * row).sum()
            answer = int(order[0]) if share[order[0]] > 0.35 else -1
            if averaged == repeats or averaged == 1:
                fake.tell(time, truth, int(order[0]), rank, averaged=averaged, claimed=answer)
                centre = [row[c * (n // classes) : (c + 1) * (n // classes)].mean() for c in range(classes)]
                places = np.argsort(-np.array(centre))
                mine = 1 + int(np.flatnonzero(places == truth // (n // classes))[0])
                fake.tell(
                    time, truth // (n // classes), int(places[0]), mine, kind="centre", candidates=classes,
                    averaged=averaged, claimed=int(places[0]),
                )  # fmt: skip
        top = order[: fake.k]
        fake.find(
            [int(i) for i in top], share[top], time=time + 1.0, stop=250 * (number + 2), answer=answer, truth=truth,
            rank=rank, repeats=repeats, marker=time, rest=0.03,
        )  # fmt: skip


def main() -> None:
    """Save pictures of the window."""
    import os

    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtWidgets import QApplication

    from rtbci.bank import Bank, drawing
    from rtbci_ui import theme
    from rtbci_ui.run import Run
    from rtbci_ui.window import MainWindow
    from tests.bank.drawn import build
    from tests.ui.fake_session import FakeSession

    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    out = parser.parse_args().folder
    out.mkdir(parents=True, exist_ok=True)
    if not (out / "drawn.bank").exists():
        table = drawing.write(out / "pictures", 200, 3)
        build(out, out / "pictures", "--items", table, out="drawn.bank")
    bank = Bank.open(out / "drawn.bank")
    if not (out / "words.bank").exists():
        (out / "none").mkdir()
        (out / "words.csv").write_text(
            "caption,class\n" + "".join(f"{i.caption},{i.category}\n" for i in bank.items[:50])
        )
        build(out, out / "none", "--items", out / "words.csv", out="words.bank", use="Letters")
    words = Bank.open(out / "words.bank")
    shutil.rmtree(out / "run", ignore_errors=True)
    session = FakeSession(out / "run")
    fake = FakeImages(session.run, "riemann", bank.path, len(bank.items), k=10)
    session.trouble["riemann"] = {"hop": None}
    session.fill(12.0)
    play(fake, [session.time(12.0 - 1.2 - 4.0 * k) for k in range(39, -1, -1)])
    newest = fake.ring.newest()
    picture = np.asarray(drawing.draw(drawing.descriptions(200, 3)[17], 9))
    blurred = (
        (picture.astype(float) + np.random.default_rng(0).normal(0, 30, picture.shape)).clip(0, 255).astype(np.uint8)
    )
    fake.draw(blurred, time=newest.signal_time, stop=newest.stop, number=31, overtaken=9, caption="a red heart on grey")
    fake.say(state="live", problem="", drawn=31, overtaken=9)
    app = QApplication([])
    theme.apply(app)
    import time

    late = [0.0]
    run = Run(session.run.path, lambda: time.monotonic() + late[0])
    window = MainWindow(run, lambda *_: {"ok": True})
    window._timer.stop()
    window.asks = False
    window.show()
    window.docks.reveal("images")

    def shoot(name: str, size: tuple[int, int]) -> None:
        window.resize(*size)
        session.write_status(12.0)
        for _ in range(4):
            window._status_due = 0.0
            run._looked = -1.0
            window.tick()
            app.processEvents()
        window.grab().save(str(out / f"{name}-{size[0]}.png"))

    sizes = ((1600, 900), (1200, 680))
    window.tick()
    for size in sizes:
        shoot("live", size)
    last = fake.ring.newest()
    truth = last.truth
    fake.find(
        [truth, *(int(i) for i in last.items if i != truth)][:10], np.r_[0.62, np.exp(last.log_probs[1:]) / 2],
        time=last.signal_time + 0.5, answer=truth, truth=truth, rank=1, repeats=3, marker=last.marker_time, rest=0.004,
    )  # fmt: skip
    for size in sizes:
        shoot("claimed", size)
    window.images_alone()
    alone = window.extra_windows["images"]
    alone.showNormal()
    alone.resize(1920, 1080)
    for _ in range(3):
        window._status_due = 0.0
        window.tick()
        app.processEvents()
    alone.grab().save(str(out / "alone-1920.png"))
    alone.close()
    costs = []
    for _ in range(500):
        began = time.perf_counter()
        window.panels["images"].refresh()
        app.processEvents()
        costs.append(1e3 * (time.perf_counter() - began))
    print(
        f"refresh with painting, nothing new: median {np.median(costs):.3f} ms, p95 {np.percentile(costs, 95):.3f} ms"
    )
    costs = []
    random = np.random.default_rng(1)
    for number in range(500):
        fake.find([int(i) for i in random.permutation(200)[:10]], np.full(10, 0.1), time=run.now() - 0.05, stop=number)
        run.refresh()
        began = time.perf_counter()
        window.panels["images"].refresh()
        app.processEvents()
        costs.append(1e3 * (time.perf_counter() - began))
    print(
        f"the same, other pictures each time:  median {np.median(costs):.3f} ms, p95 {np.percentile(costs, 95):.3f} ms"
    )
    late[0] = 30.0
    fake.say(state="waiting", problem="took 41 s for a picture; 30 s is allowed", drawn=31, overtaken=9)
    for size in sizes:
        shoot("stale", size)
    window.help()
    app.processEvents()
    window.grab().save(str(out / "help-1200.png"))
    captions = FakeImages(session.run, "words", words.path, len(words.items), k=10)
    play(captions, [session.time(12.0 - 1.2 - 4.0 * k) for k in range(9, -1, -1)], classes=5)
    from rtbci_ui.retrieval_feed import RetrievalFeed
    from rtbci_ui.views.images import ImagesView

    feed = RetrievalFeed("words", session.run)
    feed.look()
    feed.refresh()
    feed.look()
    feed.refresh()
    view = ImagesView(feed, lambda: session.time(12.0))
    view.resize(720, 580)
    view.show()
    view.refresh()
    app.processEvents()
    view.grab().save(str(out / "captions-720.png"))
    window.close()
    run.close()
    fake.close()
    session.close()


if __name__ == "__main__":
    main()
