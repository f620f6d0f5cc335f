import { type EmbeddingOutput, embeddingOutput, embeddingsOf } from '../../evaluation/embeddings.ts'
import { type Comparison, comparison, type KindHints } from '../../evaluation/index.ts'
import type { Feeds, Sample, Value } from '../../model/runtime.ts'

/**
 * How far outputs are from float, as one number that grows with the noise and adds up over causes: mean divergence where there are
 * scores; else one minus the cosine of embeddings (of a vector a text, or the mean of those of its tokens); else the noise of the
 * float outputs relative to their energy.
 */
export class OutputLoss {
  readonly #compared: Comparison
  readonly #hints: KindHints
  #embedding: EmbeddingOutput | undefined
  #distance = 0
  #rows = 0
  #noise = 0
  #values = 0

  constructor(names: readonly string[], hints: KindHints) {
    this.#compared = comparison(names, hints)
    this.#hints = hints
  }

  add(sample: Sample, float: Feeds, changed: Feeds): void {
    this.#compared.add(float, changed, sample.label)
    this.#embedding ??= embeddingOutput(sample, float, this.#hints)
    if (this.#embedding !== undefined) {
      const others = embeddingsOf(this.#embedding, sample.feeds, changed)
      for (const [row, own] of embeddingsOf(this.#embedding, sample.feeds, float).entries()) {
        this.#distance += distance(own, others[row] as Float64Array)
        this.#rows += 1
      }
    }
    for (const [name, value] of Object.entries(float)) {
      const other = changed[name]
      const noise = other && relativeNoise(value, other)
      if (noise === undefined) continue
      this.#noise += noise
      this.#values += 1
    }
  }

  /** Not negative; large where the outputs are not finite. */
  value(): { readonly loss: number; readonly metric: 'kl' | 'embedding cosine' | 'relative noise' } {
    const divergences = this.#compared
      .figures()
      .flatMap(({ kl, carried }) => (kl === undefined || carried === true ? [] : [kl]))
    if (divergences.length > 0) return { loss: bounded(Math.max(...divergences)), metric: 'kl' }
    if (this.#rows > 0) return { loss: bounded(this.#distance / this.#rows), metric: 'embedding cosine' }
    return { loss: bounded(this.#values > 0 ? this.#noise / this.#values : 0), metric: 'relative noise' }
  }
}

/** Broken outputs are worse than any noise. */
const BROKEN = 1e6

function bounded(value: number): number {
  return Number.isFinite(value) ? Math.min(BROKEN, Math.max(0, value)) : BROKEN
}

/** 1 - cosine of two vectors of length one. */
function distance(a: Float64Array, b: Float64Array): number {
  let squares = 0
  for (let i = 0; i < a.length; i++) squares += ((a[i] as number) - (b[i] as number)) ** 2
  return squares / 2
}

/** Undefined for what is not f32, and where float is zero. */
function relativeNoise(float: Value, changed: Value): number | undefined {
  if (float.dtype !== 'f32') return undefined
  const [a, b] = [floatsOf(float), floatsOf(changed)]
  if (a === null || b === null || a.length !== b.length) return undefined
  let [noise, energy] = [0, 0]
  for (let i = 0; i < a.length; i++) {
    const value = a[i] as number
    const difference = (b[i] as number) - value
    noise += difference * difference
    energy += value * value
  }
  return energy > 0 ? noise / energy : undefined
}

function floatsOf({ data }: Value): Float32Array | null {
  if (!(data instanceof Uint8Array)) return null
  if (data.byteOffset % 4 === 0) return new Float32Array(data.buffer, data.byteOffset, data.byteLength / 4)
  return new Float32Array(data.slice().buffer)
}
