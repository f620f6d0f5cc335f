"""TensorFlow's quantize, dequantize, fake_quant and quantize_and_dequantize -> tensorflow-quantize.json, tensorflow-fake.json. Needs: tensorflow-cpu, numpy.

TF_ENABLE_ONEDNN_OPTS=0: TensorFlow's own kernels, which every platform has, and not the oneDNN ones of x86.
"""

import os

os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np
import tensorflow as tf
from golden import f32, i32, provoking, write

cases = []
TYPES = {"quint8": tf.quint8, "qint8": tf.qint8, "quint16": tf.quint16, "qint16": tf.qint16}
RANGES = [(-1.0, 1.5), (0.0, 6.0), (-2.0, 0.0), (-0.3, 0.3), (-3.7, 11.2), (0.5, 2.0), (-2.0, -1.0), (0.0, 0.0), (1e-4, 2e-4), (-127.5, 127.5)]


def values(low, high, levels, seed):
    """Noise over the range and outside, plus ties of the plain step and their neighbours."""
    rng = np.random.default_rng(seed)
    span = max(high - low, 1e-3)
    step = np.float32(span / levels)
    ties = (np.float32(low) + (np.arange(-2, 14, dtype=np.float32) + np.float32(0.5)) * step).astype(np.float32)
    return np.concatenate(
        [
            ties, np.nextafter(ties, np.float32(9)), np.nextafter(ties, np.float32(-9)), (rng.uniform(low - span / 4, high + span / 4, 24)).astype(np.float32),
            np.float32([0, -0.0, low, high, 1e-45, -1e-40, 1e30, -1e30]),
        ]
    ).astype(np.float32)


def code(tensor):
    return i32(tf.bitcast(tensor, {tf.quint8: tf.uint8, tf.qint8: tf.int8, tf.quint16: tf.uint16, tf.qint16: tf.int16}[tensor.dtype]).numpy())


for name, dtype in TYPES.items():
    bits = 16 if "16" in name else 8
    # MIN_FIRST of quint8 uses gemmlowp's fixed-point kernels on some processors: the build decides, this file records what it does.
    variants = [("MIN_COMBINED", "HALF_AWAY_FROM_ZERO", False), ("MIN_FIRST", "HALF_AWAY_FROM_ZERO", False)]
    variants += [("SCALED", rounding, narrow) for rounding in ("HALF_AWAY_FROM_ZERO", "HALF_TO_EVEN") for narrow in (False, True)]
    for mode, rounding, narrow in variants:
        for index, (low, high) in enumerate(RANGES if bits == 8 else RANGES[:3]):
            x = values(low, high, 2**bits - 1, index)
            try:
                q = tf.quantization.quantize(x, low, high, dtype, mode=mode, round_mode=rounding, narrow_range=narrow)
            except tf.errors.OpError as error:
                raise SystemExit(f"{name} {mode} {low} {high}: {error}")
            back = tf.quantization.dequantize(q.output, q.output_min, q.output_max, mode=mode, narrow_range=narrow)
            cases.append(
                dict(
                    kind="quantize", type=name[1:], mode=mode, rounding=rounding, narrow=narrow, range=f32([low, high]), x=f32(x), codes=code(q.output),
                    out=f32([q.output_min.numpy(), q.output_max.numpy()]), back=f32(back.numpy()),
                )
            )

rng = np.random.default_rng(5)
for name in ("quint8", "qint8"):
    for mode in ("MIN_COMBINED", "SCALED"):
        x = (rng.standard_normal((3, 4, 5)) * 2).astype(np.float32)
        low = np.float32([-1, -2.5, -0.2, -3])
        high = np.float32([2, 0.5, 0.3, 3])
        q = tf.quantization.quantize(x, low, high, TYPES[name], mode=mode, axis=1)
        back = tf.quantization.dequantize(q.output, q.output_min, q.output_max, mode=mode, axis=1)
        cases.append(
            dict(
                kind="quantize axis", type=name[1:], mode=mode, rounding="HALF_AWAY_FROM_ZERO", narrow=False, axis=1, shape=[3, 4, 5], low=f32(low), high=f32(high),
                x=f32(x), codes=code(q.output), outLow=f32(q.output_min.numpy()), outHigh=f32(q.output_max.numpy()), back=f32(back.numpy()),
            )
        )

versions = dict(tool="tensorflow", tensorflow=tf.__version__, oneDNN=False)
write("tensorflow-quantize.json", dict(**versions, cases=cases))
cases = []

for bits in (2, 4, 8, 16):
    for narrow in (False, True):
        for index, (low, high) in enumerate([(-1.0, 1.5), (0.0, 6.0), (-2.0, 0.0), (-0.3, 0.3), (0.0, 0.0), (-0.004, 5.0), (-0.1, 25.4)] if bits == 8 else [(-1.0, 1.5), (-0.004, 5.0)]):
            x = values(low, high, 2**bits - 1 - narrow, 50 + index)
            y = tf.quantization.fake_quant_with_min_max_vars(x, low, high, num_bits=bits, narrow_range=narrow)
            case = dict(kind="fake quant", bits=bits, narrow=narrow, range=f32([low, high]), x=f32(x), vars=f32(y.numpy()))
            if low < high:
                case["args"] = f32(tf.quantization.fake_quant_with_min_max_args(x, low, high, num_bits=bits, narrow_range=narrow).numpy())
            cases.append(case)

for bits in (8, 4):
    x = (rng.standard_normal((12, 4)) * 2).astype(np.float32)
    low = np.float32([-1, -2.5, -0.2, -3])
    high = np.float32([2, 0.5, 0.3, 3])
    y = tf.quantization.fake_quant_with_min_max_vars_per_channel(x, low, high, num_bits=bits)
    cases.append(dict(kind="fake quant channel", bits=bits, narrow=False, shape=[12, 4], low=f32(low), high=f32(high), x=f32(x), vars=f32(y.numpy())))

for signed in (True, False):
    for bits in (8, 4, 16):
        for narrow in (False, True):
            for rounding in ("HALF_TO_EVEN", "HALF_UP"):
                for given, (low, high) in ((True, (-1.0, 1.5)), (True, (-3.0, 0.7)), (False, (0.0, 0.0))):
                    if not signed:
                        low = 0.0
                    # What a caller gives: noise and the ties of the scale that the larger side decides.
                    x = values(low, high if given else 1.0, 2**bits - 1, 80)[:-2][:: 1 if bits == 8 else 3]
                    if not given and not signed:
                        x = np.abs(x)
                    y = tf.quantization.quantize_and_dequantize_v2(
                        x, low, high, signed_input=signed, num_bits=bits, range_given=given, round_mode=rounding, narrow_range=narrow
                    )
                    cases.append(dict(kind="quantize and dequantize", signed=signed, bits=bits, narrow=narrow, rounding=rounding, given=given, range=f32([low, high]), x=f32(x), y=f32(y.numpy())))

write("tensorflow-fake.json", dict(**versions, cases=cases))
