import { LayerState } from './layer-state.ts'
import { type LearnOptions, learnRounding } from './learn.ts'
import { layerMoments, momentBytes } from './moments.ts'
import type { LearningTools, RoundedLayer, Unit, UnitData, UnitLayer } from './unit.ts'
import { UnitRun } from './unit-run.ts'

export interface SolveOptions extends LearnOptions {
  /** Windows in one batch. */
  readonly batch: number
  /** Pulls towards the weights as they are, in parts of the mean second moment: the best is chosen output by output. */
  readonly ridges: readonly number[]
  /**
   * Parts of what the layers before have done wrong that a unit is to make good, from 0 (it should give what its exact weights give) to 1
   * (what the float model gives). Layers descend with the first; where codes learned with it do clearly better on the windows they have
   * learned on than on the others, the rest are tried, too, and the others judge.
   */
  readonly drifts: readonly number[]
}

export interface SolvedUnit {
  /** By layer; null where the weight stays. */
  readonly layers: readonly (RoundedLayer | null)[]
  /** Mean squared error of the result: of nearest codes, of codes that descended layer by layer, and of the learned ones. */
  readonly errors: { readonly nearest: number; readonly descended: number; readonly learned: number }
}

const FEWEST_BATCHES = 10

/** Part of the windows that rounding is learned on; the last ones judge. With few windows all do both. */
const LEARNED_ON = 0.8
/** How much larger the error of the last windows may be than that of all, each as a part of that of nearest codes. */
const MOST_BEYOND = 1.05

/**
 * Codes of the weights of a unit from windows of its input: each layer by descent from what the rounded layers before it give, then all
 * layers together by learned rounding of the unit's result: AdaRound (Nagel et al. 2020) where a unit is one layer, BRECQ (Li et al. 2021)
 * where it is several. Whichever leaves the smaller error, on windows that were not learned on, is kept. Biases take up what is left in the mean.
 */
export function solveUnit(
  kernels: LearningTools,
  unit: Unit,
  data: { readonly float: UnitData; readonly rounded: UnitData },
  options: SolveOptions,
): SolvedUnit {
  // Some batches to learn on, and one to judge.
  const batch = Math.max(1, Math.min(options.batch, Math.floor(data.float.count / FEWEST_BATCHES)))
  const run = new UnitRun(kernels, unit, batch, momentBytes(unit))
  const order = Array.from({ length: data.float.count }, (_, i) => i)
  const most = Math.floor(data.float.count * LEARNED_ON)
  const seen = most < 2 * batch ? data.float.count : most
  const states = unit.layers.map((layer) => new LayerState(layer))
  const asFloat = (): void => {
    for (const [index, state] of states.entries()) state.putFloat(run, index)
  }
  const asRounded = (): void => {
    for (const [index, state] of states.entries()) state.putRounded(run, index)
  }
  asFloat()
  const targets = resultsOf(run, data.float, 0, true)
  for (const state of states) state.takeNearest()
  asRounded()
  const first = seen % data.float.count
  const errorFrom = (from: number): number => errorOf(run, data.rounded, targets, from)
  const nearest = errorFrom(first)
  const nearestOfAll = errorFrom(0)
  /** Layer after layer; `share`: part of the windows that judge, and are descended on, too, once the pull is chosen. */
  const descend = (share: number): number => {
    for (const [index, { bits }] of unit.layers.entries()) {
      const moments = layerMoments(run, index, data, order.slice(0, seen), { asFloat, asRounded })
      const state = states[index] as LayerState
      if (bits === null) state.center(moments)
      else {
        const last = order.slice(Math.min(seen, data.float.count - batch))
        const judge = layerMoments(run, index, data, last, { asFloat, asRounded })
        const ridges = ridgesFor(moments.depth, unit.layers[index] as UnitLayer, options.ridges)
        state.descend(moments, judge, bits, { ridges, drifts: options.drifts.slice(0, 1) }, share)
      }
    }
    asRounded()
    return errorFrom(first)
  }
  const held = first === 0 ? 0 : 1 - seen / data.float.count
  const rounded = (): SolvedUnit['layers'] => states.map((state) => state.rounded())
  if (options.iterations === 0 || unit.layers.every(({ bits }) => bits === null)) {
    const descended = descend(held)
    return { layers: rounded(), errors: { nearest, descended, learned: descended } }
  }
  const descended = descend(0)
  const copies = () => states.map((state) => state.copy())
  const takeBack = (saved: readonly RoundedLayer[]): void => {
    for (const [index, state] of states.entries()) state.take(saved[index] as RoundedLayer)
  }
  const start = copies()
  const learn = (drift: number): number => {
    takeBack(start)
    const wanted = drift === 1 ? targets : mixed(targets, own(), drift)
    asRounded()
    learnRounding(run, states, data.rounded, seen, wanted, descended, options)
    asRounded()
    centerResults(run, states, data, order, { asFloat, asRounded })
    asRounded()
    return errorFrom(first)
  }
  /** What the exact weights give of what is there. */
  const own = (): Float32Array => {
    asFloat()
    return resultsOf(run, data.rounded, 0, true)
  }
  let learned = learn(options.drifts[0] ?? 1)
  const fits = (learned / nearest) * nearestOfAll <= MOST_BEYOND * errorFrom(0)
  for (const drift of fits || first === 0 ? [] : options.drifts.slice(1)) {
    const before = copies()
    const found = learn(drift)
    if (found < learned) learned = found
    else takeBack(before)
  }
  if (!(learned < descended)) {
    for (const state of states) state.reset()
    descend(held)
  }
  return { layers: rounded(), errors: { nearest, descended, learned } }
}

/** `share` of the way from the second to the first. */
function mixed(far: Float32Array, near: Float32Array, share: number): Float32Array {
  return far.map((value, i) => (near[i] as number) + share * (value - (near[i] as number)))
}

/** Multiplications of one pass over the moments from which only one pull is tried. */
const MANY = 4e8

/** All, or of very large weights the last: they meet few samples for their size. */
function ridgesFor(depth: number, { shape }: UnitLayer, ridges: readonly number[]): readonly number[] {
  return depth * depth * shape.outputs > MANY ? ridges.slice(-1) : ridges
}

/** Results of the windows from `first` on. */
function resultsOf(run: UnitRun, data: UnitData, first: number, exact: boolean): Float32Array {
  const { rows, columns } = run.result
  const each = (rows / run.batch) * columns
  const results = new Float32Array((data.count - first) * each)
  for (const windows of batches(first, data.count, run.batch)) {
    run.load(data, windows)
    run.forward(exact)
    const found = run.floats(run.result.at, rows * columns)
    for (let i = 0; i < windows.length; i++) {
      const to = (windows[i] as number) - first
      if (to >= 0) results.set(found.subarray(i * each, (i + 1) * each), to * each)
    }
  }
  return results
}

/** Mean squared error of the windows from `first` on. */
function errorOf(run: UnitRun, data: UnitData, targets: Float32Array, first: number): number {
  const results = resultsOf(run, data, first, false)
  const wanted = targets.subarray(targets.length - results.length)
  let sum = 0
  for (let i = 0; i < results.length; i++) {
    const difference = (results[i] as number) - (wanted[i] as number)
    sum += difference * difference
  }
  return sum / (results.length / run.result.columns)
}

/** All windows from `first` on, a batch at a time; the last batch overlaps the one before it. */
function batches(first: number, count: number, batch: number): readonly (readonly number[])[] {
  return Array.from({ length: Math.ceil((count - first) / batch) }, (_, i) => {
    const from = Math.min(first + i * batch, count - batch)
    return Array.from({ length: batch }, (_, j) => from + j)
  })
}

/** Biases for codes as they are now, layer after layer. */
function centerResults(
  run: UnitRun,
  states: readonly LayerState[],
  data: { readonly float: UnitData; readonly rounded: UnitData },
  order: readonly number[],
  weights: { asFloat(): void; asRounded(): void },
): void {
  for (const [index, state] of states.entries()) {
    if (!state.layer.hasBias) continue
    const { columns, rows, raw } = run.layers[index] as UnitRun['layers'][number]
    const shift = new Float64Array(columns)
    let seen = 0
    for (let at = 0; at + run.batch <= order.length; at += run.batch) {
      const windows = order.slice(at, at + run.batch)
      for (const exact of [true, false]) {
        if (exact) weights.asFloat()
        else weights.asRounded()
        run.load(exact ? data.float : data.rounded, windows)
        run.forward(exact, index + 1)
        const values = run.floats(raw, rows * columns)
        const sign = exact ? 1 : -1
        for (let i = 0; i < values.length; i++) {
          shift[i % columns] = (shift[i % columns] as number) + sign * (values[i] as number)
        }
      }
      seen += rows
    }
    for (let o = 0; o < state.bias.length; o++) {
      state.bias[o] = (state.layer.bias[o] as number) + (shift[o] as number) / seen
    }
  }
}
