from __future__ import annotations

import numpy as np
import pytest

from liverseg.config import TrainConfig
from liverseg.training.augment import Augmentation, augment_slice

SIDE = 32


def disc(row: int = 16, column: int = 20, radius: int = 6):
    rows, columns = np.mgrid[:SIDE, :SIDE]
    mask = ((rows - row) ** 2 + (columns - column) ** 2 < radius**2).astype(np.uint8)
    return 0.2 + 0.6 * mask.astype(np.float32), mask


def run(how: Augmentation, seed: int = 0):
    image, mask = disc()
    return augment_slice(image, mask, how, np.random.default_rng(seed))


def test_nothing_asked_for_changes_nothing():
    image, mask = run(Augmentation())
    np.testing.assert_array_equal(image, disc()[0])
    np.testing.assert_array_equal(mask, disc()[1])
    assert not Augmentation().active


def test_a_flip_swaps_left_and_right_of_image_and_mask():
    image, mask = run(Augmentation(flip=1.0))
    np.testing.assert_array_equal(image, disc()[0][:, ::-1])
    np.testing.assert_array_equal(mask, disc()[1][:, ::-1])


@pytest.mark.parametrize("seed", range(8))
def test_masks_keep_whole_labels_and_follow_the_image(seed):
    how = Augmentation(flip=0.5, rotate_deg=45.0, scale=0.3, air=0.2)
    image, mask = run(how, seed)
    assert mask.dtype == np.uint8 and set(np.unique(mask)) <= {0, 1}
    assert image.dtype == np.float32 and image.shape == mask.shape
    assert np.mean((image > 0.5) == (mask == 1)) > 0.97


def test_scale_changes_the_area_within_its_bounds():
    areas = [run(Augmentation(scale=0.3), seed)[1].sum() for seed in range(40)]
    true = disc()[1].sum()
    assert min(areas) < 0.75 * true and max(areas) > 1.3 * true
    assert 0.4 * true < min(areas) and max(areas) < 1.8 * true


def test_what_comes_into_view_is_air():
    image, mask = disc()
    turned, labels = augment_slice(image + 1.0, mask, Augmentation(rotate_deg=45.0, air=-3.0), np.random.default_rng(1))
    assert turned[0, 0] == -3.0 and labels[0, 0] == 0


def test_intensity_changes_the_image_alone_in_units_of_the_window():
    image, mask = run(Augmentation(intensity=1.0, span=1.0))
    np.testing.assert_array_equal(mask, disc()[1])
    change = np.abs(image - disc()[0]).mean()
    wide = np.abs(run(Augmentation(intensity=1.0, span=10.0))[0] - disc()[0]).mean()
    assert 0.0 < change < 0.5 and wide > 3 * change


def test_strengths_come_from_the_configuration():
    config = TrainConfig(architecture="unet", parameters={"augment_flip": 0.5, "augment_rotate_deg": 10.0})
    assert Augmentation.of(config, span=2.0, air=-1.0) == Augmentation(flip=0.5, rotate_deg=10.0, span=2.0, air=-1.0)
