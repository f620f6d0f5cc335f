/** One step: its length, and 1 / (1 - decay^t) of both moments. */
export interface StepSize {
  readonly rate: number
  readonly rate1: number
  readonly rate2: number
}

const [DECAY1, DECAY2] = [0.9, 0.99]
const TINY = 1e-12

/** Step sizes for step `t`, from 0. */
export class Warmth {
  #decay1 = 1
  #decay2 = 1

  next(rate: number): StepSize {
    this.#decay1 *= DECAY1
    this.#decay2 *= DECAY2
    return { rate, rate1: 1 / (1 - this.#decay1), rate2: 1 / (1 - this.#decay2) }
  }
}

/** Adam (Kingma & Ba 2015): steps of about the same length whatever the size of gradients. */
export class Adam {
  readonly #first: Float32Array
  readonly #second: Float32Array

  constructor(count: number) {
    this.#first = new Float32Array(count)
    this.#second = new Float32Array(count)
  }

  /** `units`: what a step of 1 is for each value; null: 1. */
  step(
    values: Float32Array | Float64Array,
    grads: Float32Array | Float64Array,
    { rate, rate1, rate2 }: StepSize,
    units: Float32Array | null,
  ): void {
    const [first, second] = [this.#first, this.#second]
    for (let i = 0; i < first.length; i++) {
      const grad = grads[i]!
      const mean = first[i]! * DECAY1 + grad * (1 - DECAY1)
      const square = second[i]! * DECAY2 + grad * grad * (1 - DECAY2)
      first[i] = mean
      second[i] = square
      const step = (rate * mean * rate1) / (Math.sqrt(square * rate2) + TINY)
      values[i]! -= units ? step * units[i]! : step
    }
  }
}
