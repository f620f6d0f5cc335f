import type { Attribute, Node } from '../../model/graph.ts'
import { intAttribute } from '../attributes.ts'
import type { Lift, Lifting, Range, Site } from './site.ts'
import { UNKNOWN_RANGE } from './site.ts'
import { plainNode, writeTwin } from './twins.ts'

const NEITHER = 'an operand is neither constant nor quantized in the graph'
const POSITIVE: Range = { nonNegative: true, atMostSix: true }

/** Where the operands of a QLinear operator are: triples of codes, scale and zero from each start, then the output's pair. */
interface Form {
  readonly op: string
  readonly starts: readonly number[]
  readonly output: number
  readonly drop?: readonly string[]
  readonly range?: Range
  /** How the range follows from those of the operands: the same, or not negative where none of them is. */
  readonly ranges?: 'same' | 'sign'
  readonly refuses?: (site: Site) => string | undefined
}

const channelsLast = ({ node }: Site): string | undefined =>
  intAttribute(node, 'channels_last', 0) === 0
    ? undefined
    : 'its channels come last, which the float operator cannot say'

/** `opset` says which Softmax is meant: over one axis from 13 on, over all that follow before. */
const otherSoftmax = ({ node, opset }: Site): string | undefined => {
  const meant = intAttribute(node, 'opset', 13)
  return meant >= 13 === opset >= 13 ? undefined : `it is the Softmax of opset ${meant}, the model has opset ${opset}`
}

const FORMS: ReadonlyMap<string, Form> = new Map([
  ['QLinearAdd', { op: 'Add', starts: [0, 3], output: 6, ranges: 'sign' }],
  ['QLinearMul', { op: 'Mul', starts: [0, 3], output: 6, ranges: 'sign' }],
  ['QLinearSigmoid', { op: 'Sigmoid', starts: [0], output: 3, range: POSITIVE }],
  ['QLinearLeakyRelu', { op: 'LeakyRelu', starts: [0], output: 3 }],
  [
    'QLinearSoftmax',
    { op: 'Softmax', starts: [0], output: 3, drop: ['opset'], range: POSITIVE, refuses: otherSoftmax },
  ],
  [
    'QLinearGlobalAveragePool',
    {
      op: 'GlobalAveragePool',
      starts: [0],
      output: 3,
      drop: ['channels_last'],
      ranges: 'same',
      refuses: channelsLast,
    },
  ],
  [
    'QLinearAveragePool',
    { op: 'AveragePool', starts: [0], output: 3, drop: ['channels_last'], ranges: 'same', refuses: channelsLast },
  ],
  ['QLinearReduceMean', { op: 'ReduceMean', starts: [0], output: 3, ranges: 'same', refuses: axesAsAttribute }],
])

/** ReduceMean takes its axes as an input from 18 on. */
function axesAsAttribute({ opset }: Site): string | undefined {
  return opset < 18 ? undefined : 'its axes are an attribute, which ReduceMean of this opset does not have'
}

/** Operators of com.microsoft on codes, back to the operator of ai.onnx they stand for. */
export const qlinearElementwise: Lifting = {
  id: 'qlinear-elementwise',
  operators: [...FORMS.keys()].map((op) => `com.microsoft::${op}`),

  async lift(site): Promise<Lift | null> {
    const { node } = site
    const form = FORMS.get(node.op)
    if (form === undefined) return null
    const refused = form.refuses?.(site)
    if (refused !== undefined) return { keep: refused }
    const floats: string[] = []
    const ranges: Range[] = []
    for (const start of form.starts) {
      const [codes = '', scale = '', zero = ''] = node.inputs.slice(start, start + 3)
      const float = await site.operand(codes, scale, zero, 0)
      if (float === null) return { keep: NEITHER }
      floats.push(float)
      ranges.push(await site.rangeOfOperand(codes, scale, zero))
    }
    const square = node.op === 'QLinearMul' && floats[0] === floats[1]
    const nonNegative = square || ranges.every((one) => one.nonNegative)
    const followed = form.ranges === 'sign' ? { nonNegative, atMostSix: false } : ranges[0]
    const range = form.range ?? (form.ranges === undefined ? UNKNOWN_RANGE : (followed ?? UNKNOWN_RANGE))
    const attributes = node.attributes.filter(({ name }) => !form.drop?.includes(name))
    return twinsOf(site, form.output, range, form.op, floats, attributes)
  },
}

/** QLinearConcat: the output's pair first, then a triple for each input. */
export const qlinearConcat: Lifting = {
  id: 'qlinear-concat',
  operators: ['com.microsoft::QLinearConcat'],

  async lift(site): Promise<Lift> {
    const { node } = site
    const floats: string[] = []
    const ranges: Range[] = []
    for (let start = 2; start < node.inputs.length; start += 3) {
      const [codes = '', scale = '', zero = ''] = node.inputs.slice(start, start + 3)
      const float = await site.operand(codes, scale, zero, 0)
      if (float === null) return { keep: NEITHER }
      floats.push(float)
      ranges.push(site.twin(codes)?.range ?? UNKNOWN_RANGE)
    }
    const range = {
      nonNegative: ranges.every(({ nonNegative }) => nonNegative),
      atMostSix: ranges.every(({ atMostSix }) => atMostSix),
    }
    return twinsOf(site, 0, range, 'Concat', floats, node.attributes)
  },
}

/** QLinearWhere: condition, two triples, the output's pair. */
export const qlinearWhere: Lifting = {
  id: 'qlinear-where',
  operators: ['com.microsoft::QLinearWhere'],

  async lift(site): Promise<Lift> {
    const [condition = '', x = '', xScale = '', xZero = '', y = '', yScale = '', yZero = ''] = site.node.inputs
    const left = await site.operand(x, xScale, xZero, 0)
    const right = await site.operand(y, yScale, yZero, 0)
    if (left === null || right === null) return { keep: NEITHER }
    return twinsOf(site, 7, UNKNOWN_RANGE, 'Where', [condition, left, right], [])
  },
}

async function twinsOf(
  site: Site,
  at: number,
  range: Range,
  op: string,
  inputs: readonly string[],
  attributes: readonly Attribute[],
): Promise<Lift> {
  const { node } = site
  const [scale = '', zero = ''] = node.inputs.slice(at, at + 2)
  const write = (product: string): readonly Node[] => [plainNode(node, op, inputs, [product], { attributes })]
  return { twins: await writeTwin(site, { scale, zero, range }, write) }
}
