import { describe, expect, it } from 'vitest'
import { buildModel, f32, node, value } from '../../test/fixtures/build.ts'
import { expectSameOutputs } from '../../test/fixtures/lowered.ts'
import { floatTensor, randomFloats } from '../../test/fixtures/quantized-weight.ts'
import { applyEdits, freshNames, takeInventory } from '../graph/index.ts'
import { createReferenceKernels } from '../kernels/index.ts'
import type { Model, Node, TensorRef } from '../model/graph.ts'
import type { GraphEdit } from '../model/graph-edit.ts'
import type { Tools } from '../model/tools.ts'
import { askOf, type QuantizeOptions } from './ask-of.ts'
import { floatsOf } from './floats.ts'
import { type Plan, plan, type WeightWork } from './plan.ts'
import { balanceValues } from './produce/tile.ts'
import { Table } from './table.ts'
import { readSmall } from './tensor-bytes.ts'
import { transform } from './transform.ts'

const WIDTH = 64
const INNER = 128
const tools: Tools = { kernels: createReferenceKernels(), notify: () => undefined }

/** Weights with two rows that dwarf the others; `transposed`: they are columns of a Gemm's [N, K]. */
function weight(name: string, depth: number, channels: number, seed: number, transposed = false): TensorRef {
  const values = randomFloats(depth * channels, seed)
  for (const k of [5, 17]) {
    for (let n = 0; n < channels; n++) {
      const at = transposed ? n * depth + k : k * channels + n
      values[at] = (values[at] as number) * 40
    }
  }
  return floatTensor(name, transposed ? [channels, depth] : [depth, channels], values)
}

const gamma = randomFloats(WIDTH, 1).map((one, i) => (i === 9 ? 30 : 1 + one / 2))
const affine = [f32('gamma', [WIDTH], gamma), f32('beta', [WIDTH], randomFloats(WIDTH, 2))]
const scalars = [f32('two', [], [2]), f32('eps', [], [1e-5]), f32('half', [], [0.5]), f32('one', [], [1])]

/** x -> norm -> `products` of the normed value n, all of them summed with n. */
function model(norm: readonly Node[], products: readonly Node[], weights: readonly TensorRef[], opset: number): Model {
  const sums = products.map((product, i) =>
    node(
      'Add',
      [i === 0 ? 'n' : `s${i - 1}`, product.outputs[0] as string],
      [i === products.length - 1 ? 'y' : `s${i}`],
    ),
  )
  return buildModel({
    opset,
    nodes: [...norm, ...products, ...sums],
    initializers: [...affine, ...scalars, ...weights],
    inputs: [value('x', 'f32', [2, 3, WIDTH])],
    outputs: [value('y', 'f32', [2, 3, WIDTH])],
  })
}

const mean = (from: string, to: string): Node => node('ReduceMean', [from], [to], { axes: [-1] })
const projections = ['q', 'k', 'v'].map((name) => node('MatMul', ['n', name], [`${name}y`]))
const square = ['q', 'k', 'v'].map((name, i) => weight(name, WIDTH, WIDTH, 3 + i))

const models: Readonly<Record<string, Model>> = {
  'LayerNormalization, read by three products and a residual sum': model(
    [node('LayerNormalization', ['x', 'gamma', 'beta'], ['n'])],
    projections,
    square,
    17,
  ),
  'LayerNorm spelled out': model(
    [
      mean('x', 'mu'),
      node('Sub', ['x', 'mu'], ['d']),
      node('Pow', ['d', 'two'], ['sq']),
      mean('sq', 'var'),
      node('Add', ['var', 'eps'], ['ve']),
      node('Sqrt', ['ve'], ['sd']),
      node('Div', ['d', 'sd'], ['u']),
      node('Mul', ['u', 'gamma'], ['g']),
      node('Add', ['g', 'beta'], ['n']),
    ],
    projections,
    square,
    13,
  ),
  'RMSNorm spelled out': model(
    [
      node('Mul', ['x', 'x'], ['sq']),
      mean('sq', 'var'),
      node('Add', ['var', 'eps'], ['ve']),
      node('Sqrt', ['ve'], ['sd']),
      node('Div', ['x', 'sd'], ['u']),
      node('Mul', ['u', 'gamma'], ['n']),
    ],
    projections,
    square,
    13,
  ),
  'a Gemm of [N, K] behind a Reshape': buildModel({
    opset: 17,
    nodes: [
      node('LayerNormalization', ['x', 'gamma', 'beta'], ['n']),
      node('Reshape', ['n', 'flat'], ['f']),
      node('Gemm', ['f', 'w', 'beta'], ['y'], { transB: 1 }),
    ],
    initializers: [
      ...affine,
      weight('w', WIDTH, WIDTH, 6, true),
      { name: 'flat', dtype: 'i64', shape: [2], storage: bytesOf(new BigInt64Array([-1n, BigInt(WIDTH)])) },
    ],
    inputs: [value('x', 'f32', [2, 3, WIDTH])],
    outputs: [value('y', 'f32', [6, WIDTH])],
  }),
  'feed-forward with GELU between': buildModel({
    opset: 17,
    nodes: [
      node('LayerNormalization', ['x', 'gamma', 'beta'], ['n']),
      node('MatMul', ['n', 'up'], ['h']),
      node('Mul', ['h', 'half'], ['hd']),
      node('Erf', ['hd'], ['e']),
      node('Add', ['e', 'one'], ['g']),
      node('Mul', ['h', 'g'], ['a']),
      node('MatMul', ['a', 'down'], ['y']),
    ],
    initializers: [...affine, ...scalars, weight('up', WIDTH, INNER, 7), weight('down', INNER, WIDTH, 8)],
    inputs: [value('x', 'f32', [2, 3, WIDTH])],
    outputs: [value('y', 'f32', [2, 3, WIDTH])],
  }),
}

function bytesOf(values: BigInt64Array): TensorRef['storage'] {
  const bytes = new Uint8Array(values.buffer)
  return { kind: 'bytes', bytes, byteLength: bytes.length }
}

async function transformed(model: Model, options: QuantizeOptions = {}): Promise<Plan> {
  const inventory = await takeInventory(model, readSmall)
  const decided = plan(inventory, new Table(), askOf({ to: 'int8', ...options }))
  expect(decided.work.every((work) => work.form === 'matmul-integer-rows')).toBe(true)
  return transform(model, decided, tools)
}

/** The float model with balances, their inverses and float rows applied, and nothing rounded. */
async function applied(model: Model, { work }: Plan): Promise<Model> {
  const fresh = freshNames(model)
  const edits: GraphEdit[] = []
  for (const one of work) {
    const { weight } = one
    const use = weight.uses[0]!
    const view = use.view!
    const values = await floatsOf(weight.tensor, 0, weight.elementCount, tools.kernels)
    balanceValues({ ...one, view }, values, 0)
    const nodes: Node[] = []
    const constants: TensorRef[] = [floatTensor(weight.name, weight.shape, values)]
    const constant = (shape: readonly number[], floats: Float32Array): string => {
      constants.push(floatTensor(fresh('constant'), shape, floats))
      return constants.at(-1)!.name
    }
    const input = use.node.inputs[0]!
    const step = (op: string, inputs: string[], attributes = {}): string => {
      const name = fresh('step')
      nodes.push(node(op, inputs, [name], attributes))
      return name
    }
    const balanced = one.inverse ? step('Mul', [input, constant([view.depth], one.inverse)]) : input
    const [product] = use.node.outputs
    const rest = one.floatRows ? fresh('rest') : product!
    nodes.push({ ...use.node, inputs: [balanced, ...use.node.inputs.slice(1)], outputs: [rest] })
    if (one.floatRows) {
      const { indices, values: rows } = one.floatRows
      const at = fresh('at')
      constants.push({
        name: at,
        dtype: 'i64',
        shape: [indices.length],
        storage: bytesOf(BigInt64Array.from(indices, BigInt)),
      })
      const taken = step('Gather', [input, at], { axis: -1 })
      const share = step('MatMul', [taken, constant([indices.length, view.channels], rows)])
      nodes.push(node('Add', [rest, share], [product!]))
    }
    edits.push({
      scope: [],
      replace: new Map([[use.node, nodes]]),
      removeInitializers: [weight.name],
      addInitializers: constants,
    })
  }
  return applyEdits(model, edits)
}

describe('transform', () => {
  for (const [name, model] of Object.entries(models)) {
    it(`keeps the function of ${name}`, async () => {
      const ready = await transformed(model)
      expect(ready.work.some((work) => work.inverse)).toBe(true)
      expect(ready.work.some((work) => work.floatRows)).toBe(true)
      const x = randomFloats(2 * 3 * WIDTH, 11)
      await expectSameOutputs(model, await applied(model, ready), { x: [[2, 3, WIDTH], x] }, 2e-6, [false])
    })
  }

  it('shares one balance among all that read a norm, and evens out its channels', async () => {
    const { work, decisions } = await transformed(
      models['LayerNormalization, read by three products and a residual sum']!,
    )
    const [q, k, v] = work as [WeightWork, WeightWork, WeightWork]
    expect(q.inverse).toEqual(k.inverse)
    expect(q.inverse).toEqual(v.inverse)
    // Channel 9 has a gamma of 30 among ones: it must come out as large as the others.
    const sizes = Array.from(gamma, (one, i) => Math.abs(one) * (q.inverse as Float32Array)[i]!)
    const others = sizes.filter((_, i) => i !== 9 && i !== 5 && i !== 17)
    expect(sizes[9]! / Math.max(...others)).toBeLessThan(2)
    expect(decisions.some((one) => one.action === 'quantize' && one.corrections.includes('balance'))).toBe(true)
  })

  it('leaves large rows out of an activation that nothing else reads', async () => {
    const { work } = await transformed(models['feed-forward with GELU between']!)
    const down = work.find((one) => one.weight.name === 'down')!
    expect([...down.floatRows!.indices].sort((a, b) => a - b)).toEqual([5, 17])
    expect(Array.from(down.inverse!, (one) => one)).toEqual(
      Array.from({ length: INNER }, (_, i) => (i === 5 || i === 17 ? 0 : 1)),
    )
  })

  it('knows the least value of a GELU', async () => {
    const { work } = await transformed(models['feed-forward with GELU between']!)
    const least = [...work.find((one) => one.weight.name === 'down')!.least!.values()]
    expect(least).toHaveLength(1)
    // min of x * (1 + erf(x / 2)) is that of t * (1 + erf(t)), twice.
    expect(least[0]).toBeCloseTo(-0.4807, 3)
  })

  it('gives stored weights a factor for each row where rows differ, and small matrices none', async () => {
    const model = buildModel({
      nodes: [node('MatMul', ['x', 'large'], ['a']), node('MatMul', ['a', 'small'], ['y'])],
      initializers: [weight('large', 256, 256, 1), weight('small', 256, 64, 2)],
      inputs: [value('x', 'f32', [3, 256])],
      outputs: [value('y', 'f32', [3, 64])],
    })
    const inventory = await takeInventory(model, readSmall)
    const ready = await transform(model, plan(inventory, new Table(), askOf({ to: 'int8-weights' })), tools)
    const balanced = ready.work.filter((work) => work.balance)
    expect(balanced.map((work) => work.weight.name)).toEqual(['large'])
    const { balance, inverse } = balanced[0]!
    expect(Array.from(balance!, (one, k) => one * inverse![k]!)).toEqual(
      Array.from(balance!, () => expect.closeTo(1, 6)),
    )
    expect(inverse![5]! / inverse![6]!).toBeGreaterThan(10)
  })

  it('takes weights as they are when they are rounded to nearest', async () => {
    const { work } = await transformed(models['RMSNorm spelled out']!, { solver: 'nearest' })
    expect(work.some((one) => one.balance || one.floatRows || one.inverse)).toBe(false)
  })
})
