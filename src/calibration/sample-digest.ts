import type { Feeds } from '../model/runtime.ts'
import { sha256 } from './statistics.ts'

/** SHA-256 of what is fed, whatever the order of the inputs: equal data are equal under any name. */
export async function sampleDigest(feeds: Feeds): Promise<string> {
  const text = new TextEncoder()
  const parts: Uint8Array[] = []
  for (const name of Object.keys(feeds).sort()) {
    const { dtype, shape, data } = feeds[name]!
    const bytes = data instanceof Uint8Array ? data : text.encode(JSON.stringify(data))
    parts.push(text.encode(JSON.stringify([name, dtype, shape, bytes.length])), bytes)
  }
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return sha256(all)
}
