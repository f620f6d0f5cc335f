import type { ByteSource } from '../../../bytes/types.ts'
import { TersorError } from '../../../errors.ts'
import type { DType } from '../../../model/dtype.ts'
import type { TensorRef } from '../../../model/graph.ts'
import { decodeBf16Array } from '../../../numbers/bf16.ts'
import { decodeF16Array } from '../../../numbers/f16.ts'
import type { ReadRange } from '../../compare-elements.ts'
import { floatConstant } from '../float-constants.ts'
import { type Turn, turnValues } from './turn-values.ts'

/** Bytes of whole tensors that are kept; larger ones are turned piece by piece where rows lie together. */
const MOST_KEPT = 256 << 20

/** Whole turned tensors, the latest ones. */
export class TurnedTensors {
  readonly #kept = new Map<object, { readonly bytes: Promise<Uint8Array>; readonly byteLength: number }>()

  whole(of: object, byteLength: number, make: () => Promise<Uint8Array>): Promise<Uint8Array> {
    const found = this.#kept.get(of)
    const entry = found ?? { bytes: make(), byteLength }
    if (!found) entry.bytes.catch(() => this.#kept.delete(of))
    this.#kept.delete(of)
    this.#kept.set(of, entry)
    let total = [...this.#kept.values()].reduce((sum, one) => sum + one.byteLength, 0)
    for (const [key, one] of this.#kept) {
      if (total <= MOST_KEPT || key === of) break
      this.#kept.delete(key)
      total -= one.byteLength
    }
    return entry.bytes
  }
}

/** A constant that is turned when it is read; each element is rounded once. */
export function turnedTensor(
  tensor: TensorRef,
  turns: readonly Turn[],
  read: ReadRange,
  kept: TurnedTensors,
): TensorRef {
  const { byteLength } = tensor.storage
  const { carrier: _carrier, ...plain } = tensor
  return {
    ...plain,
    storage: { kind: 'span', source: new TurnedSource(tensor, turns, read, kept), start: 0, byteLength },
  }
}

class TurnedSource implements ByteSource {
  readonly label: string
  readonly byteLength: number
  readonly #tensor: TensorRef
  readonly #turns: readonly Turn[]
  readonly #read: ReadRange
  readonly #kept: TurnedTensors

  constructor(tensor: TensorRef, turns: readonly Turn[], read: ReadRange, kept: TurnedTensors) {
    this.label = tensor.name
    this.byteLength = tensor.storage.byteLength
    this.#tensor = tensor
    this.#turns = turns
    this.#read = read
    this.#kept = kept
  }

  async read(start: number, end: number): Promise<Uint8Array> {
    if (start < 0 || end < start || end > this.byteLength)
      throw new TersorError('E_FORMAT', `expected bytes within ${this.byteLength}, found ${start} to ${end}`, {
        where: this.label,
      })
    const { shape } = this.#tensor
    // Complete slices over the outermost axis that is turned can be had alone.
    const outermost = Math.max(...this.#turns.map(({ fromEnd }) => fromEnd))
    const inner = shape.slice(shape.length - outermost)
    const slice = inner.reduce((product, one) => product * one, 1) * sizeOf(this.#tensor.dtype)
    // Blocks of columns are read row by row: each would turn whole rows again.
    if (slice * 4 > this.byteLength || this.byteLength <= MOST_KEPT) {
      const all = await this.#kept.whole(this, this.byteLength, () => this.#turned(0, this.byteLength, shape))
      return all.slice(start, end)
    }
    const first = Math.floor(start / slice) * slice
    const last = Math.ceil(end / slice) * slice
    return (await this.#turned(first, last, inner)).slice(start - first, end - first)
  }

  async #turned(start: number, end: number, shape: readonly number[]): Promise<Uint8Array> {
    const { dtype, name } = this.#tensor
    const values = decoded(dtype, (await this.#read(this.#tensor, start, end)).slice())
    for (const turn of this.#turns) turnValues(values, shape, turn)
    if (dtype === 'f32') return new Uint8Array(new Float32Array(values).buffer)
    const made = floatConstant(name, dtype, [values.length], values)
    return (made.storage as { bytes: Uint8Array }).bytes
  }
}

const sizeOf = (dtype: DType): number => (dtype === 'f64' ? 8 : dtype === 'f32' ? 4 : 2)

function decoded(dtype: DType, { buffer }: Uint8Array): Float64Array {
  if (dtype === 'f64') return new Float64Array(buffer)
  if (dtype === 'f32') return new Float64Array(new Float32Array(buffer))
  const words = new Uint16Array(buffer)
  return Float64Array.from(dtype === 'f16' ? decodeF16Array(words) : decodeBf16Array(words))
}
