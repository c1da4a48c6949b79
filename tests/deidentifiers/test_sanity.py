"""The two ends of the scale: the image itself, and another person's palm."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from narrowed import hand_of, present
from numpy.typing import NDArray

from deid_bench.datasets.base import Failure
from deid_bench.deidentifiers.base import Deidentifier, Donor, Request
from deid_bench.deidentifiers.regions import DEFAULT_MARGIN, region_mask
from deid_bench.deidentifiers.sanity import Identity, Other


def likeness(a: NDArray[Any], b: NDArray[Any], where: NDArray[Any]) -> float:
    """Correlation of brightness inside `where`."""
    return float(np.corrcoef(a.mean(axis=2)[where], b.mean(axis=2)[where])[0, 1])


def palm(request: Request, margin: float) -> NDArray[Any]:
    return region_mask(hand_of(request.analysis), request.image.shape, "palm", "7", margin)


def test_identity_returns_an_equal_copy(request_for: Callable[..., Request]) -> None:
    request = request_for()
    (result,) = Identity().deidentify([request])
    assert isinstance(Identity(), Deidentifier)
    assert (present(result) == request.image).all()
    present(result)[:] = 0
    assert request.image.any()


@pytest.mark.parametrize("mirrored", [False, True])
def test_other_shows_the_donor_and_not_the_target(request_for: Callable[..., Request], mirrored: bool) -> None:
    request = request_for(0, donor=1, donor_mirrored=mirrored)
    (result,) = Other(feather=0).deidentify([request])
    inside = palm(request, DEFAULT_MARGIN)
    donor = (
        present(request.donor).image[:, ::-1] if mirrored else present(request.donor).image
    )  # same joints in both, so no other warp
    assert likeness(present(result), donor, inside) > 0.95
    assert abs(likeness(present(result), request.image, inside)) < 0.3


def test_other_changes_nothing_outside_its_region(request_for: Callable[..., Request]) -> None:
    request = request_for(0, donor=1)
    (result,) = Other(mask_margin=0.2).deidentify([request])
    outside = ~palm(request, 0.2)
    assert (present(result)[outside] == request.image[outside]).all()


def test_other_takes_over_the_targets_colours(request_for: Callable[..., Request]) -> None:
    request = request_for(0, donor=1)
    tinted = np.clip(present(request.donor).image.astype(int) - [80, 20, 0], 0, 255).astype(np.uint8)
    (result,) = Other(feather=0).deidentify([replace(request, donor=Donor(tinted, present(request.donor).analysis))])
    inside = palm(request, DEFAULT_MARGIN)
    assert present(result)[inside].mean(axis=0) == pytest.approx(request.image[inside].mean(axis=0), abs=2)
    assert present(result)[inside].std(axis=0) == pytest.approx(request.image[inside].std(axis=0), abs=3)


def test_other_follows_a_turned_and_scaled_donor(request_for: Callable[..., Request]) -> None:
    import cv2

    request = request_for(0, donor=1)
    matrix = cv2.getRotationMatrix2D((120, 180), 25, 0.8) + np.array([[0, 0, 60], [0, 0, 40]])
    analysis = hand_of(present(request.donor).analysis)
    moved = Donor(
        np.asarray(cv2.warpAffine(present(request.donor).image, matrix, (360, 400), flags=cv2.INTER_CUBIC), np.uint8),
        replace(
            analysis,
            keypoints_2d=(analysis.keypoints_2d @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32),
            mask=cv2.warpAffine(present(analysis.mask).astype(np.uint8), matrix, (360, 400)) > 0,
        ),
    )
    straight, turned = Other().deidentify([request, replace(request, donor=moved)])
    assert likeness(present(straight), present(turned), palm(request, DEFAULT_MARGIN)) > 0.9


def test_feather_keeps_the_border_and_gives_the_inside_to_the_donor(request_for: Callable[..., Request]) -> None:
    import cv2

    request = request_for(0, donor=1)
    hard, soft = (Other(feather=f).deidentify([request])[0] for f in (0.0, 0.1))
    depth = cv2.distanceTransform(palm(request, DEFAULT_MARGIN).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    ramp = 0.1 * np.hypot(97, 10)
    assert (present(hard)[depth > ramp] == present(soft)[depth > ramp]).all()
    border = (depth > 0) & (depth < 2)
    difference = [np.abs(present(i)[border].astype(int) - request.image[border]).mean() for i in (hard, soft)]
    assert difference[1] < 0.5 * difference[0]


def test_where_the_donor_ends_its_skin_goes_on_and_the_target_stays_hidden(request_for: Callable[..., Request]) -> None:
    request = request_for(0, donor=1)
    short = present(present(request.donor).analysis.mask).copy()
    short[220:] = False
    image = np.where(short[..., None], present(request.donor).image, np.uint8(0))
    cut = replace(request, donor=Donor(image, replace(present(request.donor).analysis, mask=short)))
    (result,) = Other(feather=0, mask_margin=0.1).deidentify([cut])
    beyond = palm(request, 0.1) & ~short
    assert beyond.sum() > 200
    assert abs(likeness(present(result), request.image, beyond)) < 0.4
    assert np.abs(present(result)[beyond].mean(axis=0) - request.image[beyond].mean(axis=0)).max() < 15


def test_donors_that_cannot_be_used_are_failures_with_a_reason(request_for: Callable[..., Request]) -> None:
    request = request_for(0, donor=1)
    donor = present(request.donor)
    line = np.stack([np.arange(21), np.arange(21)], axis=1).astype(np.float32)
    broken = [
        None,
        Donor(donor.image, replace(hand_of(donor.analysis), keypoints_2d=line)),
        Donor(donor.image, replace(hand_of(donor.analysis), keypoints_2d=np.full((21, 2), np.nan, np.float32))),
        Donor(donor.image, replace(donor.analysis, mask=np.zeros_like(donor.analysis.mask))),
        Donor(donor.image[:50], donor.analysis),
    ]
    results = Other().deidentify([replace(request, donor=d) for d in broken] + [request])
    reasons = [r.reason for r in results[:-1] if isinstance(r, Failure)]
    assert len(set(reasons)) == len(broken)
    assert not isinstance(results[-1], Failure)


def test_result_depends_on_the_request_alone(request_for: Callable[..., Request]) -> None:
    requests = [request_for(0, donor=1), request_for(2, donor=3, donor_mirrored=True)]
    together = Other().deidentify(requests)
    assert all(
        (present(Other().deidentify([r])[0]) == present(t)).all() for r, t in zip(requests, together, strict=True)
    )


@pytest.mark.parametrize("feather", [-0.1, 0.6, float("nan")])
def test_bad_feather_is_refused(feather: Any) -> None:
    with pytest.raises(ValueError, match="feather"):
        Other(feather=feather)
