"""What tests of reports share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from .browsing import launched


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A real browser; tests are skipped, with the reason, where there is none."""
    with launched() as found:
        yield found
