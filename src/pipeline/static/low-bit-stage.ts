import { TersorError } from '../../errors.ts'
import { decibels } from '../../evaluation/decibels.ts'
import { type LowBitWeight, leastScalesOf } from '../../graph/lowerings/index.ts'
import type { ActivationGrid, Placement } from '../../model/activation.ts'
import type { Model } from '../../model/graph.ts'
import type { FewBitsFacts } from '../../model/layer-facts.ts'
import type { DecisionFact } from '../../model/report.ts'
import type { Tools } from '../../model/tools.ts'
import { elementCountOf } from '../../numbers/dtype.ts'
import { type FewBits, formatFewBits } from '../../schemes/index.ts'
import { ConstantFloats } from './constant-floats.ts'
import type { LearnedWeight, LearnResult } from './learn-weights.node.ts'
import { searchedWeight } from './searched-weight.ts'
import type { StaticConstants } from './static-weights.ts'

/** Codes of few bits by running the model. */
export type Learn = (
  grids: ReadonlyMap<string, ActivationGrid>,
  constants: StaticConstants,
  bits: ReadonlyMap<string, FewBits>,
) => Promise<LearnResult>

export interface FewBitWeight extends LowBitWeight {
  readonly facts: FewBitsFacts
}

/** Weights of fewer than 8 bits of a stage. */
export interface LowBits {
  readonly weights: ReadonlyMap<string, FewBitWeight>
  readonly decisions: readonly DecisionFact[]
  readonly notes: readonly string[]
  /** Codes of the other weights, and all biases. */
  readonly constants: StaticConstants
}

export interface LowBitsInput {
  readonly model: Model
  readonly placement: Placement
  readonly grids: ReadonlyMap<string, ActivationGrid>
  /** 8-bit codes of all weights. */
  readonly constants: StaticConstants
  /** By weight. */
  readonly bits: ReadonlyMap<string, FewBits>
  /** `60 samples` */
  readonly data: string
  readonly tools: Tools
  readonly learn?: Learn
  /** Scales by the largest magnitude, where nothing is learned. */
  readonly nearest: boolean
}

/** Codes of few bits for the weights that rules name and products read; without `learn`, those of least squared error. */
export async function lowBitsOf(input: LowBitsInput): Promise<LowBits> {
  const { model, placement, grids, constants, tools, data } = input
  const bits = new Map<string, FewBits>()
  for (const { weight } of placement.products) {
    const width = weight && input.bits.get(weight.name)
    if (weight && width) bits.set(weight.name, width)
  }
  const none = { weights: new Map(), figures: new Map(), notes: [] }
  if (bits.size === 0) return { weights: new Map(), decisions: [], notes: [], constants }
  const learned: LearnResult = input.learn ? await input.learn(grids, constants, bits) : none
  const weights = new Map<string, FewBitWeight>()
  const decisions = new Map<string, DecisionFact>()
  const biases = new Map(constants.biases)
  const floats = new ConstantFloats(model, tools.kernels)
  const given = new Map(
    placement.products.flatMap(({ weight, bias }) => {
      const own = learned.weights.get(weight?.name ?? '')?.bias
      return bias !== null && own ? [[bias, own] as const] : []
    }),
  )
  const floors = leastScalesOf(placement, grids, new Map([...constants.plainBiases, ...given]))
  for (const { weight, bias, label, node, form } of placement.products) {
    const width = bits.get(weight?.name ?? '')
    if (!weight || width === undefined) continue
    const { name, axis, shape } = weight
    const earlier = decisions.get(name)
    if (earlier) {
      decisions.set(name, { ...earlier, consumers: [...earlier.consumers, label] })
      continue
    }
    const values = await floats.of(name)
    const made: LearnedWeight =
      fitting(learned, name, values.length, weight) ?? searchedWeight(values, weight, width, input.nearest)
    const { codes, scales, zeros } = aboveFloor(made, weight, floors.get(name))
    const { solver, gain } = made
    const [scheme, sqnrDb] = [formatFewBits(width), Math.min(999, sqnrOf(values, made, weight))]
    const left = gain && gain.before > 0 ? { left: gain.after / gain.before } : {}
    const facts = { name, shape, scheme, solver, sqnrDb, ...left }
    weights.set(name, { codes, scales, zeros, axis, shape, bits: width.bits, facts })
    const plain = bias === null ? undefined : constants.plainBiases.get(bias)
    if (bias !== null && (made.bias ?? plain)) biases.set(bias, (made.bias ?? plain) as Float32Array)
    decisions.set(name, {
      tensor: name,
      consumers: [label],
      op: node.op,
      action: 'quantize',
      scheme,
      lowering:
        form === 'qdq' || form === 'stored'
          ? 'onnx/qdq'
          : node.op === 'Conv'
            ? 'onnx/conv-integer'
            : 'onnx/matmul-integer',
      packing: 'onnx/elements',
      solver,
      corrections: made.bias ? ['bias'] : [],
      because: { code: 'asked', text: reasonOf(facts, data) },
      shape,
      bytesBefore: elementCountOf(shape) * 4,
      bytesAfter: Math.ceil(codes.length / 2) + scales.byteLength + (width.symmetric ? 0 : Math.ceil(zeros.length / 2)),
      sqnrDb,
    })
  }
  const others = new Map([...constants.weights].filter(([name]) => !weights.has(name)))
  return {
    weights,
    decisions: [...decisions.values()],
    notes: learned.notes,
    constants: { ...constants, weights: others, biases },
  }
}

/** What was learned of a weight. E_FORMAT where it comes from a file and is of another one. */
function fitting(
  { weights }: LearnResult,
  name: string,
  length: number,
  { axis, shape }: { readonly axis: number | null; readonly shape: readonly number[] },
): LearnedWeight | undefined {
  const made = weights.get(name)
  if (made === undefined) return undefined
  if (made.codes.length === length && made.scales.length === (axis === null ? 1 : shape[axis])) return made
  throw new TersorError('E_FORMAT', `the statistics hold learned weights that do not fit this model: ${name}`, {
    where: name,
    hint: 'collect them again: delete the file or name another one',
  })
}

function reasonOf({ solver, left }: FewBitsFacts, data: string): string {
  const form = 'packed codes that run as integers of 8 bits, activations by ranges'
  if (left === undefined) return `a rule asks for it; ${form} of ${data}; codes by ${solver} of the weights alone`
  const how = solver === 'adaround' ? 'learned rounding leaves' : 'codes by descent leave'
  return `a rule asks for it; ${form} of ${data}; ${how} ${(100 * left).toFixed(1)} % of the error that nearest codes make in what its group of layers gives`
}

/** Channels of next to no weights become zeros, at a scale that their bias has codes for. */
function aboveFloor(
  made: LearnedWeight,
  { axis, shape }: { readonly axis: number | null; readonly shape: readonly number[] },
  floors: Float32Array | undefined,
): LearnedWeight {
  const isLow = (channel: number): boolean => Math.abs(made.scales[channel] as number) < (floors?.[channel] ?? 0)
  if (!made.scales.some((_, channel) => isLow(channel))) return made
  const inner = axis === null ? made.codes.length : shape.slice(axis + 1).reduce((a, b) => a * b, 1)
  return {
    ...made,
    scales: made.scales.map((scale, channel) => (isLow(channel) ? (floors?.[channel] as number) : scale)),
    codes: made.codes.map((code, i) => {
      const channel = Math.floor(i / inner) % made.scales.length
      return isLow(channel) ? (made.zeros[channel] as number) : code
    }),
  }
}

/** Of the weights themselves, which is not what learning aims at. */
function sqnrOf(
  values: Float32Array,
  { codes, scales, zeros }: LearnedWeight,
  { axis, shape }: { readonly axis: number | null; readonly shape: readonly number[] },
): number {
  const inner = axis === null ? codes.length : shape.slice(axis + 1).reduce((a, b) => a * b, 1)
  let [energy, error] = [0, 0]
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number
    const channel = scales.length === 1 ? 0 : Math.floor(i / inner) % scales.length
    energy += value * value
    error += (value - ((codes[i] as number) - (zeros[channel] as number)) * (scales[channel] as number)) ** 2
  }
  return error === 0 ? Number.POSITIVE_INFINITY : decibels(energy, error)
}
