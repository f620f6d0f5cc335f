import type { StaticProduct, StaticWeight } from '../../model/activation.ts'

/**
 * u8 x s8 kernels on x86 without VNNI add pairs of products in a saturating int16: 255 * 128 fits, 255 * 129 does not.
 * (The same number as in src/solvers; parts do not import each other.)
 */
const SAFE_PAIR = 128

/** What keeps a layer exact on every CPU. 's8': as it is. 'u8': the same numbers stored around 128. */
export type SafeForm = 's8' | 'u8'

export interface SafeWeight {
  readonly form: SafeForm
  /** Largest sum of two neighbouring codes of one sign; 0 where the kernel never adds pairs. */
  readonly worstPair: number
  readonly because: string
}

/**
 * How to store the signed codes of a weight so that no CPU saturates, decided from the codes themselves. The kernels take the reduction in
 * the order kernel position, then input channel of the group, so neighbours in the file (along the kernel's width) are not
 * neighbours in the sum; measured on an emulated CPU, see docs/decisions/0028-static-safe-weights.md.
 */
export function safeWeight(product: StaticProduct, weight: StaticWeight): SafeWeight {
  if (product.form === 'stored') return { form: 's8', worstPair: 0, because: 'computed in float' }
  if (product.form === 'conv-integer') {
    return { form: 'u8', worstPair: 0, because: 'ConvInteger is exact with both, and five times faster with u8' }
  }
  if (product.form !== 'qdq') return { form: 'u8', worstPair: 0, because: 'kernels of two unsigned operands are exact' }
  if (product.depthwise) return { form: 's8', worstPair: 0, because: 'depthwise kernels add in 32 bits' }
  const worstPair = worstPairOf(product, weight)
  if (worstPair <= SAFE_PAIR) return { form: 's8', worstPair, because: 'no two neighbours can overflow' }
  return { form: 'u8', worstPair, because: `neighbours add up to ${worstPair}, beyond ${SAFE_PAIR}` }
}

/** The form that suits all products that read one weight. */
export function safeWeightFor(products: readonly StaticProduct[], weight: StaticWeight): SafeWeight {
  const forms = products.filter(({ form }) => form !== 'stored').map((product) => safeWeight(product, weight))
  const stored: SafeWeight = { form: 's8', worstPair: 0, because: 'computed in float' }
  return forms.find(({ form }) => form === 'u8') ?? forms[0] ?? stored
}

/** The same numbers as unsigned codes around 128. */
export function asUnsigned(weight: StaticWeight): StaticWeight {
  const { codes } = weight
  if (codes.dtype === 'u8' || codes.storage.kind !== 'bytes') return weight
  const bytes = new Uint8Array(codes.storage.bytes)
  for (let i = 0; i < bytes.length; i++) bytes[i]! ^= 128
  return {
    ...weight,
    codes: { ...codes, dtype: 'u8', storage: { kind: 'bytes', bytes, byteLength: bytes.byteLength } },
  }
}

/** Largest |a + b| over codes of one sign that are neighbours in the order in which the kernel of the product adds. */
export function worstPairOf(product: StaticProduct, { codes }: StaticWeight): number {
  if (codes.storage.kind !== 'bytes' || product.weight === null) return 2 * SAFE_PAIR
  const { bytes } = codes.storage
  const signed = new Int8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const values = codes.dtype === 'u8' ? Int8Array.from(bytes, (code) => code - 128) : signed
  return worstPairs(product, values).reduce((most, one) => Math.max(most, one), 0)
}

/**
 * Least scales, one a channel, at which no two neighbours overflow however they are rounded: a pair that sums to P gets codes that
 * add up to at most P / scale + 1. Keeps s8 weights, and their speed, for some 30 % of the resolution of Gaussian weights.
 * Null where the kernel never adds pairs.
 */
export function safePairScales(product: StaticProduct, values: Float32Array): Float32Array | null {
  if (product.form !== 'qdq' || product.depthwise || product.weight === null) return null
  const worst = worstPairs(product, values)
  const scales = Float32Array.from(worst, (sum) => Math.fround((sum / (SAFE_PAIR - 1)) * (1 + 2 ** -22)))
  return product.weight.axis === null ? Float32Array.of(scales.reduce((a, b) => Math.max(a, b), 0)) : scales
}

/** Largest sum of neighbours of one sign, per channel of the product (matrices of a stack share their channels). */
function worstPairs(product: StaticProduct, values: Int8Array | Float32Array): Float64Array {
  const { shape, axis } = product.weight ?? { shape: [], axis: null }
  if (product.op === 'Conv') {
    const [channels = 0, depth = 0] = shape
    const positions = shape.slice(2).reduce((a, b) => a * b, 1)
    const worst = new Float64Array(channels)
    const run = { outer: positions, outerStep: 1, inner: depth, innerStep: positions }
    for (let channel = 0; channel < channels; channel++) raise(worst, channel, values, channel * depth * positions, run)
    return worst
  }
  const [rows = 0, columns = 0] = shape.slice(-2)
  const byRow = axis !== null && axis === shape.length - 2
  const worst = new Float64Array(byRow ? rows : columns)
  const run = byRow
    ? { outer: 1, outerStep: 0, inner: columns, innerStep: 1 }
    : { outer: 1, outerStep: 0, inner: rows, innerStep: columns }
  for (let base = 0; base < values.length; base += rows * columns) {
    for (let channel = 0; channel < worst.length; channel++) {
      raise(worst, channel, values, base + (byRow ? channel * columns : channel), run)
    }
  }
  return worst
}

/** Elements in the order in which they are added: two nested steps. */
interface Run {
  readonly outer: number
  readonly outerStep: number
  readonly inner: number
  readonly innerStep: number
}

function raise(worst: Float64Array, channel: number, values: Int8Array | Float32Array, start: number, run: Run): void {
  const { outer, outerStep, inner, innerStep } = run
  let most = worst[channel] as number
  let before = 0
  for (let i = 0, from = start; i < outer; i++, from += outerStep) {
    for (let j = 0, at = from; j < inner; j++, at += innerStep) {
      const value = values[at] as number
      if (value < 0 === before < 0) {
        const sum = Math.abs(value + before)
        if (sum > most) most = sum
      }
      before = value
    }
  }
  worst[channel] = most
}
