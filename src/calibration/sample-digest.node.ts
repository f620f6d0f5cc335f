import { createHash } from 'node:crypto'
import type { Feeds } from '../model/runtime.ts'
import { digestParts } from './sample-digest.ts'

/** `sampleDigest` at once, and without a copy: for threads that have nothing else to do. */
export function sampleDigestSync(feeds: Feeds): string {
  const hash = createHash('sha256')
  for (const part of digestParts(feeds)) hash.update(part)
  return hash.digest('hex')
}
