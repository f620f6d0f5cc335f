import { floatAttribute } from '../attributes.ts'
import type { Definition } from '../consumers.ts'
import { isStandard } from '../walk.ts'
import { type Range, UNKNOWN_RANGE } from './site.ts'

const NON_NEGATIVE = new Set(['Relu', 'Exp', 'Abs', 'Sqrt', 'Softplus', 'ReduceL1', 'ReduceL2', 'ReduceSumSquare'])
const UNIT = new Set([
  'Sigmoid',
  'Softmax',
  'HardSigmoid',
  'Not',
  'And',
  'Or',
  'Equal',
  'Less',
  'Greater',
  'LessOrEqual',
  'GreaterOrEqual',
])
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
  'Cast',
])
const MOST_HOPS = 12

/** How a definition's surroundings are looked at. */
export interface RangeReader {
  read(from: Definition, name: string): Definition | undefined
  /** What a lifting knows of a value. */
  known(definition: Definition): Range | undefined
  /** As the function of that name, found once for each value. */
  rangeOf(definition: Definition, hops: number): Promise<Range>
  /** A constant of one element. */
  numberOf(definition: Definition): Promise<number | undefined>
}

/** What the operators in front say about the range of a float. */
export async function rangeOf(definition: Definition, reader: RangeReader, hops = MOST_HOPS): Promise<Range> {
  const known = reader.known(definition)
  const { node } = definition
  if (known !== undefined) return known
  const value = await reader.numberOf(definition)
  if (value !== undefined) return { nonNegative: value >= 0, atMostSix: value <= 6 }
  if (node === null || !isStandard(node) || hops <= 0) return UNKNOWN_RANGE
  if (NON_NEGATIVE.has(node.op)) return { nonNegative: true, atMostSix: false }
  if (UNIT.has(node.op)) return { nonNegative: true, atMostSix: true }
  const input = (index: number): Definition | undefined => reader.read(definition, node.inputs[index] ?? '')
  const number = async (index: number): Promise<number | undefined> => {
    const from = input(index)
    return from && reader.numberOf(from)
  }
  const of = async (index: number): Promise<Range> => {
    const from = input(index)
    return from === undefined ? UNKNOWN_RANGE : reader.rangeOf(from, hops - 1)
  }
  if (KEEPS.has(node.op)) return of(0)
  switch (node.op) {
    case 'Clip': {
      const low = (await number(1)) ?? floatAttribute(node, 'min', Number.NEGATIVE_INFINITY)
      const high = (await number(2)) ?? floatAttribute(node, 'max', Number.POSITIVE_INFINITY)
      return { nonNegative: low >= 0, atMostSix: high <= 6 }
    }
    case 'Reciprocal':
      return { nonNegative: (await of(0)).nonNegative, atMostSix: false }
    case 'Pow':
      return { nonNegative: ((await number(1)) ?? 1) % 2 === 0, atMostSix: false }
    case 'Add':
    case 'Mul':
    case 'Div': {
      if (node.op === 'Mul' && node.inputs[0] === node.inputs[1]) return { nonNegative: true, atMostSix: false }
      if (node.op === 'Add' && (await isErfPlusOne(input, number))) return { nonNegative: true, atMostSix: true }
      return { nonNegative: (await of(0)).nonNegative && (await of(1)).nonNegative, atMostSix: false }
    }
    case 'Concat':
    case 'Max': {
      const ranges: Range[] = []
      for (let index = 0; index < node.inputs.length; index++) ranges.push(await of(index))
      return {
        nonNegative: ranges.every(({ nonNegative }) => nonNegative),
        atMostSix: ranges.every(({ atMostSix }) => atMostSix),
      }
    }
    default:
      return UNKNOWN_RANGE
  }
}

/** The inside of GELU: an error function, -1 to 1, and 1. */
async function isErfPlusOne(
  input: (index: number) => Definition | undefined,
  number: (index: number) => Promise<number | undefined>,
): Promise<boolean> {
  for (const index of [0, 1]) {
    if (input(index)?.node?.op === 'Erf' && ((await number(1 - index)) ?? 0) >= 1) return true
  }
  return false
}

/** True where callers give the value, moved or cast at most: no operator can have been dropped behind it. */
export function isGiven(definition: Definition, read: RangeReader['read']): boolean {
  let at: Definition | undefined = definition
  for (let hops = 0; hops < MOST_HOPS && at !== undefined; hops++) {
    if (at.node === null) return at.kind === 'input'
    if (!isStandard(at.node) || !KEEPS.has(at.node.op)) return false
    at = read(at, at.node.inputs[0] ?? '')
  }
  return false
}
