"""What a model knows of rest is kept with it, and counts in the bank that it is of alone."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from rtbci import assemble, bundled, config
from rtbci.bank import Bank
from rtbci.bank.retriever import Index
from rtbci.replay import InChunks
from rtbci.training import source_of
from tests.bank.drawn import COLOURS, draw
from tests.cli.terminal import rtbci


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """A folder with a bank whose items are called as markers are, an experiment that looks there, and its model."""
    folder = tmp_path_factory.mktemp("rest")
    for name, colour in (("T1", "reds"), ("T2", "blues"), ("other", "greens")):
        draw(folder / "shown" / name / f"{name}.png", COLOURS[colour], 1)
    for out in ("shown.bank", "copy.bank"):
        more = ("--like", folder / "shown.bank") if out == "copy.bank" else ("--set", "dims=2")
        built = rtbci("bank", "build", folder / "shown", "--out", folder / out, *more, "--json")
        assert built.code == 0, built.out
    (folder / "experiment.toml").write_text(
        'name = "seen"\n[source]\nuse = "lsl"\n[classes]\nfists = ["T1"]\nfeet = ["T2"]\n[trial]\nstart = 0.5\nstop = 3.5\n'
        '[bank]\npath = "shown.bank"\nfalse_alarms = 0.1\n[[decoder]]\nname = "seen"\nuse = "ridge-embed"\n'
        'targets = "shown.bank"\nlock = "marker"\nwindow = 1.0\n'
    )
    done = rtbci(
        "train", folder / "experiment.toml", "--recording", bundled.calibration(), "--out", folder / "m.rtbci", "--json"
    )
    assert done.code == 0, done.out
    assert any("windows of rest set what is claimed, at 0.1 false alarms" in note for note in done.json["notes"])
    return folder


def p_value(folder: Path, bank: str) -> float:
    """What the first retrieval in ``bank`` says of rest."""
    experiment = config.load(folder / "experiment.toml")
    (one,) = experiment.decoders
    model = assemble.load_models(experiment, folder / "m.rtbci")["seen"]
    assert model.rest is not None and len(model.rest.sure) > 20 and np.isfinite(model.rest.sure).all()
    source = InChunks(source_of(experiment, bundled.calibration()), 8)
    info = source.open()
    pipeline = assemble.make_pipeline(
        experiment, one, source, info, model.decoder, assemble.fit_to_stream(model, info).channels
    )
    assemble.retrieve_in(experiment, Index(Bank.open(folder / bank)), pipeline, model.rest)
    while (window := pipeline.next_window()) is None:
        pipeline.ingest(0.0)
    pipeline.decode(window)
    assert pipeline.retrieved is not None
    return pipeline.retrieved.rest


def test_it_counts_in_its_own_bank_and_in_no_other(trained):
    assert 0.0 < p_value(trained, "shown.bank") <= 1.0
    assert math.isnan(p_value(trained, "copy.bank"))
