/** One way to store a group of tensors that are decided together. */
export interface Choice {
  readonly id: string
  readonly bytes: number
  /** What it costs at the outputs; losses of groups add up. */
  readonly loss: number
}

export interface Allocation {
  /** Index into the choices of each group. */
  readonly chosen: readonly number[]
  readonly bytes: number
  readonly loss: number
}

/** Steps that a budget is divided into. */
const STEPS = 8192

/**
 * One choice a group with the least sum of losses whose bytes fit the budget: dynamic programming over bytes beyond the least possible,
 * counted in steps of 1/8192 of the room and rounded up, then single changes that still fit. Exact where the room is no more than 8192 bytes;
 * of equal losses the fewer bytes win, then the earlier choice. Null when not even the smallest choices fit. Every group has a choice.
 */
export function allocate(groups: readonly (readonly Choice[])[], budget: number): Allocation | null {
  const least = groups.map((choices) => choices.reduce((a, b) => (b.bytes < a.bytes ? b : a)).bytes)
  const room = budget - least.reduce((a, b) => a + b, 0)
  if (!(room >= 0)) return null
  const most = groups.reduce(
    (sum, choices, g) => sum + Math.max(...choices.map(({ bytes }) => bytes)) - (least[g] as number),
    0,
  )
  const useful = Math.min(room, most)
  const step = Math.max(1, useful / STEPS)
  const steps = Math.floor(useful / step)
  let losses = new Float64Array(steps + 1)
  const taken = groups.map((choices, g) => {
    const next = new Float64Array(steps + 1).fill(Number.POSITIVE_INFINITY)
    const choice = new Int32Array(steps + 1).fill(-1)
    for (const [index, { bytes, loss }] of choices.entries()) {
      const cost = Math.ceil((bytes - (least[g] as number)) / step)
      for (let at = cost; at <= steps; at++) {
        const sum = (losses[at - cost] as number) + loss
        if (sum < (next[at] as number)) {
          next[at] = sum
          choice[at] = index
        }
      }
    }
    losses = next
    return choice
  })
  // The fewest steps with the least loss.
  let at = 0
  for (let i = 1; i <= steps; i++) if ((losses[i] as number) < (losses[at] as number)) at = i
  const chosen: number[] = new Array(groups.length)
  for (let g = groups.length - 1; g >= 0; g--) {
    const index = (taken[g] as Int32Array)[at] as number
    chosen[g] = index
    at -= Math.ceil((choiceAt(groups, g, index).bytes - (least[g] as number)) / step)
  }
  return improved(groups, chosen, budget)
}

function choiceAt(groups: readonly (readonly Choice[])[], g: number, index: number): Choice {
  return (groups[g] as readonly Choice[])[index] as Choice
}

/** Changes of one group at a time, that of the largest gain first, as long as one fits. */
function improved(groups: readonly (readonly Choice[])[], start: readonly number[], budget: number): Allocation {
  const chosen = [...start]
  const of = (g: number): Choice => choiceAt(groups, g, chosen[g] as number)
  let bytes = groups.reduce((sum, _, g) => sum + of(g).bytes, 0)
  for (;;) {
    let best: { g: number; index: number; gain: number } | undefined
    for (const [g, choices] of groups.entries()) {
      const now = of(g)
      for (const [index, choice] of choices.entries()) {
        const gain = now.loss - choice.loss
        const fits = bytes + choice.bytes - now.bytes <= budget
        const smaller = gain === 0 && choice.bytes < now.bytes
        if (!fits || !(gain > 0 || smaller)) continue
        if (best === undefined || gain > best.gain) best = { g, index, gain }
      }
    }
    if (best === undefined) break
    bytes += choiceAt(groups, best.g, best.index).bytes - of(best.g).bytes
    chosen[best.g] = best.index
  }
  return { chosen, bytes, loss: groups.reduce((sum, _, g) => sum + of(g).loss, 0) }
}

/** A loss that is this small a share of the largest is none. */
const NO_LOSS = 1e-4

/**
 * Allocations at `count` budgets, evenly spread from the least possible bytes to where next to no loss is left, and the one of least loss;
 * each once, bytes rising.
 */
export function allocationCurve(groups: readonly (readonly Choice[])[], count: number): readonly Allocation[] {
  const smallest = groups.reduce((sum, choices) => sum + Math.min(...choices.map(({ bytes }) => bytes)), 0)
  const best = allocate(groups, Number.MAX_SAFE_INTEGER)
  if (best === null || count < 3) return best === null ? [] : [best]
  const first = allocate(groups, smallest) as Allocation
  let [low, high] = [smallest, best.bytes]
  for (let i = 0; i < 12; i++) {
    const middle = Math.floor((low + high) / 2)
    if ((allocate(groups, middle) as Allocation).loss > NO_LOSS * first.loss) low = middle
    else high = middle
  }
  const budgets = Array.from(
    { length: count - 1 },
    (_, i) => smallest + Math.floor(((high - smallest) * i) / (count - 2)),
  )
  const curve: Allocation[] = []
  for (const budget of [...budgets, best.bytes]) {
    const found = allocate(groups, budget)
    const last = curve.at(-1)
    if (found !== null && (last === undefined || (found.bytes > last.bytes && found.loss < last.loss)))
      curve.push(found)
  }
  return curve
}
