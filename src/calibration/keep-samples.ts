import type { Feeds, Sample } from '../model/runtime.ts'
import type { SampleSet } from './sample-set.ts'

/** Bytes of samples that are kept. */
const MOST_BYTES = 32 << 20

/**
 * The same samples, of which those that are asked for again are kept from then on, up to `most` bytes: pictures are decoded twice at the most where
 * the same few are looked at time after time, and going through all of them once keeps nothing. What comes out must not be written to.
 */
export function keepSamples(set: SampleSet, most = MOST_BYTES): SampleSet {
  const asked = new Set<number>()
  const kept = new Map<number, Sample>()
  let room = most
  const at = async (index: number): Promise<Sample> => {
    const known = kept.get(index)
    if (known !== undefined) return known
    const { isOwn: _, ...sample } = await set.at(index)
    const bytes = bytesOf(sample.feeds)
    if (asked.has(index) && !kept.has(index) && bytes <= room) {
      room -= bytes
      kept.set(index, sample)
    }
    asked.add(index)
    return sample
  }
  // Own properties, so that copies of the set have them; remarks grow while it is read, so that they are asked of it.
  const wrapped: SampleSet = { ...set, at }
  for (const remarks of ['skipped', 'notes'] as const)
    if (set[remarks] !== undefined)
      Object.defineProperty(wrapped, remarks, { get: () => set[remarks], enumerable: true })
  return wrapped
}

function bytesOf(feeds: Feeds): number {
  return Object.values(feeds).reduce((sum, { data }) => sum + data.length, 0)
}
