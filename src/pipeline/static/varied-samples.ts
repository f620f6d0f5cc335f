import type { SampleSet } from '../../calibration/index.ts'
import type { Value } from '../../model/runtime.ts'

/** How a picture is seen: mirrored, or a part of it as large as the whole. */
interface View {
  readonly label: string
  readonly mirrors: boolean
  /** Height and width of the part, as a share; its corner, as a share of what is left. */
  readonly part: number
  readonly corner: readonly [down: number, right: number]
}

/** After the picture itself. */
const VIEWS: readonly View[] = [
  { label: 'mirrored', mirrors: true, part: 1, corner: [0, 0] },
  { label: 'nearer', mirrors: false, part: 0.8, corner: [0.25, 0.25] },
  { label: 'nearer, mirrored', mirrors: true, part: 0.8, corner: [0.75, 0.75] },
]

/**
 * The samples, and behind each the same picture as otherwise seen, `times` as many in all (4 at most): [n][3][height][width] and
 * [n][height][width][3] in f32. More of what layers meet for learning; null where no input is such a picture.
 */
export async function varied(samples: SampleSet, times: number): Promise<SampleSet | null> {
  if (samples.count === 0 || times < 2) return null
  const { feeds } = await samples.at(0)
  if (!Object.values(feeds).some(isPicture)) return null
  const views = Math.min(times, VIEWS.length + 1)
  return {
    ...samples,
    count: views * samples.count,
    at: async (index) => {
      const sample = await samples.at(Math.floor(index / views))
      const view = VIEWS[(index % views) - 1]
      if (view === undefined) return sample
      const seen = Object.entries(sample.feeds).map(([name, value]) => [
        name,
        isPicture(value) ? look(value, view) : value,
      ])
      return { ...sample, label: `${sample.label}, ${view.label}`, feeds: Object.fromEntries(seen) }
    },
  }
}

function isPicture({ dtype, shape, data }: Value): boolean {
  return dtype === 'f32' && shape.length === 4 && (shape[1] === 3 || shape[3] === 3) && data instanceof Uint8Array
}

/** Between four neighbours, linearly. */
function look(value: Value, { mirrors, part, corner }: View): Value {
  const [count = 0, first = 0, second = 0, third = 0] = value.shape
  const planes = first === 3
  const [height, width] = planes ? [second, third] : [first, second]
  const [perRow, perColumn, perChannel] = planes ? [width, 1, height * width] : [3 * width, 3, 1]
  const bytes = (value.data as Uint8Array).slice()
  const from = new Float32Array(bytes.buffer, 0, bytes.byteLength / 4)
  const to = new Float32Array(from.length)
  const rows = placesOf(height, part, corner[0], false)
  const columns = placesOf(width, part, corner[1], mirrors)
  for (let picture = 0; picture < count; picture++) {
    for (let channel = 0; channel < 3; channel++) {
      const base = picture * 3 * height * width + channel * perChannel
      for (const [y, row] of rows.entries()) {
        for (const [x, column] of columns.entries()) {
          const at = (v: number, h: number): number => from[base + v * perRow + h * perColumn] as number
          const top = at(row.low, column.low) * (1 - column.share) + at(row.low, column.high) * column.share
          const bottom = at(row.high, column.low) * (1 - column.share) + at(row.high, column.high) * column.share
          to[base + y * perRow + x * perColumn] = top * (1 - row.share) + bottom * row.share
        }
      }
    }
  }
  return { ...value, data: new Uint8Array(to.buffer) }
}

interface Between {
  readonly low: number
  readonly high: number
  /** Of `high`. */
  readonly share: number
}

function placesOf(size: number, part: number, corner: number, mirrors: boolean): readonly Between[] {
  const start = corner * (size - part * size)
  const places = Array.from({ length: size }, (_, i): Between => {
    const exact = part === 1 ? i : Math.min(size - 1, Math.max(0, start + (i + 0.5) * part - 0.5))
    const low = Math.floor(exact)
    return { low, high: Math.min(size - 1, low + 1), share: exact - low }
  })
  return mirrors ? places.reverse() : places
}
