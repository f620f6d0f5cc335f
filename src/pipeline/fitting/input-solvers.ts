import { floatsOf } from '../../calibration/convert.ts'
import { type GramFacts, GramSums } from '../../calibration/gram-sums.ts'
import { spreadPositions, unfoldedShape } from '../../calibration/unfold.ts'
import { asSingles } from '../../calibration/value-collector.ts'
import type { Value } from '../../model/runtime.ts'
import type { Tools } from '../../model/tools.ts'
import type { GramRows } from '../../solvers/gram/rows.ts'
import {
  chooseSteps,
  type GramChoice,
  type GramMoments,
  GramSolver,
  PLAIN_CHOICE,
  someRows,
} from '../../solvers/gram/solve-gram.ts'
import { breather, paced } from '../breath.ts'
import type { FitGroup } from './fit-groups.ts'
import { groupPart } from './layer-rows.ts'
import type { PrefixLine } from './prefix-line.ts'
import type { RowSolving } from './row-solving.ts'

/** Every so many samples one is only compared on. */
const HELD_EVERY = 4
/** Rows of one look, at least, and for each element of a row. */
const LEAST_ROWS = 4096
const ROWS_PER_ELEMENT = 4
/** Longest rows whose drift is looked at and whose choices are compared: the moments are held several times. */
const MOST_COMPARED = 4096
/** Rows that are looked at without a breath. */
const ROWS = 256
/** Rows of weights that choices are made on. */
const TRIED = 96

/** Solvers of one group of rows: on all data, and on two parts of them while choosing. */
export interface InputSolvers {
  readonly all: GramSolver
  /** Null where there are too few data to compare on, or moments too large to be held three times. */
  readonly parts: { readonly fit: GramSolver; readonly held: GramSolver } | null
  readonly rows: number
}

/** By the first convolution group: a few rows of every layer. */
export async function chosenFor(
  layers: readonly GramRows[],
  [first, ...others]: readonly InputSolvers[],
  tools: Tools,
): Promise<GramChoice | null> {
  if (!first?.parts) return PLAIN_CHOICE
  const tried = Math.ceil(TRIED / layers.length)
  const some = layers.map((rows) => someRows(groupPart(rows, 0, others.length + 1), tried))
  const { fit, held } = first.parts
  const choice = await paced(chooseSteps(some, fit, held), tools)
  fit.forget()
  return choice
}

/** One for each convolution group; null where the values do not suit. */
export async function solversOf(
  { operand, unfolding, groups, depth }: FitGroup,
  balance: Float32Array | undefined,
  samples: number,
  rounded: PrefixLine,
  exact: PrefixLine,
  { floats }: Pick<RowSolving, 'floats'>,
  { kernels, signal }: Tools,
): Promise<readonly InputSolvers[] | null> {
  const compares = samples >= HELD_EVERY && depth <= MOST_COMPARED
  const drifts = depth <= MOST_COMPARED
  const sums = (): GramSums[] => Array.from({ length: groups }, () => new GramSums(depth, drifts, kernels))
  const [fit, held] = [sums(), compares ? sums() : []]
  const wanted = Math.ceil(Math.max(LEAST_ROWS, ROWS_PER_ELEMENT * depth) / samples)
  const breathe = breather()
  for (let sample = 0; sample < samples; sample++) {
    await breathe()
    const [value, like] = [rounded.value(sample, operand), exact.value(sample, operand)]
    if (!value || !like || !isFloats(value) || String(value.shape) !== String(like.shape)) return null
    const shape = unfoldedShape(unfolding, value.shape)
    if (shape.groups !== groups || shape.depth !== depth) return null
    const positions = spreadPositions(shape.positions, wanted, sample * 7919)
    const [own, other] = [asSingles(floatsOf(value)), asSingles(floatsOf(like))]
    const into = compares && sample % HELD_EVERY === HELD_EVERY - 1 ? held : fit
    for (let first = 0; first < positions.length; first += ROWS) {
      const some = positions.slice(first, first + ROWS)
      const rows = new Float32Array(some.length * depth)
      const floats = new Float32Array(some.length * depth)
      for (let group = 0; group < groups; group++) {
        shape.copy(own, group, some, rows, depth)
        shape.copy(other, group, some, floats, depth)
        into[group]?.add(rows, floats, some.length)
      }
      await breathe()
      signal?.throwIfAborted()
    }
  }
  return fit.map((one, group): InputSolvers => {
    const parts = [one.facts(), ...(held[group] ? [held[group].facts()] : [])]
    const solver = (of: readonly GramFacts[], room?: RowSolving['floats']): GramSolver =>
      new GramSolver(meanMoments(of, balance, room), kernels, room)
    return {
      all: solver(parts, floats),
      parts: compares ? { fit: solver(parts.slice(0, 1)), held: solver(parts.slice(1)) } : null,
      rows: parts.reduce((sum, { count }) => sum + count, 0),
    }
  })
}

/** Means over all parts, of inputs multiplied by `inverse`. */
function meanMoments(
  parts: readonly GramFacts[],
  inverse: Float32Array | undefined,
  floats: RowSolving['floats'] = (length) => new Float32Array(length),
): GramMoments {
  const [first] = parts as [GramFacts]
  const { depth } = first
  const count = Math.max(
    1,
    parts.reduce((sum, one) => sum + one.count, 0),
  )
  const mean = (of: (part: GramFacts) => Float64Array | null): Float32Array | null => {
    const all = parts.map(of)
    if (all.includes(null)) return null
    const made = floats(depth * depth)
    for (let i = 0; i < depth; i++) {
      for (let j = 0; j < depth; j++) {
        let sum = 0
        for (const one of all as Float64Array[]) sum += one[i * depth + j] as number
        made[i * depth + j] = (sum / count) * (inverse ? (inverse[i] as number) * (inverse[j] as number) : 1)
      }
    }
    return made
  }
  return { depth, gram: mean(({ gram }) => gram) as Float32Array, drift: mean(({ drift }) => drift) }
}

function isFloats({ dtype }: Value): boolean {
  return dtype === 'f32' || dtype === 'f16' || dtype === 'f64'
}
