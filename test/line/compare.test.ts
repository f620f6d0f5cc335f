import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { compare } from '../../src/pipeline/compare-file.node.ts'
import { quantize } from '../../src/pipeline/quantize-file.node.ts'
import { buildModel, f32, node, value } from '../fixtures/build.ts'
import { lineFolder } from '../fixtures/line-folder.ts'
import { conv, gemm, matmul, tied } from '../fixtures/line-models.ts'

const DEMO = join(import.meta.dirname, '..', '..', 'demo')
const MODEL = join(DEMO, 'model.onnx')
const folder = lineFolder()
let count = 0

async function quantized(input: string, to: string): Promise<string> {
  const output = join(folder.path, `q-${count++}.onnx`)
  await quantize(input, output, { to, noVerify: true, everything: true })
  return output
}

describe('two forms of one model', () => {
  test('outputs fused and unfused, weights of both, worst first, and a line to paste', async () => {
    const b = await quantized(MODEL, 'int4-weights')
    const report = await compare(MODEL, b, { eval: join(DEMO, 'test-images.npz'), samples: 12, hashes: true })
    expect(report).toMatchObject({ command: 'compare', schema: 1, data: 'given', samples: 12, thresholds: [] })
    expect(report.outputs).toHaveLength(1)
    expect(report.unfused?.outputs).toHaveLength(1)
    expect(report.outputs[0]?.cosine).toBeGreaterThan(0.98)
    expect(report.outputs[0]?.cosine).toBeLessThan(1)
    expect(report.b.bytes).toBeLessThan(report.a.bytes)
    expect(report.a.sha256).toMatch(/^[0-9a-f]{64}$/)

    const differing = report.weights.filter(({ sqnrDb }) => sqnrDb !== undefined)
    expect(differing.map(({ tensor }) => tensor).sort()).toEqual([
      'conv1.weight',
      'conv2.weight',
      'conv3.weight',
      'head.weight',
      'hidden.weight',
    ])
    const noise = differing.map(({ sqnrDb }) => sqnrDb ?? 0)
    expect(noise).toEqual([...noise].sort((x, y) => x - y))
    expect(differing.every(({ maxAbs, bytesA, bytesB }) => maxAbs > 0 && bytesB < bytesA)).toBe(true)
    const equal = report.weights.slice(differing.length)
    expect(equal.length).toBeGreaterThan(0)
    expect(equal.every(({ maxAbs, sqnrDb }) => maxAbs === 0 && sqnrDb === undefined)).toBe(true)
    expect(report.suggestion).toBe(`tersor quantize ${MODEL} --rule ${differing[0]?.tensor}=keep`)
    expect(JSON.parse(JSON.stringify(report))).toEqual(report)
  })

  test('the weight error is the one that quantize reported', async () => {
    const output = join(folder.path, 'measured.onnx')
    const made = await quantize(MODEL, output, { to: 'int8-weights' })
    const report = await compare(MODEL, output, { samples: 2 })
    for (const { tensor, sqnrDb } of made.decisions) {
      if (sqnrDb === undefined) continue
      // Where rows have factors of their own, errors are summed before they are divided by them, in f32.
      expect(report.weights.find((weight) => weight.tensor === tensor)?.sqnrDb, tensor).toBeCloseTo(sqnrDb, 2)
    }
  })

  test('a model with itself: no difference, nothing to try', async () => {
    const report = await compare(MODEL, MODEL, { samples: 2 })
    expect(report.outputs[0]).toMatchObject({ cosine: 1, maxAbs: 0 })
    expect(report.weights.every(({ maxAbs }) => maxAbs === 0)).toBe(true)
    expect(report.suggestion).toBeUndefined()
  })

  test('weights that the form stores the other way round, and shared ones, are still compared', async () => {
    for (const [name, { model }] of [
      ['gemm', gemm()],
      ['tied', tied('stored')],
    ] as const) {
      const a = await folder.write(`${name}.onnx`, model)
      const report = await compare(a, await quantized(a, 'int8'), { samples: 2 })
      const differing = report.weights.filter(({ sqnrDb }) => sqnrDb !== undefined)
      expect(differing.length, name).toBeGreaterThan(0)
      for (const { sqnrDb, tensor } of differing) expect(sqnrDb, tensor).toBeGreaterThan(30)
    }
  })
})

describe('thresholds', () => {
  test('only those that are given, met or not', async () => {
    const b = await quantized(MODEL, 'int4-weights')
    const options = { samples: 4, minCosine: 0.9, minAgreement: 1, maxKl: 1e-9, maxLoss: 1 }
    const { thresholds } = await compare(MODEL, b, options)
    expect(thresholds.map(({ metric, value, met }) => [metric, value, met])).toEqual([
      ['cosine', 0.9, true],
      ['top1Agreement', 1, expect.any(Boolean)],
      ['kl', 1e-9, false],
      ['loss', 1, true],
    ])
  })

  test('one that fits no output is an error', async () => {
    const a = await folder.write('plain.onnx', conv().model)
    await expect(compare(a, a, { samples: 1, maxKl: 0.1 })).rejects.toMatchObject({ code: 'E_USAGE' })
  })
})

describe('models that cannot be compared', () => {
  const of = (input: string, output: string, size: number, dtype: 'f32' | 'f64' = 'f32') =>
    buildModel({
      opset: 17,
      inputs: [value(input, dtype, ['n', size])],
      outputs: [value(output, dtype, ['n', size])],
      initializers: dtype === 'f32' ? [f32('k', [1], [2])] : [],
      nodes: [dtype === 'f32' ? node('Mul', [input, 'k'], [output]) : node('Neg', [input], [output])],
    })

  test('every difference is named', async () => {
    const a = await folder.write('a.onnx', of('x', 'y', 4))
    const cases = [
      [of('image', 'y', 4), 'only A has "x"; only B has "image"'],
      [of('x', 'z', 4), 'only A has "y"; only B has "z"'],
      [of('x', 'y', 5), 'input "x" differs: shape [n, 4] in A, [n, 5] in B'],
      [of('x', 'y', 4, 'f64'), 'input "x" differs: f32 in A, f64 in B'],
    ] as const
    for (const [index, [model, text]] of cases.entries()) {
      const b = await folder.write(`b-${index}.onnx`, model)
      await expect(compare(a, b)).rejects.toMatchObject({ code: 'E_USAGE', message: expect.stringContaining(text) })
    }
  })

  test('a file that is not there, and one that is no model', async () => {
    await expect(compare(MODEL, join(folder.path, 'none.onnx'))).rejects.toMatchObject({ code: 'E_USAGE' })
    await expect(compare(MODEL, join(DEMO, 'README.md'))).rejects.toMatchObject({ code: 'E_FORMAT' })
  })

  test('stopped', async () => {
    const stop = new AbortController()
    const onEvent = ({ phase }: { phase: string }): void => {
      if (phase === 'run') stop.abort()
    }
    const b = await folder.write('stopped.onnx', matmul().model)
    await expect(compare(b, b, { signal: stop.signal, onEvent })).rejects.toMatchObject({ code: 'E_ABORTED' })
  })
})
