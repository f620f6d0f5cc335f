import { describe, expect, test } from 'vitest'
import { buildModel, encodeModel, f32, graph, i64, node, value } from '../../../../test/fixtures/build.ts'
import { weight } from '../../../../test/fixtures/line-models.ts'
import { relativeError, runFile } from '../../../../test/fixtures/run-file.ts'
import { readTensor, readTensorRange } from '../../../formats/onnx/index.ts'
import type { Model, Node, TensorRef } from '../../../model/graph.ts'
import { uniform } from '../../../numbers/rounding.ts'
import { type FoundSpaces, findSpaces, POST_NORM, rotateModel } from './index.ts'

const [LENGTH, WIDTH, WORDS, INNER] = [5, 16, 24, 40]
const ids = Array.from({ length: LENGTH }, (_, i) => (i * 7) % WORDS)

const gain = (name: string, seed: number): TensorRef =>
  f32(
    name,
    [WIDTH],
    Float32Array.from({ length: WIDTH }, (_, i) => 0.3 + 2 * uniform(seed, i)),
  )
const shift = (name: string, seed: number, width = WIDTH): TensorRef =>
  f32(
    name,
    [width],
    Float32Array.from({ length: width }, (_, i) => uniform(seed, i) - 0.5),
  )

interface Parts {
  readonly nodes: readonly Node[]
  readonly initializers: readonly TensorRef[]
}

/** A model that reads token ids and gives logits. */
function model({ nodes, initializers }: Parts, domains: Record<string, number> = {}, opset = 17): Model {
  return buildModel({
    opset,
    domains,
    nodes: [...nodes],
    initializers: [...initializers],
    inputs: [value('ids', 'i64', [1, LENGTH])],
    outputs: [value('y', 'f32')],
  })
}

async function outputOf(built: Model): Promise<Float32Array> {
  const seen = await runFile(await encodeModel(built), { ids: [[1, LENGTH], ids, 'i64'] }, false)
  return seen.get('y') as Float32Array
}

/** Rotates everything, checks that the function stays and that what was read changed; gives what was found and the model. */
async function turned(built: Model, seed = 0): Promise<{ found: FoundSpaces; after: Model; added: readonly string[] }> {
  const found = await findSpaces(built, readTensor)
  const { connections, chosen } = found
  const options = { seed, readSmall: readTensor, readRange: readTensorRange }
  const made = await rotateModel(built, { spaces: chosen, connections }, options)
  if (typeof made === 'string') throw new Error(made)
  expect(relativeError(await outputOf(built), await outputOf(made.model))).toBeLessThan(1e-5)
  for (const one of chosen.flatMap(({ read }) => [...read])) {
    const before = Buffer.from(await readTensor(tensorOf(built, one.name)))
    expect(Buffer.compare(before, Buffer.from(await readTensor(tensorOf(made.model, one.name))))).not.toBe(0)
  }
  return { found, after: made.model, added: made.added }
}

function tensorOf(built: Model, name: string): TensorRef {
  const found = built.graph.initializers.find((one) => one.name === name)
  if (found) return found
  const attribute = built.graph.nodes.find(({ outputs }) => outputs[0] === name)?.attributes[0]
  if (attribute?.kind !== 'tensor') throw new Error(`no constant ${name}`)
  return attribute.value
}

type Norm = (from: string, to: string) => Parts

/** x / sqrt(mean(x^2) + eps) * gain in five operators. */
const spelledRms: Norm = (from, to) => ({
  nodes: [
    node('Pow', [from, 'two'], [`${to}.square`]),
    node('ReduceMean', [`${to}.square`], [`${to}.mean`], { axes: [-1] }),
    node('Add', [`${to}.mean`, 'eps'], [`${to}.sum`]),
    node('Sqrt', [`${to}.sum`], [`${to}.root`]),
    node('Div', [from, `${to}.root`], [`${to}.even`]),
    node('Mul', [`${to}.gain`, `${to}.even`], [to]),
  ],
  initializers: [gain(`${to}.gain`, to.length)],
})
const layerNorm: Norm = (from, to) => ({
  nodes: [node('LayerNormalization', [from, `${to}.gain`, `${to}.bias`], [to], { axis: -1 })],
  initializers: [gain(`${to}.gain`, to.length), shift(`${to}.bias`, to.length)],
})
const spelledLayer: Norm = (from, to) => ({
  nodes: [
    node('ReduceMean', [from], [`${to}.m`], { axes: [-1] }),
    node('Sub', [from, `${to}.m`], [`${to}.d`]),
    node('Pow', [`${to}.d`, 'two'], [`${to}.square`]),
    node('ReduceMean', [`${to}.square`], [`${to}.mean`], { axes: [-1] }),
    node('Add', [`${to}.mean`, 'eps'], [`${to}.sum`]),
    node('Sqrt', [`${to}.sum`], [`${to}.root`]),
    node('Div', [`${to}.d`, `${to}.root`], [`${to}.even`]),
    node('Mul', [`${to}.even`, `${to}.gain`], [`${to}.gained`]),
    node('Add', [`${to}.gained`, `${to}.bias`], [to]),
  ],
  initializers: [gain(`${to}.gain`, to.length), shift(`${to}.bias`, to.length + 50)],
})
const simplified: Norm = (from, to) => ({
  nodes: [node('SimplifiedLayerNormalization', [from, `${to}.gain`], [to], { axis: -1 })],
  initializers: [gain(`${to}.gain`, to.length)],
})

/** Two blocks that read a norm and add to the stream, a last norm and a head of its own; weights have biases where `biased`. */
function preNorm(norm: Norm, biased = false): Parts {
  const nodes: Node[] = [node('Gather', ['words', 'ids'], ['h0'])]
  const initializers: TensorRef[] = [weight('words', [WORDS, WIDTH], 1), f32('two', [], [2]), f32('eps', [], [1e-5])]
  for (const block of [0, 1]) {
    const normed = norm(`h${block}`, `n${block}${'x'.repeat(block)}`)
    const read = normed.nodes.at(-1)?.outputs[0] as string
    const add = (name: string): string => (biased ? `${name}.product` : name)
    nodes.push(
      ...normed.nodes,
      node('MatMul', [read, `up${block}`], [add(`u${block}`)]),
      ...(biased ? [node('Add', [`upb${block}`, `u${block}.product`], [`u${block}`])] : []),
      node('Relu', [`u${block}`], [`r${block}`]),
      node('MatMul', [`r${block}`, `down${block}`], [add(`d${block}`)]),
      ...(biased ? [node('Add', [`d${block}.product`, `downb${block}`], [`d${block}`])] : []),
      node('Add', [`h${block}`, `d${block}`], [`h${block + 1}`]),
    )
    initializers.push(
      ...normed.initializers,
      weight(`up${block}`, [WIDTH, INNER], 10 + block),
      weight(`down${block}`, [INNER, WIDTH], 20 + block),
      ...(biased ? [shift(`upb${block}`, 30, INNER), shift(`downb${block}`, 31)] : []),
    )
  }
  const last = norm('h2', 'last')
  return {
    nodes: [...nodes, ...last.nodes, node('MatMul', ['last', 'head'], ['y'])],
    initializers: [...initializers, ...last.initializers, weight('head', [WIDTH, WORDS], 5)],
  }
}

describe('the residual stream', () => {
  test.each<[string, Norm, boolean]>([
    ['RMSNorm spelled out', spelledRms, false],
    ['LayerNormalization', layerNorm, true],
    ['LayerNorm spelled out', spelledLayer, true],
    ['SimplifiedLayerNormalization', simplified, true],
  ])('%s', async (_name, norm, biased) => {
    const parts = preNorm(norm, biased)
    const { found, after, added } = await turned(model(parts))
    expect(found.chosen.map(({ unit, norms, read }) => [unit, norms, read.size])).toEqual([[WIDTH, 3, 3]])
    expect(added).toEqual([])
    expect(after.graph.nodes.length).toBeLessThanOrEqual(parts.nodes.length)
  })

  test('norms fused with the sum in front, with a bias', async () => {
    const parts: Parts = {
      nodes: [
        node('Gather', ['words', 'ids'], ['h0']),
        node('SimplifiedLayerNormalization', ['h0', 'g0'], ['n0'], { axis: -1 }),
        node('MatMul', ['n0', 'w0'], ['d0']),
        node('SkipSimplifiedLayerNormalization', ['h0', 'd0', 'g1', 'c'], ['n1', '', '', 'h1'], {}, microsoft),
        node('MatMul', ['n1', 'w1'], ['d1']),
        node('SkipLayerNormalization', ['d1', 'h1', 'g2', 'b2'], ['n2'], {}, microsoft),
        node('MatMul', ['n2', 'head'], ['y']),
      ],
      initializers: [
        ...[weight('words', [WORDS, WIDTH], 1), weight('w0', [WIDTH, WIDTH], 2), weight('w1', [WIDTH, WIDTH], 3)],
        ...[gain('g0', 4), gain('g1', 5), gain('g2', 6), shift('c', 7), shift('b2', 8), weight('head', [WIDTH, 7], 9)],
      ],
    }
    const { found, added } = await turned(model(parts, { 'com.microsoft': 1 }))
    expect(found.chosen.map(({ norms, gains }) => [norms, gains.length])).toEqual([[3, 3]])
    expect(added).toEqual([])
  })

  test('weights in Constant nodes, Gemm with transB over rows, a table of positions', async () => {
    const up = weight('up', [INNER, WIDTH], 2)
    const down = weight('down', [WIDTH, INNER], 3)
    const parts: Parts = {
      nodes: [
        node('Constant', [], ['up'], { value: up }),
        node('Constant', [], ['down'], { value: down }),
        node('Gather', ['words', 'ids'], ['w']),
        node('Slice', ['places', 'zero', 'five', 'one'], ['p']),
        node('Add', ['w', 'p'], ['h0']),
        ...layerNorm('h0', 'n').nodes,
        node('Reshape', ['n', 'rows'], ['flat']),
        node('Gemm', ['flat', 'up', 'upb'], ['u'], { transB: 1 }),
        node('Relu', ['u'], ['r']),
        node('Gemm', ['r', 'down', 'downb'], ['d'], { transB: 1, alpha: { float: 0.5 } }),
        node('Reshape', ['d', 'back'], ['d3']),
        node('Add', ['d3', 'h0'], ['h1']),
        ...layerNorm('h1', 'last').nodes,
        node('MatMul', ['last', 'head'], ['y']),
      ],
      initializers: [
        ...layerNorm('h0', 'n').initializers,
        ...layerNorm('h1', 'last').initializers,
        ...[weight('words', [WORDS, WIDTH], 1), weight('places', [1, 9, WIDTH], 4), weight('head', [WIDTH, 8], 5)],
        ...[shift('upb', 6, INNER), f32('downb', [1], [0.75])],
        ...[i64('rows', [2], [-1, WIDTH]), i64('back', [3], [1, LENGTH, WIDTH])],
        ...[i64('zero', [1], [0]), i64('five', [1], [LENGTH]), i64('one', [1], [1])],
      ],
    }
    const { found, after } = await turned(model(parts))
    expect(found.chosen).toHaveLength(1)
    expect(after.graph.nodes.some(({ op }) => op === 'Constant')).toBe(false)
  })

  test('an embedding that is the head, too, stays one tensor: its last gain becomes a matrix', async () => {
    const { nodes, initializers } = preNorm(spelledRms)
    const parts: Parts = {
      nodes: [node('Transpose', ['words'], ['head'], { perm: [1, 0] }), ...nodes],
      initializers: initializers.filter(({ name }) => name !== 'head'),
    }
    const { found, after, added } = await turned(model(parts))
    expect(found.chosen).toHaveLength(1)
    expect(added).toHaveLength(1)
    expect(tensorOf(after, added[0] as string).shape).toEqual([WIDTH, WIDTH])
    expect(after.graph.nodes.filter(({ op }) => op === 'Transpose')).toHaveLength(1)
  })

  test('a gain a channel in front of the sum goes into the weight before', async () => {
    const { nodes, initializers } = preNorm(layerNorm)
    const scaled = nodes.flatMap((one) =>
      one.op === 'Add' && one.outputs[0] === 'h1'
        ? [node('Mul', ['d0', 'scale'], ['s0']), node('Add', ['h0', 's0'], ['h1'])]
        : [one],
    )
    const parts = { nodes: scaled, initializers: [...initializers, gain('scale', 77)] }
    const { after } = await turned(model(parts))
    expect(after.graph.nodes.some(({ op }) => op === 'Mul')).toBe(false)
  })

  test('what is made by other operators, and an output, get a matrix each where that is little', async () => {
    const { nodes, initializers } = preNorm(layerNorm)
    const wide = 512
    const parts: Parts = {
      nodes: [
        ...nodes.map((one) => (one.op === 'Gather' ? node('Gather', ['words', 'ids'], ['raw']) : one)).slice(0, 1),
        node('Tanh', ['raw'], ['h0']),
        ...nodes.slice(1, -2),
        node('LayerNormalization', ['h2', 'last.gain', 'last.bias'], ['y'], { axis: -1 }),
      ],
      initializers: initializers.map((one) => {
        const at = /^(up|down)(\d)$/.exec(one.name)
        if (!at) return one
        return at[1] === 'up' ? weight(one.name, [WIDTH, wide], 3) : weight(one.name, [wide, WIDTH], 4)
      }),
    }
    const { added, after } = await turned(model(parts))
    expect(added).toHaveLength(2)
    expect(after.graph.outputs[0]?.name).toBe('y')
    const small = await findSpaces(model({ ...parts, initializers }), readTensor)
    expect(small.refused.map(({ why }) => why)).toContain('Tanh in between ("h0")')
  })

  test('inside the body of an If, with weights from outside', async () => {
    const { nodes, initializers } = preNorm(spelledRms)
    const body = graph({ nodes: nodes.map((one) => renamed(one, 'then.')), outputs: [value('then.y', 'f32')] })
    const other = graph({ nodes: nodes.map((one) => renamed(one, 'else.')), outputs: [value('else.y', 'f32')] })
    const built = model({
      nodes: [
        node('Constant', [], ['which'], { value: boolean('which') }),
        node('If', ['which'], ['y'], { then_branch: body, else_branch: other }),
      ],
      initializers,
    })
    const found = await findSpaces(built, readTensor)
    const made = await rotateModel(
      built,
      { spaces: found.chosen, connections: found.connections },
      { seed: 0, readSmall: readTensor, readRange: readTensorRange },
    )
    if (typeof made === 'string') throw new Error(made)
    expect(found.chosen).toHaveLength(1)
    expect(relativeError(await outputOf(built), await outputOf(made.model))).toBeLessThan(1e-5)
  })

  test('weights that an old file lists as inputs, too', async () => {
    const parts = preNorm(layerNorm, true)
    const built = model(parts)
    const listed = parts.initializers.map(({ name, dtype, shape }) => value(name, dtype, shape))
    const { found, after } = await turned({
      ...built,
      graph: { ...built.graph, inputs: [...built.graph.inputs, ...listed] },
    })
    expect(found.chosen).toHaveLength(1)
    const left = after.graph.inputs.map(({ name }) => name)
    expect(left).not.toContain('up0')
    expect(left).not.toContain('n0.gain')
    expect(left).toContain('upb0')
  })

  test('post-norm says why not', async () => {
    const parts: Parts = {
      nodes: [
        node('Gather', ['words', 'ids'], ['h0']),
        ...layerNorm('h0', 'n0').nodes,
        node('MatMul', ['n0', 'w'], ['d']),
        node('Add', ['d', 'n0'], ['h1']),
        ...layerNorm('h1', 'n1').nodes,
        node('MatMul', ['n1', 'head'], ['y']),
      ],
      initializers: [
        ...[...layerNorm('h0', 'n0').initializers, ...layerNorm('h1', 'n1').initializers],
        ...[weight('words', [WORDS, WIDTH], 1), weight('w', [WIDTH, WIDTH], 2), weight('head', [WIDTH, WORDS], 3)],
      ],
    }
    const { chosen, refused } = await findSpaces(model(parts), readTensor)
    expect(chosen).toEqual([])
    expect(refused.every(({ why }) => why.startsWith(POST_NORM))).toBe(true)
  })

  test('a gain of zero under a bias cannot be divided by', async () => {
    const { nodes, initializers } = preNorm(layerNorm)
    const zero = initializers.map((one) =>
      one.name === 'n0.gain' ? f32('n0.gain', [WIDTH], [0, ...new Array(WIDTH - 1).fill(1)]) : one,
    )
    const built = model({ nodes, initializers: zero })
    const { chosen, connections } = await findSpaces(built, readTensor)
    const options = { seed: 0, readSmall: readTensor, readRange: readTensorRange }
    expect(await rotateModel(built, { spaces: chosen, connections }, options)).toBe(
      'a gain that is too small to divide by',
    )
    // Without a bias nothing is divided.
    await turned(model({ nodes: preNorm(spelledRms).nodes, initializers: zeroed(preNorm(spelledRms).initializers) }))
  })
})

const zeroed = (all: readonly TensorRef[]): readonly TensorRef[] =>
  all.map((one) => (one.name === 'n0.gain' ? f32('n0.gain', [WIDTH], [0, ...new Array(WIDTH - 1).fill(2)]) : one))
const microsoft = { domain: 'com.microsoft' }
const boolean = (name: string): TensorRef => ({
  name,
  dtype: 'bool',
  shape: [],
  storage: { kind: 'bytes', bytes: Uint8Array.of(1), byteLength: 1 },
})
const CONSTANTS = /^(words|up\d|down\d|head|.*\.gain|two|eps|ids)$/
const renamed = (one: Node, prefix: string): Node => ({
  ...one,
  inputs: one.inputs.map((name) => (CONSTANTS.test(name) ? name : prefix + name)),
  outputs: one.outputs.map((name) => prefix + name),
})

describe('values of attention', () => {
  const [HEADS, GROUPS, SIZE] = [4, 2, 8]
  const heads = (shape: readonly number[]): TensorRef => i64('heads', [shape.length], shape)

  test('heads turn alike through repeats; a fused product of Q, K and V turns where V is', async () => {
    const all = (HEADS + 2 * GROUPS) * SIZE
    const parts: Parts = {
      nodes: [
        node('Gather', ['words', 'ids'], ['x0']),
        node('Tanh', ['x0'], ['x']),
        node('Gemm', ['rows', 'wqkv', 'bqkv'], ['qkv2']),
        node('Reshape', ['qkv2', 'three'], ['qkv']),
        node('Split', ['qkv', 'sizes'], ['q', 'k', 'v'], { axis: -1 }),
        node('Relu', ['q'], ['q1']),
        node('Reshape', ['q1', 'qheads'], ['q4']),
        node('Transpose', ['q4'], ['qt'], { perm: [0, 2, 1, 3] }),
        node('Concat', ['k', 'k'], ['kk'], { axis: -1 }),
        node('Reshape', ['kk', 'qheads'], ['k4']),
        node('Transpose', ['k4'], ['kt'], { perm: [0, 2, 3, 1] }),
        node('MatMul', ['qt', 'kt'], ['s']),
        node('Softmax', ['s'], ['p'], { axis: -1 }),
        node('Reshape', ['v', 'heads'], ['v5']),
        node('Tile', ['v5', 'repeats'], ['vr']),
        node('Reshape', ['vr', 'qheads'], ['v4']),
        node('Transpose', ['v4'], ['vt'], { perm: [0, 2, 1, 3] }),
        node('MatMul', ['p', 'vt'], ['o']),
        node('Transpose', ['o'], ['ot'], { perm: [0, 2, 1, 3] }),
        node('Reshape', ['ot', 'joined'], ['oj']),
        node('MatMul', ['oj', 'wo'], ['y']),
      ].flatMap((one) => (one.op === 'Gemm' ? [node('Reshape', ['x', 'flat'], ['rows']), one] : [one])),
      initializers: [
        ...[weight('words', [WORDS, WIDTH], 1), weight('wqkv', [WIDTH, all], 2), shift('bqkv', 3, all)],
        ...[weight('wo', [HEADS * SIZE, 12], 4), i64('flat', [2], [-1, WIDTH]), i64('three', [3], [1, LENGTH, all])],
        ...[
          i64('sizes', [3], [HEADS * SIZE, GROUPS * SIZE, GROUPS * SIZE]),
          i64('qheads', [4], [1, LENGTH, HEADS, SIZE]),
        ],
        ...[
          heads([1, LENGTH, GROUPS, 1, SIZE]),
          i64('repeats', [5], [1, 1, 1, 2, 1]),
          i64('joined', [3], [1, LENGTH, -1]),
        ],
      ],
    }
    const { found, after } = await turned(model(parts))
    expect(found.chosen.map(({ unit }) => unit)).toEqual([SIZE])
    const [before, now] = [await floatsOf(model(parts), 'wqkv'), await floatsOf(after, 'wqkv')]
    const from = (HEADS + GROUPS) * SIZE
    for (const [i, one] of before.entries()) if (i % all < from) expect(now[i]).toBe(one)
  })

  test('values that go out as a cache stay', async () => {
    const parts: Parts = {
      nodes: [
        node('Gather', ['words', 'ids'], ['x']),
        node('MatMul', ['x', 'w1'], ['v']),
        node('Tanh', ['v'], ['t']),
        node('MatMul', ['v', 'w2'], ['z']),
        node('Add', ['z', 't'], ['y']),
      ],
      initializers: [weight('words', [WORDS, WIDTH], 1), weight('w1', [WIDTH, 12], 2), weight('w2', [12, 12], 3)],
    }
    const { chosen, refused } = await findSpaces(model(parts), readTensor)
    expect(chosen.map(({ read }) => [...read].map(({ name }) => name))).toEqual([['w1']])
    expect(refused.map(({ why }) => why)).toEqual(['Tanh in between ("v")'])
  })
})

test('two products with nothing but a bias between them', async () => {
  const parts: Parts = {
    nodes: [
      node('Gather', ['words', 'ids'], ['x0']),
      node('Tanh', ['x0'], ['x']),
      node('MatMul', ['x', 'w1'], ['m']),
      node('Add', ['m', 'b'], ['h']),
      node('MatMul', ['h', 'w2'], ['y']),
    ],
    initializers: [
      ...[
        weight('words', [WORDS, WIDTH], 1),
        weight('w1', [WIDTH, 24], 2),
        shift('b', 3, 24),
        weight('w2', [24, 9], 4),
      ],
    ],
  }
  const { found } = await turned(model(parts))
  expect(found.chosen.map(({ unit, read }) => [unit, read.size])).toEqual([[24, 1]])
})

test('the same seed gives the same weights, another one others', async () => {
  const built = model(preNorm(spelledRms))
  const [a, b, c] = [await turned(built), await turned(built), await turned(built, 1)]
  expect(await floatsOf(a.after, 'up0')).toEqual(await floatsOf(b.after, 'up0'))
  expect(await floatsOf(a.after, 'up0')).not.toEqual(await floatsOf(c.after, 'up0'))
})

async function floatsOf(built: Model, name: string): Promise<Float32Array> {
  return new Float32Array((await readTensor(tensorOf(built, name))).slice().buffer)
}
