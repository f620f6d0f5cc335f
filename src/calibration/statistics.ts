import type { Statistics, ValueStatistics } from '../model/statistics.ts'

export interface Coverage {
  readonly samples: number
  /** How many of them count as the last. */
  readonly last: number
  /** Values whose range the last samples widened, most first: by which part of the range that was reached in the end. */
  readonly grown: readonly { readonly name: string; readonly growth: number }[]
}

/** Did ranges still grow in the last tenth of the samples? With fewer than two samples nothing can be said, and nothing is listed. */
export function coverageOf(statistics: Statistics): Coverage {
  const samples = statistics.labels.length
  if (samples < 2) return { samples, last: 0, grown: [] }
  const last = Math.max(1, Math.floor(samples / 10))
  const grown: { name: string; growth: number }[] = []
  for (const [name, value] of statistics.values) {
    const growth = growthOf(value, value.samples.length / 2 - last)
    if (growth > 0) grown.push({ name, growth })
  }
  grown.sort((a, b) => b.growth - a.growth || (a.name < b.name ? -1 : 1))
  return { samples, last, grown }
}

/** Part of the range that samples from `first` on added. */
function growthOf({ min, max, samples }: ValueStatistics, first: number): number {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (let sample = 0; sample < first; sample++) {
    low = Math.min(low, samples[2 * sample]!)
    high = Math.max(high, samples[2 * sample + 1]!)
  }
  if (!(min <= max) || (low === min && high === max)) return 0
  return low <= high ? 1 - (high - low) / (max - min) : 1
}

/** Of model and sample labels: 64 hexadecimal digits. The same model seen on data of the same names. */
export async function statisticsKey({ model, labels }: Pick<Statistics, 'model' | 'labels'>): Promise<string> {
  return sha256(new TextEncoder().encode(JSON.stringify([model, labels])))
}

/** SHA-256 in hexadecimal digits. */
export async function sha256(bytes: Uint8Array): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>))
  return [...digest].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}
