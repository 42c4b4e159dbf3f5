from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from liverseg.errors import ConfigError
from liverseg.preprocess import (
    NativeReference,
    PlaneMap,
    PreparedCase,
    estimate_reference_bytes,
    estimate_store_bytes,
    pack,
)


def prepared(uid: str, n: int, keep: list[int], size: int = 32) -> PreparedCase:
    rng = np.random.default_rng(n)
    flags = np.zeros(n, bool)
    flags[keep] = True
    reference = NativeReference((n, 40, 40), (2.0, 1.0, 1.0), (0, 0, 0), np.zeros((0, 0, 0), np.uint8))
    counts = np.zeros(4096, np.int64)
    counts[n] = n
    image = rng.integers(-32768, 32767, (n, size, size)).astype(np.int16)
    mask = rng.integers(0, 3, (n, size, size)).astype(np.uint8)
    return PreparedCase(
        uid, f"pt-{uid}", image, mask, flags, PlaneMap((40, 40), (size, size), 0, 0, size), reference, counts
    )


CASES = [prepared("a", 5, [1, 3]), prepared("b", 3, []), prepared("c", 4, [0, 1, 2, 3])]


def test_a_training_pack_holds_the_kept_slices_one_behind_the_other() -> None:
    packed = pack(CASES, training=True)
    assert [(span.uid, span.patient, span.start, span.stop) for span in packed.cases] == [
        ("a", "pt-a", 0, 2),
        ("b", "pt-b", 2, 2),
        ("c", "pt-c", 2, 6),
    ]
    np.testing.assert_array_equal(packed.image, np.concatenate([CASES[0].image[[1, 3]], CASES[2].image]))
    np.testing.assert_array_equal(packed.mask, np.concatenate([CASES[0].mask[[1, 3]], CASES[2].mask]))


def test_other_packs_hold_every_slice() -> None:
    packed = pack(CASES, training=False)
    assert [span.stop for span in packed.cases] == [5, 8, 12]
    np.testing.assert_array_equal(packed.image, np.concatenate([case.image for case in CASES]))
    assert all(span.reference is case.reference for span, case in zip(packed.cases, CASES, strict=True))


@pytest.mark.parametrize("training", [True, False])
def test_a_pack_copies_no_slice(training: bool) -> None:
    packed = pack(CASES, training=training)
    assert np.shares_memory(packed.image[0], CASES[0].image) and np.shares_memory(packed.mask[-1], CASES[2].mask)
    assert packed.image.dtype == np.int16 and packed.mask.dtype == np.uint8


def test_what_training_reads_of_a_case_makes_the_same_training_pack() -> None:
    whole, cut = pack(CASES, training=True), pack([case.for_training() for case in CASES], training=True)
    np.testing.assert_array_equal(whole.image, cut.image)
    np.testing.assert_array_equal(whole.mask, cut.mask)
    np.testing.assert_array_equal(whole.foreground_hu, cut.foreground_hu)
    assert [(span.uid, span.start, span.stop) for span in whole.cases] == [
        (span.uid, span.start, span.stop) for span in cut.cases
    ]
    assert CASES[0].for_training().image.shape == (2, 32, 32) and CASES[1].for_training().image.shape == (0, 32, 32)
    assert CASES[0].nbytes == 5 * 32 * 32 * 3 + 5 + 4096 * 8


def test_foreground_is_summed() -> None:
    packed = pack(CASES, training=True)
    assert {hu: packed.foreground_hu[hu] for hu in (3, 4, 5)} == {3: 3, 4: 4, 5: 5}
    assert packed.foreground_hu.sum() == 12 and packed.foreground_hu.dtype == np.int64


def test_what_cannot_be_packed_is_refused() -> None:
    with pytest.raises(ConfigError, match="no case"):
        pack([], training=False)
    with pytest.raises(ConfigError, match="several sizes"):
        pack([CASES[0], prepared("d", 2, [], size=64)], training=False)
    with pytest.raises(ConfigError, match="twice"):
        pack([CASES[0], dataclasses.replace(CASES[2], uid="a")], training=False)
    with pytest.raises(ConfigError, match="no slice is left"):
        pack([CASES[1]], training=True)
    with pytest.raises(ConfigError, match="only the training slices"):
        pack([CASES[0], CASES[2].for_training()], training=False)


def test_lits_in_full_takes_about_2_9_gb() -> None:
    assert estimate_store_bytes(58_638, [128]) == 58_638 * 128 * 128 * 3
    assert round(estimate_store_bytes(58_638, [128]) / 1e9, 1) == 2.9
    packed = pack(CASES, training=False)
    assert estimate_store_bytes(12, [32]) == packed.image.nbytes + packed.mask.nbytes
    assert estimate_store_bytes(10, []) == 0


def test_the_native_mask_takes_four_livers_and_never_more_than_the_scan() -> None:
    assert estimate_reference_bytes(1500.0, (512, 512, 100), (0.8, 0.8, 2.5)) == 3_750_000
    assert estimate_reference_bytes(1500.0, (64, 64, 10), (0.8, 0.8, 2.5)) == 64 * 64 * 10
    assert estimate_reference_bytes(0.0, (64, 64, 10), (0.8, 0.8, 2.5)) == 0
