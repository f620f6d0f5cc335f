import type { Feeds, RuntimeSession, Sample, Value } from '../../model/runtime.ts'
import { encodeF16Array } from '../../numbers/f16.ts'

/** The sample as a session takes it: f32 values of inputs that are f16 there are rounded. The sample itself where none is. */
export function matchingSample(session: RuntimeSession, sample: Sample): Sample {
  const halves = new Set(session.inputs.filter(({ dtype }) => dtype === 'f16').map(({ name }) => name))
  if (halves.size === 0) return sample
  const feeds: Feeds = Object.fromEntries(
    Object.entries(sample.feeds).map(([name, value]) => [name, halves.has(name) ? rounded(value) : value]),
  )
  return { ...sample, feeds }
}

function rounded(value: Value): Value {
  const { data, dtype, shape } = value
  if (dtype !== 'f32' || !(data instanceof Uint8Array)) return value
  const codes = new Uint16Array(data.byteLength / Float32Array.BYTES_PER_ELEMENT)
  encodeF16Array(new Float32Array(data.slice().buffer), codes)
  return { dtype: 'f16', shape, data: new Uint8Array(codes.buffer) }
}
