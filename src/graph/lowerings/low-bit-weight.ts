import { TersorError } from '../../errors.ts'
import type { StaticWeight } from '../../model/activation.ts'
import type { Node, TensorRef } from '../../model/graph.ts'
import { cast, makeNode } from './make.ts'

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

export interface PackedWeight {
  /** Its codes in 8 bits, computed under their name by `nodes`. */
  readonly weight: StaticWeight
  readonly nodes: readonly Node[]
  readonly constants: readonly TensorRef[]
}

/** Codes of unsigned weights stand around this. */
const MIDDLE = 128

/**
 * 8-bit codes computed from packed ones, as small as an opset has types for: 3-bit codes take 4 bits, 2-bit codes as well below opset 25.
 * Cast, and Sub of zeros where there are any; onnxruntime does that once when a session is made, and the product runs in its integer kernel with the very
 * same numbers. (Floats from Cast and Mul would be quantized once more by its optimizer, with one scale for all channels.) Scales become
 * positive. E_PLAN below opset 21 for codes of less than 5 bits, E_INTERNAL for codes beyond their width.
 */
export function lowBitWeight(
  name: string,
  given: LowBitWeight,
  unsigned: boolean,
  opset: number,
  fresh: (base: string) => string,
): PackedWeight {
  const { axis, shape, bits } = given
  const wide = bits > 4
  if (!wide && opset < FOUR_BITS) {
    throw new TersorError('E_PLAN', `${bits}-bit weights need opset ${FOUR_BITS}, found ${opset}`, {
      where: `tensor "${name}"`,
      hint: 'raise the opset first',
    })
  }
  const { codes, zeros, scales } = withPositiveScales(given)
  const limit = 2 ** (bits - 1)
  const isBeyond = (code: number): boolean => code < -limit || code >= limit
  if (codes.some(isBeyond) || zeros.some(isBeyond)) {
    throw new TersorError('E_INTERNAL', `codes beyond ${bits} bits`, { where: `tensor "${name}"` })
  }
  const dtype = wide ? 'i8' : bits === 2 && opset >= TWO_BITS ? 'i2' : 'i4'
  const stored = tensorOf(fresh(`${name}/packed`), codes, dtype, shape)
  const constants = [stored]
  const nodes: Node[] = []
  const apply = (node: (output: string) => Node, what: string): string => {
    const output = fresh(`${name}/${what}`)
    nodes.push(node(output))
    return output
  }
  const output = fresh(`${name}/codes`)
  const type = unsigned ? 'u8' : 'i8'
  const moved = zeros.some((zero) => zero !== 0)
  if (!moved && !unsigned) nodes.push(cast(stored.name, output, type))
  else {
    let whole = apply((to) => cast(stored.name, to, 'i32'), 'packed/i32')
    if (moved) {
      const along = axis === null ? [] : shape.slice(axis).map((size, at) => (at === 0 ? size : 1))
      const zero = tensorOf(fresh(`${name}/packed/zero`), zeros, dtype, along)
      constants.push(zero)
      const subtracted = apply((to) => cast(zero.name, to, 'i32'), 'packed/zero/i32')
      const from = whole
      whole = apply((to) => makeNode('Sub', [from, subtracted], [to]), 'packed/centered')
    }
    if (unsigned) {
      const middle = int32(fresh(`${name}/packed/middle`), MIDDLE)
      constants.push(middle)
      const from = whole
      whole = apply((to) => makeNode('Add', [from, middle.name], [to]), 'packed/unsigned')
    }
    nodes.push(cast(whole, output, type))
  }
  const inner = axis === null ? codes.length : shape.slice(axis + 1).reduce((a, b) => a * b, 1)
  const bytes = new Uint8Array(codes.length)
  for (let i = 0; i < codes.length; i++) {
    const centered = (codes[i] as number) - (zeros[Math.floor(i / inner) % zeros.length] as number)
    bytes[i] = unsigned ? centered + MIDDLE : centered & 255
  }
  const storage = { kind: 'bytes', bytes, byteLength: bytes.byteLength } as const
  return { weight: { codes: { name: output, dtype: type, shape, storage }, scales, axis }, nodes, constants }
}

/** Where a scale is negative, codes and zeros are mirrored: -(code - zero) = (-1 - code) - (-1 - zero), inside the same width. */
function withPositiveScales({ codes, scales, zeros = new Int8Array(scales.length), axis, shape }: LowBitWeight) {
  const inner = axis === null ? codes.length : shape.slice(axis + 1).reduce((a, b) => a * b, 1)
  const isNegative = (channel: number): boolean => (scales[channel] as number) < 0
  return {
    codes: codes.map((code, i) => (isNegative(Math.floor(i / inner) % scales.length) ? -1 - code : code)),
    zeros: zeros.map((zero, channel) => (isNegative(channel) ? -1 - zero : zero)),
    scales: scales.map((scale) => Math.abs(scale)),
  }
}

function int32(name: string, value: number): TensorRef {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setInt32(0, value, true)
  return { name, dtype: 'i32', shape: [], storage: { kind: 'bytes', bytes, byteLength: 4 } }
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
