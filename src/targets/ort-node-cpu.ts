import type { Target } from '../model/target.ts'

/** onnxruntime on a CPU (Node, Python, C): probes of 2026-11-23, x64 with and without VNNI. */
export const ortNodeCpu: Target = {
  id: 'ort-node-cpu',
  runtime: 'onnxruntime',
  version: '1.30.0',
  measured: '2026-11-23',
  maxOpset: 26,
  maxIrVersion: 13,
  matmulNBits: {
    bits: [2, 4, 8],
    blockSizes: [16, 32, 64, 128, 256],
    accuracyLevel: { 2: 4, 4: 4, 8: 4 },
    why: 'level 4 computes in int8 and is 4 to 6 times faster at decode than level 0; 2 and 8 bits at level 0 are 10 to 16 times slower than float',
    halfScalesBehindCast: true,
  },
  matmulBnb4: { blockSizes: [16, 32, 64, 128, 256], halfScalesBehindCast: true },
  gatherBlockQuantized: { bits: [2, 4, 8], blockSizes: [16, 32, 64, 128, 256] },
  dequantizeLinear: { bits: [2, 4, 8, 16], halfScales: true },
  dynamicQuantizeMatMul: true,
  dynamicQuantizeLstm: true,
  matmulInteger: true,
  signedWeightsMaySaturate: true,
  foldsConstants: true,
  cost: {
    'onnx/matmul-nbits': 0.9,
    'onnx/matmul-integer': 0.7,
    'onnx/matmul-integer-rows': 0.75,
    'onnx/dynamic-matmul': 0.7,
    'onnx/dynamic-lstm': 0.7,
    'onnx/expand': 1,
    'onnx/half': 1,
    'onnx/gather-rows': 1,
    'onnx/gather-block': 1,
    'onnx/dequantize': 2.2,
  },
  faults: [
    'u8 x s8 kernels saturate int16 on x86 without VNNI',
    'DequantizeLinear of a weight is computed on every run, never folded',
  ],
}
