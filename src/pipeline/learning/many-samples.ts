import type { SampleSet } from '../../calibration/index.ts'
import type { Feeds } from '../../model/runtime.ts'
import { someOf } from '../static/sample-roles.ts'

/** Samples of fewer bytes (rows of tokens) cost next to nothing to read: learning takes more of them. */
const SMALL_BYTES = 1 << 16
const MANY = 1024

/**
 * More samples of the same data for learning, where they are small: `given`, those that codes were fitted to, and others, but none of
 * those that are held back to judge. `all`: as many samples as asked for, default as many as before, none held back.
 */
export async function manySamples(given: SampleSet, all: (count?: number) => Promise<SampleSet>): Promise<SampleSet> {
  if (given.count === 0 || given.found <= given.count || given.sequence) return given
  if (bytesOf((await given.at(0)).feeds) > SMALL_BYTES) return given
  const fitted = new Set(await labelsOf(given))
  const judging = new Set((await labelsOf(await all())).filter((label) => !fitted.has(label)))
  const many = await all(MANY)
  const labels = await labelsOf(many)
  const chosen = labels.flatMap((label, index) => (judging.has(label) ? [] : [index]))
  return chosen.length > given.count ? someOf(many, chosen) : given
}

async function labelsOf(set: SampleSet): Promise<string[]> {
  const labels: string[] = []
  for (let index = 0; index < set.count; index++) labels.push((await set.at(index)).label)
  return labels
}

function bytesOf(feeds: Feeds): number {
  return Object.values(feeds).reduce((sum, { data }) => sum + (data instanceof Uint8Array ? data.byteLength : 0), 0)
}
