import type { Target } from '../model/target.ts'
import { ortNodeCpu } from './ort-node-cpu.ts'

/** onnxruntime-web on WebAssembly: probes of 2026-11-23 (Node and Chromium agree). */
export const ortWebWasm: Target = {
  ...ortNodeCpu,
  id: 'ort-web-wasm',
  runtime: 'onnxruntime-web',
  signedWeightsMaySaturate: false,
  cost: {
    'onnx/matmul-nbits': 12,
    'onnx/matmul-integer': 0.6,
    'onnx/matmul-integer-rows': 0.65,
    'onnx/dynamic-matmul': 0.6,
    'onnx/dynamic-lstm': 0.8,
    'onnx/expand': 1,
    'onnx/half': 1,
    'onnx/gather-rows': 1,
    'onnx/gather-block': 1,
    'onnx/dequantize': 20,
  },
  faults: ['4-bit kernels are slower than float on wasm: there they save download, not time'],
}
