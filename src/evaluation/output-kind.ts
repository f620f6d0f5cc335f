import type { Dimension } from '../model/graph.ts'
import type { Value } from '../model/runtime.ts'
import { isFloat } from '../numbers/dtype.ts'
import { addUpToOne } from './add-up.ts'
import { type Numbers, numbersOf } from './elements.ts'
import { expNegative } from './exponential.ts'
import type { InputFacts } from './medium.ts'

/**
 * How an output is judged: `classes` by its first choice, `logits` (language: a row of scores per token; shares of labels per step) by divergence,
 * `values` by direction, `exact` (integers, booleans, strings) by equality.
 */
export type OutputKind = 'classes' | 'logits' | 'values' | 'exact'

export interface KindHints {
  /** Samples per run; default 1. A row of scores per sample makes an output a classifier's. */
  readonly batch?: number
  /** Number of tokens the model knows: an output with as many scores per row is language. */
  readonly vocabulary?: number
  /** Shapes as the model declares them: a last axis without a fixed size holds no classes. */
  readonly declared?: ReadonlyMap<string, readonly Dimension[]>
  /** What is fed: an output that is like a picture, a sound or a spectrum of the input is one. */
  readonly inputs?: readonly InputFacts[]
  /** Outputs that lie between 0 and 1 whatever is fed: of a Sigmoid or a Softmax. */
  readonly shares?: ReadonlySet<string>
  /** Outputs that are fed back, caches of a decoder among them: where there are others, the verdict is about those. */
  readonly carried?: ReadonlySet<string>
}

export interface OutputShape {
  readonly kind: OutputKind
  /** Scores per row for `classes` and `logits`, else 0. */
  readonly classes: number
  /** Whether rows are probabilities already. */
  readonly probabilities: boolean
}

const LANGUAGE = /logit|lm_head|next_token/i
const NOT_SCORES =
  /embed|hidden|pool|feat|state|cache|vector|latent|box|loc|coord|landmark|point|mask|image|audio|wave|spec|memory|present|past|(^|_)[hc][n\d]?(_|$)/i
/** More "classes" than this are a signal of that many steps. */
const MOST_CLASSES = 65_536

/** Decides from the name, the shape and the numbers of the first value seen. */
export function outputShapeOf(name: string, value: Value, hints: KindHints = {}): OutputShape {
  if (!isFloat(value.dtype)) return { kind: 'exact', classes: 0, probabilities: false }
  const plain: OutputShape = { kind: 'values', classes: 0, probabilities: false }
  const declared = hints.declared?.get(name)
  const shape = withoutTrailingOnes(value.shape)
  const classes = shape.at(-1) ?? 1
  if (classes < 2 || shape.length < 2 || shape.length > 3) return plain
  if (shape.length === value.shape.length && declared !== undefined && typeof declared.at(-1) !== 'number') return plain
  const numbers = numbersOf(value, name)
  const probabilities = areProbabilities(numbers, classes)
  const language = classes === hints.vocabulary || (shape.length === 3 && LANGUAGE.test(name))
  if (language) return { kind: 'logits', classes, probabilities }
  if (value.shape.length === 3 && areSteps(shape, classes) && !NOT_SCORES.test(name)) {
    // What a recogniser of speech or text hears at every step (connectionist temporal classification).
    if (probabilities || areLogProbabilities(numbers, classes)) return { kind: 'logits', classes, probabilities }
  }
  const rowPerSample = shape.length === 2 && shape[0] === (hints.batch ?? 1)
  if (!rowPerSample || classes > MOST_CLASSES || NOT_SCORES.test(name)) return plain
  if (!probabilities && areUnitVectors(numbers, classes)) return plain
  return { kind: 'classes', classes, probabilities }
}

/** [N, C, 1, 1] is [N, C]; two axes stay. */
function withoutTrailingOnes(shape: readonly number[]): readonly number[] {
  let rank = shape.length
  while (rank > 2 && shape[rank - 1] === 1) rank -= 1
  return shape.slice(0, rank)
}

function areProbabilities(numbers: Numbers, classes: number): boolean {
  return numbers.length > 0 && addUpToOne(numbers, classes) && numbers.every((number) => number >= 0)
}

/** Rows of labels along time: fewer labels, or more steps, are boxes of a detector, most of which hold nothing. */
const [LEAST_LABELS, MOST_STEPS] = [16, 1024]

function areSteps(shape: readonly number[], classes: number): boolean {
  const [first = 0, second = 0] = shape
  return classes >= LEAST_LABELS && first * second > 1 && Math.max(first, second) <= MOST_STEPS
}

function areLogProbabilities(numbers: Numbers, classes: number): boolean {
  const share = (number: number): number => expNegative(Math.min(0, number))
  return numbers.length > 0 && addUpToOne(numbers, classes, share) && numbers.every((number) => number <= 1e-3)
}

/** Normalized embeddings: no classifier gives rows of length one. */
function areUnitVectors(numbers: Numbers, classes: number): boolean {
  for (let start = 0; start + classes <= numbers.length; start += classes) {
    let square = 0
    for (let i = start; i < start + classes; i += 1) square += numbers[i]! * numbers[i]!
    if (!(Math.abs(square - 1) < 1e-4)) return false
  }
  return numbers.length > 0
}
