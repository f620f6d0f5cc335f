import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { memorySource } from '../../src/bytes/memory.ts'
import { read } from '../../src/formats/onnx/index.ts'
import type { Model } from '../../src/model/graph.ts'
import type { DecisionFact, Report } from '../../src/model/report.ts'
import { plan, quantize } from '../../src/pipeline/quantize-file.node.ts'
import { lineFolder } from '../fixtures/line-folder.ts'
import { conv, lineModels, matmul, oldOperators, sharedWeights, tied } from '../fixtures/line-models.ts'
import { relativeError, runFile } from '../fixtures/run-file.ts'

/** Every preset, and a scheme of every kind. */
const WHATS = [
  'auto',
  'int8',
  'int8-weights',
  'int4-weights',
  'int2-weights',
  'fp16-weights',
  'bf16-weights',
  'int8-tensor-sym',
  'int8-channel-asym-f16',
  'int8-block64-asym-f16',
  'int4-channel-sym',
  'int4-block32-asym-f16',
  'int2-block16-asym',
]

const folder = lineFolder()
const readBack = (path: string): Promise<Model> => read(memorySource(readFileSync(path), path))
const opsetOf = (model: Model): number => model.opsets.find(({ domain }) => domain === '')?.version ?? 0

/** Largest relative error of an output by the coarsest scheme that a decision chose; about twice what was measured. */
function bound(decisions: readonly DecisionFact[]): number {
  const bounds = decisions.map(({ scheme = '' }) => {
    if (scheme.startsWith('int2')) return 0.75
    if (scheme.startsWith('int4')) return 0.2
    if (scheme.startsWith('int8')) return 0.02
    if (scheme === 'bf16') return 0.005
    return scheme === 'f16' ? 0.0006 : 1e-6
  })
  return Math.max(...bounds)
}

describe.each([...lineModels])('%s', (name, make) => {
  const { model, feeds } = make()
  const input = folder.write(`${name}.onnx`, model)
  const float = input.then((path) => runFile(path, feeds, false))

  test.each(WHATS)('%s loads, gives the same outputs within its error, and is as large as planned', async (to) => {
    const path = await input
    const output = join(folder.path, `${name}.${to}.onnx`)
    const planned = await plan(path, { to })
    const report = await quantize(path, output, { to, noVerify: true })

    expect(report.verdict).toMatchObject({ status: 'unproven', data: 'none' })
    expect(report.output).toMatchObject({ path: output, files: [output], bytes: statSync(output).size })
    expect(planned.output?.bytes).toBe(report.output?.bytes)
    expect(planned.decisions).toEqual(report.decisions.map(({ sqnrDb: _, ...decision }) => decision))
    expect(report.requires?.opset).toBe(opsetOf(await readBack(output)))
    expectReasons(model, report)

    for (const optimized of [false, true]) {
      const found = await runFile(output, feeds, optimized)
      for (const [value, wanted] of await float) {
        const error = relativeError(wanted, found.get(value))
        expect(error, `${value}, optimized: ${optimized}`).toBeLessThanOrEqual(bound(report.decisions))
      }
    }
  })
})

/** Every float initializer has a decision, or is stored with one that has, and every decision says why. */
function expectReasons(model: Model, report: Report): void {
  const decided = new Map(report.decisions.map((decision) => [decision.tensor, decision]))
  const shared = report.warnings.some((text) => text.includes('stored once'))
  for (const { name } of model.graph.initializers) if (!shared) expect(decided.has(name), name).toBe(true)
  expect(decided.size).toBe(report.decisions.length)
  for (const { because, action, scheme, lowering, bytesBefore, bytesAfter, consumers } of report.decisions) {
    expect(because.code).not.toBe('')
    expect(because.text.length).toBeGreaterThan(10)
    expect(scheme === undefined && lowering === undefined).toBe(action === 'keep')
    expect(consumers.length > 0).toBe(because.code !== 'dead')
    if (action === 'keep') expect(bytesAfter).toBe(bytesBefore)
    else expect(bytesAfter).toBeLessThan(bytesBefore)
  }
}

describe('what each preset chooses', () => {
  /** One of the forms of an integer product. */
  const INTEGER = expect.stringMatching(/^onnx\/matmul-integer/)
  const chosen = async (name: string, to: string) => {
    const path = await folder.write('choice.onnx', (lineModels.get(name) as () => { model: Model })().model)
    const { decisions } = await plan(path, { to })
    return Object.fromEntries(
      decisions.map(({ tensor, lowering, because }) => [tensor.split('/').at(-1), lowering ?? because.code]),
    )
  }

  test.each([
    ['matmul', 'int8', { w1: INTEGER, w2: INTEGER, b1: 'too-small' }],
    ['matmul', 'int8-weights', { w1: 'onnx/expand', w2: 'onnx/expand' }],
    ['matmul', 'int4-weights', { w1: 'onnx/matmul-nbits', w2: 'onnx/matmul-nbits' }],
    ['matmul', 'fp16-weights', { w1: 'onnx/half', w2: 'onnx/half', b1: 'too-small' }],
    ['gemm', 'int8', { w1: INTEGER, w2: INTEGER, c1: 'too-small' }],
    ['gemm', 'int4-weights', { w1: 'onnx/matmul-nbits', w2: 'onnx/matmul-nbits' }],
    ['conv', 'int8', { w1: 'onnx/expand', w2: 'onnx/expand' }],
    ['conv', 'int4-block32-sym', { w1: 'unsupported-use' }],
    ['conv-transpose', 'int8', { w: 'onnx/expand' }],
    ['lstm', 'auto', { w: 'onnx/dynamic-lstm', r: 'onnx/dynamic-lstm', b: 'bias' }],
    ['lstm', 'int8', { w: 'onnx/dynamic-lstm', r: 'onnx/dynamic-lstm', b: 'bias' }],
    ['lstm', 'int8-weights', { w: 'onnx/expand', r: 'onnx/expand' }],
    ['lstm', 'int4-block16-sym', { w: 'onnx/dequantize', r: 'onnx/dequantize' }],
    ['gru', 'int8', { w: 'onnx/expand', r: 'onnx/expand', b: 'bias' }],
    ['rnn', 'int8', { w: 'onnx/expand', r: 'onnx/expand' }],
    ['gather', 'int8', { table: 'onnx/gather-rows' }],
    ['gather', 'int4-block32-sym', { table: 'onnx/gather-block' }],
    ['if-bodies', 'int8', { outer: INTEGER, 'then.w': INTEGER }],
    ['loop-body', 'int4-weights', { inner: 'onnx/matmul-nbits', w: 'onnx/matmul-nbits', trips: 'not-float' }],
    ['tied-head', 'int4-weights', { table: 'onnx/gather-block', mix: 'onnx/matmul-nbits' }],
    ['half-model', 'fp16-weights', { w1: 'unsupported-use' }],
    ['batched', 'int8', { w: 'onnx/expand' }],
  ])('%s as %s', async (name, to, expected) => {
    expect(await chosen(name, to)).toMatchObject(expected)
  })
})

describe('forms', () => {
  const quantized = async (model: Model, to: string, more: object = {}) => {
    const path = await folder.write('form.onnx', model)
    const output = join(folder.path, 'form.out.onnx')
    const report = await quantize(path, output, { to, noVerify: true, force: true, ...more })
    return { report, model: await readBack(output) }
  }

  test('the opset is raised only when a chosen node needs it', async () => {
    const opset = async (to: string, more?: object) => opsetOf((await quantized(oldOperators(7).model, to, more)).model)
    expect(await opset('int8-weights')).toBe(7)
    expect(await opset('fp16-weights')).toBe(7)
    expect(await opset('int4-weights')).toBe(7)
    expect(await opset('int8')).toBe(11)
    expect(await opset('bf16-weights')).toBe(13)
    expect(await opset('int4-block32-sym', { lowering: 'dequantize' })).toBe(21)
  })

  test('equal weights, and one that is the transpose of another, are stored once', async () => {
    const { report, model } = await quantized(sharedWeights().model, 'int8-weights')
    expect(report.decisions.map(({ tensor }) => tensor)).toEqual(['w'])
    expect(report.decisions[0]?.consumers).toEqual(['one', 'two', 'three', 'four'])
    expect(report.warnings.join()).toMatch(/equal constants are stored once.*transpose of "w"/)
    const large = model.graph.initializers.filter(({ storage }) => storage.byteLength >= 1024)
    expect(large.map(({ dtype, shape }) => [dtype, shape])).toEqual([['i8', [64, 64]]])
  })

  test.each(['transposed', 'stored'] as const)('embedding and head (%s) have one set of codes', async (head) => {
    const { model } = await quantized(tied(head).model, 'int4-weights')
    const codes = model.graph.initializers.filter(({ storage }) => storage.byteLength >= 6400)
    expect(codes).toHaveLength(1)
    expect(model.graph.nodes.map(({ op }) => op)).toEqual(
      expect.arrayContaining(['GatherBlockQuantized', 'MatMulNBits']),
    )
  })

  test('an initializer that was an input is none any more, and what stays float still is one', async () => {
    const { model, feeds } = (lineModels.get('initializer-inputs') as () => { model: Model; feeds: object })()
    const result = await quantized(model, 'int4-weights')
    expect(Object.keys(feeds)).toEqual(['x'])
    expect(result.model.graph.inputs.map(({ name }) => name)).toEqual(['x', 'b1'])
  })

  test('--lowering puts the asked form in front', async () => {
    const { model } = await quantized(matmul().model, 'int4-weights', { lowering: 'dequantize' })
    expect(new Set(model.graph.nodes.map(({ op }) => op))).toContain('DequantizeLinear')
    expect(opsetOf(model)).toBe(21)
  })

  test('nearest and search are different codes of the same size', async () => {
    const nearest = await quantized(matmul().model, 'int8-weights', { solver: 'nearest' })
    const nearestBytes = readFileSync(join(folder.path, 'form.out.onnx'))
    const search = await quantized(matmul().model, 'int8-weights', { solver: 'search' })
    const searchBytes = readFileSync(join(folder.path, 'form.out.onnx'))
    expect(nearest.report.decisions[0]?.solver).toBe('nearest')
    expect(search.report.decisions[0]?.solver).toBe('search')
    expect(nearestBytes.equals(searchBytes)).toBe(false)
  })

  test('tensors too small to gain stay, unless everything is asked for', async () => {
    const { model } = conv()
    const bias = async (more: object) =>
      (await quantized(model, 'fp16-weights', more)).report.decisions.find(({ tensor }) => tensor === 'b1')
    expect(await bias({})).toMatchObject({ action: 'keep', because: { code: 'too-small' } })
    expect(await bias({ everything: true })).toMatchObject({ action: 'cast' })
  })
})
