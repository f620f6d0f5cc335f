"""PyTorch's quantizers, fake quantizers, parameter choosers and observers -> torch.json. Needs: torch, numpy."""

import warnings

import numpy as np
import torch
from golden import f32, i32, provoking, write
from torch.ao.quantization import observer

warnings.filterwarnings("ignore")
torch.set_num_threads(1)
RANGES = {"quint8": (torch.quint8, 0, 255), "qint8": (torch.qint8, -128, 127)}
cases = []


def number(value):
    return f32(np.float32([value]))


for name, (dtype, low, high) in RANGES.items():
    for step in (0.5, 0.1, 1 / 127, 3.7e-3):
        for zero in (0, (low + high + 1) // 2 + 3, high):
            x = provoking(step, 40, seed=11, spread=120)
            q = torch.quantize_per_tensor(torch.from_numpy(x), step, zero, dtype)
            fake = torch.fake_quantize_per_tensor_affine(torch.from_numpy(x), step, zero, low, high)
            cases.append(
                dict(
                    kind="per tensor", name=f"{name} {step:.4g} zero {zero}", low=low, high=high, scale=number(step), zero=zero, x=f32(x),
                    codes=i32(q.int_repr().numpy()), back=f32(q.dequantize().numpy()), fake=f32(fake.numpy()),
                )
            )

# quint4x2 and narrower fake ranges: what QAT recipes use.
for low, high in ((-8, 7), (0, 15), (-127, 127), (0, 127)):
    x = provoking(0.1, 48, seed=12, spread=(high - low) / 3)
    fake = torch.fake_quantize_per_tensor_affine(torch.from_numpy(x), 0.1, (low + high + 1) // 2, low, high)
    cases.append(dict(kind="fake", name=f"{low}..{high}", low=low, high=high, scale=number(0.1), zero=(low + high + 1) // 2, x=f32(x), fake=f32(fake.numpy())))

rng = np.random.default_rng(3)
for name, (dtype, low, high) in RANGES.items():
    for axis in (0, 1, 2):
        x = (rng.standard_normal((3, 5, 4)) * 2).astype(np.float32)
        count = x.shape[axis]
        scale = (rng.random(count) * 0.03 + 1e-3).astype(np.float32)
        zero = rng.integers(low, high + 1, count).astype(np.int32)
        # Ties: a multiple and a half of its channel's scale.
        ties = np.moveaxis(x, axis, 0)
        for channel in range(count):
            ties[channel].flat[:4] = (np.arange(4, dtype=np.float32) - 1.5) * scale[channel]
        q = torch.quantize_per_channel(torch.from_numpy(x), torch.from_numpy(scale), torch.from_numpy(zero), axis, dtype)
        fake = torch.fake_quantize_per_channel_affine(torch.from_numpy(x), torch.from_numpy(scale), torch.from_numpy(zero), axis, low, high)
        cases.append(
            dict(
                kind="per channel", name=f"{name} axis {axis}", low=low, high=high, axis=axis, shape=list(x.shape), scale=f32(scale), zero=i32(zero),
                x=f32(x), codes=i32(q.int_repr().numpy()), back=f32(q.dequantize().numpy()), fake=f32(fake.numpy()),
            )
        )

# Ranges that test every branch: both signs, one sign, degenerate, tiny, huge.
PAIRS = [(-1, 1), (-0.3, 2.1), (0.5, 2), (-7, -2), (0, 0), (3, 3), (-1e-9, 1e-9), (-1e-40, 1e-38), (-3e38, 1e38), (-2.55, 0), (0, 6)]
PAIRS += [(float(-a), float(b)) for a, b in np.float32(np.random.default_rng(9).lognormal(0, 2, (24, 2)))]
for name, (dtype, low, high) in RANGES.items():
    for reduce in (False, True):
        for symmetric in (False, True):
            if reduce and symmetric and name == "quint8":
                continue  # torch refuses it
            scheme = torch.per_tensor_symmetric if symmetric else torch.per_tensor_affine
            scales, zeros = [], []
            chooser = observer.MinMaxObserver(dtype=dtype, qscheme=scheme, reduce_range=reduce)
            for a, b in PAIRS:
                scale, zero = chooser._calculate_qparams(torch.tensor(a, dtype=torch.float32), torch.tensor(b, dtype=torch.float32))
                scales.append(scale.item())
                zeros.append(zero.item())
            cases.append(
                dict(
                    kind="qparams", name=f"{name}{' reduced' if reduce else ''} {'symmetric' if symmetric else 'affine'}", type=name[1:], reduce=reduce,
                    symmetric=symmetric, low=chooser.quant_min, high=chooser.quant_max, ranges=f32(np.float32(PAIRS)), scales=f32(scales), zeros=i32(zeros),
                )
            )
for low, high in ((0, 15), (-8, 7), (-127, 127), (0, 100)):
    for symmetric in (False, True):
        scheme = torch.per_tensor_symmetric if symmetric else torch.per_tensor_affine
        dtype = torch.qint8 if low < 0 else torch.quint8
        chooser = observer.MinMaxObserver(dtype=dtype, qscheme=scheme, quant_min=low, quant_max=high)
        got = [chooser._calculate_qparams(torch.tensor(a, dtype=torch.float32), torch.tensor(b, dtype=torch.float32)) for a, b in PAIRS]
        cases.append(
            dict(
                kind="qparams", name=f"{low}..{high} {'symmetric' if symmetric else 'affine'}", type="int8" if low < 0 else "uint8", reduce=False, custom=True,
                symmetric=symmetric, low=low, high=high, ranges=f32(np.float32(PAIRS)), scales=f32([s.item() for s, _ in got]), zeros=i32([z.item() for _, z in got]),
            )
        )

# The chooser of dynamic quantization (torch.ops.quantized.linear_dynamic): another formula.
for reduce in (False, True):
    got = [torch._choose_qparams_per_tensor(torch.tensor(pair, dtype=torch.float32), reduce) for pair in PAIRS]
    cases.append(
        dict(kind="dynamic qparams", name=f"quint8{' reduced' if reduce else ''}", reduce=reduce, ranges=f32(np.float32(PAIRS)), scales=f32([s for s, _ in got]), zeros=i32([z for _, z in got]))
    )

# The greedy search of FBGEMM's rowwise quantizer.
rng = np.random.default_rng(21)
for bits in (4, 8):
    rows = (rng.standard_t(3, (16, 24)) * rng.lognormal(0, 1, (16, 1))).astype(np.float32)
    got = [torch.choose_qparams_optimized(torch.from_numpy(row), row.size, 200, 0.16, bits) for row in rows]
    cases.append(dict(kind="optimized", name=f"{bits} bits", bits=bits, shape=list(rows.shape), x=f32(rows), high=f32([h.item() for h, _ in got]), low=f32([l.item() for _, l in got])))


def batches(kind, seed, count, size):
    rng = np.random.default_rng(seed)
    out = []
    for index in range(count):
        if kind == "gaussian":
            out.append(rng.standard_normal(size) * (1 + 0.3 * index) + 0.1 * index)
        elif kind == "relu":
            out.append(np.maximum(rng.standard_normal(size), 0) * 3)
        elif kind == "heavy":
            out.append(rng.standard_t(2.5, size))
        elif kind == "same range":
            values = rng.uniform(-1, 1, size)
            values[:2] = -1, 1
            out.append(values)
        elif kind == "constant first":
            out.append(np.full(size, 0.75) if index == 0 else rng.standard_normal(size))
        elif kind == "negative":
            out.append(-np.abs(rng.standard_normal(size)) - 0.5)
    return [np.float32(batch) for batch in out]


STREAMS = [("gaussian", 4, 300), ("relu", 3, 250), ("heavy", 4, 400), ("same range", 3, 200), ("constant first", 3, 150), ("negative", 2, 200)]
for kind, count, size in STREAMS:
    stream = batches(kind, 31, count, size)
    results = []
    for name, (dtype, low, high) in RANGES.items():
        for symmetric in (False, True):
            scheme = torch.per_tensor_symmetric if symmetric else torch.per_tensor_affine
            for label, make in (
                ("min-max", lambda: observer.MinMaxObserver(dtype=dtype, qscheme=scheme)),
                ("min-max reduced", lambda: observer.MinMaxObserver(dtype=dtype, qscheme=scheme, reduce_range=True)),
                ("moving average", lambda: observer.MovingAverageMinMaxObserver(dtype=dtype, qscheme=scheme)),
                ("moving average 0.3", lambda: observer.MovingAverageMinMaxObserver(averaging_constant=0.3, dtype=dtype, qscheme=scheme)),
                ("histogram", lambda: observer.HistogramObserver(dtype=dtype, qscheme=scheme)),
                ("histogram 128", lambda: observer.HistogramObserver(bins=128, dtype=dtype, qscheme=scheme)),
                ("histogram 512 reduced", lambda: observer.HistogramObserver(bins=512, dtype=dtype, qscheme=scheme, reduce_range=True)),
            ):
                if symmetric and name == "quint8" and "reduced" in label:
                    continue
                seen = make()
                for batch in stream:
                    seen(torch.from_numpy(batch))
                scale, zero = seen.calculate_qparams()
                result = dict(observer=label, type=name[1:], symmetric=symmetric, scale=scale.item(), zero=zero.item(), range=f32([seen.min_val.item(), seen.max_val.item()]))
                if "histogram" in label and name == "quint8" and not symmetric:
                    # Three figures are enough to find a wrong bin: where each value lies is in the other fields.
                    result["found"] = f32([value.item() for value in seen._non_linear_param_search()])
                    if label == "histogram 128":
                        result["histogram"] = f32(seen.histogram.numpy())
                results.append(result)
    cases.append(dict(kind="observers", name=kind, batches=[f32(batch) for batch in stream], results=results))

rng = np.random.default_rng(41)
stream = [(rng.standard_normal((4, 3, 5)) * (index + 1)).astype(np.float32) for index in range(3)]
results = []
for axis in (0, 1, 2):
    for name, (dtype, low, high) in RANGES.items():
        for symmetric in (False, True):
            scheme = torch.per_channel_symmetric if symmetric else torch.per_channel_affine
            seen = observer.PerChannelMinMaxObserver(ch_axis=axis, dtype=dtype, qscheme=scheme)
            for batch in stream:
                seen(torch.from_numpy(batch))
            scale, zero = seen.calculate_qparams()
            results.append(dict(observer="per channel", axis=axis, type=name[1:], symmetric=symmetric, scales=f32(scale.numpy()), zeros=i32(zero.numpy()), low=f32(seen.min_val.numpy()), high=f32(seen.max_val.numpy())))
cases.append(dict(kind="channel observers", name="three batches", shape=[4, 3, 5], batches=[f32(batch) for batch in stream], results=results))

write("torch.json", dict(tool="torch", torch=torch.__version__, engine=torch.backends.quantized.engine, cases=cases))
