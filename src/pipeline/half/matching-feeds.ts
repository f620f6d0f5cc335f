import type { DType } from '../../model/dtype.ts'
import type { Feeds, RuntimeSession, Sample, Value } from '../../model/runtime.ts'
import { decodeF16Array, encodeF16Array } from '../../numbers/f16.ts'

/** The sample as a session takes it: f32 values are rounded for inputs of f16, and the other way round. The sample itself where none is. */
export function matchingSample(session: RuntimeSession, sample: Sample): Sample {
  const types = new Map<string, DType>(session.inputs.map(({ name, dtype }) => [name, dtype]))
  const differs = ([name, { dtype }]: [string, Value]): boolean => {
    const wanted = types.get(name)
    return wanted !== dtype && isFloat(wanted) && isFloat(dtype)
  }
  const entries = Object.entries(sample.feeds)
  if (!entries.some(differs)) return sample
  const feeds: Feeds = Object.fromEntries(
    entries.map((entry) => [entry[0], differs(entry) ? converted(entry[1]) : entry[1]]),
  )
  return { ...sample, feeds }
}

function isFloat(dtype: DType | undefined): boolean {
  return dtype === 'f32' || dtype === 'f16'
}

function converted({ data, dtype, shape }: Value): Value {
  const bytes = (data as Uint8Array).slice()
  if (dtype === 'f16') {
    const floats = decodeF16Array(new Uint16Array(bytes.buffer))
    return { dtype: 'f32', shape, data: new Uint8Array(floats.buffer) }
  }
  const codes = new Uint16Array(bytes.byteLength / Float32Array.BYTES_PER_ELEMENT)
  encodeF16Array(new Float32Array(bytes.buffer), codes)
  return { dtype: 'f16', shape, data: new Uint8Array(codes.buffer) }
}
