"""QuantizeLinear and DequantizeLinear of ONNX's reference evaluator -> onnx-linear.json. Needs: onnx, ml_dtypes, numpy."""

import ml_dtypes
import numpy as np
import onnx
from golden import f32, i32, provoking, write
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

OPSET = 28
INTEGERS = {
    "int8": (np.int8, -128, 127),
    "uint8": (np.uint8, 0, 255),
    "int16": (np.int16, -32768, 32767),
    "uint16": (np.uint16, 0, 65535),
    "int4": (ml_dtypes.int4, -8, 7),
    "uint4": (ml_dtypes.uint4, 0, 15),
    "int2": (ml_dtypes.int2, -2, 1),
    "uint2": (ml_dtypes.uint2, 0, 3),
}
FLOATS = {
    "e4m3fn": TensorProto.FLOAT8E4M3FN,
    "e4m3fnuz": TensorProto.FLOAT8E4M3FNUZ,
    "e5m2": TensorProto.FLOAT8E5M2,
    "e5m2fnuz": TensorProto.FLOAT8E5M2FNUZ,
    "e2m1": TensorProto.FLOAT4E2M1,
    "e2m3": TensorProto.FLOAT6E2M3,
    "e3m2": TensorProto.FLOAT6E3M2,
}


def evaluate(op, inputs, **attributes):
    names = ["x", "scale", "zero"][: len(inputs)]
    node = helper.make_node(op, names, ["y"], **attributes)
    kinds = [helper.np_dtype_to_tensor_dtype(value.dtype) for value in inputs]
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info(n, k, list(v.shape)) for n, k, v in zip(names, kinds, inputs)],
        [helper.make_tensor_value_info("y", TensorProto.UNDEFINED, None)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
    return ReferenceEvaluator(model).run(None, dict(zip(names, inputs)))[0]


cases = []


def integer(name, code, x, scale, zero, **attributes):
    kind, low, high = INTEGERS[code]
    zeros = np.asarray(zero, dtype=np.int32).astype(kind)
    y = evaluate("QuantizeLinear", [x, scale, zeros], **attributes)
    back = evaluate("DequantizeLinear", [y, scale, zeros], **attributes)
    cases.append(
        dict(
            name=name, code=code, low=low, high=high, shape=list(x.shape), **attributes, x=f32(x), scale=f32(scale),
            zero=i32(np.asarray(zero)), codes=i32(y.astype(np.int32)), back=f32(back),
        )
    )


for code, (kind, low, high) in INTEGERS.items():
    for step in (0.5, np.float32(0.1)):
        for zero in (0, (low + high + 1) // 2 + 1):
            x = provoking(step, 32, seed=high + 7, spread=(high - low) / 3)
            integer(f"{code} tensor {step:.4g} zero {zero}", code, x, np.asarray(step, np.float32), zero)

rng = np.random.default_rng(5)
block = rng.standard_normal((3, 4, 6)).astype(np.float32)
for code, (kind, low, high) in INTEGERS.items():
    for axis in (0, 1, 2, -1):
        count = block.shape[axis]
        scale = (rng.random(count) * 3 / (high - low) + 1e-3).astype(np.float32)
        zero = rng.integers(low, high + 1, count) if axis % 2 else np.zeros(count, np.int64)
        integer(f"{code} axis {axis}", code, block, scale, zero, axis=axis)
for code in ("int8", "uint8", "int4", "uint4", "int2", "uint2"):
    kind, low, high = INTEGERS[code]
    for axis, size in ((2, 3), (1, 2), (0, 3)):
        shape = list(block.shape)
        shape[axis] //= size
        scale = (rng.random(shape) * 3 / (high - low) + 1e-3).astype(np.float32)
        zero = rng.integers(low, high + 1, shape)
        integer(f"{code} blocks of {size} on axis {axis}", code, block, scale, zero, axis=axis, block_size=size)

for code, kind in FLOATS.items():
    dtype = helper.tensor_dtype_to_np_dtype(kind)
    top = float(ml_dtypes.finfo(dtype).max)
    for step in (1.0, np.float32(0.1)):
        x = np.concatenate([provoking(step, 24, 3, spread=top / 3), np.float32([top, -top, top * 1.07, -top * 1.5]) * np.float32(step)])
        scale = np.asarray(step, np.float32)
        for saturate in (1, 0) if top > 30 else (1,):
            y = evaluate("QuantizeLinear", [x, scale], output_dtype=kind, saturate=saturate)
            back = evaluate("DequantizeLinear", [y, scale])
            cases.append(
                dict(
                    name=f"{code} {step:.4g} {'saturate' if saturate else 'overflow'}", code=code, saturate=saturate, shape=list(x.shape),
                    x=f32(x), scale=f32(scale), codes=i32(y.view(np.uint8).astype(np.int32)), back=f32(back.astype(np.float32)),
                )
            )

rng = np.random.default_rng(8)
for index, (shift, spread) in enumerate([(0, 1), (0.5, 2), (-3, 0.4), (9, 1), (0, 1e-6), (0, 300), (1, 0), (0, 0)]):
    x = (shift + rng.standard_normal(48) * spread).astype(np.float32)
    node = helper.make_node("DynamicQuantizeLinear", ["x"], ["y", "scale", "zero"])
    graph = helper.make_graph(
        [node], "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [48])], [helper.make_tensor_value_info(n, TensorProto.UNDEFINED, None) for n in ("y", "scale", "zero")]
    )
    y, scale, zero = ReferenceEvaluator(helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])).run(None, dict(x=x))
    cases.append(dict(name=f"dynamic {index}", code="dynamic", x=f32(x), scale=f32(np.reshape(scale, 1)), zero=i32(np.reshape(zero, 1).astype(np.int32)), codes=i32(y.astype(np.int32))))

# Outside int32 the evaluator converts to int32 before it saturates, and wraps: kept as a documented difference.
x = np.float32([3e9, -3e9, 3e38, -3e38])
integer("int8 beyond int32", "int8", x, np.asarray(1.0, np.float32), 0)

write("onnx-linear.json", dict(tool="onnx.reference", onnx=onnx.__version__, ml_dtypes=ml_dtypes.__version__, opset=OPSET, cases=cases))
