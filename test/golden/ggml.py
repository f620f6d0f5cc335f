"""ggml's own encoders and decoders, through ctypes. Its sources are in the sdist of llama-cpp-python:

    pip download --no-deps --no-binary :all: llama-cpp-python==0.3.36 -d /tmp/ggml
    tar -xzf /tmp/ggml/llama_cpp_python-0.3.36.tar.gz -C /tmp/ggml
    python ggml.py /tmp/ggml/llama_cpp_python-0.3.36 /tmp/ggml/libggml.so
"""

import ctypes
import os
import subprocess
import sys
import tempfile

import numpy as np

# name: (values of a block, bytes of a block, name in the C functions)
TYPES = {
    "Q4_0": (32, 18, "q4_0"),
    "Q4_1": (32, 20, "q4_1"),
    "Q5_0": (32, 22, "q5_0"),
    "Q5_1": (32, 24, "q5_1"),
    "Q8_0": (32, 34, "q8_0"),
    "Q2_K": (256, 84, "q2_K"),
    "Q3_K": (256, 110, "q3_K"),
    "Q4_K": (256, 144, "q4_K"),
    "Q5_K": (256, 176, "q5_K"),
    "Q6_K": (256, 210, "q6_K"),
    "IQ4_NL": (32, 18, "iq4_nl"),
    "TQ1_0": (256, 54, "tq1_0"),
    "TQ2_0": (256, 66, "tq2_0"),
    "MXFP4": (32, 17, "mxfp4"),
    "NVFP4": (64, 36, "nvfp4"),
    "Q1_0": (128, 18, "q1_0"),
    "Q2_0": (64, 18, "q2_0"),
}


def build(sdist, library):
    """The two C files that quantize, with nothing of the machine: no vector code, no contraction to fused operations."""
    root = os.path.join(sdist, "vendor", "llama.cpp", "ggml")
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "ggml-version.h"), "w") as version:
            version.write('#define GGML_VERSION "0"\n#define GGML_COMMIT "0"\n')
        sources = [os.path.join(root, "src", name) for name in ("ggml-quants.c", "ggml.c")]
        flags = ["-O2", "-ffp-contract=off", "-shared", "-fPIC", "-w", "-D_GNU_SOURCE"]
        include = ["-I" + folder, "-I" + os.path.join(root, "include"), "-I" + os.path.join(root, "src")]
        subprocess.run(["gcc", *flags, *include, "-o", library, *sources, "-lm"], check=True)


class Ggml:
    def __init__(self, library):
        self.library = ctypes.CDLL(library, mode=os.RTLD_LAZY)

    def quantize(self, name, values, importance=None):
        """Bytes of `values` (f32, rows along the last axis, as ggml_quantize_chunk lays them). `importance`: one weight a column."""
        size, byte_length, suffix = TYPES[name]
        rows = np.ascontiguousarray(values, dtype=np.float32).reshape(-1, np.shape(values)[-1])
        assert rows.shape[1] % size == 0
        target = np.zeros(rows.size // size * byte_length, dtype=np.uint8)
        weights = None if importance is None else np.ascontiguousarray(importance, dtype=np.float32)
        function = getattr(self.library, "quantize_" + suffix)
        function.restype = ctypes.c_size_t
        pointer = None if weights is None else ctypes.c_void_p(weights.ctypes.data)
        written = function(
            ctypes.c_void_p(rows.ctypes.data),
            ctypes.c_void_p(target.ctypes.data),
            ctypes.c_int64(rows.shape[0]),
            ctypes.c_int64(rows.shape[1]),
            pointer,
        )
        assert written == target.size
        return target

    def dequantize(self, name, data):
        size, byte_length, suffix = TYPES[name]
        source = np.ascontiguousarray(data, dtype=np.uint8)
        target = np.zeros(source.size // byte_length * size, dtype=np.float32)
        function = getattr(self.library, "dequantize_row_" + suffix)
        function.restype = None
        function(ctypes.c_void_p(source.ctypes.data), ctypes.c_void_p(target.ctypes.data), ctypes.c_int64(target.size))
        return target


if __name__ == "__main__":
    build(sys.argv[1], sys.argv[2])
