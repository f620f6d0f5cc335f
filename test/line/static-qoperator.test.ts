import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { fileSource } from '../../src/bytes/file.node.ts'
import { read } from '../../src/formats/onnx/index.ts'
import { quantize as quantizeBytes } from '../../src/index.ts'
import type { Model } from '../../src/model/graph.ts'
import { quantize } from '../../src/pipeline/quantize-file.node.ts'
import { findRuntime } from '../../src/runtime/find.node.ts'
import { buildModel, encodeModel, f32, node, value } from '../fixtures/build.ts'
import { gaussian } from '../fixtures/distribution.ts'
import { lineFolder } from '../fixtures/line-folder.ts'
import { runFile } from '../fixtures/run-file.ts'

const folder = lineFolder()
const DEMO = join(import.meta.dirname, '..', '..', 'demo', 'model.onnx')
const QDQ = 'onnx/qdq'
const QOPERATOR = 'onnx/qoperator'

async function made(input: string, lowering: string) {
  const output = join(folder.path, `${lowering.replace('/', '-')}.onnx`)
  const report = await quantize(input, output, { to: 'int8-static', samples: 8, attempts: 1, force: true, lowering })
  const { graph } = await read(await fileSource(output))
  const forms = new Set(report.decisions.flatMap(({ action, lowering: form }) => (action === 'quantize' ? [form] : [])))
  return { report, output, forms, operators: graph.nodes.map(({ op }) => op) }
}

/** Results of the pairs as users run them, and of the operators on codes with and without optimization. */
async function expectEqual(pairs: string, operators: string, name: string, shape: readonly number[], result: string) {
  const count = shape.reduce((product, size) => product * size, 1)
  const feeds = { [name]: [shape, gaussian(count, 3)] as const }
  const wanted = (await runFile(pairs, feeds, true)).get(result)
  for (const optimized of [true, false])
    expect((await runFile(operators, feeds, optimized)).get(result)).toEqual(wanted)
}

const small = (name: string, shape: readonly [number, number], seed: number) =>
  f32(
    name,
    shape,
    gaussian(shape[0] * shape[1], seed).map((one) => one / 4),
  )

/** What a matrix product gives has other codes in front of a Transpose than behind it. */
const transposed: Model = buildModel({
  inputs: [value('x', 'f32', [12, 24])],
  outputs: [value('y')],
  initializers: [small('w', [24, 16], 1), small('v', [16, 16], 2), small('u', [16, 16], 3)],
  nodes: [
    node('MatMul', ['x', 'w'], ['a']),
    node('Gemm', ['a', 'v'], ['f']),
    node('MatMul', ['f', 'u'], ['h']),
    node('Transpose', ['f'], ['g'], { perm: [1, 0] }, { name: 'turned' }),
    node('MatMul', ['h', 'g'], ['y']),
  ],
})

describe('--lowering of int8-static', () => {
  test('operators on codes give what pairs give when they are fused', async () => {
    const [pairs, operators] = [await made(DEMO, QDQ), await made(DEMO, QOPERATOR)]
    await expectEqual(pairs.output, operators.output, 'image', [2, 1, 8, 8], 'logits')
    expect(pairs.forms).toContain(QDQ)
    expect(pairs.forms).not.toContain(QOPERATOR)
    expect(operators.forms).toContain(QOPERATOR)
    expect(operators.forms).not.toContain(QDQ)
    expect(operators.operators.filter((op) => op === 'QLinearConv').length).toBeGreaterThan(1)
    expect(operators.operators).not.toContain('DequantizeLinear')
    expect(pairs.operators).not.toContain('QLinearConv')
  })

  test('what keeps its pairs is said, with the reason', async () => {
    const model = await folder.write('transposed.onnx', transposed)
    const [pairs, operators] = [await made(model, QDQ), await made(model, QOPERATOR)]
    await expectEqual(pairs.output, operators.output, 'x', [12, 24], 'y')
    expect(operators.report.warnings.join('\n')).toMatch(
      /1 x Transpose between pairs, not on codes: its result has another grid \(turned\)/,
    )
    expect(pairs.report.warnings.join('\n')).not.toMatch(/between pairs/)
  })

  test('in memory too', async () => {
    const bytes = await encodeModel(transposed)
    const runtime = await findRuntime({ among: ['onnxruntime-node'] })
    if (!runtime) throw new Error('onnxruntime-node is needed')
    const options = { to: 'int8-static', noVerify: true, runtime } as const
    const [pairs, operators] = [
      await quantizeBytes(bytes, { ...options, lowering: QDQ }),
      await quantizeBytes(bytes, { ...options, lowering: QOPERATOR }),
    ]
    await runtime.close()
    const [a, b] = [pairs, operators].map(({ report }) => report.decisions.map(({ lowering }) => lowering))
    expect(a).toContain(QDQ)
    expect(b).toContain(QOPERATOR)
    expect(b).not.toContain(QDQ)
  })

  test.each([
    ['int8-static', 'expand', /contradict/],
    ['int8-static', 'magic', /unknown lowering/],
    ['int8', QOPERATOR, /belongs to --to int8-static/],
  ])('--to %s --lowering %s is refused', async (to, lowering, words) => {
    await expect(quantize(DEMO, undefined, { to, lowering })).rejects.toThrow(words)
  })
})
