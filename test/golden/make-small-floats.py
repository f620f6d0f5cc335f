"""Writes small-floats.json: what ml_dtypes and numpy make of small floats, for every code and for tricky f32 and f64 inputs.

    python -m pip install ml_dtypes==0.6.0 numpy==2.4.6
    python test/golden/make-small-floats.py

Binary columns are zlib-compressed, then base64; little endian. NaN is written as its code, values as f32.
"""

import base64
import hashlib
import json
import pathlib
import sys
import zlib

import ml_dtypes
import numpy as np

SMALL = {
    "e4m3fn": (ml_dtypes.float8_e4m3fn, 8),
    "e4m3fnuz": (ml_dtypes.float8_e4m3fnuz, 8),
    "e4m3b11": (ml_dtypes.float8_e4m3b11fnuz, 8),
    "e5m2": (ml_dtypes.float8_e5m2, 8),
    "e5m2fnuz": (ml_dtypes.float8_e5m2fnuz, 8),
    "e8m0": (ml_dtypes.float8_e8m0fnu, 8),
    "e2m3": (ml_dtypes.float6_e2m3fn, 6),
    "e3m2": (ml_dtypes.float6_e3m2fn, 6),
    "e2m1": (ml_dtypes.float4_e2m1fn, 4),
}
HALVES = {"f16": np.float16, "bf16": ml_dtypes.bfloat16}


def packed(array):
    return base64.b64encode(zlib.compress(array.astype(array.dtype.newbyteorder("<")).tobytes(), 9)).decode()


def neighbours(values):
    """Each value as f32, with the next f32 on both sides."""
    values = np.unique(np.asarray(values, np.float32))
    return np.concatenate([values, np.nextafter(values, np.float32(0)), np.nextafter(values, np.float32(np.inf))])


def f32_inputs(random):
    # Five significant bits hold every value and every midpoint of the types with up to three fraction bits.
    ties = [(16 + part) * 2.0**exponent for part in range(16) for exponent in range(-26, 18)]
    powers = [factor * 2.0**exponent for factor in (1, 1.5) for exponent in range(-149, 128)]
    halves = []
    for dtype in HALVES.values():
        codes = np.concatenate([np.arange(64), random.integers(64, 0x7F7F, 300)]).astype(np.uint16)
        low = codes.view(dtype).astype(np.float64)
        high = (codes + np.uint16(1)).view(dtype).astype(np.float64)
        middle = (low + high) / 2
        halves.extend(middle[np.isfinite(middle)])
    limits = [7.75, 30, 464, 248, 61440, 65504, 65520, 3.3961775e38, 3.4028235e38, 2.0**-127, 2.0**-133, 2.0**-149]
    positive = neighbours(ties + powers + halves + limits)
    special = np.array([0.0, np.inf], np.float32)
    anything = random.integers(0, 0x7F800000, 400, np.uint32).view(np.float32)
    positive = np.unique(np.concatenate([positive, special, anything]).view(np.uint32)).view(np.float32)
    nan = np.array([0x7FC00000, 0xFFC00000, 0x7F800001], np.uint32).view(np.float32)
    return np.concatenate([positive, -positive, nan])


def f64_inputs(random):
    """Midpoints and their neighbours so near that an f32 cannot tell them apart."""
    middle = np.array([(16 + part) * 2.0**exponent for part in range(16) for exponent in range(-20, 6)])
    middle = middle[random.permutation(len(middle))[:200]]
    near = np.concatenate([middle, middle * (1 + 2.0**-40), middle * (1 - 2.0**-40)])
    return np.concatenate([near, -near])


def main():
    np.seterr(all="ignore")
    random = np.random.default_rng(20261123)
    single = f32_inputs(random)
    double = f64_inputs(random)
    result = {
        "tool": f"ml_dtypes {ml_dtypes.__version__}, numpy {np.__version__}, python {sys.version.split()[0]}",
        "script": "test/golden/make-small-floats.py",
        "inputs": {"f32": packed(single.view(np.uint32)), "f64": packed(double)},
        "types": {},
    }
    for name, (dtype, bits) in SMALL.items():
        codes = np.arange(2**bits, dtype=np.uint8)
        result["types"][name] = {
            "decoded": packed(codes.view(dtype).astype(np.float32)),
            "encoded": packed(single.astype(dtype).view(np.uint8)),
            "encodedF64": packed(double.astype(dtype).view(np.uint8)),
        }
    for name, dtype in HALVES.items():
        decoded = np.arange(65536, dtype=np.uint16).view(dtype).astype(np.float32)
        decoded[np.isnan(decoded)] = 0
        result["types"][name] = {
            "decodedSha256": hashlib.sha256(decoded.astype("<f4").tobytes()).hexdigest(),
            "encoded": packed(single.astype(dtype).view(np.uint16)),
        }
    path = pathlib.Path(__file__).with_name("small-floats.json")
    path.write_text(json.dumps(result, indent=1) + "\n")
    print(f"{path.name}: {len(single)} f32, {len(double)} f64 inputs, {path.stat().st_size} bytes")


main()
