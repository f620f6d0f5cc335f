import type { Feeds } from '../../model/runtime.ts'
import { uniform } from '../../numbers/rounding.ts'
import { PARTS } from './gradient-runner.ts'
import { byShape } from './stacks.ts'

/** For every sample those of its shape, itself among them. */
export function bucketsOf(samples: readonly Feeds[]): readonly (readonly number[])[] {
  const buckets: (readonly number[])[] = []
  for (const group of byShape(samples)) for (const index of group) buckets[index] = group
  return buckets
}

/**
 * The samples of a step: every part draws one, and fills itself with others of the same shape, so that they can be run as one. Each
 * sample is drawn as often as any other in the long run.
 */
export function draw(
  buckets: readonly (readonly number[])[],
  count: number,
  batch: number,
  seed: number,
  step: number,
): readonly number[] {
  const each = Math.ceil(batch / PARTS)
  return Array.from({ length: batch }, (_, i) => {
    const part = Math.floor(i / each)
    const first = Math.floor(uniform(seed, step * batch + part * each) * count)
    if (i === part * each) return first
    const bucket = buckets[first] as readonly number[]
    return bucket[Math.floor(uniform(seed, step * batch + i) * bucket.length)] as number
  })
}
