/**
 * Names within reach of a mistyped one, nearest first, at most `limit`.
 * Distance is optimal string alignment (insert, delete, replace, swap neighbours), letter case ignored; a candidate that
 * contains the asked text, or the other way round, counts as near whatever its length.
 */
export function nearNames(asked: string, names: Iterable<string>, limit = 3): string[] {
  const wanted = asked.slice(0, 200).toLowerCase()
  const reach = Math.max(1, Math.floor(wanted.length / 3))
  const found: { readonly name: string; readonly distance: number }[] = []
  for (const name of names) {
    const candidate = name.toLowerCase()
    const contained =
      wanted.length >= 3 && candidate.length >= 3 && (candidate.includes(wanted) || wanted.includes(candidate))
    if (!contained && Math.abs(candidate.length - wanted.length) > reach) continue
    const distance = contained ? Math.min(reach, 1) : alignment(wanted, candidate)
    if (distance <= reach) found.push({ name, distance })
  }
  found.sort((a, b) => a.distance - b.distance || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
  return [...new Set(found.map(({ name }) => name))].slice(0, limit)
}

/** `did you mean "a" or "b"?`, or undefined when nothing is near. */
export function didYouMean(asked: string, names: Iterable<string>, limit = 3): string | undefined {
  const near = nearNames(asked, names, limit)
  if (near.length === 0) return undefined
  const quoted = near.map((name) => `"${name}"`)
  const last = quoted.pop()
  return `did you mean ${quoted.length === 0 ? last : `${quoted.join(', ')} or ${last}`}?`
}

function alignment(a: string, b: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const replace = last[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      let best = Math.min(replace, last[j]! + 1, row[j - 1]! + 1)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        best = Math.min(best, beforeLast[j - 2]! + 1)
      row.push(best)
    }
    beforeLast = last
    last = row
  }
  return last[b.length]!
}
