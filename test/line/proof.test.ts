import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Model } from '../../src/model/graph.ts'
import type { OutputFigures, Verdict } from '../../src/model/report.ts'
import { type FileOptions, quantize } from '../../src/pipeline/quantize-file.node.ts'
import { buildModel, f32, node, value } from '../fixtures/build.ts'
import { lineFolder } from '../fixtures/line-folder.ts'
import { gather, halfModel, lstm, matmul, weight } from '../fixtures/line-models.ts'
import { randomFloats } from '../fixtures/quantized-weight.ts'
import { float32, int, text, bytes as wireBytes } from '../fixtures/wire.ts'

const DEMO = join(import.meta.dirname, '..', '..', 'demo')
const folder = lineFolder()
let count = 0
const output = (): string => join(folder.path, `out-${count++}.onnx`)
const prove = async (input: string, options: FileOptions) => {
  const report = await quantize(input, output(), options)
  if (report.verdict === undefined) throw new Error('a run always has a verdict')
  return { report, verdict: report.verdict }
}
const only = (outputs: readonly OutputFigures[] | undefined): OutputFigures => {
  expect(outputs).toHaveLength(1)
  return outputs?.[0] as OutputFigures
}

describe('given data', () => {
  test('.npz: proven, on as many samples as asked for', async () => {
    const images = join(DEMO, 'test-images.npz')
    const { verdict, report } = await prove(join(DEMO, 'model.onnx'), { to: 'int8', eval: images, samples: 40 })
    expect(verdict).toMatchObject({ status: 'proven', data: 'given', samples: 40, filled: [] })
    expect(verdict.threshold).toMatchObject({ metric: 'likelyAgreement', value: 0.98 })
    expect(only(verdict.outputs).top1Agreement).toBeGreaterThanOrEqual(0.98)
    expect(report.runtime).toMatchObject({ name: 'onnxruntime-node', version: '1.30.0', threads: 1 })
  })

  test('test_data_set_*: the tensors of each folder are fed', async () => {
    const input = await folder.write('matmul.onnx', matmul().model)
    const sets = join(folder.path, 'sets')
    for (const set of [0, 1, 2]) {
      const at = join(sets, `test_data_set_${set}`)
      mkdirSync(at, { recursive: true })
      const tensor = [int(1, 5), int(1, 64), int(2, 1), text(8, 'x'), wireBytes(9, float32(...randomFloats(320, set)))]
      writeFileSync(join(at, 'input_0.pb'), Uint8Array.from(tensor.flat()))
    }
    const { verdict } = await prove(input, { to: 'int8', eval: sets })
    expect(verdict).toMatchObject({ status: 'proven', data: 'given', samples: 3 })
    expect(only(verdict.outputs).cosine).toBeGreaterThan(0.999)
  })

  test('calibration data judge where there are no others', async () => {
    const options = { to: 'int8-weights', solver: 'nearest', calib: join(DEMO, 'test-images.npz'), samples: 5 } as const
    expect((await prove(join(DEMO, 'model.onnx'), options)).verdict).toMatchObject({ status: 'proven', samples: 5 })
  })

  test.each<[string, string, string]>([
    ['missing', 'none.npz', 'E_USAGE'],
    ['of another shape', 'wrong.mjs', 'E_FORMAT'],
    ['not data', 'model.txt', 'E_'],
  ])('%s: an error, and nothing is left', async (_, name, code) => {
    const input = await folder.write('m.onnx', matmul().model)
    writeFileSync(
      join(folder.path, 'wrong.mjs'),
      'export default [{ x: { dims: [5, 63], data: new Float32Array(315) } }]',
    )
    writeFileSync(join(folder.path, 'model.txt'), 'hello')
    const before = readdirSync(folder.path)
    const error = await prove(input, { to: 'int8', eval: join(folder.path, name) }).catch((thrown) => thrown)
    expect(error.code).toMatch(code)
    expect(error.message).toContain(name)
    expect(readdirSync(folder.path)).toEqual(before)
  })
})

describe('synthetic data', () => {
  test('are marked, and the same for the same seed', async () => {
    const input = await folder.write('lstm.onnx', lstm().model)
    const figures = async (seed: number): Promise<Verdict> => (await prove(input, { to: 'int8', seed })).verdict
    const [first, again, other] = [await figures(1), await figures(1), await figures(2)]
    expect(first).toMatchObject({ status: 'plausible', data: 'synthetic', samples: 8 })
    expect(first.because).toContain('synthetic')
    expect(again).toEqual(first)
    expect(only(other.outputs).cosine).not.toBe(only(first.outputs).cosine)
  })

  test('ids stay inside the table', async () => {
    const input = await folder.write('gather.onnx', gather().model)
    expect((await prove(input, { to: 'int4-block32-sym' })).verdict.status).toBe('plausible')
  })
})

describe('three arithmetics', () => {
  test.each([
    ['int8-weights', 0.9999, 60],
    ['fp16-weights', 0.999999, 100],
  ])('%s is stored only: all three say the same', async (to, cosine, agreementDb) => {
    const input = await folder.write('weights.onnx', matmul().model)
    const { verdict } = await prove(input, { to })
    const [reference, unfused, fused] = [verdict.reference, verdict.unfused, verdict.fused].map((one) =>
      only(one?.outputs),
    )
    expect(verdict.outputs).toEqual(verdict.fused?.outputs)
    expect(fused?.cosine).toBeGreaterThan(cosine)
    for (const one of [reference, unfused])
      expect(Math.abs((one?.sqnrDb ?? 0) - (fused?.sqnrDb ?? 0))).toBeLessThan(agreementDb / 20)
  })

  test('int8: the emulation foresees what integer kernels give', async () => {
    const input = await folder.write('int8.onnx', matmul().model)
    const { verdict } = await prove(input, { to: 'int8' })
    const [reference, fused] = [only(verdict.reference?.outputs), only(verdict.fused?.outputs)]
    expect(Math.abs(reference.sqnrDb - fused.sqnrDb)).toBeLessThan(1)
    expect(reference.sqnrDb).toBeLessThan(60)
  })

  test.each(['int8', 'int4-weights', 'int8-weights'])('half-precision models as %s', async (to) => {
    const input = await folder.write('half.onnx', halfModel().model)
    const { verdict, report } = await prove(input, { to })
    expect(verdict.status).toBe('plausible')
    expect(verdict.reference?.outputs).toHaveLength(1)
    expect(report.warnings).toEqual([])
  })
})

describe('what cannot be judged by running', () => {
  test('a float model that onnxruntime refuses: unproven, with its words', async () => {
    const built = matmul().model
    const { graph } = built
    const foreign = {
      ...built,
      opsets: [...built.opsets, { domain: 'my.own', version: 1 }],
      graph: {
        ...graph,
        nodes: graph.nodes.map((one) => (one.op === 'Relu' ? { ...one, op: 'Mystery', domain: 'my.own' } : one)),
      },
    }
    const input = await folder.write('foreign.onnx', foreign)
    const { verdict, report } = await prove(input, { to: 'int8-weights' })
    expect(verdict).toMatchObject({ status: 'unproven', data: 'none', samples: 0 })
    expect(verdict.because).toMatch(/onnxruntime 1\.30\.0 does not run the float model itself: .*Mystery/s)
    expect([...verdict.worst].sort()).toEqual(['w1', 'w2'])
    expect(report.output?.files).toHaveLength(1)
    expect(report.decisions.filter(({ sqnrDb }) => (sqnrDb ?? 0) > 30)).toHaveLength(2)
  })

  test('models that do not fit the memory allowed', async () => {
    const { verdict } = await prove(join(DEMO, 'model.onnx'), { to: 'int8', maxMemory: 100_000 })
    expect(verdict.status).toBe('unproven')
    expect(verdict.because).toMatch(/need about 1 MB .* weights only/)
  })

  test('--no-verify', async () => {
    const { verdict, report } = await prove(join(DEMO, 'model.onnx'), { to: 'int8', noVerify: true })
    expect(verdict).toMatchObject({ status: 'unproven', because: 'the proof was skipped' })
    expect(report.runtime).toBeUndefined()
  })

  test('a threshold that no output has', async () => {
    const input = await folder.write('no-scores.onnx', lstm().model)
    await expect(quantize(input, output(), { to: 'int8', minAgreement: 0.9 })).rejects.toMatchObject({
      code: 'E_USAGE',
      message: expect.stringContaining('minAgreement'),
    })
  })
})

/**
 * Two layers. A row of the first is large and meets an input that is always zero: scales that reach it leave little of the
 * others, so that 8 bits a channel are not enough and half precision is.
 */
function sensitive(): Model {
  const values = randomFloats(16 * 32, 5).map((one, i) => (i < 32 ? 8 : one / 4))
  return buildModel({
    nodes: [
      node('MatMul', ['x', 'touchy'], ['h'], {}, { name: 'first' }),
      node('MatMul', ['h', 'plain'], ['hidden'], {}, { name: 'second' }),
    ],
    initializers: [f32('touchy', [16, 32], values), weight('plain', [32, 384], 6)],
    inputs: [value('x', 'f32', [1, 16])],
    outputs: [value('hidden', 'f32', [1, 384])],
  })
}

const FEEDS = `
const feeds = []
for (let i = 0; i < 6; i++) {
  const data = Float32Array.from({ length: 16 }, (_, k) => (k === 0 ? 0 : Math.sin(i * 16 + k)))
  feeds.push({ x: { dims: [1, 16], data } })
}
export default feeds
`

describe('attempts', () => {
  const touchy = async () => {
    writeFileSync(join(folder.path, 'feeds.mjs'), FEEDS)
    const input = await folder.write('touchy.onnx', sensitive())
    return { input, eval: join(folder.path, 'feeds.mjs') }
  }

  test('a refused result is tried again with more precision where the error comes from', async () => {
    const { input, ...data } = await touchy()
    const { verdict, report } = await prove(input, { to: 'int8-weights', ...data })
    expect(verdict).toMatchObject({ status: 'proven', threshold: { metric: 'cosine', value: 0.999 } })
    const decisions = new Map(report.decisions.map((one) => [one.tensor, one]))
    expect(decisions.get('touchy')).toMatchObject({ action: 'cast', scheme: 'f16', because: { code: 'relaxed' } })
    expect(decisions.get('touchy')?.because.text).toMatch(/9\d(\.\d)? % of its error came from here: half precision/)
    expect(decisions.get('plain')).toMatchObject({ scheme: 'int8-channel-sym-f16', because: { code: 'default' } })
    expect(report.warnings.join()).toMatch(
      /attempt 1 \(int8-weights\) was refused: .*cosine 0\.\d+ < 0\.999.*1 tensors/,
    )
    expect(report.output?.files).toHaveLength(1)
  })

  test('attempts: 1 refuses', async () => {
    const { input, ...data } = await touchy()
    const { verdict, report } = await prove(input, { to: 'int8-weights', attempts: 1, ...data })
    expect(verdict).toMatchObject({ status: 'refused', worst: expect.arrayContaining(['touchy']) })
    expect(report.decisions.some(({ because }) => because.code === 'relaxed')).toBe(false)
    expect(report.output?.files).toEqual([])
  })

  test('what a rule asks for is not relaxed', async () => {
    const { input, ...data } = await touchy()
    const options = { to: 'int8-weights', rules: ['touchy=int8-channel-sym'], ...data }
    const { verdict, report } = await prove(input, options)
    expect(verdict.status).toBe('refused')
    expect(report.decisions.find(({ tensor }) => tensor === 'touchy')).toMatchObject({ because: { code: 'asked' } })
  })

  test('bad weights that make up most of the model are no reason to store most of it as something else', async () => {
    const { input, ...data } = await touchy()
    const { verdict } = await prove(input, { to: 'int8-weights', rules: ['plain=keep'], ...data })
    expect(verdict.status).toBe('refused')
  })

  test('auto falls back to the next safer preset and says so', async () => {
    // Activations of one feature dwarf the others: quantized at run time, nothing of the others is left.
    const feeds = FEEDS.replaceAll('16', '256').replace('=== 0 ? 0 :', '=== 0 ? 1e5 :')
    writeFileSync(join(folder.path, 'wide.mjs'), feeds)
    const values = randomFloats(256 * 64, 7).map((one, i) => (i < 64 ? one / 1e8 : one / 4))
    const input = await folder.write(
      'wide.onnx',
      buildModel({
        nodes: [node('MatMul', ['x', 'w'], ['hidden'])],
        initializers: [f32('w', [256, 64], values)],
        inputs: [value('x', 'f32', [1, 256])],
        outputs: [value('hidden', 'f32', [1, 64])],
      }),
    )
    const { verdict, report } = await prove(input, { eval: join(folder.path, 'wide.mjs') })
    expect(report.warnings.join()).toMatch(/attempt 1 \(int8\) was refused: .* tried again as int8-weights/)
    expect(report.options.preset).toBe('int8-weights')
    expect(verdict.status).toBe('proven')
  })
})
