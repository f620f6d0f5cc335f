import { floatAttribute } from '../attributes.ts'
import type { Definition } from '../consumers.ts'
import { isStandard } from '../walk.ts'
import { type Range, UNKNOWN_RANGE } from './site.ts'

const NON_NEGATIVE = new Set(['Relu', 'Exp', 'Abs', 'Sqrt', 'Softplus', 'ReduceL1', 'ReduceL2', 'ReduceSumSquare'])
const UNIT = new Set(['Sigmoid', 'Softmax', 'HardSigmoid'])
/** The result lies within the range of what is read. */
const KEEPS = new Set([
  'MaxPool',
  'AveragePool',
  'GlobalAveragePool',
  'GlobalMaxPool',
  'ReduceMean',
  'ReduceMax',
  'Reshape',
  'Flatten',
  'Squeeze',
  'Unsqueeze',
  'Transpose',
  'Identity',
  'Dropout',
  'Gather',
  'Slice',
  'Split',
  'Expand',
  'Tile',
])
const MOST_HOPS = 12

/** What the operators in front say about the range of a float; `stand` answers for values that a lifting knows. */
export function rangeOf(
  definition: Definition,
  read: (from: Definition, name: string) => Definition | undefined,
  stand: (definition: Definition) => Range | undefined,
  numberOf: (definition: Definition | undefined) => number | undefined,
  hops = MOST_HOPS,
): Range {
  const known = stand(definition)
  const { node } = definition
  if (known !== undefined) return known
  if (node === null || !isStandard(node) || hops <= 0) return UNKNOWN_RANGE
  if (NON_NEGATIVE.has(node.op)) return { nonNegative: true, atMostSix: false }
  if (UNIT.has(node.op)) return { nonNegative: true, atMostSix: true }
  const input = (index: number): Definition | undefined => read(definition, node.inputs[index] ?? '')
  if (node.op === 'Clip') {
    const low = numberOf(input(1)) ?? floatAttribute(node, 'min', Number.NEGATIVE_INFINITY)
    const high = numberOf(input(2)) ?? floatAttribute(node, 'max', Number.POSITIVE_INFINITY)
    return { nonNegative: low >= 0, atMostSix: high <= 6 }
  }
  const of = (index: number): Range => {
    const from = input(index)
    return from === undefined ? UNKNOWN_RANGE : rangeOf(from, read, stand, numberOf, hops - 1)
  }
  if (KEEPS.has(node.op)) return of(0)
  if (node.op === 'Add' || node.op === 'Mul') {
    return { nonNegative: of(0).nonNegative && of(1).nonNegative, atMostSix: false }
  }
  if (node.op === 'Concat' || node.op === 'Max') {
    const ranges = node.inputs.map((_, index) => of(index))
    return {
      nonNegative: ranges.every(({ nonNegative }) => nonNegative),
      atMostSix: ranges.every(({ atMostSix }) => atMostSix),
    }
  }
  return UNKNOWN_RANGE
}
