import { sampleDigest } from '../calibration/sample-digest.ts'
import type { Sample } from '../model/runtime.ts'

/** A warning where samples that judge are, by content, among those that something was fitted to; `fitted`: their digests. */
export async function overlapNote(fitted: readonly string[], judging: readonly Sample[]): Promise<string | null> {
  const known = new Set(fitted.filter((digest) => digest !== ''))
  if (known.size === 0) return null
  let count = 0
  for (const { feeds } of judging) if (known.has(await sampleDigest(feeds))) count += 1
  if (count === 0) return null
  const which = count === judging.length ? `all ${count}` : `${count} of the ${judging.length}`
  return `${which} samples that judge are among those that ranges were found on: the figures flatter the result; give other data to --eval`
}
