"""Which reviews count, and the figures made of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from results.chain import append_entry
from results.errors import LedgerError, ResultsError
from results.reviews import (
    CORRECTED,
    VERDICTS,
    Correction,
    Review,
    ReviewedModel,
    ReviewedScan,
    append_review,
    corrections,
    figures,
    read_reviews,
    standing,
)

FIXED = Correction("image.nii.gz", "1" * 64, "2" * 64, 0.9, 0.7, 1500.0, 10.0)


def review(
    seq: int,
    scan: int,
    model: str,
    verdict: str,
    *,
    time: str = "",
    dice: tuple[float | None, float | None] = (0.9, 0.7),
) -> Review:
    fixed = replace(FIXED, dice_liver=dice[0], dice_tumour=dice[1]) if verdict == CORRECTED else None
    return Review(
        scan=ReviewedScan(f"case-{scan:08x}", f"ct-{scan}", f"{scan:064x}", "nifti"),
        model=ReviewedModel(model, f"liver-{model}"),
        mask_sha256="3" * 64,
        liver_ml=1490.0,
        tumour_ml=9.0,
        verdict=verdict,
        correction=fixed,
        time=time or f"2026-01-{seq:02d}T09:00:00.000Z",
        seq=seq,
    )


REVIEWS = st.lists(st.tuples(st.integers(0, 3), st.sampled_from("ab"), st.sampled_from(VERDICTS)), max_size=12).map(
    lambda drawn: [review(seq, *facts) for seq, facts in enumerate(drawn, start=1)]
)


@given(REVIEWS)
def test_the_newest_review_of_a_scan_counts_for_each_model(reviews: list[Review]) -> None:
    counting = standing(reviews)
    keys = [(one.scan.sha256, one.model.id) for one in counting]
    assert len(set(keys)) == len(keys) == len({(one.scan.sha256, one.model.id) for one in reviews})
    for one in counting:
        assert not any(later.seq > one.seq and (later.scan, later.model) == (one.scan, one.model) for later in reviews)
    assert [one.seq for one in counting] == sorted(one.seq for one in counting)


@given(REVIEWS)
def test_a_correction_counts_until_the_same_model_is_judged_otherwise_or_a_newer_one_comes(
    reviews: list[Review],
) -> None:
    for one in corrections(reviews):
        assert one.verdict == CORRECTED
        later = [other for other in reviews if other.seq > one.seq and other.scan == one.scan]
        assert not any(other.verdict == CORRECTED or other.model == one.model for other in later)
    taken = {one.scan.sha256 for one in corrections(reviews)}
    for other in (one for one in standing(reviews) if one.verdict == CORRECTED and one.scan.sha256 not in taken):
        assert any(late.seq > other.seq and late.scan == other.scan and late.verdict == CORRECTED for late in reviews)


@given(REVIEWS)
def test_figures_add_up(reviews: list[Review]) -> None:
    found = figures(reviews)
    assert sum(one.total.reviewed for one in found) == len(standing(reviews))
    for one in found:
        total = one.total
        assert total.reviewed == total.accepted + total.corrected + total.rejected
        assert total.reviewed == sum(month.reviewed for month in one.months)
        assert 0 <= total.low <= total.acceptance <= total.high <= 1
        assert (total.dice_liver is None) == (total.corrected == 0)


def test_by_month_and_since() -> None:
    reviews = [
        review(1, 1, "a", "accept", time="2026-01-31T23:59:59.000Z"),
        review(2, 2, "a", "corrected", time="2026-02-01T00:00:00.000Z", dice=(0.8, None)),
        review(3, 3, "a", "corrected", time="2026-02-03T00:00:00.000Z", dice=(0.6, 0.5)),
    ]
    (one,) = figures(reviews)
    assert [(month.month, month.reviewed) for month in one.months] == [("2026-01", 1), ("2026-02", 2)]
    assert (one.months[0].dice_liver, one.months[0].dice_tumour_n) == (None, 0)
    assert one.months[1].dice_liver == pytest.approx(0.7)
    assert (one.months[1].dice_tumour, one.months[1].dice_tumour_n) == (0.5, 1)
    assert (one.total.acceptance, one.total.month) == (1 / 3, "")
    (later,) = figures(reviews, since="2026-02-01T00:00:00.000Z")
    assert [month.month for month in later.months] == ["2026-02"]
    assert figures(reviews, since="2027") == () == figures([])


def test_reviews_come_back_as_they_were_given(tmp_path: Path) -> None:
    given_ = [review(1, 1, "a", "accept"), review(2, 1, "a", "corrected", dice=(0.5, None))]
    kept = [append_review(tmp_path / "reviews", one) for one in given_]
    assert read_reviews(tmp_path / "reviews") == tuple(kept)
    assert [replace(one, time=two.time, seq=two.seq) for one, two in zip(kept, given_, strict=True)] == given_
    assert read_reviews(tmp_path / "nothing") == ()


def test_files_that_cannot_be_put_keep_a_review_out(tmp_path: Path) -> None:
    def full() -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        append_review(tmp_path / "reviews", review(1, 1, "a", "accept"), full)
    assert read_reviews(tmp_path / "reviews") == ()


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"schema_version": 2},
        review(1, 1, "a", "accept").payload() | {"verdict": "good"},
        review(1, 1, "a", "accept").payload() | {"scan": {"uid": 1, "name": "", "sha256": "", "kind": ""}},
        review(1, 1, "a", "accept").payload() | {"colour": "blue"},
        review(1, 1, "a", "accept").payload() | {"correction": {"dice": 1}},
    ],
)
def test_a_line_that_is_no_review(tmp_path: Path, payload: dict[str, object]) -> None:
    append_review(tmp_path, review(1, 1, "a", "accept"))
    append_entry(tmp_path / "reviews.jsonl", "review", payload)
    with pytest.raises(LedgerError, match="line 2: the line is no review"):
        read_reviews(tmp_path)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ResultsError, match="the folder cannot be made"):
        append_review(tmp_path / "file" / "reviews", review(1, 1, "a", "accept"))
