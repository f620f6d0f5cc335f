import { checkRange } from '../bytes/range.ts'
import type { ByteSource } from '../bytes/types.ts'
import { product, type Recipe } from '../graph/liftings/index.ts'
import type { TensorRef } from '../model/graph.ts'
import { encodeBf16Array } from '../numbers/bf16.ts'
import { byteLengthOf } from '../numbers/dtype.ts'
import { encodeF16Array } from '../numbers/f16.ts'
import { openValues, type Values } from './dequantize-values.ts'

/** The one constant that is decoded at a time; opening another lets go of what the last one held. */
export class Decoding {
  #source: object | undefined
  #values: Promise<Values> | undefined

  valuesOf(source: object, recipe: Recipe): Promise<Values> {
    if (this.#source !== source || this.#values === undefined) {
      this.#source = source
      this.#values = openValues(recipe)
    }
    return this.#values
  }
}

/**
 * A tensor whose elements are decoded when they are read, window by window: what layouts copy from and comparisons read, without
 * the float model ever being in memory.
 */
export function decodedTensor(name: string, recipe: Recipe, decoding: Decoding): TensorRef {
  const { dtype, shape } = recipe
  const byteLength = byteLengthOf(dtype, product(shape))
  const source = decodedSource(name, recipe, byteLength, decoding)
  return { name, dtype, shape, storage: { kind: 'span', source, start: 0, byteLength } }
}

function decodedSource(name: string, recipe: Recipe, byteLength: number, decoding: Decoding): ByteSource {
  const width = byteLengthOf(recipe.dtype, 1)
  const label = `tensor "${name}"`
  const source: ByteSource = {
    label,
    byteLength,
    async read(start, end) {
      checkRange(label, byteLength, start, end)
      const values = await decoding.valuesOf(source, recipe)
      const first = Math.floor(start / width)
      const window = new Float32Array(Math.ceil(end / width) - first)
      values.fill(window, first)
      return encoded(window, recipe).subarray(start - first * width, end - first * width)
    },
  }
  return source
}

function encoded(values: Float32Array, { dtype }: Recipe): Uint8Array {
  if (dtype === 'f64') return new Uint8Array(Float64Array.from(values).buffer)
  if (dtype !== 'f16' && dtype !== 'bf16') return new Uint8Array(values.buffer)
  const codes = new Uint16Array(values.length)
  if (dtype === 'f16') encodeF16Array(values, codes)
  else encodeBf16Array(values, codes)
  return new Uint8Array(codes.buffer)
}
