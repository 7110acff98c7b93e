"""Feature maps: a known difference is found where it is, with its sign and size; where there is none, none is claimed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rtbci import config
from rtbci.errors import ConfigError, SourceError
from rtbci.feature_choice import chosen, suggest
from rtbci.feature_epochs import Options, compare, measure, span_of
from rtbci.feature_maps import FeatureMaps, load, save
from rtbci.separability import adjusted, rank_sum, signed_r2
from rtbci.training_set import Piece

RATE, CHANNELS = 100.0, ("C3", "Cz", "C4", "Oz")
TRIALS, EVERY = 40, 4.0
EXPERIMENT = """name = "test"

[source]
use = "lsl"

[classes]
left = ["1"]
right = ["2"]

[trial]
start = 0.5
stop = 2.5

[[decoder]]   # a comment that stays
name = "riemann"
use = "tangent"
window = 1.0
hop = 0.5
transforms = [{ use = "band-pass", low = 8.0, high = 30.0 }]

[[decoder]]
name = "other"
use = "csp"
window = 1.0
hop = 0.5
"""


def _experiment(tmp_path: Path, text: str = EXPERIMENT) -> config.Experiment:
    path = tmp_path / "experiment.toml"
    path.write_text(text)
    return config.load(path)


def _recording(path: Path, *, rhythm: float = 0.0, response: float = 0.0, seed: int = 0, labels: str = "12") -> Path:
    """CSV of 1 µV noise; in class 1 a rhythm of 12 Hz at C3 in any phase, in class 2 a bump at Oz from 1 to 1.2 s."""
    rng = np.random.default_rng(seed)
    n = round((TRIALS + 1) * EVERY * RATE)
    samples = rng.standard_normal((n, len(CHANNELS)))
    markers = np.zeros(n, int)
    time = np.arange(n) / RATE
    for k in range(TRIALS):
        at, label = round((2.0 + k * EVERY) * RATE), int(labels[k % len(labels)])
        markers[at] = label
        if label == 1:
            inside = slice(at, at + 250)
            samples[inside, 0] += rhythm * np.sin(2 * np.pi * (12.0 * time[inside] + rng.random()))
        if label == 2:
            samples[at + 100 : at + 120, 3] += response
    rows = [
        f"{t:.4f},{','.join(f'{v:.4f}' for v in row)},{m}" for t, row, m in zip(time, samples, markers, strict=True)
    ]
    path.write_text("\n".join([f"timestamps,{','.join(CHANNELS)},Marker0", *rows]) + "\n")
    return path


def _at(centres: np.ndarray, value: float) -> int:
    return int(np.abs(centres - value).argmin())


# ---------------------------------------------------------------------- the numbers


def test_signed_r2_is_the_squared_correlation_with_the_class_and_has_the_sign_of_the_difference() -> None:
    rng = np.random.default_rng(1)
    first, second = rng.standard_normal((13, 3, 4)) + 1.0, rng.standard_normal((9, 3, 4))
    first[:, 1] -= 3.0
    found = signed_r2(first, second)
    y = np.r_[np.ones(13), np.zeros(9)]
    for row in range(3):
        for column in range(4):
            r = np.corrcoef(np.r_[first[:, row, column], second[:, row, column]], y)[0, 1]
            assert found[row, column] == pytest.approx(np.sign(r) * r**2, abs=1e-12)
    assert (found[1] < 0).all()
    assert (found[0] > 0).all()


def test_signed_r2_of_known_groups() -> None:
    # values 1 and 3 against −1 and −3: r = (2 − −2) / 2 / √5, r² = 0.8
    first, second = np.array([[1.0], [3.0]]), np.array([[-1.0], [-3.0]])
    assert signed_r2(first, second)[0] == pytest.approx(0.8)
    assert signed_r2(second, first)[0] == pytest.approx(-0.8)


def test_a_channel_that_does_not_vary_says_nothing() -> None:
    first, second = np.full((5, 2), 0.1), np.full((6, 2), 0.1)
    assert signed_r2(first, second).tolist() == [0.0, 0.0]
    assert rank_sum(first, second).tolist() == [1.0, 1.0]
    assert signed_r2(first + 0.2, np.full((6, 2), 0.3)).tolist() == [0.0, 0.0]  # which differ by rounding


def test_the_rank_sum_is_exact_for_few_trials_and_normal_for_many() -> None:
    # 3 against 3, wholly apart: 2 of the 20 orders are as extreme
    apart = rank_sum(np.array([[1.0], [2.0], [3.0]]), np.array([[4.0], [5.0], [6.0]]))
    assert apart[0] == pytest.approx(0.1)
    many = np.arange(20.0)[:, None]
    # Mann and Whitney 1947: U = 0, mean 200, variance 400 · 41 / 12, continuity ½
    z = (200.0 - 0.5) / np.sqrt(400 * 41 / 12)
    from scipy.stats import norm

    assert rank_sum(many, many + 100.0)[0] == pytest.approx(2 * norm.sf(z), rel=1e-9)


def test_a_tie_in_one_cell_does_not_change_the_test_of_another() -> None:
    first, second = np.array([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]]), np.array([[4.0, 3.0], [5.0, 5.0], [6.0, 6.0]])
    p = rank_sum(first, second)
    assert p[0] == pytest.approx(0.1)  # 3 against 3, wholly apart, as above
    # ranks 1, 2, 3.5 of 6: U = 0.5, mean 4.5, variance 9/12 · (7 − (2³ − 2) / 30), continuity ½
    from scipy.stats import norm

    assert p[1] == pytest.approx(2 * norm.sf((4.0 - 0.5) / np.sqrt(9 / 12 * (7 - 6 / 30))))


def test_adjusted_p_are_those_of_benjamini_and_hochberg() -> None:
    p = np.array([[0.01, 0.04], [0.03, 0.5]])
    assert adjusted(p) == pytest.approx(np.array([[0.04, 0.04 * 4 / 3], [0.04 * 4 / 3, 0.5]]))


def test_without_an_effect_one_cell_in_twenty_is_significant_uncorrected_and_none_after() -> None:
    rng = np.random.default_rng(5)
    values = rng.standard_normal((60, 40, 50))
    labels = np.arange(60) % 2
    (one,) = compare(("left", "right"), values, labels, "frequency")
    assert 0.04 < float((one.p < 0.05).mean()) < 0.06
    assert not one.significant.any()


# ---------------------------------------------------------------------- from a recording


def test_a_rhythm_of_one_class_is_found_at_its_channel_and_frequency_with_the_right_sign(tmp_path: Path) -> None:
    recording = _recording(tmp_path / "r.csv", rhythm=1.5)
    maps = measure(_experiment(tmp_path), [recording])
    assert maps.channels == CHANNELS
    assert maps.trials == (20, 20)
    (one,) = maps.of("frequency")
    assert (one.first, one.second, one.trials) == ("left", "right", (20, 20))
    row, column = np.unravel_index(np.abs(one.r2).argmax(), one.r2.shape)
    assert (CHANNELS[row], maps.frequencies[column]) == ("C3", 12.0)
    assert one.r2[row, column] > 0.8
    assert not one.significant[1:].any()
    assert {float(f) for f in maps.frequencies[one.significant[0]]} <= {11.0, 12.0, 13.0}
    assert not maps.of("time")[0].significant.any()


def test_r2_of_a_recording_is_that_of_its_log_band_power_computed_by_hand(tmp_path: Path) -> None:
    recording = _recording(tmp_path / "r.csv", rhythm=0.6, seed=3)
    maps = measure(_experiment(tmp_path), [recording], Options(high_pass=None))
    table = np.loadtxt(recording, delimiter=",", skiprows=1)
    from scipy.signal import welch

    powers = []
    for k in range(TRIALS):
        at = round((2.0 + k * EVERY) * RATE)
        f, density = welch(table[at + 50 : at + 250, 1], RATE, nperseg=200, noverlap=100)
        powers.append(np.log10(density[(f >= 11.5) & (f < 12.5)].mean()))
    classes = np.arange(TRIALS) % 2 == 0
    r = np.corrcoef(powers, classes)[0, 1]
    found = maps.of("frequency")[0].r2[0, _at(maps.frequencies, 12.0)]
    assert found == pytest.approx(np.sign(r) * r**2, abs=1e-3)


def test_a_response_to_one_class_is_found_at_its_channel_and_time_with_the_right_sign(tmp_path: Path) -> None:
    recording = _recording(tmp_path / "r.csv", response=3.0)
    maps = measure(_experiment(tmp_path), [recording], Options(high_pass=None))  # which would swing back after it
    (one,) = maps.of("time")
    hit = one.significant
    assert not hit[:3].any()
    assert (one.r2[3][hit[3]] < 0).all()  # right has more
    times = maps.times[hit[3]]
    assert 0.95 < times.min() < 1.05
    assert times[np.abs(one.r2[3][hit[3]]).argmax()] < 1.2
    assert np.abs(one.r2[3][(maps.times > 1.0) & (maps.times < 1.2)]).min() > 0.5
    assert maps.times[0] == pytest.approx(-0.18)
    assert maps.time_width == 0.04


def test_noise_alone_has_no_significant_cell_and_no_choice(tmp_path: Path) -> None:
    maps = measure(_experiment(tmp_path), [_recording(tmp_path / "r.csv", seed=8)])
    for one in maps.maps:
        assert not one.significant.any()
    choice = suggest(maps)
    assert not choice.justified
    assert choice.why == "no cell survives FDR 5 %: no choice can be justified by these data"


def test_three_classes_are_each_held_against_the_others(tmp_path: Path) -> None:
    text = EXPERIMENT.replace('right = ["2"]', 'right = ["2"]\nfeet = ["3"]')
    maps = measure(_experiment(tmp_path, text), [_recording(tmp_path / "r.csv", rhythm=1.5, labels="123")])
    assert [(one.first, one.second, one.trials) for one in maps.of("frequency")] == [
        ("left", "all others", (14, 26)), ("right", "all others", (13, 27)), ("feet", "all others", (13, 27)),
    ]  # fmt: skip
    signs = [float(one.r2[0, _at(maps.frequencies, 12.0)]) for one in maps.of("frequency")]
    assert signs[0] > 0.7
    assert signs[1] < 0
    assert signs[2] < 0


def test_several_recordings_are_pooled(tmp_path: Path) -> None:
    both = [_recording(tmp_path / f"r{k}.csv", rhythm=1.0, seed=k) for k in (1, 2)]
    assert measure(_experiment(tmp_path), both).trials == (40, 40)


def test_a_decoder_that_is_locked_to_markers_gives_the_span(tmp_path: Path) -> None:
    text = EXPERIMENT.replace(
        "window = 1.0\nhop = 0.5\ntransforms", 'lock = "marker"\noffset = -0.1\nwindow = 0.7\ntransforms'
    )
    experiment = _experiment(tmp_path, text)
    assert span_of(experiment) == (-0.1, pytest.approx(0.6))
    maps = measure(experiment, [_recording(tmp_path / "r.csv")])
    assert maps.times[-1] < 0.6
    assert (maps.time_width, maps.frequency_width) == (0.02, 2.0)


def test_an_average_reference_takes_out_what_all_channels_have(tmp_path: Path) -> None:
    recording = _recording(tmp_path / "r.csv", rhythm=3.0)
    maps = measure(_experiment(tmp_path), [recording], Options(average=True))
    one = maps.of("frequency")[0]
    assert one.r2[3, _at(maps.frequencies, 12.0)] > 0.3  # a quarter of C3's rhythm, with the other sign of amplitude


def test_a_recording_that_is_given_twice_is_refused_and_two_pieces_of_it_are_not(tmp_path: Path) -> None:
    """Trials that count twice have a p that is too small."""
    recording, experiment = _recording(tmp_path / "r.csv", rhythm=1.0), _experiment(tmp_path)
    (tmp_path / "again.csv").symlink_to(recording)
    with pytest.raises(SourceError, match=r"again\.csv is given twice; each recording once would be right"):
        measure(experiment, [recording, tmp_path / "again.csv"])
    halves = [Piece(recording, 0, 8000), Piece(recording, 8000, None)]
    assert sum(measure(experiment, halves).trials) in (39, 40)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ((EXPERIMENT[EXPERIMENT.index("right =") :], ""), "[classes] has 1 classes with markers"),
        (('right = ["2"]', 'right = ["9"]'), "no such marker in"),
    ],
)
def test_classes_that_cannot_be_compared_are_refused(tmp_path: Path, change: tuple[str, str], words: str) -> None:
    experiment = _experiment(tmp_path, EXPERIMENT.replace(*change))
    with pytest.raises(ConfigError, match="would be right") as refused:
        measure(experiment, [_recording(tmp_path / "r.csv")])
    assert words in str(refused.value)


def test_bins_finer_than_the_trial_allows_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"bins of 0.25 Hz need 4 s of signal, the trial has 2; 0.5 Hz or more"):
        measure(_experiment(tmp_path), [_recording(tmp_path / "r.csv")], Options(frequency_width=0.25))


# ---------------------------------------------------------------------- their file


def test_maps_are_read_back_as_they_were(tmp_path: Path) -> None:
    maps = measure(_experiment(tmp_path), [_recording(tmp_path / "r.csv", rhythm=1.0)])
    beside = save(maps, tmp_path / "new" / "maps.npz")
    assert beside == tmp_path / "new" / "maps.json"
    read = load(tmp_path / "new" / "maps.npz")
    assert read.as_json() == maps.as_json()
    for one, other in zip(read.maps, maps.maps, strict=True):
        assert np.array_equal(one.r2, other.r2)
        assert np.array_equal(one.p, other.p)
        assert np.array_equal(one.q, other.q)
    assert np.array_equal(read.times, maps.times)
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["maps.json", "maps.npz"]


def test_maps_that_cannot_be_written_are_refused_in_a_line(tmp_path: Path) -> None:
    maps = measure(_experiment(tmp_path), [_recording(tmp_path / "r.csv")])
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"maps\.npz: cannot be written: .*; a path in a writable folder"):
        save(maps, tmp_path / "file" / "maps.npz")


def test_what_is_no_map_is_refused(tmp_path: Path) -> None:
    (tmp_path / "maps.npz").write_bytes(b"no")
    with pytest.raises(ConfigError, match="are no feature maps"):
        load(tmp_path / "maps.npz")


# ---------------------------------------------------------------------- choosing


def _maps(r2: np.ndarray, significant: np.ndarray) -> FeatureMaps:
    from rtbci.feature_maps import FeatureMap

    q = np.where(significant, 0.01, 0.9)
    channels = tuple(f"E{k}" for k in range(len(r2)))
    frequencies = np.arange(1.0, r2.shape[1] + 1)
    one = FeatureMap("a", "b", (20, 20), "frequency", r2, q, q)
    n = len(channels)
    return FeatureMaps(
        channels, ("eeg",) * n, (None,) * n, ("a", "b"), (20, 20), frequencies, np.zeros(1), 1.0, 0.04, (one,), {}
    )


def test_the_suggested_band_is_the_one_that_differs_and_the_channels_those_that_do() -> None:
    r2, significant = np.zeros((5, 45)), np.zeros((5, 45), bool)
    r2[:3, 9:13] = -0.4  # 10 to 13 Hz
    r2[:3, 20:22] = -0.2  # weaker, apart
    significant[:3, 9:13] = significant[:3, 20:22] = True
    choice = suggest(_maps(r2, significant))
    assert choice.channels == ("E0", "E1", "E2")
    assert choice.band == (9.5, 13.5)


def test_a_band_ends_where_the_difference_turns_to_the_other_sign() -> None:
    r2, significant = np.zeros((4, 45)), np.ones((4, 45), bool)
    r2[:, 7:13], r2[:, 13:20] = -0.5, 0.3
    assert suggest(_maps(r2, significant)).band == (7.5, 13.5)


def test_a_narrow_band_is_widened_and_one_channel_is_no_choice_of_channels() -> None:
    r2, significant = np.zeros((5, 45)), np.zeros((5, 45), bool)
    r2[2, 11], significant[2, 11] = 0.5, True
    choice = suggest(_maps(r2, significant))
    assert choice.band == (10.0, 14.0)
    assert choice.channels == ("E0", "E1", "E2", "E3", "E4")
    assert "fewer than 3 channels" in choice.why


def test_a_choice_is_written_into_a_copy_and_the_rest_stays(tmp_path: Path) -> None:
    experiment = _experiment(tmp_path)
    path = tmp_path / "chosen.toml"
    config.save(chosen(experiment, ("C3", "C4"), (10.0, 14.0)), path)
    read = config.load(path)
    first, second = read.decoders
    assert [(step.use, dict(step.args)) for step in first.transforms] == [
        ("pick", {"channels": ["C3", "C4"]}), ("band-pass", {"low": 10.0, "high": 14.0}),
    ]  # fmt: skip
    assert [step.use for step in second.transforms] == ["pick", "band-pass"]
    assert "# a comment that stays" in path.read_text()
    again = chosen(read, ("Cz",), None)
    assert again.decoders[0].transforms[0].args == {"channels": ["Cz"]}
    assert len(again.decoders[0].transforms) == 2


def test_channels_are_picked_after_a_reference_that_needs_them_all(tmp_path: Path) -> None:
    text = EXPERIMENT.replace("transforms = [{", 'transforms = [{ use = "re-reference" }, {')
    made = chosen(_experiment(tmp_path, text), ("C3", "C4"), (9.0, 13.0), "riemann")
    assert [step.use for step in made.decoders[0].transforms] == ["re-reference", "pick", "band-pass"]
    assert made.decoders[1].transforms == ()


def test_models_that_do_not_fit_a_choice_any_more_are_left_out(tmp_path: Path) -> None:
    experiment = _experiment(tmp_path)
    named = replace(experiment, decoders=tuple(replace(d, model=Path("m.rtbci")) for d in experiment.decoders))
    assert chosen(named, ("C3",), None, "riemann").decoders[0].model is None
    assert chosen(named, ("C3",), None, "riemann").decoders[1].model == Path("m.rtbci")


@pytest.mark.parametrize(("channels", "band"), [((), None), (("C3",), (14.0, 10.0)), ((), (0.0, 10.0))])
def test_an_impossible_choice_is_refused(
    tmp_path: Path, channels: tuple[str, ...], band: tuple[float, float] | None
) -> None:
    with pytest.raises(ConfigError, match="would be right"):
        chosen(_experiment(tmp_path), channels, band)
