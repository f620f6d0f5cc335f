import type { Feeds } from '../model/runtime.ts'
import { sha256 } from './statistics.ts'

/** SHA-256 of what is fed, whatever the order of the inputs: equal data are equal under any name. */
export async function sampleDigest(feeds: Feeds): Promise<string> {
  const parts = digestParts(feeds)
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return sha256(all)
}

/** What is hashed, in this order. */
export function digestParts(feeds: Feeds): readonly Uint8Array[] {
  const text = new TextEncoder()
  return Object.keys(feeds)
    .sort()
    .flatMap((name) => {
      const { dtype, shape, data } = feeds[name]!
      const bytes = data instanceof Uint8Array ? data : text.encode(JSON.stringify(data))
      return [text.encode(JSON.stringify([name, dtype, shape, bytes.length])), bytes]
    })
}
