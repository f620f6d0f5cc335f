import type { Feeds } from '../../model/runtime.ts'
import type { Distiller } from './distiller.ts'
import { byShape, stacked } from './stacks.ts'

/**
 * Parts of a step whose gradients are summed apart and then added in their order, whatever thread ran them: the same bits for
 * any number of threads.
 */
export const PARTS = 4

/** Samples of a step by part. */
export function partsOf(samples: readonly number[]): readonly (readonly number[])[] {
  const each = Math.ceil(samples.length / PARTS)
  return Array.from({ length: PARTS }, (_, part) => samples.slice(part * each, (part + 1) * each)).filter(
    (own) => own.length > 0,
  )
}

/** Runs the models of a step, here or on threads. */
export interface GradientRunner {
  /** Elements of the weights as they are now, by their order. */
  setWeights(weights: readonly Float32Array[]): void
  /** Mean distance of the samples; their mean gradients are added to `gradients`. */
  step(samples: readonly number[], gradients: readonly Float32Array[]): Promise<number>
  /** Mean distance of the samples. */
  distance(samples: readonly number[]): Promise<number>
  close(): Promise<void>
}

/** One part: its distances added up; gradients, where wanted, are left in the distiller. */
export function runPart(distiller: Distiller, feeds: readonly Feeds[], weight: number): number {
  if (weight !== 0) distiller.clear()
  let sum = 0
  for (const group of byShape(feeds)) {
    const own = group.map((index) => feeds[index] as Feeds)
    const whole = distiller.stacks && own.length > 1 ? stacked(own) : null
    if (whole) sum += own.length * distiller.run(whole, own.length * weight)
    else for (const one of own) sum += distiller.run(one, weight)
  }
  return sum
}

/** On the thread of the caller. */
export class OwnRunner implements GradientRunner {
  readonly #distiller: Distiller
  readonly #samples: readonly Feeds[]
  readonly #breathe: () => Promise<void>

  /** `breathe` is awaited between samples' parts. */
  constructor(distiller: Distiller, samples: readonly Feeds[], breathe: () => Promise<void>) {
    this.#distiller = distiller
    this.#samples = samples
    this.#breathe = breathe
  }

  setWeights(weights: readonly Float32Array[]): void {
    this.#distiller.setWeights(weights)
  }

  async step(samples: readonly number[], gradients: readonly Float32Array[]): Promise<number> {
    let sum = 0
    for (const part of partsOf(samples)) {
      await this.#breathe()
      sum += runPart(this.#distiller, this.#feeds(part), 1 / samples.length)
      for (const [index, own] of this.#distiller.gradients().entries()) addTo(gradients[index] as Float32Array, own)
    }
    return sum / samples.length
  }

  async distance(samples: readonly number[]): Promise<number> {
    let sum = 0
    for (const part of partsOf(samples)) {
      await this.#breathe()
      sum += runPart(this.#distiller, this.#feeds(part), 0)
    }
    return samples.length === 0 ? 0 : sum / samples.length
  }

  async close(): Promise<void> {}

  #feeds(samples: readonly number[]): readonly Feeds[] {
    return samples.map((index) => this.#samples[index] as Feeds)
  }
}

export function addTo(into: Float32Array, from: Float32Array): void {
  for (let i = 0; i < into.length; i++) into[i]! += from[i]!
}
