import { describe, expect, it } from 'vitest'
import { type ConvUnfolding, spreadPositions, unfoldedShape } from './unfold.ts'

const conv = (more: Partial<ConvUnfolding>): ConvUnfolding => ({
  kind: 'conv',
  groups: 1,
  kernel: [3],
  strides: [],
  dilations: [],
  pads: [],
  ...more,
})

function rowsOf(unfolding: Parameters<typeof unfoldedShape>[0], shape: readonly number[], group = 0): number[][] {
  const values = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i + 1)
  const found = unfoldedShape(unfolding, shape)
  const all = spreadPositions(found.positions, found.positions, 0)
  const target = new Float32Array(all.length * (found.depth + 1))
  found.copy(values, group, all, target, found.depth + 1)
  return all.map((row) => [...target.subarray(row * (found.depth + 1), row * (found.depth + 1) + found.depth)])
}

describe('unfolding', () => {
  it('pads with zeros, strides and dilates along one axis', () => {
    expect(rowsOf(conv({ pads: [1, 1] }), [1, 1, 4])).toEqual([
      [0, 1, 2],
      [1, 2, 3],
      [2, 3, 4],
      [3, 4, 0],
    ])
    expect(rowsOf(conv({ strides: [2], dilations: [2], pads: [2, 1] }), [1, 1, 4])).toEqual([
      [0, 1, 3],
      [1, 3, 0],
    ])
  })
  it('keeps the order of a kernel: channel, row, column', () => {
    expect(rowsOf(conv({ kernel: [2, 2] }), [1, 2, 2, 3])).toEqual([
      [1, 2, 4, 5, 7, 8, 10, 11],
      [2, 3, 5, 6, 8, 9, 11, 12],
    ])
  })
  it('gives every group its own channels, of every image', () => {
    const grouped = conv({ groups: 2, kernel: [1] })
    expect(rowsOf(grouped, [2, 4, 1], 1)).toEqual([
      [3, 4],
      [7, 8],
    ])
  })
  it('SAME puts the odd zero behind or in front, VALID none', () => {
    const same = { kernel: [2], strides: [1] }
    expect(rowsOf(conv({ ...same, pads: 'SAME_UPPER' }), [1, 1, 2])).toEqual([
      [1, 2],
      [2, 0],
    ])
    expect(rowsOf(conv({ ...same, pads: 'SAME_LOWER' }), [1, 1, 2])).toEqual([
      [0, 1],
      [1, 2],
    ])
    expect(rowsOf(conv({ ...same, pads: 'VALID' }), [1, 1, 2])).toEqual([[1, 2]])
  })
  it('three axes', () => {
    expect(rowsOf(conv({ kernel: [2, 1, 2] }), [1, 1, 2, 2, 2])).toEqual([
      [1, 2, 5, 6],
      [3, 4, 7, 8],
    ])
  })
  it('rows of matrices, and columns where they are turned', () => {
    expect(rowsOf({ kind: 'rows', turned: false }, [2, 1, 2])).toEqual([
      [1, 2],
      [3, 4],
    ])
    expect(rowsOf({ kind: 'rows', turned: true }, [2, 3])).toEqual([
      [1, 4],
      [2, 5],
      [3, 6],
    ])
  })
  it('refuses shapes that do not suit', () => {
    expect(() => unfoldedShape(conv({ groups: 2 }), [1, 3, 8])).toThrow(/groups/)
    expect(() => unfoldedShape({ kind: 'rows', turned: false }, [])).toThrow(/matrix/)
  })
  it('spreads positions over all residues, none twice', () => {
    const found = spreadPositions(56 * 56, 64, 7919)
    expect(new Set(found).size).toBe(64)
    expect(new Set(found.map((at) => at % 56)).size).toBeGreaterThan(30)
    expect(spreadPositions(5, 9, 3)).toEqual([0, 1, 2, 3, 4])
    expect(spreadPositions(2, 1, 3)).toEqual([1])
  })
})
