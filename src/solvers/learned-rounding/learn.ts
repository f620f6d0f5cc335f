import { uniform } from '../../numbers/rounding.ts'
import type { LayerState } from './layer-state.ts'
import { codeRange, matrixIndex, type UnitData } from './unit.ts'
import type { UnitRun } from './unit-run.ts'

export interface LearnOptions {
  /** Steps; 0: none is learned. */
  readonly iterations: number
  readonly rate: number
  /** Weight of what drives values to whole codes, against an error of 1 for the unit as it starts. */
  readonly pressure: number
  readonly seed: number
}

/** Part of the steps before values are driven to whole codes. */
const WARM = 0.2
/** Exponents of the pressure, less one: from sharp to blunt. */
const [FIRST_POWER, LAST_POWER] = [19, 1]
const BIAS_RATE = 0.1
const SCALE_RATE = 0.0005

interface Learned {
  readonly state: LayerState
  readonly index: number
  readonly v: number
  readonly base: number
  readonly scales: number
  readonly first: number
  readonly second: number
  readonly least: number
  readonly most: number
  readonly scaling: ScaleSteps
}

/** Bytes that `learnRounding` needs behind the run. */
export function learningBytes(run: UnitRun): number {
  return run.layers.reduce((sum, { depth, columns }) => sum + 4 * depth * columns * 4 + columns * 4 + 512, 0)
}

/**
 * Learns whether each weight goes up or down, for the squared error of the unit's result on windows drawn at random from the first `drawn`; the states' codes
 * and biases change. `start`: the error as it is.
 */
export function learnRounding(
  run: UnitRun,
  states: readonly LayerState[],
  data: UnitData,
  drawn: number,
  targets: Float32Array,
  start: number,
  { iterations, rate, pressure, seed }: LearnOptions,
): void {
  const { kernels } = run
  kernels.reserve(run.end - kernels.reserve(0) + learningBytes(run))
  const learned = place(run, states)
  const weights = learned.reduce((sum, { state }) => sum + state.codes.length, 0)
  const { at: result, rows, columns } = run.result
  const windows = new Int32Array(run.batch)
  let [decay1, decay2] = [1, 1]
  for (let step = 0; step < iterations; step++) {
    for (let i = 0; i < windows.length; i++) {
      windows[i] = Math.floor(uniform(seed, step * windows.length + i) * drawn)
    }
    run.load(data, windows)
    run.loadTargets(targets, data.count, windows)
    for (const { index, v, base, scales, least, most } of learned) {
      const memory = run.layers[index] as UnitRun['layers'][number]
      kernels.softWeights(v, base, scales, memory.depth, memory.columns, least, most, memory.weights)
    }
    run.forward(false)
    kernels.addFloats(result, run.target, -1, rows * columns, run.grad)
    run.backward()
    decay1 *= 0.9
    decay2 *= 0.999
    const done = step / iterations
    const late = done < WARM ? 0 : (done - WARM) / (1 - WARM)
    const push = done < WARM ? 0 : (pressure * start * rows) / weights
    const power = Math.floor(FIRST_POWER + (LAST_POWER - FIRST_POWER) * late + 0.5)
    for (const { state, index, v, base, scales, first, second, least, most, scaling } of learned) {
      const { depth, columns: width, weightGrad, bias, biasGrad } = run.layers[index] as UnitRun['layers'][number]
      const rates = [rate, 1 / (1 - decay1), 1 / (1 - decay2)] as const
      scaling.step(run, rates[1], rates[2])
      kernels.stepRounding(v, base, scales, weightGrad, first, second, depth, width, least, most, ...rates, push, power)
      if (index === states.length - 1) followMean(run, state, bias, biasGrad, rows)
    }
  }
  for (const one of learned) {
    harden(run, one)
    one.state.changed()
  }
}

/** The last bias goes down its own gradient, whose slope is 1: what rounding adds to the mean is not for weights to learn. */
function followMean(run: UnitRun, state: LayerState, bias: number, biasGrad: number, rows: number): void {
  if (!state.layer.hasBias) return
  const grads = run.floats(biasGrad, state.bias.length)
  const values = run.floats(bias, state.bias.length)
  for (let o = 0; o < values.length; o++) {
    values[o] = (values[o] as number) - (BIAS_RATE * (grads[o] as number)) / rows
  }
}

/** Scales go down their gradient, too, by steps of Adam that are parts of the scale. */
class ScaleSteps {
  readonly #state: LayerState
  readonly #index: number
  readonly #scales: number
  readonly #first: Float64Array
  readonly #second: Float64Array
  readonly #start: Float32Array

  constructor(state: LayerState, index: number, scales: number) {
    this.#state = state
    this.#index = index
    this.#scales = scales
    this.#first = new Float64Array(state.scales.length)
    this.#second = new Float64Array(state.scales.length)
    this.#start = state.scales.slice()
  }

  step(run: UnitRun, rate1: number, rate2: number): void {
    const { depth, columns, weights, weightGrad } = run.layers[this.#index] as UnitRun['layers'][number]
    const values = run.floats(weights, depth * columns)
    const grads = run.floats(weightGrad, depth * columns)
    const count = this.#state.scales.length
    const slopes = new Float64Array(count)
    for (let at = 0; at < values.length; at += columns) {
      for (let o = 0; o < count; o++)
        slopes[o] = (slopes[o] as number) + (values[at + o] as number) * (grads[at + o] as number)
    }
    const scales = run.floats(this.#scales, count)
    for (let o = 0; o < count; o++) {
      const slope = slopes[o] as number
      this.#first[o] = 0.9 * (this.#first[o] as number) + 0.1 * slope
      this.#second[o] = 0.999 * (this.#second[o] as number) + 0.001 * slope * slope
      const size = Math.sqrt((this.#second[o] as number) * rate2)
      if (size > 0) {
        const part = (SCALE_RATE * (this.#first[o] as number) * rate1) / size
        scales[o] = (scales[o] as number) - part * (this.#start[o] as number)
      }
    }
  }
}

function place(run: UnitRun, states: readonly LayerState[]): readonly Learned[] {
  let next = run.end
  const take = (floats: number): number => {
    const at = next
    next += Math.ceil(floats / 16) * 64
    return at
  }
  const learned: Learned[] = []
  for (const [index, state] of states.entries()) {
    const { bits, moves, shape, weight } = state.layer
    if (bits === null) continue
    const { depth, columns } = run.layers[index] as UnitRun['layers'][number]
    const { least, most } = codeRange(bits, moves)
    const steps = most - least
    const count = depth * columns
    const [v, base, first, second] = [take(count), take(count), take(count), take(count)]
    const scales = take(columns)
    for (const at of [v, base, first, second]) run.floats(at, count).fill(0)
    run.floats(scales, columns).fill(0)
    run.floats(scales, state.scales.length).set(state.scales)
    const [values, bases] = [run.floats(v, count), run.floats(base, count)]
    const each = weight.length / shape.outputs
    for (let at = 0; at < weight.length; at++) {
      const to = matrixIndex(shape, at)
      const exact = (weight[at] as number) / (state.scales[Math.floor(at / each)] as number)
      const code = state.codes[at] as number
      // Of the two codes to choose from one is the code so far, the other the next towards the weight, inside the range of the output.
      const bottom = state.lows[Math.floor(at / each)] as number
      const low = Math.max(bottom, Math.min(bottom + steps - 1, exact >= code ? code : code - 1))
      bases[to] = low
      // Between the code so far and the weight itself: what descent found is where learning starts.
      const h = 0.5 * (code - low) + 0.5 * Math.min(1, Math.max(0, exact - low))
      values[to] = logit(Math.min(0.95, Math.max(0.05, h)))
    }
    learned.push({
      state,
      index,
      v,
      base,
      scales,
      first,
      second,
      // The kernels' bounds are the same for all outputs; the choice above stays inside them.
      least: state.lows.reduce((a, b) => Math.min(a, b), least),
      most: state.lows.reduce((a, b) => Math.max(a, b), least) + steps,
      scaling: new ScaleSteps(state, index, scales),
    })
  }
  return learned
}

/** v at which the rectified sigmoid is h, for h from 0.05 to 0.95, in + - * / only. */
function logit(h: number): number {
  const s = (h + 0.1) / 1.2
  return lnRatio(s / (1 - s))
}

/** Natural logarithm of a ratio near 1 by the series of the inverse hyperbolic tangent. */
function lnRatio(x: number): number {
  const z = (x - 1) / (x + 1)
  const square = z * z
  let sum = 0
  for (let k = 41; k >= 1; k -= 2) sum = sum * square + 1 / k
  return 2 * z * sum
}

function harden(run: UnitRun, { state, index, v, base, scales }: Learned): void {
  const { depth, columns, bias } = run.layers[index] as UnitRun['layers'][number]
  const [values, bases] = [run.floats(v, depth * columns), run.floats(base, depth * columns)]
  for (let at = 0; at < state.codes.length; at++) {
    const from = matrixIndex(state.layer.shape, at)
    state.codes[at] = (bases[from] as number) + ((values[from] as number) >= 0 ? 1 : 0)
  }
  state.scales = run.floats(scales, state.scales.length).slice()
  state.bias.set(run.floats(bias, state.bias.length))
}
