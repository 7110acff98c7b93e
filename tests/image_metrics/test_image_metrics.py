"""``rtbci image-metrics``: what pairs with what, what is measured, what is not and why, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from click.testing import CliRunner

from rtbci.cli.image_metrics import image_metrics
from rtbci.image_metrics import METRICS, Metric, measure, pair_up
from tests.image_metrics import maps
from tests.image_metrics.drawn import noisy, patches, save

COARSE = ("--metric", "pixcorr", "--metric", "ssim", "--metric", "coarse")


def values(said) -> dict[str, float | None]:
    return {name: one["value"] for name, one in said.json["metrics"].items()}


def test_pictures_are_their_own_best_reconstructions(compare, folders, little_maps):
    said = compare(folders[0], folders[0], *COARSE, "--json")
    assert values(said) == pytest.approx({"pixcorr": 1.0, "ssim": 1.0, "coarse": 1.0})


def test_good_reconstructions_are_told_with_their_number_and_chance(compare, folders, little_maps):
    said = compare(*folders, *COARSE, "--json").json
    assert said["n"] == 6 and said["left_out"] == []
    assert 0.9 < said["metrics"]["pixcorr"]["value"] < 1.0
    assert said["metrics"]["pixcorr"]["chance"] is None
    assert said["metrics"]["coarse"] == {
        "value": 1.0,
        "n": 6,
        "chance": 0.5,
        "better": "higher",
        "measures": "two-way identification",
        "not_computed": None,
        "note": None,
    }
    lines = compare(*folders, *COARSE).out.splitlines()
    assert lines[0].split() == ["metric", "value", "N", "chance", "better"]
    assert lines[3].split()[:5] == ["coarse", "1.000", "6", "0.5", "higher"]


def test_unrelated_noise_is_at_chance(compare, tmp_path, little_maps):
    grey = np.full((48, 48, 3), 128, np.uint8)
    for k in range(16):
        save(tmp_path / "s" / f"{k}.png", noisy(grey, k))
        save(tmp_path / "r" / f"{k}.png", noisy(grey, 100 + k))
    said = values(compare(tmp_path / "s", tmp_path / "r", *COARSE, "--json"))
    assert said["pixcorr"] == pytest.approx(0.0, abs=0.03)
    assert said["ssim"] < 0.6  # it has no chance level: noise that is alike in its grey is a little alike
    assert said["coarse"] == pytest.approx(0.5, abs=0.2)


def test_pairs_that_are_swapped_are_worse(compare, folders, little_maps):
    _, reconstructed = folders
    good = values(compare(*folders, *COARSE, "--json"))
    for first, second in (("a", "b"), ("c", "d"), ("more/e", "more/f")):
        (reconstructed / f"{first}.bmp").rename(reconstructed / "kept")
        (reconstructed / f"{second}.bmp").rename(reconstructed / f"{first}.bmp")
        (reconstructed / "kept").rename(reconstructed / f"{second}.bmp")
    bad = values(compare(*folders, *COARSE, "--json"))
    assert all(bad[name] < good[name] - 0.1 for name in good)


def test_metrics_without_their_network_are_not_computed_and_never_0(compare, folders, monkeypatch):
    for library in ("torchvision", "transformers"):
        monkeypatch.setitem(__import__("sys").modules, library, None)
    said = compare(*folders, "--json").json["metrics"]
    assert list(said)[: len(METRICS)] == [metric.name for metric in METRICS]
    for metric in METRICS[2:]:
        assert said[metric.name]["value"] is None
        assert said[metric.name]["not_computed"]
        assert said[metric.name]["n"] == 6
    out = compare(*folders).out
    assert out.count("not computed: ") == 7
    assert "0.000" not in out


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("without-weights", "weights little.pth are not in /nowhere"),
        ("raises", "feature map raises raised ZeroDivisionError: a defect ("),
        ("too-few", "feature map too-few gave an array (1, 4) for 12 pictures; (12, d) would be right"),
        ("not-finite", "feature map not-finite gave values that are no finite numbers"),
        ("absent", "feature map absent cannot be imported: AttributeError"),
    ],
)
def test_the_reason_stands_beside_what_is_not_computed(compare, folders, little_maps, name, reason):
    said = compare(*folders, "--metric", name, "--metric", "ssim")
    assert said.code == 0
    assert f"not computed: {reason}" in said.out
    assert " ssim" not in said.out.splitlines()[1] and said.out.splitlines()[2].startswith("SSIM")
    found = compare(*folders, "--metric", name, "--json").json["metrics"][name]
    assert found["value"] is None and found["not_computed"].startswith(reason)


def test_two_files_are_one_pair_which_nothing_can_be_mistaken_for(compare, folders, little_maps):
    shown, reconstructed = folders
    said = compare(shown / "a.png", reconstructed / "b.bmp", *COARSE, "--json").json
    assert said["n"] == 1
    assert said["metrics"]["ssim"]["value"] < 0.6
    assert said["metrics"]["coarse"]["value"] is None
    assert said["metrics"]["coarse"]["not_computed"] == "1 pair; at least 2 would be right"


def test_a_feature_map_is_asked_once_for_all_metrics_that_need_it(folders, little_maps):
    ways = ("two-way identification", "mean correlation distance", "FID")
    metrics = [Metric(way, way, way, "coarse") for way in ways]
    found = measure(pair_up(*folders).pairs, metrics)
    assert maps.ASKED == [12]
    assert [one.metric.name for one in found] == list(ways)
    assert found[0].value == 1.0
    assert 0.0 < found[1].value < 0.1
    assert found[2].value > 0.0
    assert found[2].note == "fewer pictures than the 108 features: too large, comparable at this N only"
    assert [one.metric.better for one in found] == ["higher", "lower", "lower"]


def test_many_pictures_go_through_a_feature_map_a_few_at_a_time(tmp_path, little_maps):
    for k in range(20):
        for folder in ("s", "r"):
            save(tmp_path / folder / f"{k}.png", patches(k, (12, 12)))
    found = measure(
        pair_up(tmp_path / "s", tmp_path / "r").pairs, [Metric("x", "x", "two-way identification", "coarse")]
    )
    assert maps.ASKED == [16, 16, 8]
    assert (found[0].value, found[0].n) == (1.0, 20)


def test_a_blank_reconstruction_counts_and_is_told(compare, folders, little_maps):
    shown, reconstructed = folders
    before = values(compare(*folders, *COARSE, "--json"))
    save(reconstructed / "a.bmp", np.full((20, 20, 3), 90, np.uint8))
    said = compare(*folders, *COARSE, "--json").json["metrics"]
    assert said["pixcorr"]["note"] == "1 of them with a picture of a single grey, counted as 0"
    assert said["pixcorr"]["value"] == pytest.approx(before["pixcorr"] * 5 / 6, abs=0.01)
    assert said["coarse"]["value"] == pytest.approx(5 / 6, abs=0.04)
    one = compare(shown / "a.png", reconstructed / "a.bmp", "--metric", "pixcorr", "--json").json["metrics"]["pixcorr"]
    assert (one["value"], one["not_computed"]) == (None, "every pair has a picture of a single grey")


# ---------------------------------------------------------------------- what does not pair


def test_pictures_without_a_counterpart_and_unreadable_ones_are_told_in_one_line(compare, folders):
    shown, reconstructed = folders
    (reconstructed / "a.bmp").unlink()
    save(reconstructed / "x.png", patches(9))
    (reconstructed / "b.bmp").write_bytes(b"no picture")
    said = compare(*folders)
    assert said.out == ""
    assert f"1 without a reconstruction ({shown / 'a.png'})" in said.refusal
    assert f"1 never shown ({reconstructed / 'x.png'})" in said.refusal
    assert f"1 unreadable ({reconstructed / 'b.bmp'}: no picture that can be read" in said.refusal
    assert said.refusal.endswith("two of every name, or --allow-missing, would be right")
    allowed = compare(*folders, "--metric", "ssim", "--allow-missing", "--json").json
    assert allowed["n"] == allowed["metrics"]["ssim"]["n"] == 4
    assert {one["file"].rpartition("/")[2] for one in allowed["left_out"]} == {"a.png", "x.png", "b.bmp"}
    out = compare(*folders, "--metric", "ssim", "--allow-missing").out
    assert "3 left out:" in out and f"{reconstructed / 'x.png'}: it was never shown" in out


def test_what_is_no_two_folders_of_pictures_is_refused(compare, folders, tmp_path):
    shown, reconstructed = folders
    (tmp_path / "empty").mkdir()
    save(tmp_path / "other" / "z.png", patches(1))
    assert "nowhere is no folder" in compare(shown, tmp_path / "nowhere").refusal
    assert "holds no pictures" in compare(tmp_path / "empty", reconstructed).refusal
    assert "are a file and none; two folders or two files" in compare(shown / "a.png", reconstructed).refusal
    assert "6 without a reconstruction (" in compare(shown, tmp_path / "other").refusal
    assert "have no pair of pictures (7 left out" in compare(shown, tmp_path / "other", "--allow-missing").refusal
    save(shown / "a.bmp", patches(1))
    assert "has both a.bmp and a.png; one of a name would be right" in compare(*folders).refusal


def test_a_metric_that_is_none_is_refused_with_those_there_are(compare, folders):
    said = compare(*folders, "--metric", "ssmi").refusal
    assert '--metric "ssmi" is no metric; did you mean "ssim"?' in said
    assert "pixcorr, ssim, alexnet2" in said
    assert '"error"' in compare(*folders, "--metric", "ssmi", "--json").out


def test_help_teaches_what_each_metric_is():
    text = " ".join(CliRunner().invoke(image_metrics, ["--help"]).output.split())
    for word in ("pixcorr", "ssim", "alexnet5", "fid", "lower is better", "chance is 0.5", "not computed", "Example:"):
        assert word in text
