from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from liverseg.inference.pictures import PictureChoice
from liverseg.inference.predict import score_pack
from liverseg.metrics import baseline_scores
from liverseg.preprocess.arrays import Pack
from liverseg.preprocess.window import window_for
from tests.liverseg.training.packs import blob_pack

LABELS = ("liver", "tumour")


class Oracle:
    """A network that knows the masks; remembers the shapes it was given."""

    def __init__(self, pack: Pack) -> None:
        self._pack, self._seen = pack, 0
        self.shapes: set[tuple[int, ...]] = set()

    def __call__(self, images):
        self.shapes.add(images.shape)
        rows = np.minimum(np.arange(self._seen, self._seen + len(images)), len(self._pack.mask) - 1)
        self._seen += len(images)
        return np.eye(3, dtype=np.float32)[self._pack.mask[rows]]


def scored(pack: Pack, batch_size: int, **options):
    window = window_for("study", pack.foreground_hu)
    oracle = Oracle(pack)
    return score_pack(oracle, pack, window, LABELS, batch_size, **options), oracle


def test_a_network_that_knows_the_masks_scores_high_on_the_native_grid():
    result, _ = scored(blob_pack(), 4)
    assert [case.uid for case in result.cases] == ["case-00000000", "case-00000001"]
    for case in result.cases:
        assert 0.9 < case.label("liver").dice < 1.0
        assert case.label("tumour").dice > 0.8
    assert result.ms_per_slice > 0


@pytest.mark.parametrize("batch_size", [1, 5, 12, 20])
def test_every_batch_has_one_shape_and_the_scores_do_not_depend_on_it(batch_size):
    pack = blob_pack()
    result, oracle = scored(pack, batch_size)
    assert oracle.shapes == {(batch_size, 32, 32, 1)}
    assert result.cases == scored(pack, 3)[0].cases


def test_background_everywhere_is_the_baseline():
    pack = blob_pack()
    window = window_for("study", pack.foreground_hu)
    result = score_pack(lambda images: np.zeros((*images.shape[:3], 3), np.float32), pack, window, LABELS, 4)
    assert list(result.cases) == baseline_scores(pack.cases)


def test_pictures_come_in_the_order_asked_for():
    pack = blob_pack()
    choices = [PictureChoice("case-00000001", 2), PictureChoice("case-00000000", 3), PictureChoice("case-elsewhere", 0)]
    result, _ = scored(pack, 4, pictures=choices)
    assert [picture.choice for picture in result.pictures] == choices[:2]
    np.testing.assert_array_equal(result.pictures[0].reference, pack.mask[6 + 2])
    np.testing.assert_array_equal(result.pictures[0].prediction, pack.mask[6 + 2])


def test_a_training_pack_is_refused():
    pack = blob_pack()
    short = replace(pack, cases=(replace(pack.cases[0], stop=5), pack.cases[1]))
    with pytest.raises(ValueError, match="5 of 6 slices"):
        scored(short, 4)
