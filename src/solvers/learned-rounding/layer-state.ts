import { descendChannel, gramTimes, lossOf, searchChannel } from './descend.ts'
import type { LayerMoments } from './moments.ts'
import { codeRange, depthOf, matrixIndex, padded, type RoundedLayer, type UnitLayer } from './unit.ts'
import type { UnitRun } from './unit-run.ts'

export interface Kept {
  readonly codes: Int8Array
  readonly scales: Float32Array
  readonly lows: Int8Array
  readonly bias: Float32Array
}

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

  /** By each pull of `ridges` and part of the drift on `moments`; output by output the codes that leave least on `judge`. */
  descend(
    moments: LayerMoments,
    judge: LayerMoments,
    bits: number,
    { ridges, drifts }: { readonly ridges: readonly number[]; readonly drifts: readonly number[] },
  ): void {
    const { weight, shape } = this.layer
    const { depth } = moments
    const range = codeRange(bits, this.layer.moves)
    const of = ({ grams, cross }: LayerMoments, o: number) => ({
      gram: (grams[shape.depthwise ? o : 0] ?? grams[0]) as Float64Array,
      cross: cross[o] as Float64Array,
    })
    for (let o = 0; o < shape.outputs; o++) {
      const known = of(moments, o)
      let trace = 0
      for (let j = 0; j < depth; j++) trace += known.gram[j * depth + j] as number
      const row = weight.subarray(o * depth, (o + 1) * depth)
      let smallest = Number.POSITIVE_INFINITY
      const own = gramTimes(known.gram, Float64Array.from(row), 0)
      for (const [ridge, drift] of ridges.flatMap((one) => drifts.map((part) => [one, part] as const))) {
        const cross = own.map((value, j) => value + drift * ((known.cross[j] as number) - value))
        const found = descendChannel(row, { gram: known.gram, cross, ridge: (ridge * trace) / depth, range })
        const loss = ridges.length * drifts.length === 1 ? 0 : lossOf(found, of(judge, o))
        if (loss >= smallest) continue
        smallest = loss
        this.codes.set(found.codes, o * depth)
        this.scales[o] = found.scale
        this.lows[o] = found.low
      }
    }
    this.#solved = true
    this.changed()
    this.center(moments)
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

  keep(): Kept {
    return { codes: this.codes.slice(), scales: this.scales.slice(), lows: this.lows.slice(), bias: this.bias.slice() }
  }

  restore({ codes, scales, lows, bias }: Kept): void {
    this.codes = codes
    this.scales = scales
    this.lows = lows
    this.bias = bias
    this.changed()
  }

  rounded(): RoundedLayer | null {
    if (!this.#solved) return null
    return { codes: this.codes, scales: this.scales, lows: this.lows, bias: this.bias }
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
