import { type ChannelCodes, type CodeRange, descendChannel, gramTimes, lossOf, searchChannel } from './descend.ts'
import { type LayerMoments, pooled } from './moments.ts'
import { codeRange, depthOf, matrixIndex, padded, type RoundedLayer, type UnitLayer } from './unit.ts'
import type { UnitRun } from './unit-run.ts'

/** What is known of a layer's codes so far. */
export class LayerState {
  readonly layer: UnitLayer
  /** In the order of the weight; of a layer that keeps its weight, none. */
  codes: Int8Array
  scales: Float32Array
  lows: Int8Array
  bias: Float32Array
  #solved = false
  #float: Float32Array | undefined
  #decoded: Float32Array | undefined

  constructor(layer: UnitLayer) {
    this.layer = layer
    this.codes = new Int8Array(layer.weight.length)
    this.scales = new Float32Array(layer.shape.outputs).fill(1)
    this.lows = new Int8Array(layer.shape.outputs)
    this.bias = layer.bias.slice()
  }

  /** Codes nearest to the weight, for comparison; the bias stays. */
  takeNearest(): void {
    const { weight, shape, bits } = this.layer
    if (bits === null) return
    const range = codeRange(bits, this.layer.moves)
    const depth = weight.length / shape.outputs
    for (let o = 0; o < shape.outputs; o++) {
      const found = searchChannel(weight.subarray(o * depth, (o + 1) * depth), range)
      this.codes.set(found.codes, o * depth)
      this.scales[o] = found.scale
      this.lows[o] = found.low
    }
    this.#solved = true
    this.changed()
  }

  /**
   * Output by output with the pull and the part of the drift whose codes, descended on `moments`, leave least on `judge`: codes descended on both
   * together. `share`: part of all windows that `judge` has; 0: it has none of its own.
   */
  descend(
    moments: LayerMoments,
    judge: LayerMoments,
    bits: number,
    { ridges, drifts }: { readonly ridges: readonly number[]; readonly drifts: readonly number[] },
    share: number,
  ): void {
    const { weight, shape } = this.layer
    const { depth } = moments
    const range = codeRange(bits, this.layer.moves)
    const of = ({ grams, cross }: LayerMoments, o: number) => ({
      gram: (grams[shape.depthwise ? o : 0] ?? grams[0]) as Float64Array,
      cross: cross[o] as Float64Array,
    })
    const both = share === 0 ? moments : pooled(moments, judge, share)
    const choices = ridges.flatMap((ridge) => drifts.map((drift) => ({ ridge, drift })))
    for (let o = 0; o < shape.outputs; o++) {
      const row = weight.subarray(o * depth, (o + 1) * depth)
      const [learned, held, all] = [of(moments, o), of(judge, o), of(both, o)]
      let [best] = choices
      let smallest = Number.POSITIVE_INFINITY
      for (const choice of choices.length === 1 ? [] : choices) {
        const loss = lossOf(descended(row, learned, choice, range), held)
        if (loss >= smallest) continue
        smallest = loss
        best = choice
      }
      const found = descended(row, all, best ?? { ridge: 1, drift: 1 }, range)
      this.codes.set(found.codes, o * depth)
      this.scales[o] = found.scale
      this.lows[o] = found.low
    }
    this.#solved = true
    this.changed()
    this.center(both)
  }

  /** The bias of the mean that the layer should give. */
  center({ depth, meanIn, meanOut }: LayerMoments): void {
    const { weight, shape, hasBias } = this.layer
    if (!hasBias) return
    for (let o = 0; o < shape.outputs; o++) {
      const mean = (meanIn[shape.depthwise ? o : 0] ?? meanIn[0]) as Float64Array
      let sum = 0
      for (let j = 0; j < depth; j++) {
        const at = o * depth + j
        const value = this.#solved ? (this.codes[at] as number) * (this.scales[o] as number) : (weight[at] as number)
        sum += value * (mean[j] as number)
      }
      this.bias[o] = (meanOut[o] as number) - sum
    }
  }

  putFloat(run: UnitRun, index: number): void {
    this.#float ??= this.#matrix((at) => this.layer.weight[at] as number)
    this.#put(run, index, this.#float, this.layer.bias)
  }

  putRounded(run: UnitRun, index: number): void {
    const { codes, scales } = this
    const each = codes.length / scales.length
    this.#decoded ??= this.#matrix((at) =>
      this.#solved
        ? (codes[at] as number) * (scales[Math.floor(at / each)] as number)
        : (this.layer.weight[at] as number),
    )
    this.#put(run, index, this.#decoded, this.bias)
  }

  /** To be called after codes or scales were changed from outside. */
  changed(): void {
    this.#decoded = undefined
  }

  /** Everything as it was given. */
  reset(): void {
    this.bias = this.layer.bias.slice()
    this.takeNearest()
  }

  rounded(): RoundedLayer | null {
    return this.#solved ? this.copy() : null
  }

  copy(): RoundedLayer {
    return { codes: this.codes.slice(), scales: this.scales.slice(), lows: this.lows.slice(), bias: this.bias.slice() }
  }

  /** Goes back to a copy. */
  take(found: RoundedLayer): void {
    this.codes = found.codes.slice()
    this.scales = found.scales.slice()
    this.lows = found.lows.slice()
    this.bias = found.bias.slice()
    this.changed()
  }

  #matrix(elementAt: (at: number) => number): Float32Array {
    const { weight, shape } = this.layer
    const matrix = new Float32Array(depthOf(shape) * padded(shape.outputs))
    for (let at = 0; at < weight.length; at++) matrix[matrixIndex(shape, at)] = elementAt(at)
    return matrix
  }

  #put(run: UnitRun, index: number, matrix: Float32Array, bias: Float32Array): void {
    const memory = run.layers[index] as UnitRun['layers'][number]
    run.floats(memory.weights, matrix.length).set(matrix)
    const biases = run.floats(memory.bias, memory.columns)
    biases.fill(0)
    biases.set(bias)
  }
}

interface OutputMoments {
  readonly gram: Float64Array
  readonly cross: Float64Array
}

function descended(
  row: Float32Array,
  { gram, cross }: OutputMoments,
  { ridge, drift }: { readonly ridge: number; readonly drift: number },
  range: CodeRange,
): ChannelCodes {
  const depth = row.length
  let trace = 0
  for (let j = 0; j < depth; j++) trace += gram[j * depth + j] as number
  const own = drift === 1 ? cross : gramTimes(gram, Float64Array.from(row), 0)
  const wanted = drift === 1 ? cross : own.map((value, j) => value + drift * ((cross[j] as number) - value))
  return descendChannel(row, { gram, cross: wanted, ridge: (ridge * trace) / depth, range })
}
