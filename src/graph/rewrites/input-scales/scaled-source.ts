import type { ByteSource } from '../../../bytes/types.ts'
import { TersorError } from '../../../errors.ts'
import type { TensorRef } from '../../../model/graph.ts'
import { decodeBf16, encodeBf16 } from '../../../numbers/bf16.ts'
import { decodeF16, encodeF16 } from '../../../numbers/f16.ts'
import type { ReadRange } from '../../compare-elements.ts'

/** Factors of the elements of a matrix in the file: by its row, and by its column. */
export interface MatrixFactors {
  readonly rows: Float64Array | null
  readonly columns: Float64Array | null
}

/** A matrix or vector multiplied when it is read: nothing of it is held. Each element is rounded once. */
export function scaledTensor(tensor: TensorRef, factors: MatrixFactors, read: ReadRange): TensorRef {
  const { byteLength } = tensor.storage
  const source = new ScaledSource(tensor, factors, read)
  const { carrier: _carrier, ...plain } = tensor
  return { ...plain, storage: { kind: 'span', source, start: 0, byteLength } }
}

class ScaledSource implements ByteSource {
  readonly label: string
  readonly byteLength: number
  readonly #tensor: TensorRef
  readonly #factors: MatrixFactors
  readonly #read: ReadRange

  constructor(tensor: TensorRef, factors: MatrixFactors, read: ReadRange) {
    this.label = tensor.name
    this.byteLength = tensor.storage.byteLength
    this.#tensor = tensor
    this.#factors = factors
    this.#read = read
  }

  get #size(): number {
    const { dtype } = this.#tensor
    return dtype === 'f64' ? 8 : dtype === 'f32' ? 4 : 2
  }

  async read(start: number, end: number): Promise<Uint8Array> {
    const [first, last] = this.#elements(start, end)
    const bytes = (await this.#read(this.#tensor, first * this.#size, last * this.#size)).slice()
    this.#multiply(bytes, first)
    return bytes.subarray(start - first * this.#size, end - first * this.#size)
  }

  #elements(start: number, end: number): readonly [number, number] {
    if (start < 0 || end < start || end > this.byteLength)
      throw new TersorError('E_FORMAT', `expected bytes within ${this.byteLength}, found ${start} to ${end}`, {
        where: this.label,
      })
    return [Math.floor(start / this.#size), Math.ceil(end / this.#size)]
  }

  /** Elements from `first` on, in place. */
  #multiply(bytes: Uint8Array, first: number): void {
    const { dtype, shape } = this.#tensor
    const size = this.#size
    const last = first + bytes.length / size
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const width = shape.at(-1) ?? 1
    const { rows, columns } = this.#factors
    for (let i = first; i < last; i++) {
      const at = (i - first) * size
      const factor =
        (rows ? (rows[Math.floor(i / width)] as number) : 1) * (columns ? (columns[i % width] as number) : 1)
      if (dtype === 'f32') view.setFloat32(at, view.getFloat32(at, true) * factor, true)
      else if (dtype === 'f64') view.setFloat64(at, view.getFloat64(at, true) * factor, true)
      else if (dtype === 'f16') view.setUint16(at, encodeF16(decodeF16(view.getUint16(at, true)) * factor), true)
      else view.setUint16(at, encodeBf16(decodeBf16(view.getUint16(at, true)) * factor), true)
    }
  }
}
