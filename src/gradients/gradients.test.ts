import { expect, test } from 'vitest'
import { createKernelsSync, createReferenceKernels } from '../kernels/index.ts'
import { uniform } from '../numbers/rounding.ts'
import { DoubleMachine, divergence, isKnown, KernelMachine, plain, pooledError, relativeError, Tape } from './index.ts'
import type { AttributeValue, Machine, Operation, Plain, Tensor, Value } from './types.ts'

type Given = Plain | { readonly shape: readonly number[]; readonly data: readonly number[] }

interface Case {
  readonly op: string
  readonly inputs: readonly (Given | null)[]
  readonly attributes?: Readonly<Record<string, AttributeValue>>
  readonly outputs?: number
  readonly domain?: string
}

const count = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1)

/** Numbers in [low, high), other ones for every call. */
let drawn = 0
function random(shape: readonly number[], low = -2, high = 2): Given {
  const data = Array.from({ length: count(shape) }, () => low + (high - low) * uniform(7, drawn++))
  return { shape, data }
}

const list = (...data: number[]): Plain => plain([data.length], data)
const scalar = (value: number): Plain => plain([], [value])

function operationOf({ op, inputs, attributes = {}, outputs = 1, domain = '' }: Case): Operation {
  return {
    op,
    domain,
    inputs: inputs.map((input, i) => (input === null ? '' : `x${i}`)),
    outputs: Array.from({ length: outputs }, (_, i) => `y${i}`),
    attributes: new Map(Object.entries(attributes)),
  }
}

/** Results, and what `backward` says of the sum of all of them, each element times a number of its own. */
function run(machine: Machine, one: Case, given: readonly (Given | null)[]) {
  const tape = new Tape(machine)
  const values = new Map<string, Value>()
  for (const [i, input] of given.entries()) {
    if (input !== null) values.set(`x${i}`, 'kind' in input ? input : tape.tensor(input.shape, input.data, true))
  }
  tape.run([operationOf(one)], values)
  const results = Array.from({ length: one.outputs ?? 1 }, (_, i) => values.get(`y${i}`)).filter(
    (value): value is Tensor => value?.kind === 'float',
  )
  let sum = 0
  let seen = 0
  for (const result of results) {
    const floats = Float64Array.from(tape.floatsOf(result))
    const weights = floats.map(() => uniform(99, seen++) - 0.5)
    sum += floats.reduce((total, value, i) => total + value * (weights[i] as number), 0)
    // Results may be the very inputs, or each other: what is there already stays.
    const at = tape.grad(result)
    for (const [i, weight] of weights.entries()) machine.floats[at + i]! += weight
  }
  tape.backward()
  const gradients = given.map((input, i) => {
    const value = values.get(`x${i}`)
    if (input === null || value?.kind !== 'float') return null
    const at = tape.grad(value)
    return Array.from(machine.floats.subarray(at, at + value.count))
  })
  return { sum, gradients, shapes: results.map(({ shape }) => shape) }
}

const STEP = 1e-5

function checkGradients(one: Case): void {
  const { gradients } = run(new DoubleMachine(), one, one.inputs)
  let checked = 0
  for (const [at, input] of one.inputs.entries()) {
    if (input === null || 'kind' in input) continue
    for (let i = 0; i < input.data.length; i++) {
      const moved = (by: number): number => {
        const data = input.data.map((value, j) => (j === i ? value + by : value))
        return run(new DoubleMachine(), one, one.inputs.with(at, { ...input, data })).sum
      }
      const slope = (moved(STEP) - moved(-STEP)) / (2 * STEP)
      const found = gradients[at]?.[i] as number
      expect(Math.abs(found - slope), `${one.op}: input ${at}, element ${i}: ${found}, not ${slope}`).toBeLessThan(
        1e-6 * Math.max(1, Math.abs(slope)) + 1e-7,
      )
      checked++
    }
  }
  expect(checked).toBeGreaterThan(0)
}

const [A, B] = [
  [2, 3, 4],
  [3, 4],
] as const
const positive = (shape: readonly number[]): Given => random(shape, 0.3, 2)

const CASES: readonly Case[] = [
  { op: 'Add', inputs: [random(A), random(B)] },
  { op: 'Add', inputs: [random([4]), random([2, 1, 4])] },
  { op: 'Sub', inputs: [random([2, 3, 20]), random([2, 3, 1])] },
  { op: 'Sub', inputs: [random([1]), random([2, 20])] },
  { op: 'Mul', inputs: [random(A), random([2, 1, 1])] },
  { op: 'Mul', inputs: [random([3, 24]), random([24])] },
  { op: 'Mul', inputs: [random([]), random([3, 24])] },
  { op: 'Div', inputs: [random(A), positive([4])] },
  { op: 'Div', inputs: [random([3, 1]), positive(A)] },
  { op: 'Pow', inputs: [random(B), scalar(2)] },
  { op: 'Pow', inputs: [random(B), list(3)] },
  { op: 'Pow', inputs: [positive(B), random(B)] },
  { op: 'Max', inputs: [random(B), random(B)] },
  { op: 'Min', inputs: [random(B), random([4])] },
  { op: 'Sum', inputs: [random(B), random(B), random([4])] },
  ...[
    'Neg',
    'Abs',
    'Exp',
    'Tanh',
    'Sigmoid',
    'Erf',
    'Relu',
    'Softplus',
    'Softsign',
    'Sin',
    'Cos',
    'HardSwish',
    'Elu',
    'LeakyRelu',
  ].map((op): Case => ({ op, inputs: [random(B)] })),
  ...['Sqrt', 'Reciprocal', 'Log'].map((op): Case => ({ op, inputs: [positive(B)] })),
  { op: 'Gelu', inputs: [random(B)] },
  { op: 'Gelu', inputs: [random(B)], attributes: { approximate: 'tanh' } },
  { op: 'QuickGelu', inputs: [random(B)], domain: 'com.microsoft' },
  { op: 'BiasGelu', inputs: [random(B), random([4])], domain: 'com.microsoft' },
  { op: 'FastGelu', inputs: [random(B), random([4])], domain: 'com.microsoft' },
  { op: 'Clip', inputs: [random(B), plain([], [-1]), plain([], [1])] },
  { op: 'Cast', inputs: [random(B)], attributes: { to: 1 } },
  { op: 'Conv', inputs: [random([2, 3, 5, 4]), random([4, 3, 1, 1]), random([4])] },
  {
    op: 'Conv',
    inputs: [random([1, 4, 5, 6]), random([6, 2, 3, 2]), random([6])],
    attributes: { group: 2, strides: [2, 1], pads: [1, 0, 1, 1], dilations: [1, 2] },
  },
  {
    op: 'Conv',
    inputs: [random([2, 3, 5, 5]), random([3, 1, 3, 3])],
    attributes: { group: 3, strides: [2, 2], auto_pad: 'SAME_UPPER' },
  },
  { op: 'Conv', inputs: [random([1, 2, 7]), random([3, 2, 3])], attributes: { pads: [1, 1] } },
  { op: 'Pad', inputs: [random([1, 2, 3, 2]), list(0, 1, 0, 2, 0, 2, 1, 0)] },
  { op: 'GlobalAveragePool', inputs: [random([2, 3, 2, 4])] },
  {
    op: 'MaxPool',
    inputs: [random([1, 2, 5, 5])],
    attributes: { kernel_shape: [3, 3], strides: [2, 2], ceil_mode: 1 },
  },
  {
    op: 'AveragePool',
    inputs: [random([1, 2, 4, 4])],
    attributes: { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] },
  },
  { op: 'MatMul', inputs: [random([2, 3, 5]), random([5, 4])] },
  { op: 'MatMul', inputs: [random([2, 1, 3, 5]), random([3, 5, 2])] },
  { op: 'MatMul', inputs: [random([3, 5]), random([2, 5, 4])] },
  { op: 'MatMul', inputs: [random([5]), random([5, 4])] },
  { op: 'MatMul', inputs: [random([2, 5]), random([5])] },
  { op: 'Gemm', inputs: [random([3, 5]), random([5, 4]), random([4])] },
  {
    op: 'Gemm',
    inputs: [random([5, 3]), random([4, 5]), random([3, 1])],
    attributes: { transA: 1, transB: 1, alpha: 0.5, beta: 2 },
  },
  { op: 'Gemm', inputs: [random([3, 5]), random([4, 5])], attributes: { transB: 1 } },
  {
    op: 'FusedMatMul',
    inputs: [random([2, 5, 3]), random([2, 4, 5])],
    attributes: { transA: 1, transB: 1, alpha: 0.25 },
    domain: 'com.microsoft',
  },
  { op: 'Transpose', inputs: [random(A)], attributes: { perm: [1, 2, 0] } },
  { op: 'Transpose', inputs: [random(A)] },
  { op: 'Reshape', inputs: [random(A), list(0, -1)] },
  { op: 'Squeeze', inputs: [random([2, 1, 3]), list(1)] },
  { op: 'Unsqueeze', inputs: [random(B), list(0, -1)] },
  { op: 'Flatten', inputs: [random(A)], attributes: { axis: 2 } },
  { op: 'Expand', inputs: [random([3, 1]), list(2, 1, 4)] },
  { op: 'Tile', inputs: [random(B), list(2, 3)] },
  { op: 'Concat', inputs: [random([2, 3]), random([2, 1])], attributes: { axis: -1 } },
  { op: 'Concat', inputs: [random([1, 2, 0, 4]), random([1, 2, 3, 4])], attributes: { axis: 2 } },
  { op: 'Split', inputs: [random([2, 6]), list(2, 4)], attributes: { axis: 1 }, outputs: 2 },
  { op: 'Split', inputs: [random([2, 5])], attributes: { axis: 1 }, outputs: 2 },
  { op: 'Slice', inputs: [random([4, 5]), list(1, -1), list(2 ** 62, -6), list(0, 1), list(2, -2)] },
  { op: 'Gather', inputs: [random([4, 3]), plain([2, 2], [1, 3, 1, -4])] },
  { op: 'Gather', inputs: [random([2, 4, 2]), scalar(2)], attributes: { axis: 1 } },
  { op: 'Where', inputs: [plain([3, 1], [1, 0, 1]), random(B), random([4])] },
  { op: 'Identity', inputs: [random(B)] },
  { op: 'ReduceSum', inputs: [random(A), list(1)] },
  { op: 'ReduceSum', inputs: [random(A), list(0, 2)], attributes: { keepdims: 0 } },
  { op: 'ReduceMean', inputs: [random(A)], attributes: { axes: [-1] } },
  { op: 'ReduceMean', inputs: [random(A)], attributes: { keepdims: 0 } },
  { op: 'ReduceSumSquare', inputs: [random(A), list(-1)] },
  { op: 'ReduceL2', inputs: [random(A), list(-1)] },
  { op: 'ReduceMax', inputs: [random(A), list(1)] },
  { op: 'ReduceMin', inputs: [random(A), list(-1)] },
  { op: 'Softmax', inputs: [random(A)] },
  { op: 'Softmax', inputs: [random(A)], attributes: { axis: 1 } },
  { op: 'Softmax', inputs: [random(A)], attributes: { axis: 1, flat: 1 } },
  { op: 'LogSoftmax', inputs: [random(A)] },
  { op: 'LayerNormalization', inputs: [random(A), random([4]), random([4])] },
  { op: 'LayerNormalization', inputs: [random(A), random([3, 4])], attributes: { axis: 1, epsilon: 0.1 } },
  { op: 'SimplifiedLayerNormalization', inputs: [random(A), random([4])] },
  { op: 'RMSNormalization', inputs: [random(A), random([4])] },
  {
    op: 'SkipLayerNormalization',
    inputs: [random(A), random(A), random([4]), random([4]), random([4])],
    outputs: 4,
    domain: 'com.microsoft',
  },
  {
    op: 'SkipSimplifiedLayerNormalization',
    inputs: [random(A), random(A), random([4])],
    outputs: 4,
    domain: 'com.microsoft',
  },
]

for (const [i, one] of CASES.entries()) {
  test(`gradients are slopes: ${one.op} (${i})`, () => {
    expect(isKnown({ op: one.op, domain: one.domain ?? '' })).toBe(true)
    checkGradients(one)
  })
}

test('WebAssembly and the TypeScript twins give the same bits, near to those of f64', () => {
  for (const one of CASES) {
    const [wasm, twin] = [createKernelsSync(), createReferenceKernels()].map((kernels) =>
      run(new KernelMachine(kernels), one, one.inputs),
    )
    expect(wasm, one.op).toEqual(twin)
    const exact = run(new DoubleMachine(), one, one.inputs)
    expect(wasm?.shapes).toEqual(exact.shapes)
    for (const [at, gradients] of exact.gradients.entries()) {
      for (const [i, gradient] of (gradients ?? []).entries()) {
        expect(Math.abs((wasm?.gradients[at]?.[i] as number) - gradient), one.op).toBeLessThan(
          2e-4 * Math.max(1, Math.abs(gradient)),
        )
      }
    }
  }
})

test('a value that is read twice gets both gradients, and shapes are computed on the way', () => {
  const tape = new Tape(new DoubleMachine())
  const x = tape.tensor([2, 3], [1, 2, 3, 4, 5, 6], true)
  const values = new Map<string, Value>([
    ['x', x],
    ['minus', list(-1)],
    ['zero', scalar(0)],
  ])
  const plainOp = (op: string, inputs: readonly string[], output: string, attributes = {}): Operation => ({
    ...{ op, domain: '', inputs, outputs: [output], attributes: new Map(Object.entries(attributes)) },
  })
  tape.run(
    [
      plainOp('Shape', ['x'], 'shape'),
      plainOp('Gather', ['shape', 'zero'], 'rows'),
      plainOp('Unsqueeze', ['rows', 'axes'], 'row', { axes: [0] }),
      plainOp('Concat', ['row', 'minus'], 'target', { axis: 0 }),
      plainOp('Mul', ['x', 'x'], 'square'),
      plainOp('Reshape', ['square', 'target'], 'again'),
      plainOp('Add', ['again', 'x'], 'y'),
    ].map((operation) => (operation.op === 'Unsqueeze' ? { ...operation, inputs: ['rows'] } : operation)),
    values,
  )
  const y = values.get('y') as Tensor
  expect(y.shape).toEqual([2, 3])
  tape.machine.floats.fill(1, tape.grad(y), tape.grad(y) + 6)
  tape.backward()
  const at = tape.grad(x)
  expect([...tape.machine.floats.subarray(at, at + 6)]).toEqual([3, 5, 7, 9, 11, 13])
})

test('convolutions in one and two dimensions', () => {
  const tape = new Tape(new DoubleMachine())
  const run = (x: Tensor, w: Tensor, attributes: Record<string, AttributeValue>, bias?: Tensor): Tensor => {
    const values = new Map<string, Value>([['x', x], ['w', w], ...(bias ? [['b', bias] as const] : [])])
    const inputs = bias ? ['x', 'w', 'b'] : ['x', 'w']
    tape.run(
      [{ op: 'Conv', domain: '', inputs, outputs: ['y'], attributes: new Map(Object.entries(attributes)) }],
      values,
    )
    return values.get('y') as Tensor
  }
  const line = tape.tensor([1, 2, 5], [1, 2, 3, 4, 5, 10, 20, 30, 40, 50])
  const kernel = tape.tensor([1, 2, 3], [1, 0, -1, 0.1, 0.1, 0.1])
  const ends = run(line, kernel, { pads: [1, 1], strides: [2] }, tape.tensor([1], [100]))
  expect(ends.shape).toEqual([1, 1, 3])
  expect([...tape.floatsOf(ends)]).toEqual([101, 107, 113])
  const groups = run(line, tape.tensor([2, 1, 2], [1, 1, -1, 1]), { group: 2, dilations: [2] })
  expect([...tape.floatsOf(groups)]).toEqual([4, 6, 8, 20, 20, 20])
  const plane = tape.tensor([1, 1, 3, 3], [1, 2, 3, 4, 5, 6, 7, 8, 9])
  const same = run(plane, tape.tensor([1, 1, 2, 2], [1, 0, 0, 1]), { auto_pad: 'SAME_UPPER' })
  expect([...tape.floatsOf(same)]).toEqual([6, 8, 3, 12, 14, 6, 7, 8, 9])
  expect(() => run(plane, tape.tensor([1, 2, 1, 1], [1, 1]), {})).toThrow(expect.objectContaining({ code: 'E_FORMAT' }))
})

test('operators without a derivative are refused', () => {
  expect(isKnown({ op: 'GroupQueryAttention', domain: 'com.microsoft' })).toBe(false)
  expect(isKnown({ op: 'Add', domain: 'my.domain' })).toBe(false)
  const tape = new Tape(new DoubleMachine())
  const operation = operationOf({ op: 'Loop', inputs: [] })
  expect(() => tape.run([operation], new Map())).toThrow(expect.objectContaining({ code: 'E_UNSUPPORTED' }))
})

test('memory is given back, and a parameter keeps its transpose until it changes', () => {
  const tape = new Tape(new KernelMachine(createKernelsSync()))
  const weight = tape.parameter([8, 4])
  tape.floatsOf(weight).fill(1)
  const mark = tape.machine.end
  const slopes = [0, 1, 2].map((round) => {
    if (round === 2) {
      tape.floatsOf(weight).fill(3)
      tape.changed(weight)
    }
    const x = tape.tensor([2, 8], new Array(16).fill(1), true)
    const values = new Map<string, Value>([
      ['x', x],
      ['w', weight],
    ])
    tape.run([{ op: 'MatMul', domain: '', inputs: ['x', 'w'], outputs: ['y'], attributes: new Map() }], values)
    const y = values.get('y') as Tensor
    tape.machine.floats.fill(1, tape.grad(y), tape.grad(y) + y.count)
    tape.backward()
    const slope = tape.machine.floats[tape.grad(x)]
    tape.rewind(mark)
    return slope
  })
  expect(slopes).toEqual([4, 4, 12])
  expect(tape.machine.end).toBe(mark)
  const at = tape.grad(weight)
  expect(tape.machine.floats[at]).toBe(6)
  tape.clear(weight)
  expect(tape.machine.floats[at]).toBe(0)
})

for (const [name, loss] of [
  ['divergence', divergence],
  ['relativeError', relativeError],
  ['pooledError', (...all: Parameters<typeof divergence>) => pooledError(...all, 2)],
] as const) {
  test(`${name}: zero at the target, its gradient the slope`, () => {
    const [result, target] = [random([2, 3, 4]), random([2, 3, 4])] as { shape: number[]; data: number[] }[]
    const rows = [0, 1, 3, 4, 5]
    const at = (data: readonly number[], weight = 0) => {
      const tape = new Tape(new DoubleMachine())
      const tensor = tape.tensor([2, 3, 4], data, true)
      const value = loss(tape, tensor, target?.data ?? [], rows, weight)
      return { value, gradient: Array.from(tape.machine.floats.subarray(tape.grad(tensor), tape.grad(tensor) + 24)) }
    }
    expect(at(target?.data ?? []).value).toBeCloseTo(0, 12)
    const data = result?.data ?? []
    const { value, gradient } = at(data, 0.5)
    expect(value).toBeGreaterThan(0.01)
    for (const i of data.keys()) {
      const [up, down] = [STEP, -STEP].map((by) => at(data.map((v, j) => (i === j ? v + by : v))).value) as [
        number,
        number,
      ]
      expect(gradient[i]).toBeCloseTo((0.5 * (up - down)) / (2 * STEP), 6)
    }
  })
}
