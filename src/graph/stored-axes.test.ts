import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type AxisLabel,
  dropAxes,
  insertAxes,
  permuteAxes,
  reshapeAxes,
  type StoredAxes,
  storedAxes,
  viewOf,
} from './stored-axes.ts'

const FIRST: AxisLabel[] = ['channel', 'depth']
const LAST: AxisLabel[] = ['depth', 'channel']

describe('viewOf', () => {
  it('sees rows and columns', () => {
    expect(viewOf(storedAxes([3, 5]), FIRST)).toEqual({
      view: { stack: 1, channels: 3, depth: 5, along: 'row' },
      axis: 0,
    })
    expect(viewOf(storedAxes([3, 5]), LAST)).toEqual({
      view: { stack: 1, channels: 5, depth: 3, along: 'column' },
      axis: 1,
    })
  })

  it('flips through a transpose', () => {
    const flipped = permuteAxes(storedAxes([3, 5]), [1, 0])
    expect(viewOf(flipped, LAST)).toEqual({ view: { stack: 1, channels: 3, depth: 5, along: 'row' }, axis: 0 })
  })

  it('takes leading axes as stack', () => {
    expect(viewOf(storedAxes([4, 2, 3]), ['stack', 'depth', 'channel'])).toEqual({
      view: { stack: 4, channels: 3, depth: 2, along: 'column' },
      axis: 2,
    })
  })

  it('merges and cuts axes by reshape', () => {
    const merged = reshapeAxes(storedAxes([16, 4, 4, 10]), [256, 10])!
    expect(viewOf(merged, LAST)).toEqual({ view: { stack: 1, channels: 10, depth: 256, along: 'column' }, axis: 3 })
    const cut = reshapeAxes(storedAxes([6, 20]), [2, 3, 20])!
    expect(viewOf(cut, ['channel', 'channel', 'depth']).axis).toBe(0)
    expect(viewOf(cut, ['stack', 'channel', 'depth'])).toEqual({
      view: { stack: 2, channels: 3, depth: 20, along: 'row' },
      axis: null,
    })
    expect(viewOf(cut, ['depth', 'channel', 'depth']).view).toBeNull()
    const thrice = reshapeAxes(storedAxes([24]), [2, 3, 4])!
    expect(viewOf(thrice, ['stack', 'depth', 'channel']).view).toEqual({
      stack: 2,
      channels: 4,
      depth: 3,
      along: 'column',
    })
  })

  it('gives up where a run would be cut askew or counts do not fit', () => {
    expect(reshapeAxes(storedAxes([6, 2]), [4, 3])).toBeNull()
    expect(reshapeAxes(storedAxes([6]), [5])).toBeNull()
    expect(reshapeAxes(storedAxes([6]), [2])).toBeNull()
    expect(reshapeAxes(storedAxes([2]), [2, 2])).toBeNull()
  })

  it('has no view for channels between depths, and still the axis', () => {
    expect(viewOf(storedAxes([4, 3, 5]), ['depth', 'channel', 'depth'])).toEqual({ view: null, axis: 1 })
  })

  it('carries axes of size 1 through squeeze and unsqueeze', () => {
    const squeezed = dropAxes(storedAxes([1, 4, 3]), new Set([0]))
    expect(viewOf(squeezed, FIRST)).toEqual({ view: { stack: 1, channels: 4, depth: 3, along: 'row' }, axis: 1 })
    const back = insertAxes(squeezed, new Set([0, 3]))
    expect(back.seen).toHaveLength(4)
    expect(viewOf(storedAxes([7, 1]), LAST)).toEqual({
      view: { stack: 1, channels: 1, depth: 7, along: 'column' },
      axis: 1,
    })
    expect(viewOf(storedAxes([1, 7]), FIRST)).toEqual({
      view: { stack: 1, channels: 1, depth: 7, along: 'row' },
      axis: 0,
    })
  })

  it('agrees with moving real elements, whatever the steps', () => {
    const step = fc.oneof(
      fc.constantFrom([1, 0, 2], [2, 0, 1], [0, 2, 1], [2, 1, 0]).map((order) => ({ order })),
      fc.constantFrom([4, 6, 2], [2, 2, 12], [8, 3, 2], [6, 4, 2], [3, 8, 2], [12, 1, 4]).map((shape) => ({ shape })),
    )
    const labelled = fc.constantFrom<AxisLabel[]>(
      ['stack', 'depth', 'channel'],
      ['stack', 'channel', 'depth'],
      ['channel', 'depth', 'depth'],
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 4 }), labelled, (steps, labels) => {
        let axes: StoredAxes | null = storedAxes([4, 6, 2])
        let seen: Seen = { shape: [4, 6, 2], elements: Array.from({ length: 48 }, (_, index) => index) }
        for (const one of steps) {
          if (axes === null) return true
          axes = 'order' in one ? permuteAxes(axes, one.order) : reshapeAxes(axes, one.shape)
          seen = 'order' in one ? transpose(seen, one.order) : { ...seen, shape: one.shape }
        }
        const view = axes && viewOf(axes, labels).view
        return view == null || groupsAgree(seen, labels, view)
      }),
    )
  })
})

interface Seen {
  readonly shape: readonly number[]
  readonly elements: number[]
}

function transpose({ shape, elements }: Seen, order: readonly number[]): Seen {
  const next = order.map((axis) => shape[axis]!)
  const result = elements.map((_, index) => {
    const at = placeOf(index, next)
    const from = [0, 0, 0]
    for (const [to, axis] of order.entries()) from[axis] = at[to]!
    return elements[(from[0]! * shape[1]! + from[1]!) * shape[2]! + from[2]!]!
  })
  return { shape: next, elements: result }
}

function placeOf(index: number, shape: readonly number[]): number[] {
  const last = index % shape[2]!
  const middle = Math.floor(index / shape[2]!) % shape[1]!
  return [Math.floor(index / (shape[1]! * shape[2]!)), middle, last]
}

/** Elements in one channel by the operator's axes must be the elements of one channel by the stored view. */
function groupsAgree(
  seen: Seen,
  labels: readonly AxisLabel[],
  view: { stack: number; channels: number; depth: number; along: string },
): boolean {
  const byOperator = new Map<string, Set<number>>()
  const byView = new Map<string, Set<number>>()
  for (const [index, stored] of seen.elements.entries()) {
    const place = placeOf(index, seen.shape)
    const key = place.filter((_, axis) => labels[axis] !== 'depth').join()
    byOperator.set(key, (byOperator.get(key) ?? new Set()).add(stored))
    const matrix = view.channels * view.depth
    const inside = stored % matrix
    const channel = view.along === 'row' ? Math.floor(inside / view.depth) : inside % view.channels
    const viewKey = `${Math.floor(stored / matrix)} ${channel}`
    byView.set(viewKey, (byView.get(viewKey) ?? new Set()).add(stored))
  }
  const text = (groups: Map<string, Set<number>>): string =>
    [...groups.values()]
      .map((set) => [...set].sort((a, b) => a - b).join())
      .sort()
      .join(';')
  return text(byOperator) === text(byView)
}
