import type { CodedSpec } from '../../model/packing.ts'
import type { MatrixView, QuantizedTensor } from '../../model/scheme.ts'
import { decodeF16, encodeF16 } from '../../numbers/f16.ts'
import { gridShapeOf } from '../../numbers/grid-shape.ts'
import { codeLevels } from '../../numbers/level-tables/code-levels.ts'
import { Adam, type StepSize } from './adam.ts'
import { type Places, placesOfIntegers, placesOfLevels } from './places.ts'

export interface LearnedCodesOptions {
  /** What the codes stand for is multiplied by this along the depth before the product; absent: ones. */
  readonly factors?: Float32Array
  /** Added to it, in source order: rows that stay float. */
  readonly added?: Float32Array
}

/**
 * Codes and scales that go down a gradient: `value = scale * level(nearest(place))`, evenly spaced or a table's, where the rounding counts as straight (Bengio et al. 2013).
 * Places are in steps of the code, so that learning a scale (as LSQ, Esser et al. 2020) moves no code; the freedom of rounding is
 * that of SignRound (Cheng et al. 2023) without its bound of half a step.
 */
export class LearnedCodes {
  readonly spec: CodedSpec
  readonly view: MatrixView
  readonly #places: Float32Array
  readonly #scales: Float32Array
  readonly #zeros: Uint8Array | null
  readonly #start: Float32Array
  readonly #options: LearnedCodesOptions
  readonly #levels: Places
  readonly #ofPlaces: Adam
  readonly #ofScales: Adam
  readonly #scaleGrads: Float32Array

  /** `values`: what the codes of `start` stand for, in source order. */
  constructor(start: QuantizedTensor, values: Float32Array, options: LearnedCodesOptions = {}) {
    const { codes, scales, zeros, view } = start
    this.spec = start.spec
    this.view = view
    const levels = codeLevels(start.spec)
    this.#levels = levels ? placesOfLevels(levels) : placesOfIntegers(start.spec.bits)
    const { unit } = this.#levels
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
        const code = codes[from + i] as number
        const scale = (scales[at] as number) * unit
        const exact = scale === 0 ? null : (values[from + i] as number) / scale
        this.#places[from + i] = this.#levels.start(exact, code, this.#zero(at))
      }
    })
  }

  /** What the product multiplies by, in source order. */
  decode(out: Float32Array | Float64Array): void {
    this.#decode(out, this.#options)
  }

  #decode(out: Float32Array | Float64Array, { factors, added }: LearnedCodesOptions): void {
    const half = this.spec.scale === 'f16'
    this.#runs((from, count, grid, step, depth, depthStep) => {
      for (let i = 0; i < count; i++) {
        const at = grid + i * step
        const zero = this.#zero(at)
        const scale = half ? decodeF16(encodeF16(this.#scales[at] as number)) : (this.#scales[at] as number)
        const level = this.#levels.level(this.#places[from + i] as number, zero)
        const factor = factors ? (factors[depth + i * depthStep] as number) : 1
        out[from + i] = Math.fround(scale * level) * factor + (added ? (added[from + i] as number) : 0)
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
    const { unit } = this.#levels
    this.#scaleGrads.fill(0)
    this.#runs((from, count, grid, step, depth, depthStep) => {
      for (let i = 0; i < count; i++) {
        const at = grid + i * step
        const zero = this.#zero(at)
        const factor = factors ? (factors[depth + i * depthStep] as number) : 1
        const grad = (grads[from + i] as number) * factor
        const level = this.#levels.level(this.#places[from + i] as number, zero)
        grads[from + i] = grad * (this.#scales[at] as number) * unit
        this.#scaleGrads[at]! += grad * level * (this.#start[at] as number)
      }
    })
    this.#ofPlaces.step(this.#places, grads, places, null)
    this.#ofScales.step(this.#scales, this.#scaleGrads, scales, this.#start)
    this.#runs((from, count, grid, step) => {
      for (let i = 0; i < count; i++) {
        const zero = this.#zero(grid + i * step)
        const place = this.#places[from + i] as number
        this.#places[from + i] = this.#levels.bounded(place, zero)
      }
    })
  }

  /** Codes and scales as they are now. */
  quantized(): QuantizedTensor {
    const codes = new Uint8Array(this.#places.length)
    const half = this.spec.scale === 'f16'
    this.#runs((from, count, grid, step) => {
      for (let i = 0; i < count; i++) {
        const zero = this.#zero(grid + i * step)
        codes[from + i] = this.#levels.code(this.#places[from + i] as number, zero)
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
    if (this.spec.granularity.kind === 'run') {
      // From element to element: a run may begin anywhere.
      for (let at = 0; at < channels * depth; at++) {
        const [c, k] =
          along === 'row' ? [Math.floor(at / depth), at % depth] : [at % channels, Math.floor(at / channels)]
        run(at, 1, Math.floor((c * depth + k) / blockSize), 0, k, 0)
      }
      return
    }
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
