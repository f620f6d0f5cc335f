"""Block floats -> mx.json: torchao (MXFP8, MXFP6, MXFP4 and NVFP4: codes and scales), microxcaling (MXINT8: values).

Needs: torch, torchao, numpy; microxcaling's `mx` package (not on PyPI) on PYTHONPATH for MXINT8.
"""

import logging
import warnings

logging.disable(logging.WARNING)
warnings.filterwarnings("ignore")

import numpy as np
import torch
import torchao
from golden import f32, i32, write
from mx.mx_ops import _quantize_mx, _shared_exponents
from torchao.prototype.mx_formats.kernels import unpack_uint4
from torchao.prototype.mx_formats.mx_tensor import ScaleCalculationMode, to_dtype, to_mx
from torchao.prototype.mx_formats.nvfp4_tensor import nvfp4_quantize, per_tensor_amax_to_scale

torch.set_num_threads(1)


def blocks(width, seed=0):
    rng = np.random.default_rng(seed)
    rows = [rng.standard_normal(width) * scale for scale in (1, 1e-3, 37.5, 2.0**-20)]
    rows.append(rng.standard_t(2, width))
    rows.append(np.abs(rng.standard_normal(width)))
    outlier = rng.standard_normal(width) * 0.01
    outlier[3] = 5
    rows.append(outlier)
    # Every element tie: the grids' steps and half-steps around a power of two.
    rows.append((np.arange(width) - width / 2 + 0.5) / 8 * 1.0)
    rows.append((np.arange(width) + 0.5) / 16)
    rows.append(np.arange(width) * 0.25)
    halves = (np.arange(width) + 0.5) / 64
    halves[0] = 1.5
    rows.append(halves)
    for top in (1.0, 1.5, 1.75, 1.9375, 1.999, 448.0, 6.0, 7.5):
        row = rng.uniform(-1, 1, width) * top
        row[5] = top
        rows.append(row)
    rows.append(np.zeros(width))
    rows.append(np.full(width, -0.3))
    return np.float32(rows)


FORMATS = {
    "mxfp8e4m3": torch.float8_e4m3fn,
    "mxfp8e5m2": torch.float8_e5m2,
    "mxfp6e2m3": "fp6_e2m3",
    "mxfp6e3m2": "fp6_e3m2",
    "mxfp4": torch.float4_e2m1fn_x2,
}
cases = []
extreme = np.float32([[3e38] + [1e38] * 31, [1e-38] * 31 + [1e-40], [1e-45] * 32])
for name, kind in FORMATS.items():
    for label, x in (("usual", blocks(32)), ("extreme", extreme)):
        data = torch.from_numpy(x)
        scales, codes = to_mx(data, kind, 32, scaling_mode=ScaleCalculationMode.FLOOR)
        back = to_dtype(codes, scales, kind, 32, torch.float32)
        unpacked = unpack_uint4(codes) if name == "mxfp4" else codes.view(torch.uint8)
        cases.append(
            dict(kind="mx", name=name, set=label, shape=list(x.shape), x=f32(x), codes=i32(unpacked.numpy().reshape(-1)), scales=i32(scales.view(torch.uint8).numpy().reshape(-1)), back=f32(back.numpy()))
        )

for rounding in ("even", "nearest"):
    x = blocks(32)
    # A row is a block; the largest exponent of an MXINT8 element is 0.
    back = _quantize_mx(torch.from_numpy(x), 8, "int8", axes=[1], block_size=0, round=rounding)
    exponents = _shared_exponents(torch.from_numpy(x), axes=[1])
    cases.append(dict(kind="mxint8", name=rounding, shape=list(x.shape), x=f32(x), exponents=i32(exponents.numpy().reshape(-1)), back=f32(back.numpy())))

x = blocks(64, seed=1)
data = torch.from_numpy(x)
tensor_scale = per_tensor_amax_to_scale(data.abs().max())
scales, codes = nvfp4_quantize(data, 16, tensor_scale)
cases.append(
    dict(
        kind="nvfp4", name="two scales", shape=list(x.shape), x=f32(x), tensorScale=f32([tensor_scale.item()]), scales=i32(scales.view(torch.uint8).numpy().reshape(-1)),
        codes=i32(unpack_uint4(codes).numpy().reshape(-1)),
    )
)
write("mx.json", dict(tool="torchao, microxcaling", torch=torch.__version__, torchao=torchao.__version__, microxcaling="4adf988d, 3b429a84 (GitHub)", cases=cases))
