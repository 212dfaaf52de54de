"""The last layer of hibari's decoder: a 256-vector per frame of 12.5 ms -> its filters with phases.

The graph keeps it as integers; here they are floats again. Needs the packages `hibari-tts` and `onnx`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

HIDDEN = "/dec_norm/LayerNormalization_output_0"  # [1, frames, 256]
BINS = 601
_WEIGHT, _BIAS = "/head/Transpose_output_0", "m.head.bias"
PULSES, TURN, NOISE, NOISE_PHASE = 0, 1, 3, 4  # which of the five parameters


@dataclass(frozen=True)
class TeacherHead:
    weight: npt.NDArray[np.float32]  # [256, 2404]: ln magnitudes for pulses and noise, then their phases
    bias: npt.NDArray[np.float32]  # [2404]


def teacher_head(path: str) -> TeacherHead:
    """From hibari's graph."""
    import onnx
    from onnx import numpy_helper

    kept = {tensor.name: numpy_helper.to_array(tensor) for tensor in onnx.load(path).graph.initializer}
    zero, scale = (kept[f"{_WEIGHT}_{name}"].astype(np.float32) for name in ("zero_point", "scale"))
    weight = (kept[f"{_WEIGHT}_quantized"].astype(np.float32) - zero) * scale
    columns = np.concatenate([np.arange(part * BINS, (part + 1) * BINS) for part in (PULSES, NOISE, TURN, NOISE_PHASE)])
    return TeacherHead(np.ascontiguousarray(weight[:, columns]), np.ascontiguousarray(kept[_BIAS][columns]))
