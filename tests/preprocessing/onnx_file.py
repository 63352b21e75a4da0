"""A YuNet made by hand: an ONNX file, byte by byte, of a network that takes a blue cell of 32 x 32 for a face.

Its twelve outputs are those that OpenCV asks for: at each of the strides 8, 16 and 32 the class, the object, the box
and the five points of every cell. Only the cells of 32 x 32 are ever sure: as sure as they are blue, the first channel
of OpenCV's pictures, with a box of just their place and size.
"""

import struct
from pathlib import Path

FLOAT, INTEGER, INTEGERS = 1, 2, 7
INT64 = 7
STRIDES = (8, 16, 32)
HEADS = {"cls": 1, "obj": 1, "bbox": 4, "kps": 10}


def write_detector(path: Path) -> Path:
    """Write the network to ``path``."""
    nodes, initializers, outputs = [], [], []
    for stride in STRIDES:
        cells = f"cells_{stride}"
        size = [stride, stride]
        nodes.append(_node("AveragePool", ["input"], cells, kernel_shape=size, strides=size))
        for head, channels in HEADS.items():
            name = f"{head}_{stride}"
            sure = stride == 32 and head in ("cls", "obj")
            weights = [1 / 255 if sure else 0.0, 0.0, 0.0] * channels
            bias = [0.5, 0.5, 0.0, 0.0] if head == "bbox" else [0.0] * channels  # the middle; log of 1 cell
            initializers += [
                _floats(f"{name}_weights", [channels, 3, 1, 1], weights),
                _floats(f"{name}_bias", [channels], bias),
                _integers(f"{name}_shape", [1, -1, channels]),
            ]
            nodes += [
                _node("Conv", [cells, f"{name}_weights", f"{name}_bias"], f"{name}_map", kernel_shape=[1, 1]),
                _node("Transpose", [f"{name}_map"], f"{name}_last", perm=[0, 2, 3, 1]),
                _node("Reshape", [f"{name}_last", f"{name}_shape"], name),
            ]
            outputs.append(_value(name, [1, (320 // stride) ** 2, channels]))
    graph = b"".join(
        [
            *(_field(1, node) for node in nodes),
            _field(2, b"by hand"),
            *(_field(5, tensor) for tensor in initializers),
            _field(11, _value("input", [1, 3, 320, 320])),
            *(_field(12, output) for output in outputs),
        ]
    )
    opset = _field(8, _field(1, b"") + _number(2, 11))
    path.write_bytes(_number(1, 6) + _field(7, graph) + opset)
    return path


def _varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    data = bytearray()
    while value > 127:
        data.append(value & 127 | 128)
        value >>= 7
    return bytes([*data, value])


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _field(field: int, data: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(data)) + data


def _node(kind: str, inputs: list[str], output: str, **attributes: list[int]) -> bytes:
    parts = [_field(1, name.encode()) for name in inputs]
    parts += [_field(2, output.encode()), _field(3, f"{output}_node".encode()), _field(4, kind.encode())]
    for name, values in attributes.items():
        numbers = b"".join(_number(8, value) for value in values)
        parts.append(_field(5, _field(1, name.encode()) + numbers + _number(20, INTEGERS)))
    return b"".join(parts)


def _floats(name: str, shape: list[int], values: list[float]) -> bytes:
    dims = b"".join(_number(1, extent) for extent in shape)
    raw = struct.pack(f"<{len(values)}f", *values)
    return dims + _number(2, FLOAT) + _field(8, name.encode()) + _field(9, raw)


def _integers(name: str, values: list[int]) -> bytes:
    raw = struct.pack(f"<{len(values)}q", *values)
    return _number(1, len(values)) + _number(2, INT64) + _field(8, name.encode()) + _field(9, raw)


def _value(name: str, shape: list[int]) -> bytes:
    dims = b"".join(_field(1, _number(1, extent)) for extent in shape)
    return _field(1, name.encode()) + _field(2, _field(1, _number(1, FLOAT) + _field(2, dims)))
