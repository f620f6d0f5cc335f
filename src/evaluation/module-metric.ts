import { TersorError } from '../errors.ts'
import type { DType } from '../model/dtype.ts'
import type { Feeds, Sample, Value } from '../model/runtime.ts'
import { type Numbers, numbersOf } from './elements.ts'
import type { Label, Labels } from './labels.ts'
import type { MetricMeter } from './metric.ts'

/** A tensor as a metric module gets it. `data`: numbers (half precision widened, 64-bit integers as doubles), or strings. */
export interface MetricTensor {
  readonly dtype: DType
  readonly shape: readonly number[]
  readonly data: Numbers | readonly string[]
}

/** A sample as a metric module gets it: where it came from and what was fed. */
export interface MetricSample {
  readonly label: string
  readonly index: number | undefined
  readonly feeds: Readonly<Record<string, MetricTensor>>
}

/** One figure for one sample; undefined leaves the sample out. */
export type Measure = (
  outputs: Readonly<Record<string, MetricTensor>>,
  sample: MetricSample,
  label: Label | undefined,
) => number | undefined | Promise<number | undefined>

export interface MetricModule {
  readonly name: string
  readonly measure: Measure
  readonly higherIsBetter: boolean
}

/** The mean of a module's figure over the samples, for both models. `found` samples are in the data. */
export function moduleMeter(
  { name, measure, higherIsBetter }: MetricModule,
  labels: Labels | undefined,
  found: number,
): MetricMeter {
  const sums = { float: 0, quantized: 0 }
  let counted = 0
  let left = 0
  return {
    async add(sample, float, quantized) {
      const [label] = labels?.of(sample, 1, found) ?? []
      const given: MetricSample = { label: sample.label, index: sample.index, feeds: tensorsOf(sample.feeds) }
      const one = async (outputs: Feeds) => checked(await called(measure, outputs, given, label, name), name, sample)
      const [a, b] = [await one(float), await one(quantized)]
      if (a === undefined || b === undefined) {
        left += 1
        return
      }
      sums.float += a
      sums.quantized += b
      counted += 1
    },
    facts() {
      if (counted === 0) throw new TersorError('E_USAGE', `metric "${name}" counted no sample`, { where: name })
      return {
        name,
        float: sums.float / counted,
        quantized: sums.quantized / counted,
        higherIsBetter,
        samples: counted,
      }
    },
    examples: () => [],
    notes: () => (left === 0 ? [] : [`metric "${name}" left out ${left} of ${left + counted} samples`]),
  }
}

async function called(
  measure: Measure,
  outputs: Feeds,
  sample: MetricSample,
  label: Label | undefined,
  name: string,
): Promise<unknown> {
  try {
    return await measure(tensorsOf(outputs), sample, label)
  } catch (cause) {
    const said = cause instanceof Error ? cause.message : String(cause)
    throw new TersorError('E_USAGE', `metric "${name}" failed on ${sample.label}: ${said}`, { where: name, cause })
  }
}

function checked(figure: unknown, name: string, sample: Sample): number | undefined {
  if (figure === undefined || (typeof figure === 'number' && Number.isFinite(figure))) return figure
  const found = typeof figure === 'number' ? String(figure) : figure === null ? 'null' : typeof figure
  throw new TersorError('E_USAGE', `metric "${name}": expected a finite number for ${sample.label}, found ${found}`, {
    where: name,
    hint: 'undefined leaves a sample out',
  })
}

function tensorsOf(feeds: Feeds): Readonly<Record<string, MetricTensor>> {
  return Object.fromEntries(Object.entries(feeds).map(([name, value]) => [name, tensorOf(value, name)]))
}

function tensorOf(value: Value, name: string): MetricTensor {
  const { dtype, shape, data } = value
  return { dtype, shape, data: data instanceof Uint8Array ? numbersOf(value, name) : data }
}
