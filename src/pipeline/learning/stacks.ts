import type { Feeds, Value } from '../../model/runtime.ts'

/** Samples with equal keys can be fed together, if the model takes several. */
export function shapeKey(feeds: Feeds): string {
  return Object.keys(feeds)
    .sort()
    .map((name) => `${name}:${feeds[name]?.dtype}[${feeds[name]?.shape}]`)
    .join()
}

/** Samples of one shape, one behind the other along the first axis; null where that axis is not 1 everywhere. */
export function stacked(samples: readonly Feeds[]): Feeds | null {
  const [first] = samples
  if (first === undefined) return null
  const result: Record<string, Value> = {}
  for (const [name, { dtype, shape }] of Object.entries(first)) {
    const [batch, ...rest] = shape
    const parts = samples.map((one) => one[name]?.data)
    if (batch !== 1 || !parts.every((part): part is Uint8Array => part instanceof Uint8Array)) return null
    const data = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0))
    let at = 0
    for (const part of parts) {
      data.set(part, at)
      at += part.byteLength
    }
    result[name] = { dtype, shape: [samples.length, ...rest], data }
  }
  return result
}

/** Indices of samples by shape, in the order of their first. */
export function byShape(samples: readonly Feeds[]): readonly (readonly number[])[] {
  const found = new Map<string, number[]>()
  for (const [index, feeds] of samples.entries()) {
    const key = shapeKey(feeds)
    const own = found.get(key)
    if (own) own.push(index)
    else found.set(key, [index])
  }
  return [...found.values()]
}
