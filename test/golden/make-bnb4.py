"""The quantizer that onnxruntime ships for MatMulBnb4 -> onnx-bnb4.json. Needs: onnxruntime, numpy."""

import numpy as np
import onnxruntime
from golden import f32, i32, write
from onnxruntime.capi._pybind_state import quantize_matmul_bnb4

# Midpoints of the levels over the largest magnitude, where rounding may go either way.
NF4 = [-1, -0.6961928, -0.52507305, -0.3949175, -0.28444138, -0.18477343, -0.09105004, 0]
NF4 += [0.0795803, 0.1609302, 0.2461123, 0.33791524, 0.44070983, 0.562617, 0.72295684, 1]
FP4 = [0, 1 / 192, 1 / 6, 1 / 4, 1 / 3, 1 / 2, 2 / 3, 1]


def ties(levels):
    middle = np.array([(a + b) / 2 for a, b in zip(levels, levels[1:])], np.float32)
    both = np.concatenate([middle, -middle])
    up, down = np.nextafter(both, np.float32(2)), np.nextafter(both, np.float32(-2))
    return np.concatenate([both, up, down, [0.0, -0.0, 1e-30, -1e-30, 0.002, -0.002]]).astype(np.float32)


cases = []
for name, kind, levels in (("fp4", 0, FP4), ("nf4", 1, NF4)):
    for channels, depth, block in ((3, 64, 32), (5, 43, 16), (2, 172, 64), (7, 3, 16)):
        rng = np.random.default_rng(depth)
        weight = rng.standard_normal((channels, depth)).astype(np.float32)
        weight.reshape(-1)[: min(block, 5)] = 0
        cases.append((name, kind, block, weight))
    awkward = ties(levels)
    blocks = -(-awkward.size // 15)
    padded = np.pad(awkward, (0, blocks * 15 - awkward.size)).reshape(blocks, 15)
    cases.append((name, kind, 16, np.concatenate([np.ones((blocks, 1), np.float32), padded], 1)))

rows = []
for name, kind, block, weight in cases:
    channels, depth = weight.shape
    packed = np.zeros((weight.size + 1) // 2, np.uint8)
    scales = np.zeros(-(-weight.size // block), np.float32)
    quantize_matmul_bnb4(packed, np.ascontiguousarray(weight), scales, block, kind, channels, depth)
    rows.append(
        {
            "table": name,
            "block": block,
            "shape": [channels, depth],
            "weight": f32(weight),
            "codes": i32(packed),
            "scales": f32(scales),
        }
    )
write("onnx-bnb4.json", {"onnxruntime": onnxruntime.__version__, "cases": rows})
