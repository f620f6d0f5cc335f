import { describe, expect, test } from 'vitest'
import { buildModel, encodeModel, f32, i64, node, value } from '../../../../test/fixtures/build.ts'
import { weight } from '../../../../test/fixtures/line-models.ts'
import { relativeError, runFile } from '../../../../test/fixtures/run-file.ts'
import { readTensor, readTensorRange } from '../../../formats/onnx/index.ts'
import type { Model, Node, TensorRef } from '../../../model/graph.ts'
import { uniform } from '../../../numbers/rounding.ts'
import { connect } from '../../consumers.ts'
import { applyFolds, findFold, type InputFold, tiedMeans } from './index.ts'

const LENGTH = 5
const WIDTH = 8
const x = Float32Array.from({ length: 2 * LENGTH * WIDTH }, (_, i) => 4 * uniform(3, i) - 2)

function built(nodes: readonly Node[], initializers: readonly TensorRef[]): Model {
  return buildModel({
    nodes: [...nodes],
    initializers: [...initializers],
    inputs: [value('x', 'f32', ['batch', 'length', WIDTH])],
    outputs: [value('y', 'f32')],
  })
}

const outputsOf = async (model: Model): Promise<Float32Array> => {
  const found = await runFile(await encodeModel(model), { x: [[2, LENGTH, WIDTH], x] }, false)
  return found.get('y') as Float32Array
}

const found = (model: Model, name: string, heads: 'together' | 'in turns' = 'together') =>
  findFold(name, connect(model), readTensor, { heads })

/** Factors from a third to three, different for each channel that may differ. */
const factorsOf = (fold: InputFold): Float64Array =>
  tiedMeans(
    Float64Array.from({ length: fold.depth }, (_, i) => 0.33 + 2.7 * uniform(9, i)),
    fold.heads,
  )

async function errorAfter(model: Model, name: string, heads: 'together' | 'in turns' = 'together'): Promise<number> {
  const fold = await found(model, name, heads)
  if (typeof fold === 'string') throw new Error(fold)
  const changed = applyFolds(model, [{ fold, factors: factorsOf(fold) }], readTensorRange)
  expect(changed.graph.nodes.length).toBeLessThanOrEqual(model.graph.nodes.length)
  const before = await readTensor(fold.products[0]?.matrix.tensor as TensorRef)
  const name0 = fold.products[0]?.matrix.definition.name
  const after = changed.graph.initializers.find((one) => one.name === name0) as TensorRef
  expect(Buffer.compare(Buffer.from(before), Buffer.from(await readTensor(after)))).not.toBe(0)
  return relativeError(await outputsOf(model), await outputsOf(changed))
}

const constant = (tensor: TensorRef): Node =>
  node('Constant', [], [tensor.name], { value: tensor }, { name: `c.${tensor.name}` })
const gain = f32('gain', [WIDTH], [1, -2, 0.5, 3, 1, 1, 0.1, 2])
const bias = f32('bias', [WIDTH], [0, 1, -1, 2, 0, 0.5, 3, -1])
const twoReaders = [
  node('MatMul', ['n', 'w1'], ['a']),
  node('MatMul', ['n', 'w2'], ['b']),
  node('Add', ['a', 'b'], ['y']),
]
const two = [weight('w1', [WIDTH, 6], 1), weight('w2', [WIDTH, 6], 2)]
const rms = [
  node('Mul', ['x', 'x'], ['square']),
  node('ReduceMean', ['square'], ['mean'], { axes: [-1], keepdims: 1 }),
  node('Add', ['mean', 'eps'], ['safe']),
  node('Sqrt', ['safe'], ['root']),
  node('Div', ['x', 'root'], ['unit']),
]
const eps = f32('eps', [], [1e-5])

/** A model whose value `n` is read by products, and folds. */
const folds: Readonly<Record<string, () => Model>> = {
  LayerNormalization: () =>
    built([node('LayerNormalization', ['x', 'gain', 'bias'], ['n']), ...twoReaders], [gain, bias, ...two]),
  'a decomposed RMSNorm, weights in Constant nodes': () =>
    built([constant(gain), ...two.map(constant), ...rms, node('Mul', ['gain', 'unit'], ['n']), ...twoReaders], [eps]),
  'a decomposed norm with a bias, an Identity, sizes that are read': () =>
    built(
      [
        ...rms,
        node('Mul', ['unit', 'gain'], ['scaled']),
        node('Add', ['scaled', 'bias'], ['moved']),
        node('Identity', ['moved'], ['n']),
        node('Shape', ['n'], ['shape']),
        node('MatMul', ['n', 'w1'], ['flat']),
        node('Reshape', ['flat', 'out'], ['y']),
      ],
      [eps, gain, bias, ...two, i64('out', [3], [0, 0, 6])],
    ),
  'a gain that another norm has too': () =>
    built(
      [
        node('LayerNormalization', ['x', 'gain', 'bias'], ['n']),
        node('LayerNormalization', ['x', 'gain', 'bias'], ['m']),
        node('MatMul', ['n', 'w1'], ['a']),
        node('MatMul', ['m', 'w2'], ['b']),
        node('Add', ['a', 'b'], ['y']),
      ],
      [gain, bias, ...two],
    ),
  'up and down with ReLU': () =>
    built(
      [
        node('MatMul', ['x', 'w1'], ['wide']),
        node('Add', ['bias1', 'wide'], ['more']),
        node('Relu', ['more'], ['n']),
        node('MatMul', ['n', 'down'], ['y']),
      ],
      [two[0] as TensorRef, f32('bias1', [6], [1, -1, 0.5, 0, 0.2, 1]), weight('down', [6, 4], 5)],
    ),
  'gate and up, weights transposed by a node': () =>
    built(
      [
        node('MatMul', ['x', 'w1'], ['gate']),
        node('Sigmoid', ['gate'], ['open']),
        node('Transpose', ['wt'], ['w'], { perm: [1, 0] }),
        node('MatMul', ['x', 'w'], ['wide']),
        node('Mul', ['open', 'wide'], ['n']),
        node('MatMul', ['n', 'down'], ['y']),
      ],
      [two[0] as TensorRef, weight('wt', [6, WIDTH], 4), weight('down', [6, 4], 5)],
    ),
  'gate and up in one product': () =>
    built(
      [
        node('MatMul', ['x', 'both'], ['wide']),
        node('Split', ['wide', 'sizes'], ['gate', 'up'], { axis: -1 }),
        node('Sigmoid', ['gate'], ['open']),
        node('Mul', ['open', 'up'], ['n']),
        node('MatMul', ['n', 'down'], ['y']),
      ],
      [weight('both', [WIDTH, 12], 4), i64('sizes', [2], [6, 6]), weight('down', [6, 4], 5)],
    ),
  'Gemm with transB behind Gemm': () =>
    built(
      [
        node('Reshape', ['x', 'flat'], ['rows']),
        node('Gemm', ['rows', 'g1', 'c1'], ['wide'], { transB: 1, alpha: { float: 0.5 }, beta: { float: 2 } }),
        node('Relu', ['wide'], ['n']),
        node('Gemm', ['n', 'g2'], ['y'], { transB: 1 }),
      ],
      [
        i64('flat', [2], [-1, WIDTH]),
        weight('g1', [6, WIDTH], 1),
        f32('c1', [6], [1, 2, 3, -1, 0, 1]),
        weight('g2', [4, 6], 2),
      ],
    ),
}

/** `repeats` heads of queries read one head of values, after each other or in turns. */
function attention(repeats: number, inTurns = false): Model {
  const heads = 4
  const size = 2
  const own = heads / repeats
  const shape = inTurns ? [1, repeats, 1, 1, 1] : [1, 1, 1, repeats, 1]
  return built(
    [
      node('MatMul', ['x', 'wv'], ['v']),
      ...(repeats === 1 ? [node('Add', ['v', 'bv'], ['vb'])] : [node('Identity', ['v'], ['vb'])]),
      node('Reshape', ['vb', 'split'], ['vs']),
      node('Tile', ['vs', 'times'], ['vt']),
      node('Reshape', ['vt', 'joined'], ['vh']),
      node('Transpose', ['vh'], ['vn'], { perm: [0, 2, 1, 3] }),
      node('MatMul', ['x', 'wp'], ['p']),
      node('Reshape', ['p', 'ps'], ['pr']),
      node('Transpose', ['pr'], ['pt'], { perm: [0, 2, 1, 3] }),
      node('Softmax', ['pt'], ['probs'], { axis: -1 }),
      node('MatMul', ['probs', 'vn'], ['mixed']),
      node('Transpose', ['mixed'], ['back'], { perm: [0, 2, 1, 3] }),
      node('Reshape', ['back', 'merge'], ['n']),
      node('MatMul', ['n', 'wo'], ['y']),
    ],
    [
      weight('wv', [WIDTH, own * size], 1),
      ...(repeats === 1 ? [f32('bv', [own * size], [1, 2, 3, 4, 5, 6, 7, 8])] : []),
      weight('wp', [WIDTH, heads * LENGTH], 2),
      weight('wo', [heads * size, 6], 3),
      i64(
        'split',
        [5],
        inTurns ? [2, LENGTH, 1, own, size].map((d, i) => (i === 1 ? LENGTH : d)) : [2, LENGTH, own, 1, size],
      ),
      i64('times', [5], inTurns ? [1, 1, repeats, 1, 1] : shape),
      i64('joined', [4], [2, LENGTH, heads, size]),
      i64('ps', [4], [0, 0, heads, LENGTH]),
      i64('merge', [3], [0, 0, heads * size]),
    ],
  )
}

describe('factors a channel go into constants on both sides', () => {
  for (const [name, make] of Object.entries(folds))
    test(name, async () => {
      expect(await errorAfter(make(), 'n')).toBeLessThan(2e-6)
    })

  test('values of attention, through heads', async () => {
    expect(await errorAfter(attention(1), 'n')).toBeLessThan(2e-6)
  })

  test('heads of values that several heads read, after each other and in turns', async () => {
    expect(await errorAfter(attention(2), 'n')).toBeLessThan(2e-6)
    expect(await errorAfter(attention(2, true), 'n', 'in turns')).toBeLessThan(2e-6)
    // Taken for the other kind the function is another one, which a run shows.
    expect(await errorAfter(attention(2, true), 'n')).toBeGreaterThan(0.01)
  })

  test('two folds of one weight: its rows and its columns', async () => {
    const model = (folds['up and down with ReLU'] as () => Model)()
    const { graph } = model
    const nodes = [node('LayerNormalization', ['x', 'gain', 'bias'], ['z']), ...graph.nodes]
    const renamed = nodes.map((one) =>
      one.op === 'MatMul' && one.inputs[0] === 'x' ? { ...one, inputs: ['z', 'w1'] } : one,
    )
    const chained = { ...model, graph: { ...graph, nodes: renamed, initializers: [...graph.initializers, gain, bias] } }
    const both = await Promise.all(['z', 'n'].map((name) => found(chained, name)))
    const scaled = both.map((fold) => ({ fold: fold as InputFold, factors: factorsOf(fold as InputFold) }))
    const changed = applyFolds(chained, scaled, readTensorRange)
    expect(relativeError(await outputsOf(chained), await outputsOf(changed))).toBeLessThan(2e-6)
  })
})

describe('what cannot be folded says why', () => {
  const norm = node('LayerNormalization', ['x', 'gain', 'bias'], ['n'])
  const cases: readonly [string, readonly Node[], readonly TensorRef[], RegExp][] = [
    [
      'a residual',
      [norm, node('MatMul', ['n', 'ws'], ['a']), node('Add', ['n', 'a'], ['y'])],
      [weight('ws', [WIDTH, WIDTH], 1)],
      /also read by Add/,
    ],
    [
      'an activation that is not of factors',
      [node('MatMul', ['x', 'w1'], ['a']), node('Sigmoid', ['a'], ['n']), node('MatMul', ['n', 'down'], ['y'])],
      [two[0] as TensorRef, weight('down', [6, 4], 5)],
      /Sigmoid/,
    ],
    ['an input of the graph', [node('MatMul', ['x', 'w1'], ['y'])], two, /nothing in front/],
    [
      'a weight of two products',
      [norm, node('MatMul', ['n', 'ws'], ['a']), node('MatMul', ['a', 'ws'], ['y'])],
      [weight('ws', [WIDTH, WIDTH], 1)],
      /read elsewhere/,
    ],
    [
      'a sum with what others read',
      [node('MatMul', ['x', 'ws'], ['a']), node('Add', ['x', 'a'], ['n']), node('MatMul', ['n', 'w1'], ['y'])],
      [weight('ws', [WIDTH, WIDTH], 1), two[0] as TensorRef],
      /also read by MatMul/,
    ],
    [
      'a square',
      [node('MatMul', ['x', 'ws'], ['a']), node('Mul', ['a', 'a'], ['n']), node('MatMul', ['n', 'w1'], ['y'])],
      [weight('ws', [WIDTH, WIDTH], 1), two[0] as TensorRef],
      /square/,
    ],
  ]
  for (const [name, nodes, own, why] of cases)
    test(name, async () => {
      const read = nodes.find(({ inputs }) => inputs[0] === 'n') ? 'n' : 'x'
      expect(await found(built(nodes, [gain, bias, ...own]), read)).toMatch(why)
    })
})
