from __future__ import annotations

import json
import weakref

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from liverseg.handover.choice import LEAST_GAIN, MINIMUM_ML, choose, choose_flips, grid
from liverseg.handover.postprocess import NONE, PostProcess
from liverseg.metrics.case import score_counts
from liverseg.metrics.evaluate import confusion_of
from liverseg.metrics.mask_file import cut
from liverseg.metrics.summary import summarise

LABELS = ("liver", "tumour")
SPACING_MM = (1.0, 10.0, 10.0)  # a voxel is 0.1 mL


def volume_of(labels):
    return cut(np.asarray(labels, np.uint8), SPACING_MM)


def liver(tumour=True, size=6):
    """A liver of 4 x 6 x 6 voxels in a wide scan, with a tumour in its middle."""
    labels = np.zeros((4, 12, 24), np.uint8)
    labels[:, 2:8, 2 : 2 + size] = 1
    if tumour:
        labels[1:3, 4:6, 4:6] = 2
    return labels


def with_island(labels, size=2):
    """The same and a second, smaller liver with a tumour in it."""
    found = labels.copy()
    found[:2, 2 : 2 + size, 18 : 18 + size] = 1
    found[0, 3, 19] = 2
    return found


def cases(pairs):
    return [(volume_of(truth), volume_of(predicted)) for truth, predicted in pairs]


def test_stray_livers_are_found_to_cost_dice():
    chosen = choose(cases([(liver(size=5 + n % 3), with_island(liver(size=5 + n % 3))) for n in range(6)]), LABELS)
    assert chosen.postprocess == PostProcess(True, False, 0.0)
    assert chosen.flips is False
    evidence = chosen.evidence
    perfect = {"liver": 1.0, "tumour": 1.0, "mean": 1.0, "tumour_free_clean": None}
    assert evidence["after"] == {**perfect, "true_tumours": 6, "false_tumours": 0}
    assert evidence["before"]["false_tumours"] == 6
    assert "it drops 6 false tumours and 0 true ones" in evidence["sentence"]
    assert evidence["before"]["mean"] < 0.97
    assert evidence["gain"] == pytest.approx(1.0 - evidence["before"]["mean"])
    assert evidence["gain"] > evidence["limit"]["standard_error"] > 0
    assert len(evidence["options"]) == 24
    assert "only the largest piece of liver" in evidence["sentence"]
    assert "chosen on the patients that score it" in evidence["sentence"]


def test_specks_are_found_to_cost_dice_and_the_smallest_sufficient_size_is_taken():
    predicted = liver()
    predicted[0, 2:8:2, 2] = 2
    chosen = choose(cases([(liver(), predicted)] * 3), LABELS)
    assert chosen.postprocess == PostProcess(False, False, 0.25)


def test_true_tumours_that_are_dropped_are_counted():
    # Many specks pay with many false voxels; the one that is true goes with them.
    truth, predicted = liver(), liver()
    truth[3, 6, 2] = 2
    predicted[0, 2:8:2, 2:8:2] = predicted[3, 6, 2] = 2
    chosen = choose(cases([(truth, predicted)] * 2), LABELS)
    assert chosen.postprocess.minimum_lesion_ml == 0.25
    assert "it drops 10 false tumours and 2 true ones" in chosen.evidence["sentence"]


def test_a_perfect_prediction_is_left_alone():
    chosen = choose(cases([(liver(), liver()), (liver(False), liver(False))]), LABELS)
    assert chosen.postprocess == NONE
    assert chosen.evidence["gain"] == 0.0
    assert chosen.evidence["before"]["tumour_free_clean"] == 1.0
    assert "none is switched on" in chosen.evidence["sentence"]


def test_one_patient_alone_decides_nothing():
    spoilt, fine = (liver(), with_island(liver())), (liver(), liver())
    assert choose(cases([spoilt]), LABELS).postprocess == NONE
    assert choose(cases([spoilt, *[fine] * 5]), LABELS).postprocess == NONE
    assert choose(cases([spoilt, spoilt, *[fine] * 4]), LABELS).postprocess == PostProcess(True, False, 0.0)


def test_two_scans_of_one_patient_are_one_patient():
    pairs = cases([(liver(), with_island(liver()))] * 2)
    assert choose(pairs, LABELS, ["p", "p"]).postprocess == NONE
    assert choose(pairs, LABELS, ["p", "p"]).evidence["patients"] == 1
    assert choose(pairs, LABELS, ["p", "q"]).postprocess.largest_liver


def test_a_gain_below_the_least_is_noise():
    truth = np.zeros((4, 60, 60), np.uint8)
    truth[:, :50, :50] = 1
    predicted = truth.copy()
    predicted[0, 55, 50:59] = 1
    chosen = choose(cases([(truth, predicted)] * 4), ("liver",))
    assert 0 < 1 - chosen.evidence["before"]["mean"] < LEAST_GAIN
    assert chosen.postprocess == NONE


def test_an_option_that_pays_is_not_lost_behind_a_better_one_that_is_noise():
    # Every patient gains by the largest liver; a lesion size helps one patient much.
    speckled = with_island(liver())
    speckled[3, 2:8:2, 2:8:2] = 2
    pairs = [(liver(), with_island(liver()))] * 5 + [(liver(), speckled)]
    chosen = choose(cases(pairs), LABELS)
    assert chosen.evidence["best"]["postprocess"]["minimum_lesion_ml"] > 0
    assert chosen.postprocess == PostProcess(True, False, 0.0)


def test_a_network_without_tumours_is_asked_for_its_livers_only():
    assert grid(("liver",)) == (NONE, PostProcess(True, False, 0.0))
    pairs = cases([(liver(False), with_island(liver(False)))] * 2)
    chosen = choose(pairs, ("liver",))
    assert chosen.postprocess.largest_liver
    assert set(chosen.evidence["after"]) == {"liver", "mean"}


def test_the_grid_is_every_combination_simplest_first():
    options = grid(LABELS)
    assert len(set(options)) == len(options) == 4 * len(MINIMUM_ML)
    assert options[0] == NONE
    assert [each.switched_on for each in options] == sorted(each.switched_on for each in options)


def test_without_scans_nothing_is_switched_on():
    chosen = choose([], LABELS)
    assert chosen.postprocess == NONE
    assert chosen.evidence["after"]["mean"] is None
    assert "No patient" in chosen.evidence["sentence"]
    assert choose_flips([], [], LABELS).flips is False


random_pairs = st.lists(
    st.tuples(*[hnp.arrays(np.uint8, (3, 4, 4), elements=st.sampled_from([0, 0, 1, 2]))] * 2), min_size=1, max_size=4
).filter(lambda pairs: all((truth == 1).any() for truth, _ in pairs))


@given(random_pairs, st.data())
def test_means_are_those_of_every_other_table(pairs, data):
    names = data.draw(st.lists(st.sampled_from("pqr"), min_size=len(pairs), max_size=len(pairs)))
    chosen = choose(cases(pairs), LABELS, names)
    for key, options in (("before", NONE), ("after", chosen.postprocess)):
        scores = []
        for name, (reference, prediction) in zip(names, cases(pairs), strict=True):
            counts = confusion_of(reference, options.apply(prediction))
            scores.append(score_counts("case-1", name, reference, counts, LABELS))
        expected = summarise(scores, LABELS)
        found = {
            "val_dice": chosen.evidence[key]["mean"],
            "dice_liver_mean": chosen.evidence[key]["liver"],
            "dice_tumour_mean": chosen.evidence[key]["tumour"],
            "tumour_free_specificity": chosen.evidence[key]["tumour_free_clean"],
        }
        for name, value in found.items():
            assert (np.nan if value is None else value) == pytest.approx(expected[name], nan_ok=True), name
    json.dumps(chosen.evidence, allow_nan=False)


def test_one_scan_at_a_time_is_in_memory():
    made: list[weakref.ref[np.ndarray]] = []
    still_there = 0

    def stream():
        nonlocal still_there
        for _ in range(5):
            still_there = max(still_there, sum(reference() is not None for reference in made))
            pair = (volume_of(liver()), volume_of(with_island(liver())))
            made.extend(weakref.ref(volume.labels) for volume in pair)
            yield pair
            del pair

    assert choose(stream(), LABELS).evidence["patients"] == 5
    assert (len(made), still_there) == (10, 0)
    choose_flips(stream(), stream(), LABELS)
    # The stream without flips waits with its pair in hand, while that with flips makes its own.
    assert (len(made), still_there) == (30, 2)


def test_flips_are_on_only_where_they_pay():
    truth = liver()
    rough = truth.copy()
    rough[:, 2, 2:5] = 0
    pairs = {"fine": cases([(truth, truth)] * 3), "rough": cases([(truth, rough)] * 3)}
    better = choose_flips(pairs["rough"], pairs["fine"], LABELS)
    assert better.flips
    assert better.evidence["flips"]["gain"] > LEAST_GAIN
    assert better.evidence["after"]["liver"] == better.evidence["flips"]["on"]["liver"] == 1.0
    for off, on in (("fine", "rough"), ("fine", "fine")):
        chosen = choose_flips(pairs[off], pairs[on], LABELS)
        assert not chosen.flips
        assert "they are off" in chosen.evidence["flips"]["sentence"]
        assert chosen.evidence["after"] == choose(pairs[off], LABELS).evidence["after"]


def test_flips_of_which_one_patient_gains_are_off():
    truth = liver()
    rough = truth.copy()
    rough[:, 2, 2:5] = 0
    plain = cases([(truth, rough), (truth, truth), (truth, truth)])
    assert not choose_flips(plain, cases([(truth, truth)] * 3), LABELS).flips


def test_streams_of_different_length_are_refused():
    pairs = cases([(liver(), liver())] * 2)
    with pytest.raises(ValueError, match="zip"):
        choose_flips(pairs, pairs[:1], LABELS)
    with pytest.raises(ValueError, match="zip"):
        choose(pairs, LABELS, ["p"])
