"""Writes gguf.json: blocks of all 17 block types and the values that ggml reads from them.

    python make-gguf.py /tmp/ggml/libggml.so        (see ggml.py for the library; needs numpy and gguf)

Two kinds of blocks: `encoded` by ggml's own encoder from `values`, and `random` bytes that no encoder would write but a decoder must
read (every bit of the layout set in some block). Where gguf-py has a decoder too, both must agree bit by bit.
"""

import base64
import json
import os
import sys

import gguf
import numpy as np
from gguf import quants

from ggml import TYPES, Ggml

HERE = os.path.dirname(os.path.abspath(__file__))
# Upper bytes of the f16 parameters of a block, whose top exponent bit is cleared: no infinities, no NaN.
HALVES = {
    "Q4_0": [1], "Q4_1": [1, 3], "Q5_0": [1], "Q5_1": [1, 3], "Q8_0": [1], "IQ4_NL": [1], "Q1_0": [1], "Q2_0": [1],
    "Q2_K": [81, 83], "Q3_K": [109], "Q4_K": [1, 3], "Q5_K": [1, 3], "Q6_K": [209], "TQ1_0": [53], "TQ2_0": [65],
    "MXFP4": [], "NVFP4": [],
}  # fmt: skip


def values():
    """Two superblocks: weights with outliers; then zeros, one sign, equal values, large ones and tiny ones."""
    random = np.random.default_rng(20261123)
    weights = random.standard_normal(256) * 0.04
    weights[[17, 130]] = [0.5, -0.31]
    second = random.standard_t(4, 256)
    second[:32] = 0
    second[32:64] = np.abs(second[32:64]) + 0.5
    second[64:80] = 0.75
    second[96:128] *= 100
    second[128:160] *= 1e-4
    return np.concatenate([weights, second]).astype(np.float32)


def random_bytes(name, count):
    size, byte_length, _ = TYPES[name]
    blocks = np.random.default_rng([7, size, byte_length]).integers(0, 256, (count, byte_length), dtype=np.uint8)
    for at in HALVES[name]:
        blocks[:, at] &= 0xBF
    if name == "MXFP4":
        blocks[:, 0] %= 250
    if name == "NVFP4":
        blocks[:, :4] &= 0x7F
    if name == "TQ2_0":
        # Digit 3 is no ternary digit.
        pairs = blocks[:, :64]
        blocks[:, :64] = pairs & ~(((pairs >> 1) & pairs & 0x55) << 1)
    if name == "TQ1_0":
        # Only bytes that five digits make.
        blocks[:, :48] = (blocks[:, :48].astype(np.uint16) % 243 * 256 + 242) // 243
        blocks[:, 48:52] = (blocks[:, 48:52].astype(np.uint16) % 81 * 3 * 256 + 242) // 243
    return blocks.reshape(-1)


def text(array):
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


def check_with_gguf(name, data, decoded):
    try:
        again = quants.dequantize(data.reshape(1, -1), getattr(gguf.GGMLQuantizationType, name)).reshape(-1)
    except (AttributeError, NotImplementedError):
        return False
    assert np.array_equal(again.view(np.uint32) & 0x7FFFFFFF, decoded.view(np.uint32) & 0x7FFFFFFF), name
    assert np.array_equal(again, decoded), name
    return True


def main():
    ggml = Ggml(sys.argv[1])
    inputs = values()
    cases = []
    for name, (size, _, _) in TYPES.items():
        encoded = ggml.quantize(name, inputs.reshape(1, -1))
        random = random_bytes(name, max(2, 256 // size))
        agreed = []
        for data in (encoded, random):
            decoded = ggml.dequantize(name, data)
            assert np.isfinite(decoded).all(), name
            agreed.append(check_with_gguf(name, data, decoded))
        cases.append(
            {
                "type": name,
                "encoded": text(encoded),
                "decoded": text(ggml.dequantize(name, encoded)),
                "random": text(random),
                "randomDecoded": text(ggml.dequantize(name, random)),
            }
        )
        print(name, "gguf-py agrees" if all(agreed) else "gguf-py has no decoder", file=sys.stderr)
    made = "ggml of llama-cpp-python 0.3.36, checked with gguf-py 0.19.0 where it decodes the type"
    with open(os.path.join(HERE, "gguf.json"), "w") as file:
        json.dump({"made": made, "values": text(inputs), "cases": cases}, file, indent=1)
        file.write("\n")


main()
