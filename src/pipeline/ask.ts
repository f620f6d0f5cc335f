import type { SolverId } from '../model/scheme.ts'
import type { Target } from '../model/target.ts'
import type { RankAsk } from '../solvers/low-rank/index.ts'
import type { HalfPlan } from './half/half-plan.ts'
import type { Rule } from './rules.ts'

/** What the user wants, checked and resolved; the same for the command line and the library. */
export interface Ask {
  /** A preset or a scheme id, as typed. */
  readonly to: string
  readonly target: Target
  readonly rules: readonly Rule[]
  readonly solver: SolverId | undefined
  /** Codes by what they do to data was asked for; absent: where data are given and no other solver was. */
  readonly fitting?: 'gptq' | 'hqq' | 'weighted'
  /** Corrections of low rank behind codes of weight-only schemes. */
  readonly lowRank?: RankAsk
  /** Codes of int8-static by learned rounding. */
  readonly learned?: boolean
  /** Prefer this lowering wherever it fits (`dequantize`, `expand`, `matmul-nbits`, ...). */
  readonly lowering: string | undefined
  /** int8-static: operators on codes instead of pairs, where there are any. */
  readonly qoperators?: boolean
  readonly seed: number
  /** Only nodes that this ai.onnx version has; absent: the opset may be raised. */
  readonly maxOpset?: number
  /** What a tensor becomes instead, after an attempt was refused; key: `tensorKey`. */
  readonly relaxed?: ReadonlyMap<string, Relaxation>
  /** Quantize even what would not get smaller; for tests of tiny models. */
  readonly everything: boolean
  /** Presets that compute in f16: what does and what does not, found before. */
  readonly half?: HalfPlan
  /** Verify weights and sum energies, so that reports show SQNR. */
  readonly measure: boolean
}

export interface Relaxation {
  /** A preset with more precision. */
  readonly what: string
  /** Share of its noise that is expected to remain. */
  readonly remains: number
  /** Why, with its share of the error. */
  readonly text: string
}

export const PRESETS = [
  'auto',
  'int8',
  'int8-static',
  'int8-weights',
  'int4-weights',
  'int2-weights',
  'fp16-weights',
  'bf16-weights',
  'fp16',
  'q8',
  'uint8',
  'q4',
  'q4f16',
  'q2',
  'q2f16',
  'bnb4',
] as const
export type Preset = (typeof PRESETS)[number]

/** Presets whose result computes in f16. */
export const HALF_PRESETS: ReadonlySet<string> = new Set(['fp16', 'q4f16', 'q2f16'])

/** Presets whose names promise a form to others: a refused result is not made into something else. */
export const NAMED_PRESETS: ReadonlySet<string> = new Set([
  ...['fp16', 'q8', 'uint8', 'q4', 'q4f16', 'q2', 'q2f16', 'bnb4'],
])
