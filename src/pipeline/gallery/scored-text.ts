import { bitsMeter, idsOf, type KindHints, numbersOf, pairOf } from '../../evaluation/index.ts'
import type { ScoredText } from '../../model/gallery.ts'
import type { Feeds, Sample } from '../../model/runtime.ts'

const MOST_TOKENS = 80

/** The first line of a language model's sample with what each model expects next; undefined for other outputs. */
export function scoredText(
  sample: Sample,
  float: Feeds,
  quantized: Feeds,
  hints: KindHints,
  wordOf: (id: number) => string = String,
): ScoredText | undefined {
  const found = pairOf(sample, float, hints)
  const other = found && quantized[found.name]
  if (found === undefined || other === undefined) return undefined
  const { ids, name, classes } = found
  const steps = ids.shape.at(-1) as number
  const [a, b] = [numbersOf(float[name]!, name), numbersOf(other, name)]
  const best = (scores: ArrayLike<number>, step: number): number => {
    let most = step * classes
    for (let i = most + 1; i < (step + 1) * classes; i += 1) if (scores[i]! > scores[most]!) most = i
    return most - step * classes
  }
  const tokens = idsOf(ids)
    .slice(0, Math.min(steps, MOST_TOKENS))
    .map((id, step) => ({ given: wordOf(id), float: wordOf(best(a, step)), quantized: wordOf(best(b, step)) }))
  const meter = bitsMeter(hints)
  meter.add(sample, float, quantized)
  const { float: bitsBefore, quantized: bitsAfter } = meter.facts()
  return {
    kind: 'text',
    label: sample.label,
    output: name,
    tokens,
    bits: { float: bitsBefore, quantized: bitsAfter },
  }
}
