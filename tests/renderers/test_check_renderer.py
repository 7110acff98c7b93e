"""`check_renderer` passes what a session can use and says what is wrong with the rest."""

from __future__ import annotations

import shutil

import pytest

from rtbci.testing import ContractError, check_renderer
from tests.renderers.conftest import INFO
from tests.renderers.drawers import Flat, OtherSpace, Sees, Wrong


def test_a_good_renderer_passes_and_is_described(colours):
    report = check_renderer(Flat(steps=5), colours)
    assert (report.width, report.height, report.asked) == (24, 24, 5)


def test_one_that_sees_windows_is_shown_some(colours):
    assert check_renderer(Sees(), colours, info=INFO).width == 8
    with pytest.raises(ContractError, match="needs a stream"):
        check_renderer(Sees(), colours)


@pytest.mark.parametrize(
    ("how", "wanted"),
    [
        ("none", "gave None for an item's embedding though go_on"),
        ("deaf", "never asked go_on"),
        ("stubborn", "asked go_on.. 9 times though it said False at once"),
        ("scales", "changed the embedding"),
        ("float", "float64 for an item's embedding; .height, width, 3. uint8"),
        ("grey", r"gave \(24, 24\) uint8"),
        ("new noise", "differ; noise from a fixed seed"),
    ],
)
def test_each_way_to_be_wrong_is_found(colours, how, wanted):
    with pytest.raises(ContractError, match=wanted):
        check_renderer(Wrong(how), colours)


def test_one_that_changes_the_bank_is_found(colours, tmp_path):
    shutil.copytree(colours, tmp_path / "copy")
    with pytest.raises(ContractError, match=r"changed the bank \(items.csv is not what was written\)"):
        check_renderer(Wrong("bank"), tmp_path / "copy")


def test_another_space_and_missing_methods_are_found(colours):
    with pytest.raises(ContractError, match=r"space_id is 'test:another' after prepare.*'test:colour'"):
        check_renderer(OtherSpace(), colours)
    with pytest.raises(ContractError, match=r"has no prepare\(\) and no render\(\)"):
        check_renderer(object(), colours)
