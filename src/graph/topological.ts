/** Result of ordering: positions in a valid order, or the positions of one cycle. */
export type Ordering =
  | { readonly kind: 'sorted' }
  | { readonly kind: 'order'; readonly positions: readonly number[] }
  | { readonly kind: 'cycle'; readonly positions: readonly number[] }

/**
 * Orders `count` things so that each comes after what it needs; ties keep the given order (Kahn's method with a heap of
 * positions). `needs[i]` lists positions, repeats allowed. No recursion, O((count + needs) log count).
 */
export function order(count: number, needs: readonly (readonly number[])[]): Ordering {
  if (isSorted(count, needs)) return { kind: 'sorted' }
  const waiting = new Uint32Array(count)
  const unlocks: number[][] = Array.from({ length: count }, () => [])
  for (let position = 0; position < count; position++) {
    for (const need of needs[position]!) {
      unlocks[need]!.push(position)
      waiting[position]!++
    }
  }
  const ready: number[] = []
  for (let position = 0; position < count; position++) if (waiting[position] === 0) push(ready, position)
  const positions: number[] = []
  while (ready.length > 0) {
    const position = pop(ready)
    positions.push(position)
    for (const next of unlocks[position]!) {
      waiting[next]!--
      if (waiting[next] === 0) push(ready, next)
    }
  }
  return positions.length === count ? { kind: 'order', positions } : { kind: 'cycle', positions: cycle(waiting, needs) }
}

function isSorted(count: number, needs: readonly (readonly number[])[]): boolean {
  for (let position = 0; position < count; position++) {
    for (const need of needs[position]!) if (need >= position) return false
  }
  return true
}

/** Follows unmet needs until a position comes back: everything that still waits has one. Starts at the lowest position. */
function cycle(waiting: Uint32Array, needs: readonly (readonly number[])[]): number[] {
  const visitedAt = new Map<number, number>()
  const trail: number[] = []
  let position = waiting.findIndex((left) => left > 0)
  while (!visitedAt.has(position)) {
    visitedAt.set(position, trail.length)
    trail.push(position)
    position = needs[position]!.find((need) => waiting[need]! > 0)!
  }
  const ring = trail.slice(visitedAt.get(position)!).reverse()
  const first = ring.indexOf(ring.reduce((least, next) => Math.min(least, next)))
  return [...ring.slice(first), ...ring.slice(0, first)]
}

function push(heap: number[], value: number): void {
  let at = heap.length
  heap.push(value)
  while (at > 0) {
    const parent = Math.floor((at - 1) / 2)
    if (heap[parent]! <= value) break
    heap[at] = heap[parent]!
    at = parent
  }
  heap[at] = value
}

function pop(heap: number[]): number {
  const top = heap[0]!
  const value = heap.pop()!
  const count = heap.length
  if (count === 0) return top
  let at = 0
  for (;;) {
    let child = 2 * at + 1
    if (child >= count) break
    if (child + 1 < count && heap[child + 1]! < heap[child]!) child++
    if (heap[child]! >= value) break
    heap[at] = heap[child]!
    at = child
  }
  heap[at] = value
  return top
}
