"""Everything that is measured on one pair original | de-identified image."""

from __future__ import annotations

from typing import Any

from ..analyzers.base import HandAnalysis, Missing
from ..datasets.base import Image
