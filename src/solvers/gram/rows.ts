import type { IntegerSpec } from '../../model/packing.ts'

/** Rows of a weight that all meet the same input: one row an output channel, values along the depth. */
export interface GramRows {
  /** What the decoded codes should do to the input. [channels][depth] */
  readonly values: Float32Array
  readonly channels: number
  readonly depth: number
  readonly spec: IntegerSpec
}

/** Codes of such rows, 0 .. 2^bits - 1. */
export interface GramCodes {
  /** [channels][depth] */
  readonly codes: Uint8Array
  /** [channels][blocks] */
  readonly scales: Float32Array
  /** As scales: 2^(bits-1) everywhere when symmetric. */
  readonly zeros: Uint8Array
}

/** Elements along the depth that share a scale. */
export function blockOf({ spec, depth }: Pick<GramRows, 'spec' | 'depth'>): number {
  return spec.granularity.kind === 'block' ? Math.min(spec.granularity.size, depth) : depth
}

/** Codes as their values, [channels][depth]. */
export function decodeRows(rows: Pick<GramRows, 'spec' | 'depth' | 'channels'>, found: GramCodes): Float32Array {
  const { depth, channels } = rows
  const block = blockOf(rows)
  const blocks = Math.ceil(depth / block)
  const values = new Float32Array(channels * depth)
  for (let n = 0; n < channels; n++) {
    for (let k = 0; k < depth; k++) {
      const grid = n * blocks + Math.floor(k / block)
      const steps = (found.codes[n * depth + k] as number) - (found.zeros[grid] as number)
      values[n * depth + k] = (found.scales[grid] as number) * steps
    }
  }
  return values
}
