import { describe, expect, test } from 'vitest'
import { integerSpec } from '../../test/contracts/packing.ts'
import { createWasmKernelsSync } from '../kernels/wasm.ts'
import type { MatrixView, QuantizedTensor } from '../model/scheme.ts'
import { maySaturate, worstPair } from './saturation.ts'

const kernels = createWasmKernelsSync()

function tensorOf(view: MatrixView, signed: readonly number[]): QuantizedTensor {
  const codes = Uint8Array.from(signed, (value) => value + 128)
  return { spec: integerSpec(8, 'channel'), view, codes, scales: new Float32Array(view.stack * view.channels).fill(1) }
}

describe('saturation', () => {
  const row: MatrixView = { stack: 1, channels: 2, depth: 3, along: 'row' }
  const column: MatrixView = { stack: 1, channels: 2, depth: 3, along: 'column' }

  test('neighbours along the reduction count, others do not', () => {
    // Rows (127, 0, 127) and (1, 1, 100): the two 127 are apart.
    expect(worstPair(tensorOf(row, [127, 0, 127, 1, 1, 100]), kernels)).toBe(127)
    expect(worstPair(tensorOf(row, [127, 0, 127, 127, 1, 1]), kernels)).toBe(128)
    // The last element of a row and the first of the next are no pair.
    expect(maySaturate(tensorOf(row, [0, 0, 127, 127, 0, 0]), kernels)).toBe(false)
    // As columns: (127, 127) are neighbours in the file but belong to different channels.
    expect(worstPair(tensorOf(column, [127, 127, 0, 0, 1, 1]), kernels)).toBe(127)
    expect(worstPair(tensorOf(column, [100, 0, 29, 0, 0, 0]), kernels)).toBe(129)
  })

  test('the limit is 128, and opposite signs are safe', () => {
    expect(maySaturate(tensorOf(row, [64, 64, 0, -64, -64, 0]), kernels)).toBe(false)
    expect(maySaturate(tensorOf(row, [64, 65, 0, 0, 0, 0]), kernels)).toBe(true)
    expect(maySaturate(tensorOf(row, [-64, -65, 0, 0, 0, 0]), kernels)).toBe(true)
    expect(maySaturate(tensorOf(row, [-128, 127, -128, 127, -128, 127]), kernels)).toBe(false)
  })

  test('pairs across the cut between two calls are seen', () => {
    const depth = 1_048_577
    for (const at of [0, 1_048_574, 1_048_575]) {
      const signed = new Array<number>(depth).fill(0)
      signed[at] = 100
      signed[at + 1] = 100
      expect(worstPair(tensorOf({ stack: 1, channels: 1, depth, along: 'row' }, signed), kernels)).toBe(200)
    }
  })

  test('stacks and many columns', () => {
    const channels = 600_000
    const signed = new Array<number>(2 * 2 * channels).fill(0)
    // Second matrix, last channel.
    signed[3 * channels - 1] = -90
    signed[4 * channels - 1] = -80
    expect(worstPair(tensorOf({ stack: 2, channels, depth: 2, along: 'column' }, signed), kernels)).toBe(170)
    // Last row of the first matrix and first row of the second are no pair.
    const apart = new Array<number>(8).fill(0)
    apart[2] = 100
    apart[4] = 100
    expect(worstPair(tensorOf({ stack: 2, channels: 2, depth: 2, along: 'column' }, apart), kernels)).toBe(100)
  })

  test('a single weight has no neighbour', () => {
    expect(worstPair(tensorOf({ stack: 1, channels: 2, depth: 1, along: 'row' }, [127, 127]), kernels)).toBe(0)
  })
})
