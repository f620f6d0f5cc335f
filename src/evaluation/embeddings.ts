import type { Feeds, Sample, Value } from '../model/runtime.ts'
import type { EmbeddingFigures, ScoredPair } from '../model/truth.ts'
import { isFloat } from '../numbers/dtype.ts'
import { pearson, spearman } from './correlation.ts'
import { curveOf } from './curves.ts'
import { numbersOf } from './elements.ts'
import { maskFor } from './masks.ts'
import { neighbours } from './neighbours.ts'
import type { KindHints } from './output-kind.ts'

/** The output that stands for a whole text, and how. */
export interface EmbeddingOutput {
  readonly name: string
  readonly pooling: EmbeddingFigures['pooling']
}

const VECTOR = /sentence_?embed|(^|[_.])embed(ding)?s?($|[_.])|text_embeds|image_embeds|pooled|pooler_output/i
const SENTENCE = /sentence_?embed/i
const HIDDEN = /hidden|embed|feature|encod|output_0$/i
const SCORES = /logit|score|prob|class|label/i
/** Narrower vectors are answers, no embeddings. */
const LEAST_WIDTH = 16

/** Which output of a model is an embedding of what is fed; undefined where none is. */
export function embeddingOutput(sample: Sample, outputs: Feeds, hints: KindHints = {}): EmbeddingOutput | undefined {
  const found = Object.entries(outputs).filter(
    ([name, { dtype, shape }]) => isFloat(dtype) && (shape.at(-1) ?? 0) >= LEAST_WIDTH && !SCORES.test(name),
  )
  const vectors = found.filter(([name, { shape }]) => shape.length === 2 && VECTOR.test(name))
  const sentence = vectors.find(([name]) => SENTENCE.test(name))
  if (sentence !== undefined) return { name: sentence[0], pooling: 'given' }
  const hidden = found.filter(
    ([, { shape }]) =>
      shape.length === 3 && shape[2] !== hints.vocabulary && idsLike(sample.feeds, shape) !== undefined,
  )
  const [named, first] = [hidden.find(([name]) => HIDDEN.test(name)), hidden[0]]
  const tokens = named ?? (hidden.length === 1 ? first : undefined)
  if (tokens !== undefined) return { name: tokens[0], pooling: 'mean' }
  const [vector] = vectors
  return vector === undefined ? undefined : { name: vector[0], pooling: 'given' }
}

/** Rows of unit length, one a text; a text without a token that counts gives zeros. */
export function embeddingsOf(
  { name, pooling }: EmbeddingOutput,
  feeds: Feeds,
  outputs: Feeds,
): readonly Float64Array[] {
  const value = outputs[name] as Value
  const numbers = numbersOf(value, name)
  const width = value.shape.at(-1) as number
  const [texts = 1] = value.shape
  const steps = pooling === 'mean' ? (value.shape[1] as number) : 1
  const ids = pooling === 'mean' ? idsLike(feeds, value.shape) : undefined
  const mask = ids === undefined ? undefined : maskFor(ids, feeds)
  return Array.from({ length: texts }, (_, text) => {
    const row = new Float64Array(width)
    for (let step = 0; step < steps; step += 1) {
      const at = text * steps + step
      const weight = mask?.[at] ?? 1
      if (weight === 0) continue
      for (let i = 0; i < width; i += 1) row[i]! += weight * numbers[at * width + i]!
    }
    return normalized(row)
  })
}

export interface EmbeddingMeter {
  add(sample: Sample, float: Feeds, quantized: Feeds): void
  /** Undefined where no output is an embedding. */
  figures(pairs?: readonly ScoredPair[]): EmbeddingFigures | undefined
}

/** Figures of models that turn a text into a vector. Vectors of both models are kept, 8 bytes a number and model. */
export function embeddingMeter(hints: KindHints = {}): EmbeddingMeter {
  const [rowsA, rowsB]: [Float64Array[], Float64Array[]] = [[], []]
  const labels: string[] = []
  const rowOf = new Map<number, number>()
  let output: EmbeddingOutput | undefined | null = null
  return {
    add(sample, float, quantized) {
      if (output === null) output = embeddingOutput(sample, float, hints)
      if (output === undefined || float[output.name] === undefined || quantized[output.name] === undefined) return
      if (String(float[output.name]!.shape) !== String(quantized[output.name]!.shape)) return
      const [a, b] = [embeddingsOf(output, sample.feeds, float), embeddingsOf(output, sample.feeds, quantized)]
      if (a.length === 1 && sample.index !== undefined) rowOf.set(sample.index, rowsA.length)
      for (const [row, one] of a.entries()) {
        if (energyOf(one) === 0 || !Number.isFinite(energyOf(one))) continue
        rowsA.push(one)
        rowsB.push(b[row]!)
        labels.push(sample.label)
      }
    },
    figures(pairs = []) {
      if (!output || rowsA.length === 0) return undefined
      const cosines = Float64Array.from(rowsA, (row, i) => similarity(row, rowsB[i]!))
      const sorted = cosines.slice().sort()
      const worst = cosines.indexOf(sorted[0]!)
      const judged = pairFigures(pairs, rowOf, rowsA, rowsB)
      return {
        output: output.name,
        pooling: output.pooling,
        texts: rowsA.length,
        cosine: {
          mean: cosines.reduce((sum, one) => sum + one, 0) / cosines.length,
          min: sorted[0]!,
          worst: labels[worst] ?? '',
        },
        neighbours: neighbours(rowsA, rowsB),
        ...(judged === undefined ? {} : { pairs: judged }),
        curve: curveOf(sorted),
      }
    },
  }
}

/** Pairs whose texts were both run. */
function pairFigures(
  pairs: readonly ScoredPair[],
  rowOf: ReadonlyMap<number, number>,
  rowsA: readonly Float64Array[],
  rowsB: readonly Float64Array[],
): EmbeddingFigures['pairs'] | undefined {
  const known = pairs.flatMap(({ first, second, score }) => {
    const [one, other] = [rowOf.get(first), rowOf.get(second)]
    return one === undefined || other === undefined ? [] : [{ one, other, score }]
  })
  if (known.length < 2) return undefined
  const scores = known.map(({ score }) => score)
  const cosines = (rows: readonly Float64Array[]) => known.map(({ one, other }) => similarity(rows[one]!, rows[other]!))
  const [a, b] = [cosines(rowsA), cosines(rowsB)]
  const both = (measure: typeof pearson) => {
    const [float, quantized] = [measure(scores, a), measure(scores, b)]
    return { float, quantized, change: quantized - float }
  }
  return { count: known.length, pearson: both(pearson), spearman: both(spearman) }
}

/** The integers that these rows belong to: an input with the same lines and steps, no mask. */
function idsLike(feeds: Feeds, shape: readonly number[]): Value | undefined {
  return Object.entries(feeds).find(
    ([name, { dtype, shape: own }]) =>
      (dtype === 'i64' || dtype === 'i32') &&
      !/mask/i.test(name) &&
      own.length === 2 &&
      own[0] === shape[0] &&
      own[1] === shape[1],
  )?.[1]
}

/** Of rows of unit length; a row that is not finite is as far away as can be. */
function similarity(a: Float64Array, b: Float64Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i += 1) sum += a[i]! * b[i]!
  return Number.isFinite(sum) ? Math.max(-1, Math.min(1, sum)) : -1
}

function normalized(row: Float64Array): Float64Array {
  const energy = energyOf(row)
  if (!(energy > 0)) return row
  const inverse = 1 / Math.sqrt(energy)
  return row.map((value) => value * inverse)
}

const energyOf = (row: Float64Array): number => row.reduce((sum, value) => sum + value * value, 0)
