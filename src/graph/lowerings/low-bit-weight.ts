import { TersorError } from '../../errors.ts'
import type { Node, TensorRef } from '../../model/graph.ts'
import { cast, float32, float32s, makeNode } from './make.ts'

/** A weight in codes: value = scale * (code - zero), both of the index of `axis`, in the order of the weight. */
export interface LowBitWeight {
  readonly codes: Int8Array
  /** One, or one an index of `axis`; may be negative. */
  readonly scales: Float32Array
  /** As scales; absent: all 0. */
  readonly zeros?: Int8Array
  readonly axis: number | null
  readonly shape: readonly number[]
  /** Width of the codes, 2 to 8. */
  readonly bits: number
}

/** Cast takes 4-bit codes from 21 on, 2-bit codes from 25 on. */
const [FOUR_BITS, TWO_BITS] = [21, 25]

/**
 * The weight under its own name as Cast and Mul of its codes (Sub of zeros between them), packed as small as an opset has types for: 3-bit codes take 4 bits, 2-bit
 * codes as well below opset 25. onnxruntime computes it once when a session is made, and products of it are float; a DequantizeLinear
 * instead would run every time. E_PLAN below opset 21 for codes of less than 5 bits, E_INTERNAL for codes beyond their width.
 */
export function lowBitWeight(
  name: string,
  { codes, scales, zeros, axis, shape, bits }: LowBitWeight,
  opset: number,
  fresh: (base: string) => string,
): { readonly nodes: readonly Node[]; readonly constants: readonly TensorRef[] } {
  const wide = bits > 4
  if (!wide && opset < FOUR_BITS) {
    throw new TersorError('E_PLAN', `${bits}-bit weights need opset ${FOUR_BITS}, found ${opset}`, {
      where: `tensor "${name}"`,
      hint: 'raise the opset first',
    })
  }
  const limit = 2 ** (bits - 1)
  const isBeyond = (code: number): boolean => code < -limit || code >= limit
  if (codes.some(isBeyond) || zeros?.some(isBeyond)) {
    throw new TersorError('E_INTERNAL', `codes beyond ${bits} bits`, { where: `tensor "${name}"` })
  }
  const dtype = wide ? 'i8' : bits === 2 && opset >= TWO_BITS ? 'i2' : 'i4'
  const stored = tensorOf(fresh(`${name}/codes`), codes, dtype, shape)
  const along = axis === null ? [] : shape.slice(axis).map((size, at) => (at === 0 ? size : 1))
  const scaleName = fresh(`${name}/scale`)
  const scale =
    axis === null ? float32(scaleName, scales[0] as number) : { ...float32s(scaleName, scales), shape: along }
  const floats = fresh(`${name}/codes/f32`)
  const nodes = [cast(stored.name, floats, 'f32')]
  const constants = [stored, scale]
  let centered = floats
  if (zeros?.some((zero) => zero !== 0)) {
    const zero = tensorOf(fresh(`${name}/zero`), zeros, dtype, along)
    const zeroFloats = fresh(`${name}/zero/f32`)
    centered = fresh(`${name}/centered`)
    nodes.push(cast(zero.name, zeroFloats, 'f32'), makeNode('Sub', [floats, zeroFloats], [centered]))
    constants.push(zero)
  }
  nodes.push(makeNode('Mul', [centered, scale.name], [name]))
  return { nodes, constants }
}

function tensorOf(name: string, codes: Int8Array, dtype: 'i8' | 'i4' | 'i2', shape: readonly number[]): TensorRef {
  const bytes = packed(codes, dtype === 'i8' ? 1 : dtype === 'i4' ? 2 : 4)
  return { name, dtype, shape, storage: { kind: 'bytes', bytes, byteLength: bytes.byteLength } }
}

/** Lowest code first. */
function packed(codes: Int8Array, perByte: number): Uint8Array {
  const bits = 8 / perByte
  const mask = 2 ** bits - 1
  const bytes = new Uint8Array(Math.ceil(codes.length / perByte))
  for (let i = 0; i < codes.length; i++) {
    const at = Math.floor(i / perByte)
    bytes[at] = (bytes[at] as number) | (((codes[i] as number) & mask) << ((i % perByte) * bits))
  }
  return bytes
}
