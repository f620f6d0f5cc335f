/** Divisors of the channels of an inner value, from factors of the folded one: null where its width does not suit. */
export type Spread = (factors: Float64Array, width: number) => Float64Array | null

export const straight: Spread = (factors, width) => (factors.length === width ? factors : null)

/** Of a value that is cut on its last axis: the other parts stay. */
export function splitSpread(inner: Spread, index: number, parts: number, sizes: readonly number[] | undefined): Spread {
  return (factors, width) => {
    const own = sizes ? (sizes[index] ?? -1) : width / parts
    const before = sizes ? sizes.slice(0, index).reduce((sum, one) => sum + one, 0) : own * index
    if (!Number.isSafeInteger(own) || own < 1 || before + own > width) return null
    const part = inner(factors, own)
    if (part === null) return null
    const all = new Float64Array(width).fill(1)
    all.set(part, before)
    return all
  }
}

/** Heads of values that several heads of queries read: after each other, or all heads in turns. */
export interface HeadMap {
  readonly headSize: number
  readonly repeats: number
  readonly inTurns: boolean
}

/** The channel of values that a channel behind attention comes from. */
export function sourceChannel({ headSize, repeats, inTurns }: HeadMap, channel: number, depth: number): number {
  const head = Math.floor(channel / headSize)
  const source = inTurns ? head % (depth / headSize / repeats) : Math.floor(head / repeats)
  return source * headSize + (channel % headSize)
}

/** Factors of channels that share a source are equal: any of them. */
export function tiedSpread(heads: HeadMap): Spread {
  return (factors, width) => {
    if (width * heads.repeats !== factors.length) return null
    const all = new Float64Array(width).fill(1)
    for (const [channel, factor] of factors.entries()) all[sourceChannel(heads, channel, factors.length)] = factor
    return all
  }
}

/** Means over channels that have to share a factor. */
export function tiedMeans(values: Float64Array, heads: HeadMap | undefined): Float64Array {
  if (!heads) return values
  const sums = new Float64Array(values.length / heads.repeats)
  for (const [i, value] of values.entries()) {
    const at = sourceChannel(heads, i, values.length)
    sums[at] = (sums[at] as number) + value / heads.repeats
  }
  return values.map((_, i) => sums[sourceChannel(heads, i, values.length)] as number)
}
