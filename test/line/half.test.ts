import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { memorySource } from '../../src/bytes/memory.ts'
import { read } from '../../src/formats/onnx/index.ts'
import type { Model, Node } from '../../src/model/graph.ts'
import { plan, quantize } from '../../src/pipeline/quantize-file.node.ts'
import { buildModel, f32, i64, node, value } from '../fixtures/build.ts'
import { castPairs } from '../fixtures/half.ts'
import { lineFolder } from '../fixtures/line-folder.ts'
import { randomFloats } from '../fixtures/quantized-weight.ts'
import { runFile } from '../fixtures/run-file.ts'

const folder = lineFolder()
const readBack = (path: string): Promise<Model> => read(memorySource(readFileSync(path), path))

const weight = (name: string, size: number, seed: number, factor = 1) =>
  f32(
    name,
    [size, size],
    randomFloats(size * size, seed).map((one) => one * factor),
  )

/** A network of one input and one output, [2, 16]. */
function network(nodes: readonly Node[], initializers: Parameters<typeof f32>[] = [], more = {}): Model {
  return buildModel({
    opset: 17,
    inputs: [value('x', 'f32', ['N', 16])],
    outputs: [value('y', 'f32', ['N', 16])],
    initializers: [weight('w', 16, 3), weight('v', 16, 5), ...initializers.map((one) => f32(...one))],
    nodes,
    ...more,
  })
}

async function made(name: string, model: Model, options: object = {}) {
  const path = await folder.write(`${name}.onnx`, model)
  const output = join(folder.path, `${name}.out.onnx`)
  const report = await quantize(path, output, { to: 'fp16', force: true, ...options })
  return { path, output, report, model: await readBack(output) }
}

const kept = (report: { points: readonly Readonly<Record<string, unknown>>[] }) =>
  report.points.map(({ op }) => op as string).sort()

test('constants without elements become f16 like any other', async () => {
  const nodes = [
    node('Concat', ['x', 'empty'], ['c'], { axis: 0 }),
    node('MatMul', ['c', 'w'], ['h']),
    node('MatMul', ['h', 'v'], ['y']),
  ]
  const { report, model } = await made('empty', network(nodes, [['empty', [0, 16], []]]))
  expect(report.verdict?.status).toBe('plausible')
  expect(model.graph.initializers.find(({ name }) => name === 'empty')).toMatchObject({ dtype: 'f16', shape: [0, 16] })
})

describe('what overflows stays in f32, as a whole', () => {
  test('LayerNorm written out, over activations whose squares f16 does not hold', async () => {
    const nodes = [
      node('MatMul', ['x', 'w'], ['a']),
      node('Mul', ['a', 'big'], ['h']),
      node('ReduceMean', ['h'], ['mean'], { axes: [-1] }),
      node('Sub', ['h', 'mean'], ['d']),
      node('Pow', ['d', 'two'], ['p']),
      node('ReduceMean', ['p'], ['var'], { axes: [-1] }),
      node('Add', ['var', 'eps'], ['e']),
      node('Sqrt', ['e'], ['s']),
      node('Div', ['d', 's'], ['n']),
      node('Mul', ['n', 'gamma'], ['g']),
      node('MatMul', ['g', 'v'], ['y']),
    ]
    const { report, model } = await made(
      'layer-norm',
      network(nodes, [
        ['big', [], [300]],
        ['two', [], [2]],
        ['eps', [], [1e-12]],
        ['gamma', [16], randomFloats(16, 9)],
      ]),
    )
    expect(kept(report)).toEqual(['Add', 'Div', 'Pow', 'ReduceMean', 'ReduceMean', 'Sqrt', 'Sub'])
    expect(report.verdict?.status).toBe('plausible')
    expect(report.verdict?.reference?.outputs[0]).toMatchObject({ nonFinite: 0 })
    expect(report.verdict?.reference?.outputs[0]?.cosine).toBeGreaterThan(0.9999)
    expect(castPairs(model)).toEqual([])
    const eps = report.decisions.find(({ tensor }) => tensor === 'eps')
    expect(eps).toMatchObject({ action: 'keep', because: { code: 'range' } })
    expect(report.decisions.find(({ tensor }) => tensor === 'gamma')).toMatchObject({ action: 'cast' })
  })

  test('a mask of -3.4e38 becomes one that f16 holds, also where it is made by a product', async () => {
    const nodes = [
      node('MatMul', ['x', 'w'], ['scores']),
      node('Greater', ['x', 'zero'], ['c']),
      node('Cast', ['c'], ['m'], { to: 1 }),
      node('Sub', ['one', 'm'], ['away']),
      node('Mul', ['away', 'lowest'], ['mask']),
      node('Add', ['scores', 'mask'], ['masked']),
      node('Where', ['c', 'masked', 'lowest'], ['twice']),
      node('Softmax', ['twice'], ['weights']),
      node('MatMul', ['weights', 'v'], ['y']),
    ]
    const { report } = await made(
      'mask',
      network(nodes, [
        ['zero', [], [0]],
        ['one', [], [1]],
        ['lowest', [], [-3.4028235e38]],
      ]),
    )
    expect(kept(report)).toEqual([])
    expect(report.notes?.join()).toContain('constants beyond f16 were made safe')
    expect(report.suggestion).toContain('--calib')
    expect(report.verdict?.reference?.outputs[0]?.cosine).toBeGreaterThan(0.9999)
  })

  test('Pow, Exp and a sum of squares that leave the range', async () => {
    const nodes = [
      node('MatMul', ['x', 'w'], ['a']),
      node('Mul', ['a', 'eight'], ['h']),
      node('Pow', ['h', 'six'], ['p']),
      node('Add', ['p', 'one'], ['q']),
      node('Log', ['q'], ['l']),
      node('MatMul', ['l', 'v'], ['y']),
    ]
    const { report } = await made(
      'pow',
      network(nodes, [
        ['eight', [], [8]],
        ['six', [], [6]],
        ['one', [], [1]],
      ]),
    )
    expect(kept(report)).toEqual(expect.arrayContaining(['Add', 'Log', 'Pow']))
    expect(report.points.find(({ op }) => op === 'Pow')?.because).toMatchObject({ code: 'range' })
    expect(report.verdict?.reference?.outputs[0]).toMatchObject({ nonFinite: 0 })
  })

  test('a product whose terms cancel, with what comes in', async () => {
    const ones = Float32Array.from({ length: 256 }, (_, i) => 1 + (i % 16 === 3 ? 0.02 : 0))
    const alternating = Float32Array.from({ length: 256 }, (_, i) => (Math.floor(i / 16) % 2 === 0 ? 1 : -1))
    const nodes = [
      node('MatMul', ['x', 'same'], ['a']),
      node('MatMul', ['a', 'difference'], ['d']),
      node('Tanh', ['d'], ['y']),
    ]
    const { report } = await made(
      'cancel',
      network(nodes, [
        ['same', [16, 16], ones],
        ['difference', [16, 16], alternating],
      ]),
    )
    expect(kept(report)).toEqual(expect.arrayContaining(['MatMul', 'MatMul']))
    expect(report.verdict?.reference?.outputs[0]?.cosine).toBeGreaterThan(0.9999)
  })

  test('angles of positions keep the digits of f32', async () => {
    const model = buildModel({
      opset: 17,
      inputs: [value('ids', 'i64', ['N'])],
      outputs: [value('y', 'f32', ['N', 4])],
      initializers: [f32('frequency', [1, 4], [1, 0.1, 0.01, 0.001]), i64('last', [1], [-1])],
      nodes: [
        node('Unsqueeze', ['ids', 'last'], ['column']),
        node('Cast', ['column'], ['position'], { to: 1 }),
        node('MatMul', ['position', 'frequency'], ['angle']),
        node('Cos', ['angle'], ['c']),
        node('Relu', ['c'], ['y']),
      ],
    })
    const { output, report } = await made('angles', model, { noVerify: true })
    expect(kept(report)).toEqual(['Cast', 'Cos', 'MatMul'])
    const found = await runFile(output, { ids: [[1], [1999], 'i64'] }, true)
    expect(found.get('y')?.[0]).toBeCloseTo(Math.max(0, Math.cos(1999)), 3)
  })
})

describe('--to fp16', () => {
  const plain = () =>
    network([node('MatMul', ['x', 'w'], ['h']), node('Relu', ['h'], ['r']), node('MatMul', ['r', 'v'], ['y'])])

  test('a decision for every constant, the bytes that were planned', async () => {
    const { path, report } = await made('plain', plain(), { noVerify: true })
    const planned = await plan(path, { to: 'fp16' })
    expect(report.decisions.map(({ action, scheme }) => [action, scheme])).toEqual([
      ['cast', 'f16'],
      ['cast', 'f16'],
    ])
    expect(planned.output?.bytes).toBe(report.output?.bytes)
    expect(report.requires?.onnxruntime).toContain('any version')
  })

  test('--io fp16 makes inputs and outputs f16', async () => {
    const { model, report } = await made('doors', plain(), { io: 'fp16' })
    expect([...model.graph.inputs, ...model.graph.outputs].map(({ dtype }) => dtype)).toEqual(['f16', 'f16'])
    expect(report.verdict?.status).toBe('plausible')
  })

  test('--io fp16 without f16, and memory that does not do', async () => {
    await expect(made('doors', plain(), { io: 'fp16', to: 'int8-weights' })).rejects.toMatchObject({ code: 'E_USAGE' })
    const { report } = await made('small', plain(), { noVerify: true, maxMemory: 1000 })
    expect(report.warnings.join()).toContain('ranges were not taken')
    expect(report.decisions.map(({ action }) => action)).toEqual(['cast', 'cast'])
  })

  test('a rule keeps a node, by its operator or by its weight; one that matches nothing is refused', async () => {
    const byOp = await made('rule', plain(), { noVerify: true, rules: ['op:Relu=keep'] })
    expect(kept(byOp.report)).toEqual(['Relu'])
    const byWeight = await made('rule', plain(), { noVerify: true, rules: ['v=keep'] })
    expect(kept(byWeight.report)).toEqual(['MatMul'])
    expect(byWeight.report.decisions.find(({ tensor }) => tensor === 'v')).toMatchObject({ action: 'keep' })
    await expect(made('rule', plain(), { noVerify: true, rules: ['op:Gelu=keep'] })).rejects.toMatchObject({
      code: 'E_USAGE',
    })
  })

  test('q4f16: linear layers of 4 bits with scales and activations of f16', async () => {
    const model = buildModel({
      opset: 17,
      inputs: [value('x', 'f32', ['N', 64])],
      outputs: [value('y', 'f32', ['N', 64])],
      initializers: [weight('w', 64, 3, 0.2), weight('v', 64, 5, 0.2), f32('b', [64], randomFloats(64, 1))],
      nodes: [
        node('MatMul', ['x', 'w'], ['h']),
        node('Add', ['h', 'b'], ['s']),
        node('Relu', ['s'], ['r']),
        node('MatMul', ['r', 'v'], ['y']),
      ],
    })
    const { report, model: after } = await made('q4f16', model, { to: 'q4f16' })
    expect(report.decisions.map(({ tensor, scheme }) => [tensor, scheme])).toEqual([
      ['w', expect.stringMatching(/^int4-block32-a?sym-f16$/)],
      ['v', expect.stringMatching(/^int4-block32-a?sym-f16$/)],
      ['b', 'f16'],
    ])
    expect(after.graph.initializers.filter(({ dtype }) => dtype === 'f32')).toEqual([])
    expect(castPairs(after)).toEqual([])
    expect(report.verdict?.status).not.toBe('unproven')
  })
})
