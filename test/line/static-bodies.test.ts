import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as ort from 'onnxruntime-node'
import { expect, test } from 'vitest'
import { memorySource } from '../../src/bytes/memory.ts'
import { writeNpz } from '../../src/calibration/write-npz.ts'
import { read } from '../../src/formats/onnx/index.ts'
import { scopesOf } from '../../src/graph/index.ts'
import type { Model } from '../../src/model/graph.ts'
import { type FileOptions, quantize } from '../../src/pipeline/quantize-file.node.ts'
import { buildModel, encodeModel, f32, graph, i64, node, value } from '../fixtures/build.ts'
import { gaussian } from '../fixtures/distribution.ts'
import { lineFolder } from '../fixtures/line-folder.ts'

const folder = lineFolder()
const SAMPLES = 12
const [CHANNELS, STEPS] = [16, 24]
const small = (name: string, shape: readonly number[], seed: number) => {
  const count = shape.reduce((product, size) => product * size, 1)
  return f32(
    name,
    shape,
    gaussian(count, seed).map((one) => one / 6),
  )
}
const bytes = (values: Float32Array | BigInt64Array): Uint8Array => new Uint8Array(values.slice().buffer)

const data = join(folder.path, 'data.npz')
writeFileSync(
  data,
  writeNpz(
    new Map([
      [
        'x',
        {
          dtype: 'f32',
          shape: [SAMPLES, 1, CHANNELS, STEPS],
          data: bytes(gaussian(SAMPLES * CHANNELS * STEPS, 5)),
        },
      ],
      ['rate', { dtype: 'i64', shape: [SAMPLES], data: bytes(new BigInt64Array(SAMPLES).fill(16000n)) }],
    ]),
  ),
)

const branch = (seed: number) =>
  graph({
    outputs: [value('out')],
    initializers: [
      small('k', [CHANNELS, CHANNELS, 3], seed),
      small('b', [CHANNELS], seed + 1),
      small('k2', [CHANNELS, CHANNELS, 3], seed + 2),
    ],
    nodes: [
      node('Conv', ['x', 'k', 'b'], ['c'], { pads: [1, 1] }, { name: `first-${seed}` }),
      node('Relu', ['c'], ['r']),
      node('Conv', ['r', 'k2'], ['out'], { pads: [1, 1] }, { name: `second-${seed}` }),
    ],
  })

/** Two branches by the rate, of which the data reach one. */
const byRate = buildModel({
  inputs: [value('x', 'f32', [1, CHANNELS, 'n']), value('rate', 'i64', [])],
  outputs: [value('y', 'f32', [1, CHANNELS, 'n'])],
  initializers: [i64('16k', [], [16000])],
  nodes: [
    node('Equal', ['rate', '16k'], ['fast']),
    node('If', ['fast'], ['y'], { then_branch: branch(1), else_branch: branch(7) }),
  ],
})

async function made(model: Model, options: FileOptions = {}) {
  const [input, output] = [await folder.write('in.onnx', model), join(folder.path, 'out.onnx')]
  const report = await quantize(input, output, { to: 'int8-static', calib: data, force: true, ...options })
  const file = new Uint8Array(readFileSync(output))
  const operators = scopesOf(await read(memorySource(file, 'out.onnx'))).flatMap(({ nodes }) =>
    nodes.map(({ op }) => op),
  )
  return { report, operators, file }
}

async function decibels(model: Model, file: Uint8Array, rate: bigint): Promise<number> {
  const x = new ort.Tensor('float32', gaussian(CHANNELS * STEPS, 77), [1, CHANNELS, STEPS])
  const feeds = { x, rate: new ort.Tensor('int64', [rate], []) }
  const run = async (one: Uint8Array): Promise<Float32Array> => {
    const session = await ort.InferenceSession.create(one, { intraOpNumThreads: 1, logSeverityLevel: 4 })
    const { y } = await session.run(feeds)
    await session.release()
    return y!.data as Float32Array
  }
  const [wanted, found] = [await run(await encodeModel(model)), await run(file)]
  const energy = wanted.reduce((sum, one) => sum + one * one, 0)
  return 10 * Math.log10(energy / wanted.reduce((sum, one, at) => sum + (one - found[at]!) ** 2, 0))
}

test('branches of an If: the one the data reach by its ranges, the other by ranges found when it runs', async () => {
  const { report, operators, file } = await made(byRate)
  expect(report.verdict?.status).toBe('proven')
  const forms = report.decisions.filter(({ lowering }) => lowering === 'onnx/qdq' || lowering === 'onnx/conv-integer')
  expect(new Set(forms.flatMap(({ consumers }) => consumers))).toEqual(
    new Set(['first-1', 'second-1', 'first-7', 'second-7']),
  )
  expect(report.warnings.join('\n')).toContain('the data never reach it')
  expect(operators.filter((op) => op === 'DynamicQuantizeLinear').length).toBe(2)
  expect(operators).toContain('QuantizeLinear')
  for (const rate of [16000n, 8000n]) expect(await decibels(byRate, file, rate)).toBeGreaterThan(30)
})

test('the same bytes again', async () => {
  const [first, again] = [await made(byRate), await made(byRate)]
  expect(again.file).toEqual(first.file)
})

test('calls of functions, and tables of integers', async () => {
  const table = Array.from({ length: CHANNELS * 8 }, (_, index) => index % CHANNELS)
  const model = buildModel({
    inputs: [value('x', 'f32', [1, CHANNELS, 'n']), value('rate', 'i64', [])],
    outputs: [value('y'), value('same')],
    domains: { own: 1 },
    initializers: [
      small('k', [CHANNELS, CHANNELS, 3], 1),
      small('k2', [CHANNELS, CHANNELS, 3], 2),
      i64('table', [table.length], table),
    ],
    nodes: [
      node('Layer', ['x', 'k'], ['h'], {}, { domain: 'own', name: 'one' }),
      node('Gather', ['h', 'table'], ['wide'], { axis: 1 }),
      node('Reshape', ['wide', 'shape'], ['groups']),
      node('ReduceMean', ['groups'], ['mean'], { axes: [1], keepdims: 0 }),
      node('Layer', ['mean', 'k2'], ['y'], {}, { domain: 'own', name: 'two' }),
      node('Identity', ['rate'], ['same']),
      node('Constant', [], ['shape'], { value: i64('', [4], [1, 8, CHANNELS, -1]) }),
    ].sort((a, b) => Number(b.op === 'Constant') - Number(a.op === 'Constant')),
    functions: [
      {
        domain: 'own',
        name: 'Layer',
        inputs: ['x', 'k'],
        outputs: ['r'],
        opsets: [{ domain: '', version: 17 }],
        nodes: [node('Conv', ['x', 'k'], ['c'], { pads: [1, 1] }, { name: 'conv' }), node('Relu', ['c'], ['r'])],
      },
    ],
  })
  const { report } = await made(model)
  const integer = report.decisions.filter(({ lowering }) => lowering === 'onnx/qdq' || lowering === 'onnx/conv-integer')
  expect(integer.flatMap(({ consumers }) => consumers)).toEqual(['one/conv', 'two/conv'])
  expect(report.warnings.join('\n')).toMatch(/2 calls of functions written out/)
  expect(report.warnings.join('\n')).toMatch(/tables of integers take \d+ bytes less/)
})

test('a model whose bodies and main graph have no products says so', async () => {
  const none = buildModel({
    inputs: [value('x', 'f32', [1, CHANNELS, 'n']), value('rate', 'i64', [])],
    outputs: [value('y'), value('same')],
    nodes: [node('Relu', ['x'], ['y']), node('Identity', ['rate'], ['same'])],
  })
  await expect(made(none)).rejects.toThrow('nothing in this model can run in integers')
})
