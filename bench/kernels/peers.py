"""What torch and numpy need to quantize the same number of bytes, one thread: bytes, rounds -> JSON rows on stdout."""
import json
import sys
import time

import numpy

byte_length, rounds = int(sys.argv[1]), int(sys.argv[2])
values = numpy.random.default_rng(1).standard_normal(byte_length // 4, dtype=numpy.float32)
target = numpy.ones_like(values)
rows = []


def numpy_int8():
    scale = numpy.float32(numpy.abs(values).max() / 127)
    return numpy.clip(numpy.rint(values / scale), -128, 127).astype(numpy.int8)


def numpy_int8_rows():
    table = values.reshape(-1, 4096)
    scale = numpy.abs(table).max(axis=1, keepdims=True) / numpy.float32(127)
    return numpy.clip(numpy.rint(table / scale), -128, 127).astype(numpy.int8)


codes, scale = numpy_int8(), numpy.float32(1 / 30)
cases = [
    ("numpy copyto", "encode", lambda: numpy.copyto(target, values)),
    ("numpy int8 tensor (absmax, rint, clip)", "encode", numpy_int8),
    ("numpy int8 rows (absmax, rint, clip)", "encode", numpy_int8_rows),
    ("numpy int8 tensor", "decode", lambda: codes.astype(numpy.float32) * scale),
]
try:
    import torch

    torch.set_num_threads(1)
    tensor = torch.from_numpy(values)
    table = tensor.reshape(-1, 4096)
    scales = table.abs().amax(dim=1).double() / 127
    zeros = torch.zeros(table.shape[0], dtype=torch.long)
    quantized = torch.quantize_per_tensor(tensor, 1 / 30, 0, torch.qint8)
    cases += [
        ("torch quantize_per_tensor qint8, scale given", "encode", lambda: torch.quantize_per_tensor(tensor, 1 / 30, 0, torch.qint8)),
        (
            "torch quantize_per_tensor qint8, absmax first",
            "encode",
            lambda: torch.quantize_per_tensor(tensor, float(tensor.abs().max()) / 127, 0, torch.qint8),
        ),
        (
            "torch quantize_per_channel qint8, scales given",
            "encode",
            lambda: torch.quantize_per_channel(table, scales, zeros, 0, torch.qint8),
        ),
        ("torch to float8_e4m3fn, no scale", "encode", lambda: tensor.to(torch.float8_e4m3fn)),
        ("torch dequantize qint8", "decode", lambda: quantized.dequantize()),
    ]
except ImportError:
    pass

times = {name + direction: [] for name, direction, _ in cases}
for _ in range(rounds + 1):
    for name, direction, run in cases:
        start = time.perf_counter()
        run()
        times[name + direction].append((time.perf_counter() - start) * 1000)
copy = times["numpy copytoencode"][1:]
for name, direction, _ in cases:
    rows.append({"name": name, "side": "python", "direction": direction, "ms": times[name + direction][1:], "copy": copy})
json.dump(rows, sys.stdout)
