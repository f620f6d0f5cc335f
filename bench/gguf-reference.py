"""ggml's own encoders over a list of tensors, for gguf-encoders.mjs.

    python gguf-reference.py LIBRARY FOLDER      (LIBRARY: see test/golden/ggml.py)

FOLDER/list.json: {"types": [...], "tensors": [{"file", "values"}], "importance": file or null}. Writes TYPE-FILE and, with an
importance of 256 values, TYPE-FILE-weighted, and times.json: seconds by type.
"""

import json
import os
import sys
import time

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "test", "golden"))
from ggml import Ggml  # noqa: E402


def main(library, folder):
    ggml = Ggml(library)
    with open(os.path.join(folder, "list.json")) as file:
        work = json.load(file)
    importance = work["importance"] and np.fromfile(os.path.join(folder, work["importance"]), dtype="<f4")
    seconds = {}
    for tensor in work["tensors"]:
        values = np.fromfile(os.path.join(folder, tensor["file"]), dtype="<f4").reshape(-1, 256)
        for name in work["types"]:
            start = time.perf_counter()
            data = ggml.quantize(name, values)
            seconds[name] = seconds.get(name, 0) + time.perf_counter() - start
            data.tofile(os.path.join(folder, f"{name}-{tensor['file']}"))
            if importance is not None:
                ggml.quantize(name, values, importance).tofile(os.path.join(folder, f"{name}-{tensor['file']}-weighted"))
    with open(os.path.join(folder, "times.json"), "w") as file:
        json.dump(seconds, file)


main(sys.argv[1], sys.argv[2])
