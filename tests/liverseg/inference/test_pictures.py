from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from liverseg.inference.pictures import (
    Picture,
    PictureChoice,
    choose_pictures,
    make_picture,
    read_pictures,
    write_pictures,
)
from liverseg.preprocess.arrays import stored_from_hu
from liverseg.preprocess.slice_stack import SliceStack
from tests.liverseg.training.packs import blob_pack


def test_the_slice_with_most_tumour_is_chosen_from_the_native_mask():
    pack = blob_pack()
    labels = pack.cases[0].reference.labels
    expected = int(np.argmax((labels == 2).sum(axis=(1, 2))))
    assert choose_pictures(pack.cases, k=1) == (PictureChoice("case-00000000", expected),)


def test_without_tumour_the_slice_with_most_liver_and_tumours_come_first():
    healthy, ill = blob_pack(cases=1, tumours=False), blob_pack(cases=1, seed=1)
    spans = (healthy.cases[0], replace(ill.cases[0], uid="case-ill", start=6, stop=12))
    first, second = choose_pictures(iter(spans))
    assert first.case_uid == "case-ill"
    assert second.slice_index == int(np.argmax((spans[0].reference.labels >= 1).sum(axis=(1, 2))))


def test_a_scan_without_labels_shows_its_middle():
    pack = blob_pack(cases=1)
    empty = replace(pack.cases[0].reference, labels=np.zeros((0, 0, 0), np.uint8))
    assert choose_pictures([replace(pack.cases[0], reference=empty)])[0].slice_index == 3


def test_images_share_one_display_window():
    pack = blob_pack(cases=1)
    image = np.array(pack.image)
    image[0] = stored_from_hu(70.0)
    image[0, 0] = stored_from_hu([-1000.0] * 16 + [2000.0] * 16)
    picture = make_picture(
        replace(pack, image=SliceStack([image])), PictureChoice("case-00000000", 0), 0, np.zeros((32, 32, 3))
    )
    assert picture.image[0, 0] == 0 and picture.image[0, -1] == 255 and picture.image[1, 1] in (127, 128)


def test_a_file_comes_back_without_pickle(tmp_path):
    grey = np.arange(16, dtype=np.uint8).reshape(4, 4)
    pictures = (Picture(PictureChoice("case-1", 7), grey, grey % 3, grey % 2),)
    write_pictures(tmp_path / "pictures.npz", pictures)
    (back,) = read_pictures(tmp_path / "pictures.npz")
    assert back.choice == pictures[0].choice
    for name in ("image", "reference", "prediction"):
        np.testing.assert_array_equal(getattr(back, name), getattr(pictures[0], name))
    assert [path.name for path in tmp_path.iterdir()] == ["pictures.npz"]


def test_no_pictures_make_a_readable_file(tmp_path):
    write_pictures(tmp_path / "pictures.npz", ())
    assert read_pictures(tmp_path / "pictures.npz") == ()


def test_another_schema_version_is_refused(tmp_path):
    np.savez(tmp_path / "pictures.npz", schema_version=np.array(99))
    with pytest.raises(ValueError, match="schema version 99"):
        read_pictures(tmp_path / "pictures.npz")
