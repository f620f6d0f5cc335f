import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { memorySource } from '../../src/bytes/memory.ts'
import { read } from '../../src/formats/onnx/index.ts'
import { dequantize } from '../../src/pipeline/dequantize-file.node.ts'
import { quantize } from '../../src/pipeline/quantize-file.node.ts'
import { lineFolder } from '../fixtures/line-folder.ts'
import { lineModels } from '../fixtures/line-models.ts'
import { relativeError, runFile } from '../fixtures/run-file.ts'

/** A preset or scheme of every form. */
const WHATS = [
  'int8',
  'int8-weights',
  'int4-weights',
  'fp16-weights',
  'int8-tensor-sym',
  'int4-channel-sym',
  'int2-block16-asym',
]
const DEMO = join(import.meta.dirname, '..', '..', 'demo')

const folder = lineFolder()
let count = 0
const fresh = (): string => join(folder.path, `out-${count++}.onnx`)

describe.each([...lineModels])('%s', (name, make) => {
  const { model, feeds } = make()
  const input = folder.write(`${name}.onnx`, model)

  test.each(WHATS)('%s and back: the same names, and what the quantized model means', async (to) => {
    const [quantized, float] = [fresh(), fresh()]
    const options = { to, noVerify: true, everything: true }
    const changed = (await quantize(await input, quantized, options)).decisions.filter(
      ({ action }) => action !== 'keep',
    )
    if (changed.length === 0) {
      await expect(dequantize(quantized, float, { noVerify: true })).rejects.toMatchObject({ code: 'E_PLAN' })
      return
    }
    const report = await dequantize(quantized, float, { noVerify: true })
    const cast = report.decisions.filter(({ action }) => action === 'cast')
    // This model stores one weight in half precision behind a Cast already, which nobody needs to change again.
    const halved = name === 'cast-weights' && to === 'fp16-weights' ? ['f1'] : []
    expect(cast.map(({ tensor }) => tensor).sort()).toEqual([...changed.map(({ tensor }) => tensor), ...halved].sort())
    expect(report.decisions.filter(({ because }) => because.code === 'unsupported-use')).toEqual([])
    expect(report.output).toMatchObject({ path: float, files: [float], bytes: statSync(float).size })

    const wanted = await runFile(quantized, feeds, false)
    const found = await runFile(float, feeds, false)
    const dynamic = changed.some(({ lowering }) => /matmul-integer|dynamic|nbits/.test(lowering ?? ''))
    const halves = name === 'half-model' || name === 'cast-weights'
    for (const [output, values] of wanted) {
      expect(relativeError(values, found.get(output)), output).toBeLessThan(dynamic ? 0.03 : halves ? 2e-3 : 1e-5)
    }
  })
})

describe('the file', () => {
  test('beside the model by default, verified, with what every tensor was', async () => {
    const quantized = join(folder.path, 'demo.int4.onnx')
    await quantize(join(DEMO, 'model.onnx'), quantized, { to: 'int4-weights', noVerify: true })
    const report = await dequantize(quantized, undefined, { hashes: true })
    expect(report.output?.path).toBe(join(folder.path, 'demo.int4.float.onnx'))
    expect(report.output?.sha256).toMatch(/^[0-9a-f]{64}$/)
    expect(report.verdict).toMatchObject({
      status: 'plausible',
      data: 'synthetic',
      // The last layer has 8 bits, whose kernel rounds activations when it runs.
      threshold: { metric: 'cosine', value: 0.99 },
    })
    expect(report.verdict?.outputs[0]?.cosine).toBeGreaterThan(0.9999)
    expect(report.decisions.find(({ tensor }) => tensor === 'hidden.weight')).toMatchObject({
      action: 'cast',
      scheme: 'int4-block16-asym-f16',
      lowering: 'onnx/matmul-nbits',
      because: { code: 'dequantized' },
      shape: expect.any(Array),
    })
    expect(report.decisions.find(({ tensor }) => tensor === 'conv1.weight')).toMatchObject({ action: 'keep' })
    const model = await read(memorySource(readFileSync(report.output!.path), 'demo'))
    expect(model.graph.initializers.every(({ dtype }) => dtype === 'f32' || dtype === 'i64')).toBe(true)
    await expect(dequantize(quantized, undefined)).rejects.toMatchObject({ code: 'E_OUTPUT' })
    await dequantize(quantized, undefined, { force: true, noVerify: true })
  })

  test('activations quantized at run time: a control at their levels decides, on given data', async () => {
    const quantized = fresh()
    await quantize(join(DEMO, 'model.onnx'), quantized, { to: 'int8', noVerify: true })
    const options = { eval: join(DEMO, 'test-images.npz'), samples: 20 }
    const { verdict } = await dequantize(quantized, fresh(), options)
    expect(verdict).toMatchObject({ status: 'proven', data: 'given', samples: 20 })
    expect(verdict?.because).toContain('with activations at their former levels')
    const [reference, fused] = [verdict?.reference?.outputs[0]?.cosine ?? 0, verdict?.fused?.outputs[0]?.cosine ?? 1]
    expect(reference).toBeGreaterThan(0.99999)
    expect(fused).toBeLessThan(reference)
  })

  test('what is not quantized: E_PLAN, and nothing is left behind', async () => {
    const before = readdirSync(folder.path).sort()
    await expect(dequantize(join(DEMO, 'model.onnx'), fresh())).rejects.toMatchObject({
      code: 'E_PLAN',
      message: expect.stringContaining('not quantized'),
    })
    expect(readdirSync(folder.path).sort()).toEqual(before)
  })

  test('a result that does not agree is not written, unless it is forced', async () => {
    const quantized = fresh()
    await quantize(join(DEMO, 'model.onnx'), quantized, { to: 'int8', noVerify: true })
    const output = fresh()
    const report = await dequantize(quantized, output, { minCosine: 1.1 })
    expect(report.verdict?.status).toBe('refused')
    expect(report.output?.files).toEqual([])
    expect(existsSync(output)).toBe(false)
    expect((await dequantize(quantized, output, { minCosine: 1.1, force: true })).output?.files).toEqual([output])
  })

  test('stopped: E_ABORTED, and nothing is left behind', async () => {
    const quantized = fresh()
    await quantize(join(DEMO, 'model.onnx'), quantized, { to: 'int8', noVerify: true })
    const before = readdirSync(folder.path).sort()
    const stop = new AbortController()
    const onEvent = ({ phase }: { phase: string }): void => {
      if (phase === 'dequantize') stop.abort()
    }
    await expect(dequantize(quantized, fresh(), { signal: stop.signal, onEvent })).rejects.toMatchObject({
      code: 'E_ABORTED',
    })
    expect(readdirSync(folder.path).sort()).toEqual(before)
  })

  test('never onto its input', async () => {
    const quantized = fresh()
    await quantize(join(DEMO, 'model.onnx'), quantized, { to: 'int8', noVerify: true })
    await expect(dequantize(quantized, quantized, { force: true })).rejects.toMatchObject({ code: 'E_OUTPUT' })
    writeFileSync(join(folder.path, 'text.onnx'), 'no model')
    await expect(dequantize(join(folder.path, 'text.onnx'), fresh())).rejects.toMatchObject({ code: 'E_FORMAT' })
  })
})
