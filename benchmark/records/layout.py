"""What all parts of a record have in common."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict

from ...characters import inert
from ...plugins.entries import Scalar

Text = Annotated[str, BeforeValidator(inert)]
"""A text that may come from anybody; a record holds it on one line, without characters that cannot be seen."""
Outside = Annotated[Scalar, BeforeValidator(inert)]
"""A parameter, its text likewise."""


class Model(BaseModel):
    """Nothing may be missing, unknown, changed later, or not finite."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)
