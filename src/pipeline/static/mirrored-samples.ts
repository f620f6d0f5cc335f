import type { SampleSet } from '../../calibration/index.ts'
import type { Value } from '../../model/runtime.ts'

/**
 * The samples, and behind them the same with pictures as a mirror shows them: [1][3][height][width] and [1][height][width][3] in f32. More of what
 * layers meet for learning; null where no input is such a picture.
 */
export async function mirrored(samples: SampleSet): Promise<SampleSet | null> {
  if (samples.count === 0) return null
  const { feeds } = await samples.at(0)
  if (!Object.values(feeds).some(isPicture)) return null
  return {
    ...samples,
    count: 2 * samples.count,
    at: async (index) => {
      if (index < samples.count) return samples.at(index)
      const sample = await samples.at(index - samples.count)
      const turned = Object.entries(sample.feeds).map(([name, value]) => [
        name,
        isPicture(value) ? mirror(value) : value,
      ])
      return { ...sample, label: `${sample.label}, mirrored`, feeds: Object.fromEntries(turned) }
    },
  }
}

function isPicture({ dtype, shape, data }: Value): boolean {
  const last = shape.length === 4 && shape[3] === 3
  return dtype === 'f32' && shape.length === 4 && (shape[1] === 3 || last) && data instanceof Uint8Array
}

function mirror(value: Value): Value {
  const { shape } = value
  const [, first = 0, second = 0, third = 0] = shape
  // Elements that stay together, and rows of them.
  const [width, each] = first === 3 ? [third, 1] : [second, third]
  const from = value.data as Uint8Array
  const data = new Uint8Array(from.byteLength)
  const size = 4 * each
  const row = size * width
  for (let start = 0; start < from.byteLength; start += row) {
    for (let x = 0; x < width; x++) {
      const at = start + x * size
      data.set(from.subarray(at, at + size), start + row - size - x * size)
    }
  }
  return { ...value, data }
}
