import { Cursor } from '../../bytes/cursor.ts'
import type { DType } from '../../model/dtype.ts'
import type { TensorStorage } from '../../model/graph.ts'
import { tooMuch, wrong } from './decoder.ts'
import { FieldCursor } from './fields.ts'
import type { WireMessage } from './image.ts'
import { MAX_TYPED_BYTES } from './limits.ts'
import type { TypedField } from './types.ts'
import { factsOf, TENSOR } from './types.ts'

/** What a scan of a tensor finds of its typed data fields. */
export interface TypedRun {
  readonly message: WireMessage
  fieldBytes: number
  occurrences: number
  /** File offset of the payload when the last occurrence is packed, else -1. */
  packedStart: number
}

const KEYS: Readonly<Record<TypedField, readonly [number, number]>> = {
  float: [TENSOR.floatData, TENSOR.floatDataPacked],
  int32: [TENSOR.int32Data, TENSOR.int32DataPacked],
  string: [TENSOR.stringData, TENSOR.stringData],
  int64: [TENSOR.int64Data, TENSOR.int64DataPacked],
  double: [TENSOR.doubleData, TENSOR.doubleDataPacked],
  uint64: [TENSOR.uint64Data, TENSOR.uint64DataPacked],
}
const ALL_KEYS = new Set(Object.values(KEYS).flat())

export function isTypedKey(key: number): boolean {
  return ALL_KEYS.has(key)
}

/**
 * Elements in typed fields. Packed floats and doubles already are what `raw_data` would be, so they are plain bytes;
 * numbers in varints are decoded when asked for. 2- and 4-bit elements come several to an int32 entry, low bits first.
 */
export function typedStorage(run: TypedRun, name: string, dtype: DType, byteLength: number): TensorStorage {
  const { image } = run.message
  const { field } = factsOf(dtype)
  const onlyPacked = run.occurrences === 1 && run.packedStart >= 0 && ofField(run.message, field) === 1
  if (onlyPacked && (field === 'float' || field === 'double')) {
    if (run.fieldBytes !== byteLength) throw miscounted(run.message, name, dtype, byteLength, run.fieldBytes)
    const index = image.index(run.packedStart)
    const isElided = image.starts[image.rank(run.packedStart)] === run.packedStart
    return isElided
      ? { kind: 'span', source: image.source, start: run.packedStart, byteLength }
      : { kind: 'bytes', bytes: image.bytes.subarray(index, index + byteLength), byteLength }
  }
  if (run.fieldBytes > MAX_TYPED_BYTES)
    throw tooMuch(run.message, `tensor "${name}" with ${run.fieldBytes} bytes of numbers in fields`)
  const load = async (): Promise<Uint8Array> => decodeTyped(run.message, name, dtype, byteLength)
  return { kind: 'field', byteLength, load }
}

function ofField(message: WireMessage, field: TypedField): number {
  let count = 0
  for (const cursor = new FieldCursor(message); cursor.next(); ) if (KEYS[field].includes(cursor.key)) count++
  return count
}

async function decodeTyped(message: WireMessage, name: string, dtype: DType, byteLength: number): Promise<Uint8Array> {
  const { field, bits } = factsOf(dtype)
  const [single, packed] = KEYS[field]
  const out = new Uint8Array(byteLength)
  const sink = new ElementSink(out, Math.max(bits / 8, 1), field)
  for (const cursor = new FieldCursor(message); cursor.next(); ) {
    if (cursor.key !== single && cursor.key !== packed) continue
    const values = cursor.elided ? await fetched(cursor) : cursor.over()
    sink.take(values)
    if (sink.position > byteLength) break
  }
  if (sink.position !== byteLength) throw miscounted(message, name, dtype, byteLength, sink.position)
  return out
}

async function fetched(field: FieldCursor): Promise<Cursor> {
  const { source } = field.image
  return new Cursor(await source.read(field.payload, field.end), source.label, 0, field.byteLength, field.payload)
}

/** Puts numbers down as little-endian elements. Bits beyond the element's width are dropped, as C casts do. */
class ElementSink {
  /** Goes past the end of `out` when there are too many numbers. */
  position = 0
  readonly #out: Uint8Array
  readonly #view: DataView
  readonly #width: number
  readonly #field: TypedField

  constructor(out: Uint8Array, width: number, field: TypedField) {
    this.#out = out
    this.#view = new DataView(out.buffer)
    // A complex element is two numbers of the field.
    this.#width = field === 'float' ? 4 : field === 'double' ? 8 : width
    this.#field = field
  }

  take(values: Cursor): void {
    const width = this.#width
    const isFixed = this.#field === 'float' || this.#field === 'double'
    while (values.remaining > 0) {
      const at = this.position
      this.position += width
      if (this.position > this.#out.byteLength) return
      if (isFixed) this.#out.set(values.take(width), at)
      else {
        values.varint()
        this.#put(at, width, values.low, values.high)
      }
    }
  }

  #put(at: number, width: number, low: number, high: number): void {
    if (width === 1) this.#out[at] = low
    else if (width === 2) this.#view.setUint16(at, low, true)
    else {
      this.#view.setUint32(at, low, true)
      if (width === 8) this.#view.setUint32(at + 4, high, true)
    }
  }
}

function miscounted(message: WireMessage, name: string, dtype: DType, expected: number, found: number): Error {
  const than = found > expected ? 'more' : `only ${found}`
  return wrong(message, `tensor "${name}" of type ${dtype} needs ${expected} bytes, its data field gives ${than}`)
}
