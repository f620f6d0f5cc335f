import { biasCodes, leastScalesOf } from '../../graph/lowerings/index.ts'
import { asUnsigned, operandGroups, safeWeight } from '../../graph/placement/index.ts'
import type { ActivationGrid, StaticProduct, StaticWeight } from '../../model/activation.ts'
import type { FewBits } from '../../schemes/index.ts'
import { errorsOfConstants } from './constants-error.ts'
import type { FitInput } from './fit-weights.node.ts'
import { type LearnedWeight, learnWeights } from './learn-weights.node.ts'
import type { StaticConstants } from './static-weights.ts'

/** Samples on which learned codes have to be better. */
const PROOF_SAMPLES = 8

/**
 * 8-bit codes by learned rounding for every weight that one integer product reads, where no CPU saturates with them and the bias still fits.
 * Kept only where the outputs come nearer to the float model's; else `constants` stay. `skip`: weights of fewer bits.
 */
export async function learnCodes(
  { model, placement, samples, sessions, runtime, effort, seed, tools, lowBits }: FitInput,
  grids: ReadonlyMap<string, ActivationGrid>,
  constants: StaticConstants,
): Promise<StaticConstants> {
  const bits = new Map<string, FewBits>()
  const readers = new Map<string, StaticProduct[]>()
  for (const product of placement.products) {
    const name = product.weight?.name ?? ''
    readers.set(name, [...(readers.get(name) ?? []), product])
  }
  const whole = ({ form }: StaticProduct): boolean => form === 'qdq' || form === 'conv-integer' || form === 'loose'
  for (const name of constants.weights.keys()) {
    const [product, ...others] = readers.get(name) ?? []
    const alone = product !== undefined && others.length === 0 && whole(product) && product.weight?.axis !== null
    if (alone && !lowBits?.has(name)) bits.set(name, { bits: 8, symmetric: true })
  }
  const learned = await learnWeights({
    ...{ model, placement, grids, bits, samples, runtime, tools, effort, seed },
    learns: true,
  })
  const least = leastScalesOf(placement, grids, constants.biases)
  const groupsOf = operandGroups(placement.points)
  const weights = new Map(constants.weights)
  const biases = new Map(constants.biases)
  const figures = new Map(constants.figures)
  for (const [name, made] of learned.weights) {
    const [product] = readers.get(name) ?? []
    const given = constants.weights.get(name)
    const figure = figures.get(name)
    if (!product || !given || !figure || made.gain === undefined) continue
    const { bias } = product
    const signed = positive(made, given)
    const floor = least.get(name)
    if (signed.scales.some((scale, o) => scale < (floor?.[o] ?? 0))) continue
    const scale = grids.get(groupsOf(product)[0] ?? '')?.scale
    const shared = bias !== null && placement.products.filter((one) => one.bias === bias).length > 1
    const fits =
      product.form !== 'qdq' ||
      made.bias === undefined ||
      (scale !== undefined && biasCodes(made.bias, scale, signed.scales) !== null)
    if (!fits || shared) continue
    const { form } = safeWeight(product, signed)
    weights.set(name, form === 's8' ? signed : asUnsigned(signed))
    if (bias !== null && made.bias) biases.set(bias, made.bias)
    figures.set(name, { ...figure, form, solver: made.solver, biasCorrected: made.bias !== undefined })
  }
  const made = { ...constants, weights, biases, figures }
  const choices = [constants, made].map((one) => ({ grids, weights: one.weights, biases: one.biases }))
  const [before = 0, after = 0] = await errorsOfConstants(
    model,
    placement,
    choices,
    samples,
    PROOF_SAMPLES,
    sessions,
    tools,
  )
  return after < before ? made : constants
}

/** The same numbers with scales above 0, as codes of 8 bits. */
function positive({ codes, scales }: LearnedWeight, given: StaticWeight): StaticWeight {
  const { shape } = given.codes
  const inner = given.axis === null ? codes.length : shape.slice(given.axis + 1).reduce((a, b) => a * b, 1)
  const bytes = new Uint8Array(codes.length)
  const view = new Int8Array(bytes.buffer)
  for (let i = 0; i < codes.length; i++) {
    const scale = scales[Math.floor(i / inner) % scales.length] as number
    view[i] = scale < 0 ? -(codes[i] as number) : (codes[i] as number)
  }
  return {
    codes: { ...given.codes, dtype: 'i8', storage: { kind: 'bytes', bytes, byteLength: bytes.byteLength } },
    scales: scales.map((scale) => Math.abs(scale)),
    axis: given.axis,
  }
}
