from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from liverseg.preprocess.window import window_for
from liverseg.training.augment import Augmentation
from liverseg.training.batches import BatchMaker, BatchPlan
from tests.liverseg.training.packs import blob_pack


@given(st.integers(1, 60), st.integers(1, 20), st.integers(0, 5), st.integers(1, 9))
def test_every_slice_is_seen_and_every_batch_is_full(slices, wanted, seed, epoch):
    plan = BatchPlan(slices, wanted, seed)
    rows = plan.rows(epoch)
    assert rows.shape == (plan.batches, min(wanted, slices))
    assert set(rows.ravel().tolist()) == set(range(slices))
    assert plan.batches == -(-slices // plan.batch_size)


def test_the_order_is_a_function_of_seed_and_epoch():
    plan = BatchPlan(40, 8, 3)
    np.testing.assert_array_equal(plan.rows(2), BatchPlan(40, 8, 3).rows(2))
    assert not np.array_equal(plan.rows(1), plan.rows(2))
    assert not np.array_equal(plan.rows(1), BatchPlan(40, 8, 4).rows(1))


def maker(top_label: int = 2, **strengths: float) -> BatchMaker:
    pack = blob_pack()
    return BatchMaker(pack, window_for("study", pack.foreground_hu), Augmentation(**strengths), top_label, seed=5)


def test_a_batch_is_windowed_and_typed():
    images, masks = maker().batch(np.array([3, 1]), epoch=1, first=0)
    assert images.shape == (2, 32, 32, 1) and images.dtype == np.float32
    assert masks.shape == (2, 32, 32) and masks.dtype == np.int32
    assert 0.0 <= images.min() < images.max() <= 1.0
    np.testing.assert_array_equal(masks, blob_pack().mask[[3, 1]])


def test_tumour_counts_as_liver_when_only_liver_is_learned():
    _, masks = maker(top_label=1).batch(np.arange(12), epoch=1, first=0)
    np.testing.assert_array_equal(masks, np.minimum(np.asarray(blob_pack().mask), 1))


def test_augmentation_depends_on_the_position_alone_not_on_the_batch():
    augmented = maker(flip=0.5, rotate_deg=20.0, scale=0.2, intensity=0.5)
    rows = np.array([4, 2, 7, 9])
    images, masks = augmented.batch(rows, epoch=3, first=8)
    later_images, later_masks = augmented.batch(rows[2:], epoch=3, first=10)
    np.testing.assert_array_equal(images[2:], later_images)
    np.testing.assert_array_equal(masks[2:], later_masks)
    assert not np.array_equal(images, augmented.batch(rows, epoch=4, first=8)[0])


def test_the_pack_is_left_as_it_is():
    augmented = maker(flip=1.0, rotate_deg=20.0)
    before = np.array(augmented.pack.image), np.array(augmented.pack.mask)
    augmented.batch(np.arange(12), epoch=1, first=0)
    np.testing.assert_array_equal(before[0], augmented.pack.image)
    np.testing.assert_array_equal(before[1], augmented.pack.mask)
