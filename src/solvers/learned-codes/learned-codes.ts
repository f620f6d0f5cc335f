import type { IntegerSpec } from '../../model/packing.ts'
import type { MatrixView, QuantizedTensor } from '../../model/scheme.ts'
import { decodeF16, encodeF16 } from '../../numbers/f16.ts'
import { gridShapeOf } from '../../numbers/grid-shape.ts'
import { roundHalfEven } from '../../numbers/rounding.ts'
import { Adam, type StepSize } from './adam.ts'

/** How far from the middle of its code a value may start: what was chosen before stays until there is a reason. */
const INSIDE = 0.49

export interface LearnedCodesOptions {
  /** What the codes stand for is multiplied by this along the depth before the product; absent: ones. */
  readonly factors?: Float32Array
  /** Added to it, in source order: rows that stay float. */
  readonly added?: Float32Array
}

/**
 * Codes and scales that go down a gradient: `value = scale * clamp(round(place))`, where the rounding counts as straight (Bengio et al. 2013).
 * Places are in steps of the code, so that learning a scale (as LSQ, Esser et al. 2020) moves no code; the freedom of rounding is
 * that of SignRound (Cheng et al. 2023) without its bound of half a step.
 */
export class LearnedCodes {
  readonly spec: IntegerSpec
  readonly view: MatrixView
  readonly #places: Float32Array
  readonly #scales: Float32Array
  readonly #zeros: Uint8Array | null
  readonly #start: Float32Array
  readonly #options: LearnedCodesOptions
  readonly #ofPlaces: Adam
  readonly #ofScales: Adam
  readonly #scaleGrads: Float32Array

  /** `values`: what the codes of `start` stand for, in source order. */
  constructor(start: QuantizedTensor, values: Float32Array, options: LearnedCodesOptions = {}) {
    const { codes, scales, zeros, view } = start
    this.spec = start.spec
    this.view = view
    this.#scales = scales.slice()
    this.#start = scales.slice()
    this.#zeros = zeros?.slice() ?? null
    this.#options = options
    this.#places = new Float32Array(codes.length)
    this.#ofPlaces = new Adam(codes.length)
    this.#ofScales = new Adam(scales.length)
    this.#scaleGrads = new Float32Array(scales.length)
    this.#runs((from, count, grid, step) => {
      for (let i = 0; i < count; i++) {
        const at = grid + i * step
        const code = (codes[from + i] as number) - this.#zero(at)
        const scale = scales[at] as number
        const exact = scale === 0 ? code : (values[from + i] as number) / scale
        this.#places[from + i] = Math.min(code + INSIDE, Math.max(code - INSIDE, exact))
      }
    })
  }

  /** What the product multiplies by, in source order. */
  decode(out: Float32Array | Float64Array): void {
    this.#decode(out, this.#options)
  }

  #decode(out: Float32Array | Float64Array, { factors, added }: LearnedCodesOptions): void {
    const most = 2 ** this.spec.bits - 1
    const half = this.spec.scale === 'f16'
    this.#runs((from, count, grid, step, depth, depthStep) => {
      for (let i = 0; i < count; i++) {
        const at = grid + i * step
        const zero = this.#zero(at)
        const scale = half ? decodeF16(encodeF16(this.#scales[at] as number)) : (this.#scales[at] as number)
        const code = Math.min(most - zero, Math.max(-zero, roundHalfEven(this.#places[from + i] as number)))
        const factor = factors ? (factors[depth + i * depthStep] as number) : 1
        out[from + i] = Math.fround(scale * code) * factor + (added ? (added[from + i] as number) : 0)
      }
    })
  }

  /** What the codes stand for, in source order. */
  decodeCodes(out: Float32Array): void {
    this.#decode(out, {})
  }

  /** One step down the gradient of what `decode` gives; `grads` hold others afterwards. */
  step(grads: Float32Array | Float64Array, places: StepSize, scales: StepSize): void {
    const { factors } = this.#options
    const most = 2 ** this.spec.bits - 1
    this.#scaleGrads.fill(0)
    this.#runs((from, count, grid, step, depth, depthStep) => {
      for (let i = 0; i < count; i++) {
        const at = grid + i * step
        const zero = this.#zero(at)
        const factor = factors ? (factors[depth + i * depthStep] as number) : 1
        const grad = (grads[from + i] as number) * factor
        const code = Math.min(most - zero, Math.max(-zero, roundHalfEven(this.#places[from + i] as number)))
        grads[from + i] = grad * (this.#scales[at] as number)
        this.#scaleGrads[at]! += grad * code * (this.#start[at] as number)
      }
    })
    this.#ofPlaces.step(this.#places, grads, places, null)
    this.#ofScales.step(this.#scales, this.#scaleGrads, scales, this.#start)
    this.#runs((from, count, grid, step) => {
      for (let i = 0; i < count; i++) {
        const zero = this.#zero(grid + i * step)
        const place = this.#places[from + i] as number
        this.#places[from + i] = Math.min(most - zero + INSIDE, Math.max(-zero - INSIDE, place))
      }
    })
  }

  /** Codes and scales as they are now. */
  quantized(): QuantizedTensor {
    const most = 2 ** this.spec.bits - 1
    const codes = new Uint8Array(this.#places.length)
    const half = this.spec.scale === 'f16'
    this.#runs((from, count, grid, step) => {
      for (let i = 0; i < count; i++) {
        const zero = this.#zero(grid + i * step)
        const code = Math.min(most - zero, Math.max(-zero, roundHalfEven(this.#places[from + i] as number)))
        codes[from + i] = code + zero
      }
    })
    const scales = half ? this.#scales.map((scale) => decodeF16(encodeF16(scale))) : this.#scales.slice()
    const { spec, view } = this
    return this.#zeros ? { spec, view, codes, scales, zeros: this.#zeros.slice() } : { spec, view, codes, scales }
  }

  #zero(grid: number): number {
    return this.#zeros ? (this.#zeros[grid] as number) : 2 ** (this.spec.bits - 1)
  }

  /** Runs of elements that follow each other: their first, their number, the grid of the first, steps to the next grid and place along the depth. */
  #runs(
    run: (from: number, count: number, grid: number, step: number, depth: number, depthStep: number) => void,
  ): void {
    const { stack, channels, depth, along } = this.view
    const { blockSize, blocks, grids } = gridShapeOf(this.spec.granularity, this.view)
    const one = grids === 1 && this.spec.granularity.kind === 'tensor'
    for (let matrix = 0; matrix < stack; matrix++) {
      const first = matrix * channels * depth
      if (along === 'row') {
        for (let c = 0; c < channels; c++) {
          for (let b = 0; b < blocks; b++) {
            const k = b * blockSize
            const count = Math.min(blockSize, depth - k)
            run(first + c * depth + k, count, one ? 0 : (matrix * channels + c) * blocks + b, 0, k, 1)
          }
        }
      } else {
        for (let k = 0; k < depth; k++) {
          const grid = one ? 0 : matrix * channels * blocks + Math.floor(k / blockSize)
          run(first + k * channels, channels, grid, one ? 0 : blocks, k, 0)
        }
      }
    }
  }
}
