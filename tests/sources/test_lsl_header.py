"""What is read out of the headers that senders write."""

import pytest

from rtbci.errors import SourceError
from rtbci.sources.lsl_header import holds_markers, kind_by_name, read_header, unit_factor


def header(*channels):
    """XML of a stream with these channels, each a dict of what its node holds."""
    nodes = []
    for channel in channels:
        inner = "".join(
            f"<{key}>{value}</{key}>" if not isinstance(value, dict) else
            f"<{key}>" + "".join(f"<{k}>{v}</{k}>" for k, v in value.items()) + f"</{key}>"
            for key, value in channel.items()
        )  # fmt: skip
        nodes.append(f"<channel>{inner}</channel>")
    return f"<info><desc><channels>{''.join(nodes)}</channels></desc></info>"


@pytest.mark.parametrize(
    ("unit", "kind", "factor"),
    [
        ("uV", "eeg", 1.0), ("\u00b5V", "eeg", 1.0), ("\u03bcV", "eog", 1.0), ("microvolts", "eeg", 1.0), ("V", "eeg", 1e6),
        ("mV", "ecg", 1e3), ("nV", "eeg", 1e-3), ("-6", "eeg", 1.0), ("0", "eeg", 1e6), ("SI", "eeg", 1e6),
        ("T", "mag", 1e15), ("fT", "mag", 1.0), ("pT", "mag", 1e3), ("T/m", "grad", 1e13), ("fT/cm", "grad", 1.0),
        ("fT/m", "grad", 0.01), ("SI", "grad", 1e13), ("0", "mag", 1e15), ("-15", "mag", 1.0),
        ("T", "eeg", None), ("V", "mag", None), ("T", "grad", None), ("counts", "eeg", None), ("", "eeg", None),
    ],
)  # fmt: skip
def test_units_become_those_of_the_field(unit, kind, factor):
    assert unit_factor(unit, kind) == factor


def test_kinds_come_from_the_header_then_the_name_then_the_stream():
    labels = [
        ("Fz", ""),
        ("EOG 061", ""),
        ("A1", "ECG"),
        ("STI101", "misc"),
        ("Status", "EEG"),
        ("x", "Gyro"),
        ("TRIGGER", ""),
        ("TRG", "EEG"),
        ("AUX_RIGHT", "EEG"),
        ("Right AUX", ""),
        ("Fauxpas", "EEG"),
        ("TRIGGER 001", "MISC"),
    ]
    read = read_header(header(*({"label": a, "type": b, "unit": "uV"} for a, b in labels)), len(labels), "EEG")
    assert [c.kind for c in read.channels] == [
        *("eeg", "eog", "ecg", "stim", "stim", "misc", "stim", "stim", "misc", "misc", "eeg", "misc"),
    ]


@pytest.mark.parametrize(
    ("label", "kind"),
    [("Oz", None), ("EOG 061", "eog"), ("HEOG", "eog"), ("STI 014", "stim"), ("AUX1", "misc"), ("auxiliary", None)],
)
def test_a_name_tells_what_is_no_eeg(label, kind):
    assert kind_by_name(label) == kind


def test_text_is_markers_whatever_its_type_and_numbers_where_the_type_says_so():
    assert holds_markers("LSL_Marker_Strings", is_text=True)  # Unity's
    assert holds_markers("Markers", is_text=False)
    assert not holds_markers("EEG", is_text=False)


def test_neuromag_triplets_are_told_apart_by_name_and_by_unit():
    xml = header(
        *({"label": a, "type": "MEG", "unit": b} for a, b in [("MEG0111", "T"), ("MEG0112", "T/m"), ("M1", "T/m")])
    )
    read = read_header(xml, 3, "MEG")
    assert [(c.kind, c.unit) for c in read.channels] == [("mag", "fT"), ("grad", "fT/cm"), ("grad", "fT/cm")]
    assert read.factors.tolist() == pytest.approx([1e15, 1e13, 1e13])
    by_user = read_header(header({"label": "MEG0111"}, {"label": "MEG0112"}), 2, "MEG", unit="T")
    assert by_user.factors.tolist() == pytest.approx([1e15, 1e13])


def test_meg_without_a_unit_is_refused_and_eeg_without_one_is_noted():
    with pytest.raises(SourceError, match=r"'MEG0111' \(mag\) has the unit ''; set unit"):
        read_header(header({"label": "MEG0111"}), 1, "MEG")
    read = read_header(header({"label": "Fz"}, {"label": "Cz", "unit": "furlong"}), 2, "EEG")
    assert read.notes == (
        "1 channel (Fz) without a unit: taken as uV.",
        "1 channel (Cz) in 'furlong', which is not converted: taken as uV.",
    )


@pytest.mark.parametrize(
    ("node", "position"),
    [
        ({"location": {"X": 85, "Y": 0, "Z": 10}}, (0.085, 0.0, 0.010)),
        ({"location": {"X": 0.085, "Y": 0, "Z": 0.01}}, (0.085, 0.0, 0.010)),
        ({"loc": {"R0x": 0.01, "R0y": 0.02, "R0z": 0.03}}, (0.01, 0.02, 0.03)),
        ({"location": {"X": "", "Y": 0, "Z": 10}}, None),
        ({"loc": {"R0x": "nan", "R0y": "nan", "R0z": "nan"}}, None),
        ({}, None),
    ],
)
def test_positions_are_metres_whoever_wrote_them(node, position):
    (channel,) = read_header(header({"label": "Fz", "unit": "uV", **node}), 1, "EEG").channels
    assert channel.position == (None if position is None else pytest.approx(position))


def test_names_that_stand_there_twice_are_made_unique():
    read = read_header(header({"label": "EEG"}, {"label": "EEG"}, {"label": "Cz"}), 3, "EEG")
    assert [c.name for c in read.channels] == ["EEG-1", "EEG-2", "Cz"]
    assert any("Several channels are called 'EEG'" in note for note in read.notes)


def test_a_header_of_another_length_is_not_used():
    read = read_header(header({"label": "Fz"}), 2, "EEG", ["a", "b"])
    assert [c.name for c in read.channels] == ["a", "b"]
    assert read.notes[0] == "The header describes 1 channels, the stream sends 2: it is not used."
