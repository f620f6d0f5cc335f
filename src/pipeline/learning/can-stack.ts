import type { Feeds } from '../../model/runtime.ts'
import type { Survey } from './distiller.ts'
import { byShape, stacked } from './stacks.ts'

/** Relative difference of what rounding alone may do. */
const TOLERANCE = 1e-3

/** Whether two samples at once give what they give one by one: exports with a fixed batch, or one that mixes samples, do not. */
export function canStack(samples: readonly Feeds[], survey: (feeds: Feeds) => Survey): boolean {
  const [pair = [0]] = [...byShape(samples)].sort((a, b) => b.length - a.length)
  const two = [samples[pair[0] as number], samples[pair.at(-1) as number]] as Feeds[]
  const whole = stacked(two)
  if (pair.length < 2 || whole === null) return false
  try {
    const together = survey(whole).outputs
    const alone = two.map((feeds) => survey(feeds).outputs)
    return together.every(({ shape, floats }, output) => {
      const [first, second] = alone.map((outputs) => outputs[output]?.floats ?? new Float32Array())
      if (shape[0] !== 2 || !first || !second || first.length + second.length !== floats.length) return false
      const expected = new Float32Array(floats.length)
      expected.set(first)
      expected.set(second, first.length)
      const distance = expected.reduce((sum, value, i) => sum + (value - (floats[i] as number)) ** 2, 0)
      const energy = expected.reduce((sum, value) => sum + value * value, 0)
      return distance <= TOLERANCE * TOLERANCE * energy
    })
  } catch {
    // Shapes that only fit one sample.
    return false
  }
}
