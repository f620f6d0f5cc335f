/*
 * Sums of doubles that lose nothing, element by element over arrays: an exact sum is kept as several doubles that add up to it
 * (Shewchuk 1997, "Adaptive Precision Floating-Point Arithmetic"). Whatever the order or the grouping, the same doubles come out.
 */

/** Adds `values` to the sums that the arrays of `parts` hold together; the last of them grow in number as it becomes necessary. */
export function addExactly(parts: Float64Array[], values: Float64Array): void {
  const [first] = parts
  if (first === undefined) {
    parts.push(values.slice())
    return
  }
  for (let index = 0; index < values.length; index++) {
    let carried = values[index]!
    for (let part = 0; carried !== 0; part++) {
      let held = parts[part]
      if (held === undefined) {
        held = new Float64Array(values.length)
        parts.push(held)
      }
      const a = held[index]!
      const sum = a + carried
      // What rounding of this sum leaves out, exactly (Knuth's two-sum).
      const shadow = sum - a
      carried = a - (sum - shadow) + (carried - shadow)
      held[index] = sum
    }
  }
}

/** The one way to write exact sums: the nearest doubles, the nearest doubles of what is left then, and so on. At least one array. */
export function settled(parts: readonly Float64Array[], length: number): Float64Array[] {
  const made: Float64Array[] = [new Float64Array(length)]
  const open: number[] = []
  for (let index = 0; index < length; index++) {
    open.length = 0
    for (const part of parts) grow(open, part[index]!)
    for (let at = 0; open.length > 0; at++) {
      const nearest = nearestOf(open)
      if (nearest === 0) break
      if (made.length === at) made.push(new Float64Array(length))
      made[at]![index] = nearest
      grow(open, -nearest)
    }
  }
  return made
}

/** Adds to doubles that do not overlap, least first. */
function grow(open: number[], value: number): void {
  let kept = 0
  let carried = value
  for (const part of open) {
    const sum = carried + part
    const shadow = sum - carried
    const left = carried - (sum - shadow) + (part - shadow)
    if (left !== 0) open[kept++] = left
    carried = sum
  }
  open.length = kept
  if (carried !== 0) open.push(carried)
}

/** The double nearest to the sum of doubles that do not overlap, least first; to even where two are as near. */
function nearestOf(open: readonly number[]): number {
  let at = open.length - 1
  let sum = open[at] ?? 0
  let left = 0
  while (at > 0 && left === 0) {
    at -= 1
    const before = sum
    sum = before + open[at]!
    left = open[at]! - (sum - before)
  }
  // Half a unit in the last place went to even, and more follows on the same side: then it was more than half.
  const below = at > 0 ? open[at - 1]! : 0
  if (left !== 0 && below !== 0 && left > 0 === below > 0) {
    const doubled = 2 * left
    const away = sum + doubled
    if (away - sum === doubled) return away
  }
  return sum
}
