import { TersorError } from '../errors.ts'
import type { Granularity, MatrixView, SchemeSpec } from '../model/scheme.ts'

/** How many grids (scale and zero) a tensor has, and how they divide each channel. */
export interface GridShape {
  /** Consecutive elements along the reduction axis that share a grid; `depth` for channels and tensors. */
  readonly blockSize: number
  /** Grids of one channel; the last may cover fewer elements. Runs: the most that a channel meets. */
  readonly blocks: number
  /** Grids of the whole tensor: stack * channels * blocks, or 1. */
  readonly grids: number
}

export function gridShapeOf(granularity: Granularity, view: MatrixView): GridShape {
  switch (granularity.kind) {
    case 'tensor':
      return { blockSize: view.depth, blocks: 1, grids: 1 }
    case 'channel':
      return { blockSize: view.depth, blocks: 1, grids: view.stack * view.channels }
    case 'block': {
      const blocks = Math.ceil(view.depth / granularity.size)
      return { blockSize: granularity.size, blocks, grids: view.stack * view.channels * blocks }
    }
    case 'run':
      return {
        blockSize: granularity.size,
        blocks: Math.ceil(view.depth / granularity.size) + 1,
        grids: Math.ceil(viewElementCount(view) / granularity.size),
      }
  }
}

/** stack * channels * depth. Throws E_LIMIT when it is not exact. */
export function viewElementCount(view: MatrixView): number {
  const count = view.stack * view.channels * view.depth
  if (!Number.isSafeInteger(count) || count < 0) {
    throw new TersorError(
      'E_LIMIT',
      `expected fewer than 2^53 elements, found ${view.stack} x ${view.channels} x ${view.depth}`,
    )
  }
  return count
}

/** Bytes of codes, scales and zeros without any padding of rows: what a scheme costs, whatever the file. */
export function schemeByteLength(spec: SchemeSpec, view: MatrixView): number {
  const count = viewElementCount(view)
  if (spec.family === 'half') return count * 2
  const { grids } = gridShapeOf(spec.granularity, view)
  const scaleBytes = spec.scale === 'f16' ? 2 : 4
  return (
    Math.ceil((count * spec.bits) / 8) + grids * scaleBytes + (spec.symmetric ? 0 : Math.ceil((grids * spec.bits) / 8))
  )
}
