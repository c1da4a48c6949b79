"""Weights of an ONNX file, read by the onnx package."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...weights.files import WeightsError


def read_onnx(path: Path) -> dict[str, NDArray[Any]]:
    """The float32 weights of a model by their names; those that lie in the file itself.

    Raises:
        WeightsError: the file is no ONNX model, or is cut off.
    """
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load_model(path, load_external_data=False)
        kept = [each for each in model.graph.initializer if _is_inside(each)]
        found = {each.name: np.array(onnx.numpy_helper.to_array(each)) for each in kept}
    except (DecodeError, ValueError, TypeError) as error:
        raise WeightsError(f"{path} is not readable as ONNX, damaged or cut off ({error}); fetch it again") from error
    if not found:
        raise WeightsError(f"{path} holds no float32 weights that ONNX would store; expected a model saved as ONNX")
    return found


def _is_inside(tensor: Any) -> bool:
    import onnx

    inside = tensor.data_location != onnx.TensorProto.EXTERNAL
    return bool(inside and tensor.data_type == onnx.TensorProto.FLOAT)
