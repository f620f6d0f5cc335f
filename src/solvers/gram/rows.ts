import type { CodedSpec } from '../../model/packing.ts'
import { codeLevels } from '../../numbers/level-tables/code-levels.ts'

/** Rows of a weight that all meet the same input: one row an output channel, values along the depth. */
export interface GramRows {
  /** What the decoded codes should do to the input. [channels][depth] */
  readonly values: Float32Array
  readonly channels: number
  readonly depth: number
  readonly spec: CodedSpec
}

/** Codes of such rows, 0 .. 2^bits - 1. */
export interface GramCodes {
  /** [channels][depth] */
  readonly codes: Uint8Array
  /** [channels][blocks]; runs: one after the other. */
  readonly scales: Float32Array
  /** As scales: 2^(bits-1) everywhere when symmetric. */
  readonly zeros: Uint8Array
}

/** Elements along the depth that share a scale. */
export function blockOf({ spec, depth }: Pick<GramRows, 'spec' | 'depth'>): number {
  const { granularity } = spec
  if (granularity.kind === 'run') return granularity.size
  return granularity.kind === 'block' ? Math.min(granularity.size, depth) : depth
}

/** Where the scale of an element is: rows have `blocks` each, but for runs, which go on from row to row. */
export function gridOf(rows: Pick<GramRows, 'spec' | 'depth'>): (channel: number, column: number) => number {
  const { spec, depth } = rows
  const block = blockOf(rows)
  const blocks = Math.ceil(depth / block)
  if (spec.granularity.kind === 'run') return (channel, column) => Math.floor((channel * depth + column) / block)
  return (channel, column) => channel * blocks + Math.floor(column / block)
}

/** Codes as their values, [channels][depth]. */
export function decodeRows(rows: Pick<GramRows, 'spec' | 'depth' | 'channels'>, found: GramCodes): Float32Array {
  const { depth, channels, spec } = rows
  const at = gridOf(rows)
  const levels = codeLevels(spec)
  const values = new Float32Array(channels * depth)
  for (let n = 0; n < channels; n++) {
    for (let k = 0; k < depth; k++) {
      const grid = at(n, k)
      const code = found.codes[n * depth + k] as number
      const steps = levels ? (levels.decoded[code] as number) : code - (found.zeros[grid] as number)
      values[n * depth + k] = (found.scales[grid] as number) * steps
    }
  }
  return values
}
