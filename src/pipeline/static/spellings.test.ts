import * as ort from 'onnxruntime-node'
import { describe, expect, test } from 'vitest'
import { buildModel, f32, node, value } from '../../../test/fixtures/build.ts'
import {
  biasesApart,
  clips,
  constantsAsInputs,
  constantsAsNodes,
  gelusSpelled,
  gemmsApart,
  halfWeights,
  identitiesAround,
  layerNormsSpelled,
  normsApart,
  opset,
  poolsAsMeans,
  readBytes,
  type Spelling,
  swishes,
  together,
} from '../../../test/fixtures/spellings.ts'
import { noise, runStatic } from '../../../test/fixtures/static-model.ts'
import { decibels } from '../../evaluation/decibels.ts'
import { prepareForStatic } from '../../graph/rewrites/prepare-static.ts'
import { raiseOpset } from '../../graph/rewrites/raise-opset/index.ts'
import type { Model } from '../../model/graph.ts'

let seed = 1
const random = (name: string, shape: readonly number[], size = 0.5) => {
  const count = shape.reduce((a, b) => a * b, 1)
  return f32(
    name,
    shape,
    noise(count, ++seed * 7919).map((one) => one * size),
  )
}
const clip = (from: string, to: string) => node('Clip', [from, 'zero', 'six'], [to])

/** Convolution, depthwise, residual, pool, classifier; ReLU6 and HardSwish. */
const PICTURES = buildModel({
  opset: 17,
  inputs: [value('x', 'f32', [1, 3, 12, 12])],
  outputs: [value('y', 'f32', [1, 10])],
  initializers: [
    ...[random('w1', [16, 3, 3, 3]), random('b1', [16]), random('w2', [16, 1, 3, 3]), random('b2', [16])],
    ...[random('w3', [16, 16, 1, 1], 0.3), random('b3', [16]), random('w4', [16, 10], 0.3), random('b4', [10])],
    ...[f32('zero', [], [0]), f32('six', [], [6])],
  ],
  nodes: [
    node('Conv', ['x', 'w1', 'b1'], ['c1'], { pads: [1, 1, 1, 1] }, { name: 'first' }),
    clip('c1', 'r1'),
    node('Conv', ['r1', 'w2', 'b2'], ['c2'], { pads: [1, 1, 1, 1], group: 16 }, { name: 'depthwise' }),
    node('HardSwish', ['c2'], ['r2']),
    node('Conv', ['r2', 'w3', 'b3'], ['c3'], {}, { name: 'pointwise' }),
    node('Add', ['c3', 'r1'], ['s']),
    node('Relu', ['s'], ['r3']),
    node('GlobalAveragePool', ['r3'], ['p']),
    node('Flatten', ['p'], ['f']),
    node('Gemm', ['f', 'w4', 'b4'], ['y'], {}, { name: 'classifier' }),
  ],
})

/** One block of a transformer without its attention. */
const TOKENS = buildModel({
  opset: 20,
  ir: 9,
  inputs: [value('x', 'f32', [1, 6, 32])],
  outputs: [value('y', 'f32', [1, 6, 32])],
  initializers: [
    ...[f32('scale', [32], new Float32Array(32).fill(1.2)), random('shift', [32])],
    ...[random('w1', [32, 64], 0.3), random('b1', [64]), random('w2', [64, 32], 0.3), random('b2', [32])],
  ],
  nodes: [
    node('LayerNormalization', ['x', 'scale', 'shift'], ['n']),
    node('MatMul', ['n', 'w1'], ['m1']),
    node('Add', ['m1', 'b1'], ['a1']),
    node('Gelu', ['a1'], ['g']),
    node('MatMul', ['g', 'w2'], ['m2']),
    node('Add', ['m2', 'b2'], ['a2']),
    node('Add', ['a2', 'x'], ['y']),
  ],
})

async function quantized(model: Model, shape: readonly number[]) {
  const prepared = await prepareForStatic(model, readBytes)
  const version = prepared.model.opsets.find(({ domain }) => domain === '')?.version ?? 0
  const raised = version < 13 ? await raiseOpset(prepared.model, 13, readBytes) : prepared
  if (!('model' in raised)) throw new Error(raised.text)
  const count = shape.reduce((a, b) => a * b, 1)
  const feeds = {
    x: new ort.Tensor(
      'float32',
      Float32Array.from(noise(count, 5), (one) => 3 * one),
      [...shape],
    ),
  }
  const { placement, float, fused, unfused } = await runStatic(raised.model, feeds)
  const { integer = 0, total = 0 } = placement.multiplyAdds ?? {}
  return {
    integer,
    total,
    float: float[0]!,
    errors: [fused, unfused].map(([one]) => ratioOf(float[0]!, one!)),
    placement,
  }
}

function ratioOf(wanted: Float32Array, found: Float32Array): number {
  const energy = wanted.reduce((sum, one) => sum + one * one, 0)
  return decibels(energy, wanted.reduce((sum, one, at) => sum + (one - found[at]!) ** 2, 0) || 1e-30)
}

const old: Spelling = together(clips('attributes'), swishes('sigmoid'))
const PICTURE_SPELLINGS: readonly (readonly [string, Spelling])[] = [
  ['weights in Constant nodes', constantsAsNodes],
  ['initializers that are inputs too, IR 3', constantsAsInputs],
  ['half weights behind Cast', halfWeights],
  ['norms apart', normsApart(false)],
  ['norms as products and sums', normsApart(true)],
  ['norms apart, everything in Constant nodes', together(normsApart(false), constantsAsNodes)],
  ['biases apart', biasesApart],
  ['MatMul and Add for Gemm', gemmsApart],
  ['Identity and Dropout everywhere', identitiesAround],
  ['bounds by Min and Max', clips('min and max')],
  ['HardSwish by its parts', swishes('parts')],
  ['HardSwish by HardSigmoid', swishes('sigmoid')],
  ['pools as means, Reshape', poolsAsMeans],
  ...[7, 8, 9, 10].map((version) => [`opset ${version}`, together(old, opset(version))] as const),
  ...[11, 12].map((version) => [`opset ${version}`, together(swishes('parts'), opset(version))] as const),
  [
    'all of it, opset 9',
    together(old, normsApart(false), gemmsApart, poolsAsMeans, identitiesAround, constantsAsInputs, opset(9)),
  ],
]
const TOKEN_SPELLINGS: readonly (readonly [string, Spelling])[] = [
  ['weights in Constant nodes', constantsAsNodes],
  ['Gelu by erf', together(gelusSpelled, opset(17))],
  ['LayerNormalization by its parts', together(layerNormsSpelled, gelusSpelled, opset(13))],
  ['all of it, opset 12', together(layerNormsSpelled, gelusSpelled, identitiesAround, constantsAsInputs, opset(12))],
]

describe.each([
  { net: 'pictures', clean: PICTURES, shape: [1, 3, 12, 12], spellings: PICTURE_SPELLINGS },
  { net: 'tokens', clean: TOKENS, shape: [1, 6, 32], spellings: TOKEN_SPELLINGS },
])('$net', ({ clean, shape, spellings }) => {
  const wanted = quantized(clean, shape)

  test('the clean spelling runs in integers and is near', async () => {
    const { integer, total, errors } = await wanted
    expect(integer / total).toBeGreaterThan(0.95)
    for (const error of errors) expect(error).toBeGreaterThan(28)
  })

  test.each(spellings)('%s', async (_, spell) => {
    const [plain, other] = [await wanted, await quantized(spell(clean), shape)]
    expect(ratioOf(plain.float, other.float)).toBeGreaterThan(60)
    expect([other.integer, other.total]).toEqual([plain.integer, plain.total])
    for (const [at, error] of other.errors.entries()) expect(error).toBeGreaterThan(plain.errors[at]! - 3)
  })
})
