import { runError, type SortedPoints } from './sorted-points.ts'
import type { Candidates } from './split-search.ts'

/**
 * Halves groups of split places until there are `pieces` of them or every one is a single place, always the group whose
 * undecided points have the largest error: that error is what a bound through the group may be too low by.
 */
export function divideGroups(
  points: SortedPoints,
  first: readonly number[],
  last: readonly number[],
  pieces: number,
): Candidates {
  if (pieces === Infinity) return singlePlaces(first, last)
  const firsts = [...first]
  const lasts = [...last]
  const errors = firsts.map((from, g) => runError(points, from, lasts[g]!))
  // A heap of the groups that can be halved, largest error on top.
  const heap: number[] = []
  const before = (a: number, b: number) => errors[a]! > errors[b]! || (errors[a] === errors[b] && a < b)
  const rise = (at: number) => {
    for (let child = at; child > 0; ) {
      const parent = (child - 1) >>> 1
      if (!before(heap[child]!, heap[parent]!)) return
      swap(heap, child, parent)
      child = parent
    }
  }
  const sink = () => {
    for (let parent = 0; ; ) {
      let child = 2 * parent + 1
      if (child >= heap.length) return
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++
      if (!before(heap[child]!, heap[parent]!)) return
      swap(heap, child, parent)
      parent = child
    }
  }
  const push = (group: number) => {
    if (firsts[group] === lasts[group]) return
    heap.push(group)
    rise(heap.length - 1)
  }
  for (let g = 0; g < first.length; g++) push(g)
  while (heap.length > 0 && firsts.length < pieces) {
    const group = heap[0]!
    const middle = (firsts[group]! + lasts[group]!) >>> 1
    firsts.push(middle + 1)
    lasts.push(lasts[group]!)
    lasts[group] = middle
    errors[group] = runError(points, firsts[group]!, middle)
    errors.push(runError(points, middle + 1, lasts[firsts.length - 1]!))
    const top = heap.pop()!
    if (heap.length > 0) {
      heap[0] = top
      sink()
    }
    push(group)
    push(firsts.length - 1)
  }
  return { first: Float64Array.from(firsts).sort(), last: Float64Array.from(lasts).sort() }
}

function singlePlaces(first: readonly number[], last: readonly number[]): Candidates {
  const places: number[] = []
  for (let g = 0; g < first.length; g++) for (let at = first[g]!; at <= last[g]!; at++) places.push(at)
  const all = Float64Array.from(places)
  return { first: all, last: all }
}

function swap(heap: number[], a: number, b: number): void {
  const kept = heap[a]!
  heap[a] = heap[b]!
  heap[b] = kept
}
