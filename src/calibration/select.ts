/** Indices of at most `most` of `count` things, evenly spread, from the first on. */
export function spread(count: number, most: number): readonly number[] {
  if (count <= most) return Array.from({ length: count }, (_, i) => i)
  return Array.from({ length: most }, (_, i) => Math.floor((i * count) / most))
}

/** Below this a run of samples is more beginning than sequence. */
const SHORTEST_RUN = 32

/**
 * Positions of at most `most` samples of sequences that lie one behind the other, `lengths[i]` samples each, for models whose states go from
 * sample to sample: runs without gaps, each from the beginning of its sequence; evenly spread sequences where there are too many for all.
 * Neighbours of one sample each count as one sequence.
 */
export function runs(lengths: readonly number[], most: number): readonly number[] {
  const sequences: { start: number; length: number; single: boolean }[] = []
  let end = 0
  for (const length of lengths) {
    const last = sequences.at(-1)
    if (length === 1 && last?.single) last.length += 1
    else if (length > 0) sequences.push({ start: end, length, single: length === 1 })
    end += length
  }
  const chosen = spread(sequences.length, Math.max(1, Math.floor(most / SHORTEST_RUN))).map((i) => sequences[i]!)
  // Short ones leave room to longer ones.
  const share = new Map<object, number>()
  let room = most
  for (const [done, sequence] of [...chosen].sort((a, b) => a.length - b.length).entries()) {
    const count = Math.min(sequence.length, Math.floor(room / (chosen.length - done)))
    share.set(sequence, count)
    room -= count
  }
  return chosen.flatMap((sequence) =>
    Array.from({ length: share.get(sequence) ?? 0 }, (_, index) => sequence.start + index),
  )
}
