import type { Target } from '../model/target.ts'
import { ortNodeCpu } from './ort-node-cpu.ts'
import { ortWebWasm } from './ort-web-wasm.ts'

/** The default: loads and is right on Node CPU and wasm, and on WebGPU with CPU fallback. The worse cost of both counts. */
export const ort: Target = {
  ...ortNodeCpu,
  id: 'ort',
  signedWeightsMaySaturate: true,
  cost: { ...ortNodeCpu.cost, 'onnx/dequantize': 20 },
  faults: [...ortNodeCpu.faults, ...ortWebWasm.faults],
}
