import type { SampleSet } from '../../calibration/index.ts'
import { bodyValueKey } from '../../graph/bodies/index.ts'
import { intAttribute } from '../../graph/index.ts'
import type { Placement, StaticProduct } from '../../model/activation.ts'
import type { Model, ScopePath } from '../../model/graph.ts'
import type { Value } from '../../model/runtime.ts'
import type { Tools } from '../../model/tools.ts'
import type { ModelSessions } from '../model-sessions.ts'
import { BodyTaps } from '../tapped-bodies.ts'
import { shapedModel } from '../tapped-model.ts'

/** Products of one graph. */
export interface SharePart {
  readonly path: ScopePath
  readonly placement: Placement
}

/** Multiply-adds of Conv, Gemm and MatMul, per run. */
export interface IntegerShare {
  readonly integer: number
  readonly total: number
  /** What 16-bit activations add to the integer ones. */
  readonly doubled: number
  /** Products that are not counted: what they multiply is not known. */
  readonly unknown: number
}

const SAMPLES = 4

/** From what the placement knows; no bodies, nothing is run. */
export function plainShare({ placement }: SharePart): IntegerShare {
  return summed([{ path: [], placement }], ({ multiplyAdds }) => multiplyAdds)
}

/**
 * Over a few samples, evenly spread, with the shapes that the float model gives: bodies count as often as the data run them. Run only
 * where bodies are, or shapes that do not follow from the inputs.
 */
export async function integerShare(
  model: Model,
  parts: readonly SharePart[],
  samples: SampleSet,
  sessions: ModelSessions,
  tools: Tools,
): Promise<IntegerShare> {
  const isOpen = ({ op, multiplyAdds }: StaticProduct): boolean => op !== 'ConvTranspose' && multiplyAdds === null
  const [main] = parts
  if (parts.length === 1 && main && !main.placement.products.some(isOpen)) return plainShare(main)
  const taps = new BodyTaps(model)
  const asked = parts.flatMap(({ path, placement }) => placement.products.flatMap((one) => namesOf(one, path)))
  const names = asked.filter((name) => (taps.reason(name, ANY) ?? null) === null)
  const { model: shaped, shapes } = shapedModel(model, [...new Set(names)])
  const session = await sessions.session('shapes', () => shaped)
  const used = Math.min(SAMPLES, samples.count)
  const seen = new Map<string, readonly number[][]>()
  for (let i = 0; i < used; i++) {
    const { feeds } = await samples.at(Math.floor(((i + 0.5) * samples.count) / used))
    const found = await session.run(feeds, tools.signal)
    for (const [name, fact] of shapes) {
      const value = found[fact]
      if (value !== undefined) seen.set(name, [...(seen.get(name) ?? []), sizesOf(value)])
    }
  }
  return summed(parts, (product, path) => {
    const [result = '', left = ''] = namesOf(product, path)
    const given = seen.get(result)
    if (given === undefined) return product.multiplyAdds
    const adds = given.map((shape, at) => addsOf(product, shape, seen.get(left)?.[at]))
    return adds.includes(null) ? null : adds.reduce<number>((sum, one) => sum + (one ?? 0), 0) / given.length
  })
}

/** In words, for the report. */
export function shareNotes({ integer, total, doubled, unknown }: IntegerShare): readonly string[] {
  if (total === 0) return []
  const percent = (part: number): string => `${((100 * part) / total).toFixed(1)} %`
  const more = doubled > 0 ? `; 16-bit activations add ${percent(doubled)} to them` : ''
  const left = unknown > 0 ? ` (${unknown} products of unknown size left out)` : ''
  return [`${percent(integer)} of the multiply-adds of Conv, Gemm and MatMul run in integers${left}${more}`]
}

const ANY: ReadonlySet<string> = new Set(['f32', 'f16', 'f64'])

/** Keys of the result, and of the left operand where the depth is not that of a weight. */
function namesOf({ node, weight, op }: StaticProduct, path: ScopePath): readonly string[] {
  if (op === 'ConvTranspose') return []
  const names = [node.outputs[0] ?? '', ...(weight === null ? [node.inputs[0] ?? ''] : [])]
  return names.map((name) => bodyValueKey(path, name))
}

function addsOf(
  { node, op, weight }: StaticProduct,
  result: readonly number[],
  left: readonly number[] | undefined,
): number | null {
  const count = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1)
  if (count(result) === 0) return 0
  if (op === 'Conv') return weight && count(result) * count(weight.shape.slice(1))
  const axis = op === 'Gemm' && intAttribute(node, 'transB', 0) !== 0 ? -1 : -2
  // What a Loop computes comes flat.
  const depth = weight ? weight.shape.at(axis) : left && left.length > 1 ? left.at(-1) : undefined
  return depth === undefined ? null : count(result) * depth
}

function summed(
  parts: readonly SharePart[],
  addsIn: (product: StaticProduct, path: ScopePath) => number | null,
): IntegerShare {
  let [integer, total, doubled, unknown] = [0, 0, 0, 0]
  for (const { path, placement } of parts) {
    for (const product of placement.products) {
      const { op, form, weight } = product
      if (op === 'ConvTranspose') continue
      const adds = addsIn(product, path)
      if (adds === null) unknown += 1
      total += adds ?? 0
      if (form === 'stored') continue
      integer += adds ?? 0
      // Two halves, or two by two.
      if (form === 'wide' || form === 'dynamic-wide') doubled += (adds ?? 0) * (weight === null ? 3 : 1)
    }
  }
  return { integer, total, doubled, unknown }
}

function sizesOf({ data }: Value): number[] {
  if (!(data instanceof Uint8Array)) return []
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength)
  return Array.from({ length: data.byteLength / 8 }, (_, i) => Number(view.getBigInt64(8 * i, true)))
}
