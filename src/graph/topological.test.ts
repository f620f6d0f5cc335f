import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { order } from './topological.ts'

describe('order', () => {
  it('says when nothing is to do', () => {
    expect(order(3, [[], [0], [0, 1, 1]])).toEqual({ kind: 'sorted' })
    expect(order(0, [])).toEqual({ kind: 'sorted' })
  })

  it('keeps the given order among what is free', () => {
    expect(order(5, [[4], [], [0], [], []])).toEqual({ kind: 'order', positions: [1, 3, 4, 0, 2] })
  })

  it('lists one cycle in order of use', () => {
    expect(order(5, [[], [3], [1], [2], [3]])).toEqual({ kind: 'cycle', positions: [1, 2, 3] })
    expect(order(1, [[0]])).toEqual({ kind: 'cycle', positions: [0] })
  })

  it('puts needs first for any graph without cycles', () => {
    const graphs = fc
      .array(fc.array(fc.nat(), { maxLength: 4 }), { maxLength: 40 })
      .chain((lists) =>
        fc.tuple(fc.constant(lists), fc.shuffledSubarray([...lists.keys()], { minLength: lists.length })),
      )
    fc.assert(
      fc.property(graphs, ([lists, places]) => {
        const needs: number[][] = lists.map(() => [])
        for (const [index, list] of lists.entries()) {
          if (index > 0) needs[places[index]!] = list.map((pick) => places[pick % index]!)
        }
        const result = order(lists.length, needs)
        if (result.kind === 'cycle') return false
        const positions = result.kind === 'sorted' ? [...lists.keys()] : result.positions
        const at = new Map(positions.map((position, index) => [position, index]))
        return at.size === lists.length && needs.every((list, to) => list.every((from) => at.get(from)! < at.get(to)!))
      }),
    )
  })

  it('orders a reversed chain of 100 000', () => {
    const count = 100_000
    const needs = Array.from({ length: count }, (_, index) => (index + 1 < count ? [index + 1] : []))
    const result = order(count, needs)
    expect(result.kind === 'order' && result.positions[0]).toBe(count - 1)
  })
})
