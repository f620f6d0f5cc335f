import type { Target } from '../model/target.ts'
import { ortNodeCpu } from './ort-node-cpu.ts'

/** onnxruntime-web on WebGPU (software adapter without shader-f16, strict mode): probes of 2026-11-23. */
export const ortWebWebgpu: Target = {
  ...ortNodeCpu,
  id: 'ort-web-webgpu',
  runtime: 'onnxruntime-web (WebGPU)',
  matmulNBits: {
    bits: [2, 4, 8],
    blockSizes: [16, 32, 64, 128, 256],
    accuracyLevel: { 2: 4, 4: 4, 8: 4 },
    why: 'WebGPU kernels take the level as a hint only',
    // Cast to and from float16 needs shader-f16 there; not probed on a device that has it.
    halfScalesBehindCast: false,
  },
  matmulBnb4: { blockSizes: [16, 32, 64, 128, 256], halfScalesBehindCast: false },
  dequantizeLinear: { bits: [4, 8], halfScales: false },
  dynamicQuantizeMatMul: false,
  dynamicQuantizeLstm: false,
  matmulInteger: false,
  signedWeightsMaySaturate: false,
  cost: {
    'onnx/matmul-nbits': 0.6,
    'onnx/expand': 1,
    'onnx/half': 1,
    'onnx/gather-rows': 1,
    'onnx/gather-block': 1,
    'onnx/dequantize': 1,
  },
  faults: ['integer kernels (MatMulInteger, QuantizeLinear, DynamicQuantizeLSTM) fall back to the CPU'],
}
