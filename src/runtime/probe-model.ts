import { TersorError } from '../errors.ts'
import type { Feeds } from '../model/runtime.ts'

/** `y = Neg(x)` on two floats: ModelProto, IR 8, opset 13. Shows that an executor works and not only loads. */
export const PROBE_MODEL: Uint8Array = new Uint8Array([
  0x08,
  0x08, // ir_version 8
  0x42,
  0x02,
  0x10,
  0x0d, // opset_import { version: 13 }
  0x3a,
  0x32, // graph, 50 bytes
  0x0a,
  0x0b,
  0x0a,
  0x01,
  0x78,
  0x12,
  0x01,
  0x79,
  0x22,
  0x03,
  0x4e,
  0x65,
  0x67, // node: x -> y, "Neg"
  0x12,
  0x01,
  0x67, // name "g"
  0x5a,
  0x0f,
  0x0a,
  0x01,
  0x78,
  0x12,
  0x0a,
  0x0a,
  0x08,
  0x08,
  0x01,
  0x12,
  0x04,
  0x0a,
  0x02,
  0x08,
  0x02, // input x: f32 [2]
  0x62,
  0x0f,
  0x0a,
  0x01,
  0x79,
  0x12,
  0x0a,
  0x0a,
  0x08,
  0x08,
  0x01,
  0x12,
  0x04,
  0x0a,
  0x02,
  0x08,
  0x02, // output y: f32 [2]
])

export function probeFeeds(): Feeds {
  return { x: { dtype: 'f32', shape: [2], data: new Uint8Array(Float32Array.of(1.5, -2).buffer) } }
}

/** E_RUNTIME unless the outputs are those of the probe model. */
export function checkProbe(outputs: Feeds): void {
  const data = outputs.y?.data
  const found = data instanceof Uint8Array ? [...new Float32Array(data.slice().buffer)] : []
  if (found.length !== 2 || found[0] !== -1.5 || found[1] !== 2) {
    throw new TersorError(
      'E_RUNTIME',
      `the executor computes a probe wrong: expected -1.5 and 2, found ${found.join(', ')}`,
    )
  }
}
