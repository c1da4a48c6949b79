"""Constant tensors of a TensorFlow Lite file, with the axes PyTorch wants."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...weights.files import WeightsError


def read_tflite(path: Path) -> dict[str, NDArray[Any]]:
    """The float32 constants of a model's first graph by their names.

    Weights of convolutions come as (out, in, height, width), those of depthwise convolutions as
    (channels, 1, height, width); everything else as it lies in the file.

    Raises:
        WeightsError: the file is no TensorFlow Lite model.
    """
    from ai_edge_litert import schema_py_generated as schema

    data = path.read_bytes()
    if data[4:8] != b"TFL3":
        raise WeightsError(f"{path} is no TensorFlow Lite file: bytes 4 to 8 are {data[4:8]!r}, expected b'TFL3'")
    model = schema.Model.GetRootAs(data, 0)
    graph = model.Subgraphs(0)
    axes = _weight_axes(schema, model, graph)
    found = {}
    for index in range(graph.TensorsLength()):
        tensor = graph.Tensors(index)
        buffer = model.Buffers(tensor.Buffer())
        if tensor.Type() != schema.TensorType.FLOAT32 or buffer.DataLength() == 0:
            continue
        values = np.frombuffer(buffer.DataAsNumpy().tobytes(), "<f4").reshape(tensor.ShapeAsNumpy())
        found[tensor.Name().decode()] = values.transpose(axes[index]) if index in axes else values
    return found


def _weight_axes(schema: Any, model: Any, graph: Any) -> dict[int, tuple[int, ...]]:
    """Which axes the weights of each convolution need, by the tensor's index."""
    orders = {
        schema.BuiltinOperator.CONV_2D: (0, 3, 1, 2),  # out, height, width, in
        schema.BuiltinOperator.DEPTHWISE_CONV_2D: (3, 0, 1, 2),  # 1, height, width, channels
    }
    axes: dict[int, tuple[int, ...]] = {}
    for index in range(graph.OperatorsLength()):
        operator = graph.Operators(index)
        code = model.OperatorCodes(operator.OpcodeIndex())
        kind = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())  # old files have the code in the second field
        if kind in orders:
            axes[int(operator.Inputs(1))] = orders[kind]
    return axes
