import type { ModelFamily, WeightFacts } from '../model/inventory.ts'
import type { IntegerSpec, LevelsSpec } from '../model/packing.ts'
import type { Reason } from '../model/plan.ts'
import type { IntegerBits, SchemeSpec } from '../model/scheme.ts'
import type { Target } from '../model/target.ts'
import { partOf } from './forms.ts'

/** One way to store a weight, in order of preference. With several specs, measurement chooses (error per byte). */
export interface Option {
  readonly form: string
  readonly specs: readonly SchemeSpec[]
  readonly because: Reason
}

const channel8 = (symmetric: boolean, scale: 'f32' | 'f16' = 'f32'): IntegerSpec => ({
  family: 'integer',
  bits: 8,
  granularity: { kind: 'channel' },
  symmetric,
  scale,
})

const blocks = (bits: IntegerBits, size: number, symmetric: boolean, scale: 'f32' | 'f16'): IntegerSpec => ({
  family: 'integer',
  bits,
  granularity: { kind: 'block', size },
  symmetric,
  scale,
})

/** 8 bits a weight, expanded to float when a session is made: smaller file, float speed and arithmetic. */
function stored8(text: string, weight: WeightFacts): Option[] {
  const view = weight.uses[0]?.view
  const halves = view !== undefined && view !== null && view.stack * view.channels >= LEAST_HALVES
  const scales = halves && weight.elementCount < LARGE_MATRIX ? (['f32', 'f16'] as const) : (['f32'] as const)
  const specs = scales.flatMap((scale) => [channel8(true, scale), channel8(false, scale)])
  return [{ form: 'expand', specs, because: { code: 'default', text } }]
}

/** Fewest scales that save more as f16 than the node that casts them takes. Large matrices: nothing to gain. */
const LEAST_HALVES = 48

const table8: Option = {
  form: 'gather-rows',
  specs: [channel8(true, 'f16'), channel8(false, 'f16')],
  because: { code: 'default', text: 'embedding table: 8 bits with a scale a row, gathered as codes' },
}

/** From here on a matrix takes time worth an integer kernel; below, bytes and accuracy count. */
const LARGE_MATRIX = 1 << 20

/**
 * Weight-only kernels for linear layers: blocks, zero kind by error per byte. Large matrices get f32 scales, which the fast
 * kernels (accuracy level 4) need as constants; small ones get f16 scales and smaller blocks at the same bytes, computed exactly.
 */
function nbits(bits: IntegerBits, weight: WeightFacts, target: Target): Option[] {
  const kernel = target.matmulNBits
  if (!kernel?.bits.includes(bits)) return []
  const large = weight.elementCount >= LARGE_MATRIX || !kernel.halfScalesBehindCast
  const scale = large || bits === 8 ? 'f32' : 'f16'
  const sizes = bits === 8 ? [128] : large ? [32] : [16, 32]
  return [
    {
      form: 'matmul-nbits',
      specs: sizes.flatMap((size) => [blocks(bits, size, true, scale), blocks(bits, size, false, scale)]),
      because: {
        code: 'error-per-byte',
        text: `MatMulNBits, ${bits} bits; kind of zero point and block size by error per byte${large ? ', f32 scales for the integer kernels' : ', f16 scales computed exactly'}`,
      },
    },
  ]
}

const half16: Option = {
  form: 'half',
  specs: [{ family: 'half', dtype: 'f16' }],
  because: { code: 'default', text: 'half precision in the file and in the computation' },
}

/** As transformers.js means it: MatMulNBits in blocks of 32 for linear layers, and nothing else. */
function browserBits(bits: IntegerBits, half: boolean, target: Target): Option[] {
  if (!target.matmulNBits?.bits.includes(bits)) return []
  const text = `MatMulNBits, ${bits} bits in blocks of 32 as transformers.js has them${half ? ', scales and activations in f16' : ''}`
  const scale = half ? 'f16' : 'f32'
  const specs = [blocks(bits, 32, true, scale), blocks(bits, 32, false, scale)]
  return [{ form: 'matmul-nbits', specs, because: { code: 'error-per-byte', text } }]
}

const nf4: LevelsSpec = {
  family: 'levels',
  table: 'nf4',
  bits: 4,
  granularity: { kind: 'block', size: 64 },
  symmetric: true,
  scale: 'f32',
}

/** MatMulBnb4 has blocks over the whole matrix: where they do not divide K they go on from channel to channel. */
function bnb4(spec: SchemeSpec, { uses }: WeightFacts, because: Reason): Option {
  const depth = uses[0]?.view?.depth ?? 0
  const isRun = spec.family === 'levels' && spec.granularity.kind === 'block' && depth % spec.granularity.size !== 0
  const own: SchemeSpec = isRun ? { ...spec, granularity: { ...spec.granularity, kind: 'run' } } : spec
  return { form: 'matmul-bnb4', specs: [own], because }
}

/** Embedding that is also the head: stored once, read by GatherBlockQuantized and MatMulNBits. */
function tied8(target: Target): Option[] {
  if (!target.matmulNBits?.bits.includes(8) || !target.gatherBlockQuantized?.bits.includes(8)) return []
  return [64, 32, 16].map((size) => ({
    form: 'matmul-nbits',
    specs: [blocks(8, size, true, 'f32')],
    because: { code: 'shared', text: 'embedding and head are one tensor: 8 bits, stored once for both' },
  }))
}

/** Preset -> options, by what the weight is used as. */
export function optionsOf(preset: string, weight: WeightFacts, target: Target): readonly Option[] {
  const part = partOf(weight)
  switch (preset) {
    case 'fp16-weights':
      return [
        {
          form: 'half',
          specs: [{ family: 'half', dtype: 'f16' }],
          because: { code: 'default', text: 'half precision in the file, cast back when a session is made' },
        },
      ]
    case 'fp16':
      return [half16]
    case 'q2':
    case 'q2f16':
    case 'q4':
    case 'q4f16': {
      const half = preset.endsWith('f16')
      const rest = half ? [half16] : []
      if (part !== 'linear') return rest
      return [...browserBits(preset.startsWith('q2') ? 2 : 4, half, target), ...rest]
    }
    case 'bnb4':
      if (part !== 'linear') return []
      return [
        bnb4(nf4, weight, { code: 'default', text: 'MatMulBnb4, NF4 in blocks of 64 as transformers.js has them' }),
      ]
    case 'q8':
      return optionsOf('int8', weight, target)
    case 'uint8':
      // Unsigned codes for integer products, as the name says; what is stored only has no sign that matters.
      return optionsOf('int8', weight, target).filter(({ form }) => form !== 'matmul-integer-rows')
    case 'bf16-weights':
      return [
        {
          form: 'half',
          specs: [{ family: 'half', dtype: 'bf16' }],
          because: { code: 'default', text: 'bfloat16 in the file, cast back when a session is made' },
        },
      ]
    case 'int8': {
      const stored = stored8('8 bits in the file, expanded at load: saves bytes, not time', weight)
      if (part === 'linear' && target.matmulInteger) {
        const because: Reason = {
          code: 'saturation',
          text: 'integer product with activations quantized at run time; unsigned codes, which no CPU saturates',
        }
        const rows: Reason = {
          code: 'saturation',
          text: 'integer product, activations quantized row by row at run time; signed codes whose pairs no CPU saturates',
        }
        return [
          { form: 'matmul-integer-rows', specs: [channel8(true)], because: rows },
          { form: 'matmul-integer', specs: [channel8(true), channel8(false)], because },
          { form: 'dynamic-matmul', specs: [channel8(true), channel8(false)], because },
          ...stored,
        ]
      }
      if (part === 'lstm' && target.dynamicQuantizeLstm) {
        return [
          {
            form: 'dynamic-lstm',
            specs: [channel8(true)],
            because: { code: 'saturation', text: 'DynamicQuantizeLSTM: unsigned codes around 128, a scale a gate row' },
          },
          ...stored,
        ]
      }
      if (part === 'table') return [table8, ...stored]
      if (part === 'convolution')
        return stored8(
          'convolution: 8 bits in the file, expanded at load; saves bytes, not time (int8-static computes in integers)',
          weight,
        )
      return stored
    }
    // What has no place among integers with static ranges is stored in 8 bits, but for cells, which have an operator.
    case 'int8-static':
      return optionsOf(part === 'lstm' ? 'int8' : 'int8-weights', weight, target)
    case 'int8-weights':
      return part === 'table'
        ? [table8, ...stored8('8 bits in the file', weight)]
        : stored8('8 bits a weight with a scale a channel, expanded at load to float', weight)
    case 'int4-weights':
    case 'int2-weights': {
      const bits = preset === 'int4-weights' ? 4 : 2
      if (part === 'linear')
        return [...nbits(bits, weight, target), ...stored8(`no ${bits}-bit kernel fits here; 8 bits`, weight)]
      if (part === 'tied') return [...tied8(target), ...stored8('embedding and head are one tensor: 8 bits', weight)]
      if (part === 'table') return [table8, ...stored8('8 bits in the file', weight)]
      return stored8(`${bits}-bit codes without blocks lose too much here; 8 bits`, weight)
    }
    default:
      return []
  }
}

/** Presets of few bits: their first and last layers keep 8. */
const FEW_BITS: ReadonlySet<string> = new Set(['int4-weights', 'int2-weights', 'q4', 'q4f16', 'q2', 'q2f16', 'bnb4'])

/**
 * 8 bits for a layer at an end of the model, where presets of few bits are meant: raw features are of any scale, and an error of
 * the answers is made good by nothing. Empty where the preset has 8 bits or more already, or the target no kernel.
 */
export function outerOptions(preset: string, weight: WeightFacts, target: Target): readonly Option[] {
  if (weight.outer === undefined || !FEW_BITS.has(preset)) return []
  const named = preset.startsWith('q') || preset === 'bnb4'
  const options = named ? browserBits(8, preset.endsWith('f16'), target) : nbits(8, weight, target)
  const text = `the ${weight.outer === 'first' ? 'first layer, which reads the features as they are' : 'last layer, which makes the answers'}: 8 bits`
  return options.map((option) => ({ ...option, because: { code: 'outer', text } }))
}

/** Options for a scheme asked by id: forms that can hold it, best first. */
export function optionsOfScheme(spec: SchemeSpec, weight: WeightFacts, asked: string): readonly Option[] {
  const because: Reason = { code: 'asked', text: `asked for as ${asked}` }
  if (spec.family === 'half') return [{ form: 'half', specs: [spec], because }]
  const part = partOf(weight)
  if (spec.family === 'levels') return optionsOfLevels(spec, weight, because)
  const order: string[] = []
  // One bit each in a lookup, two in a kernel.
  if (spec.only === 'binary') order.push('lookup')
  if (spec.granularity.kind === 'block') {
    if (part === 'linear' || part === 'tied') order.push('matmul-nbits')
    if (part === 'table') order.push('gather-block')
    order.push(spec.only === undefined ? 'dequantize' : 'lookup')
  } else if (spec.only !== undefined) order.push('lookup')
  else {
    if (part === 'table') order.push('gather-rows')
    order.push(spec.bits === 8 ? 'expand' : 'dequantize', spec.bits === 8 ? 'dequantize' : 'expand')
  }
  return order.map((form) => ({ form, specs: [spec], because }))
}

/** A kernel where there is one; else levels are looked up when a session is made, which saves bytes and no time. */
function optionsOfLevels(spec: LevelsSpec, weight: WeightFacts, because: Reason): readonly Option[] {
  const text = `${because.text}; levels are looked up when a session is made: saves bytes, not time`
  const option: Option = { form: 'lookup', specs: [spec], because: { ...because, text } }
  const kernel = partOf(weight) === 'linear' ? [bnb4(spec, weight, because)] : []
  return [...kernel, option]
}

/** What `auto` means for a family on a target, and why. */
export function resolveAuto(
  family: ModelFamily,
  linearShare: number,
  wideLayers: boolean,
): { preset: string; because: string } {
  if (family === 'recurrent')
    return { preset: 'int8', because: 'recurrent layers run in integers on every target of onnxruntime' }
  if ((family === 'transformer' || family === 'mlp') && wideLayers && linearShare > 0.3) {
    return {
      preset: 'int8',
      because: 'most weights sit in wide linear layers, whose integer kernels are faster than float',
    }
  }
  return {
    preset: 'int8-weights',
    because:
      family === 'convolutional'
        ? 'convolutions without calibration data: 8 bits in the file at float speed'
        : 'small or mixed layers gain no time from integer kernels: 8 bits in the file at float speed',
  }
}
