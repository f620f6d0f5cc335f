import { floatsOf as valueFloats } from '../../calibration/convert.ts'
import { type GramFacts, GramSums } from '../../calibration/gram-sums.ts'
import type { SampleSet } from '../../calibration/index.ts'
import { spreadPositions, unfoldedShape } from '../../calibration/unfold.ts'
import { asSingles } from '../../calibration/value-collector.ts'
import { asTersorError } from '../../errors.ts'
import type { TensorRef } from '../../model/graph.ts'
import type { WeightFacts } from '../../model/inventory.ts'
import type { IntegerSpec } from '../../model/packing.ts'
import type { Sample, Value } from '../../model/runtime.ts'
import type { Tools } from '../../model/tools.ts'
import { gridShapeOf } from '../../numbers/grid-shape.ts'
import { decode, encodeHalf } from '../../schemes/index.ts'
import { decodeRows, type GramRows } from '../../solvers/gram/rows.ts'
import {
  chooseBy,
  type GramChoice,
  type GramMoments,
  GramSolver,
  PLAIN_CHOICE,
  someRows,
} from '../../solvers/gram/solve-gram.ts'
import { solveTensor } from '../../solvers/index.ts'
import { breather } from '../breath.ts'
import { floatsOf } from '../floats.ts'
import type { ModelSessions } from '../model-sessions.ts'
import type { WeightWork } from '../plan.ts'
import { balanceValues, requireFinite } from '../produce/tile.ts'
import { type FitGroup, type FitLayer, fitGroups } from './fit-groups.ts'
import type { FitInput, FitResult, FittedWeight } from './fitted.ts'
import { PrefixLine } from './prefix-line.ts'
import { segmentsOf } from './segments.ts'

/** Every so many samples one is only compared on. */
const HELD_EVERY = 4
/** Rows of one look, at least, and for each element of a row. */
const LEAST_ROWS = 4096
const ROWS_PER_ELEMENT = 4
/** Longest rows whose drift is looked at and whose choices are compared: the moments are held several times. */
const MOST_COMPARED = 4096
/** Rows of weights that choices are made on. */
const TRIED = 96
/** Elements of a weight that is only decoded for what comes behind it. */
const MOST_DECODED = 2 ** 26

export async function fitWeights(
  { model, plan }: FitInput,
  set: SampleSet,
  sessions: ModelSessions,
  tools: Tools,
): Promise<FitResult> {
  const { groups, refused: unfit } = fitGroups(model, plan)
  const refused = new Map(unfit)
  const fitted = new Map<WeightFacts, FittedWeight>()
  const samples: Sample[] = []
  for (let index = 0; index < set.count; index++) samples.push(await set.at(index))
  const segments = segmentsOf(
    model,
    groups.map(({ operand }) => operand),
  )
  const rounded = new PrefixLine('quantized', model, segments, samples, sessions, tools)
  const exact = new PrefixLine('float', model, segments, samples, sessions, tools)
  const constants = new Map<string, TensorRef>()
  const inGroups = new Set(groups.flatMap(({ layers }) => layers.map(({ work }) => work.weight)))
  for (const work of plan.work) {
    if (inGroups.has(work.weight) || work.weight.scope.length > 0) continue
    const tensor = await decodedAlone(work, tools)
    if (tensor) constants.set(tensor.name, tensor)
  }
  const breathe = breather()
  for (const [index, group] of groups.entries()) {
    tools.signal?.throwIfAborted()
    tools.notify({ phase: 'fit', done: index, total: groups.length, note: group.layers[0]?.work.weight.name ?? '' })
    await breathe()
    try {
      await rounded.advance(constants)
      await exact.advance(new Map())
    } catch (thrown) {
      const error = asTersorError(thrown)
      if (error.code !== 'E_RUNTIME' || tools.signal?.aborted) throw thrown
      // Nothing behind can be looked at either.
      const left = groups.slice(index).flatMap(({ layers }) => layers)
      for (const { work } of left) refused.set(work.weight, `the model does not run up to it: ${error.message}`)
      break
    }
    const layers: { readonly layer: FitLayer; readonly rows: GramRows }[] = []
    for (const layer of group.layers) layers.push({ layer, rows: await rowsOf(layer, tools) })
    const inverse = group.layers[0]?.work.inverse
    const solvers = await solversOf(group, inverse, samples.length, rounded, exact, tools)
    const choice =
      solvers &&
      chosen(
        layers.map(({ rows }) => rows),
        solvers,
      )
    for (const { layer, rows } of layers) {
      tools.signal?.throwIfAborted()
      await breathe()
      const { weight } = layer.work
      const found = solvers && choice ? fitLayer(layer, rows, solvers, choice) : null
      if (found) fitted.set(weight, found)
      else
        refused.set(
          weight,
          solvers ? 'its input is zero or not finite on the data' : 'its input has no rows of its depth',
        )
      const tensor = found
        ? tensorOf(layer.work, decode(found.quantized, tools.kernels), tools.kernels)
        : await decodedAlone(layer.work, tools)
      if (tensor) constants.set(tensor.name, tensor)
    }
    rounded.forget()
    exact.forget()
  }
  return { fitted, refused, notes: [] }
}

/** Solvers of one group of rows: on all data, and on two parts of them while choosing. */
interface Solvers {
  readonly all: GramSolver
  /** Null where there are too few data to compare on, or moments too large to be held three times. */
  readonly parts: { readonly fit: GramSolver; readonly held: GramSolver } | null
  readonly rows: number
}

/** By the first convolution group: a few rows of every layer. */
function chosen(layers: readonly GramRows[], [first, ...others]: readonly Solvers[]): GramChoice | null {
  if (!first?.parts) return PLAIN_CHOICE
  const tried = Math.ceil(TRIED / layers.length)
  const some = layers.map((rows) => someRows(part(rows, 0, others.length + 1), tried))
  const { fit, held } = first.parts
  const choice = chooseBy(some, fit, held)
  fit.forget()
  return choice
}

/** One for each convolution group; null where the values do not suit. */
async function solversOf(
  { operand, unfolding, groups, depth }: FitGroup,
  balance: Float32Array | undefined,
  samples: number,
  rounded: PrefixLine,
  exact: PrefixLine,
  { kernels }: Tools,
): Promise<readonly Solvers[] | null> {
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
    const [own, other] = [asSingles(valueFloats(value)), asSingles(valueFloats(like))]
    const rows = new Float32Array(positions.length * depth)
    const floats = new Float32Array(positions.length * depth)
    for (let group = 0; group < groups; group++) {
      shape.copy(own, group, positions, rows, depth)
      shape.copy(other, group, positions, floats, depth)
      const into = compares && sample % HELD_EVERY === HELD_EVERY - 1 ? held : fit
      into[group]?.add(rows, floats, positions.length)
    }
  }
  return fit.map((one, group): Solvers => {
    const parts = [one.facts(), ...(held[group] ? [held[group].facts()] : [])]
    const solver = (of: readonly GramFacts[]) => new GramSolver(meanMoments(of, balance), kernels)
    return {
      all: solver(parts),
      parts: compares ? { fit: solver(parts.slice(0, 1)), held: solver(parts.slice(1)) } : null,
      rows: parts.reduce((sum, { count }) => sum + count, 0),
    }
  })
}

/** Means over all parts, of inputs multiplied by `inverse`. */
function meanMoments(parts: readonly GramFacts[], inverse: Float32Array | undefined): GramMoments {
  const [first] = parts as [GramFacts]
  const { depth } = first
  const count = Math.max(
    1,
    parts.reduce((sum, one) => sum + one.count, 0),
  )
  const mean = (of: (part: GramFacts) => Float64Array | null): Float32Array | null => {
    const all = parts.map(of)
    if (all.includes(null)) return null
    const made = new Float32Array(depth * depth)
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

/** Balanced rows of a weight, one an output channel. */
async function rowsOf({ work, view, spec }: FitLayer, { kernels }: Tools): Promise<GramRows> {
  const { weight, balance } = work
  const values = await floatsOf(weight.tensor, 0, weight.elementCount, kernels)
  requireFinite(weight.name, values, 0)
  balanceValues({ ...(balance ? { balance } : {}), view }, values, 0)
  const { channels, depth } = view
  const rows = view.along === 'row' ? values : turned(values, depth, channels, new Float32Array(values.length))
  return { values: rows, channels, depth, spec }
}

/** Rows of one of `groups` groups of output channels. */
function part(rows: GramRows, group: number, groups: number): GramRows {
  const channels = rows.channels / groups
  const size = channels * rows.depth
  return { ...rows, channels, values: rows.values.subarray(group * size, (group + 1) * size) }
}

function fitLayer(
  { spec, view }: FitLayer,
  rows: GramRows,
  solvers: readonly Solvers[],
  choice: GramChoice,
): FittedWeight | null {
  const { values, channels, depth } = rows
  const codes = new Uint8Array(values.length)
  const perChannel = gridShapeOf(spec.granularity, view).blocks
  const scales = new Float32Array(channels * perChannel)
  const zeros = new Uint8Array(scales.length)
  for (const [group, { all }] of solvers.entries()) {
    const solved = all.solve(part(rows, group, solvers.length), choice)
    if (solved === null) return null
    codes.set(solved.codes, (group * codes.length) / solvers.length)
    scales.set(solved.scales, (group * scales.length) / solvers.length)
    zeros.set(solved.zeros, (group * scales.length) / solvers.length)
  }
  const decoded = decodeRows(rows, { codes, scales, zeros })
  let [squaredError, energy] = [0, 0]
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number
    squaredError += (value - (decoded[i] as number)) ** 2
    energy += value * value
  }
  const stored = view.along === 'row' ? codes : turned(codes, channels, depth, new Uint8Array(codes.length))
  return {
    quantized: { spec, view, codes: stored, scales, ...(spec.symmetric ? {} : { zeros }) },
    squaredError,
    energy,
    solver: 'gptq',
    corrections: [
      `damping ${choice.damping}`,
      ...(choice.drift > 0 ? [`drift ${choice.drift}`] : []),
      ...(choice.ordered ? ['act-order'] : []),
    ],
    because: `codes by the second moments of ${solvers[0]?.rows ?? 0} rows of its input behind the quantized layers before it`,
  }
}

/** What a weight that is not fitted decodes to; null where nothing is known of it before the file is written. */
async function decodedAlone(work: WeightWork, { kernels }: Tools): Promise<TensorRef | null> {
  const { weight, spec, solver, balance, packing } = work
  const view = weight.uses[0]?.view
  if (spec.family !== 'integer' || !view || !packing || weight.elementCount > MOST_DECODED) return null
  if (work.inverse?.some((one) => one === 0)) return null
  const values = await floatsOf(weight.tensor, 0, weight.elementCount, kernels)
  requireFinite(weight.name, values, 0)
  balanceValues({ ...(balance ? { balance } : {}), view }, values, 0)
  const { quantized } = solveTensor(values, view, spec as IntegerSpec, solver, kernels, weight.name)
  return tensorOf(work, decode(quantized, kernels), kernels)
}

/** Decoded values in the place of a weight: without its balance, in its own type. */
function tensorOf({ weight, balance }: WeightWork, values: Float32Array, kernels: Tools['kernels']): TensorRef {
  const view = weight.uses[0]?.view
  if (balance && view) balanceValues({ balance: balance.map((one) => (one === 0 ? 0 : 1 / one)), view }, values, 0)
  let bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
  if (weight.dtype === 'f64') bytes = new Uint8Array(Float64Array.from(values).buffer)
  else if (weight.dtype !== 'f32') {
    const { codes } = encodeHalf(values, weight.dtype === 'bf16' ? 'bf16' : 'f16', kernels)
    bytes = new Uint8Array(codes.buffer as ArrayBuffer, codes.byteOffset, codes.byteLength)
  }
  const storage = { kind: 'bytes' as const, bytes, byteLength: bytes.byteLength }
  return { name: weight.name, dtype: weight.dtype, shape: weight.shape, storage }
}

/** [rows, columns] to [columns, rows]. */
function turned<T extends Float32Array | Uint8Array>(values: T, rows: number, columns: number, target: T): T {
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      target[column * rows + row] = values[row * columns + column] as number
    }
  }
  return target
}
