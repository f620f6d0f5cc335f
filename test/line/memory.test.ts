import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as ort from 'onnxruntime-node'
import { describe, expect, test } from 'vitest'
import {
  type BytesResult,
  memorySource,
  ortRuntime,
  type QuantizeOptions,
  quantize,
  type Sample,
} from '../../src/index.ts'
import { encodeModel } from '../fixtures/build.ts'
import { lstm, matmul } from '../fixtures/line-models.ts'
import { randomFloats } from '../fixtures/quantized-weight.ts'
import { relativeError, runFile } from '../fixtures/run-file.ts'
import { transformer, withExternalData } from '../fixtures/transformer.ts'

/*
 * The browser entry, in Node: models and results in memory, the executor passed in.
 */

const DEMO = new Uint8Array(readFileSync(join(import.meta.dirname, '..', '..', 'demo', 'model.onnx')))
const runtime = ortRuntime(ort as never, 'onnxruntime-node')
const run = (options: QuantizeOptions, input: Parameters<typeof quantize>[0] = DEMO): Promise<BytesResult> =>
  quantize(input, { runtime, ...options })
const images = (count: number): Sample[] =>
  Array.from({ length: count }, (_, i) => {
    const data = new Uint8Array(randomFloats(64, i).buffer)
    return { label: `image ${i}`, feeds: { image: { dtype: 'f32', shape: [1, 1, 8, 8], data } } }
  })

describe('the verdict', () => {
  test('plausible on synthetic inputs, with the executor that judged', async () => {
    const { report, files } = await run({ to: 'int8' })
    expect(report.verdict).toMatchObject({ status: 'plausible', data: 'synthetic', samples: 8 })
    expect(report.verdict?.unfused?.outputs).toHaveLength(1)
    expect(report.runtime).toMatchObject({ name: 'onnxruntime-node', version: '1.30.0' })
    expect([...files].map(([name, bytes]) => [name, bytes.length])).toEqual([['model.onnx', report.output?.bytes]])
  })

  test('proven on given samples', async () => {
    const { report } = await run({ to: 'int8', samples: images(5) })
    expect(report.verdict).toMatchObject({ status: 'proven', data: 'given', samples: 5 })
  })

  test('unproven without an executor, and when the proof is left out', async () => {
    const without = await quantize(DEMO, { to: 'int8' })
    expect(without.report.verdict).toMatchObject({ status: 'unproven', because: 'the proof was skipped' })
    expect(without.report.runtime).toBeUndefined()
    expect((await run({ to: 'int8', noVerify: true })).report.verdict?.status).toBe('unproven')
  })

  test('refused: no bytes, unless forced', async () => {
    const strict = { to: 'int4-weights', minCosine: 0.9999999 }
    const { report, files } = await run(strict)
    expect(report.verdict).toMatchObject({ status: 'refused', threshold: { metric: 'cosine' } })
    expect(files.size).toBe(0)
    expect((await run({ ...strict, force: true })).files.size).toBe(1)
  })

  test('unproven where the executor refuses the float model itself, with its words', async () => {
    const { model } = matmul()
    const nodes = model.graph.nodes.map((one) => (one.op === 'Relu' ? { ...one, op: 'Mystery' } : one))
    const bytes = await encodeModel({ ...model, graph: { ...model.graph, nodes } })
    const { report, files } = await run({ to: 'int8-weights' }, bytes)
    expect(report.verdict).toMatchObject({ status: 'unproven', data: 'none', samples: 0 })
    expect(report.verdict?.because).toMatch(/does not run the float model itself: .*Mystery/s)
    expect(files.size).toBe(1)
  })

  test('unproven for models with external data: there is no file to run', async () => {
    const files = await withExternalData(
      transformer({ layers: 1, width: 32, heads: 2, inner: 64, words: 50 }),
      'm.onnx',
    )
    const { report } = await run(
      { to: 'int8', openExternal: async (where) => memorySource(files.get(where) as Uint8Array) },
      files.get('m.onnx') as Uint8Array,
    )
    expect(report.verdict).toMatchObject({ status: 'unproven', because: expect.stringContaining('external data') })
  })

  test('an empty list of samples is a mistake', async () => {
    await expect(run({ to: 'int8', samples: [] })).rejects.toMatchObject({ code: 'E_USAGE' })
  })

  test('a sample of another shape is an error that names it', async () => {
    const data = new Uint8Array(4 * 63)
    const samples = [
      ...images(1),
      { label: 'odd', feeds: { image: { dtype: 'f32', shape: [1, 1, 9, 7], data } } } as Sample,
    ]
    await expect(run({ to: 'int8', samples })).rejects.toMatchObject({ code: expect.stringMatching(/^E_/) })
  })
})

describe('inputs and outputs', () => {
  test('bytes, a buffer, a Blob and a source are one model, and are not changed', async () => {
    const before = DEMO.slice()
    const own = DEMO.slice()
    const inputs = [own, own.buffer, new Blob([own]), new File([own], 'digits.onnx'), memorySource(own, 'source')]
    const results = await Promise.all(inputs.map((input) => quantize(input, { to: 'int8' })))
    for (const { files } of results) expect(Buffer.compare(only(files), only(results[0]!.files))).toBe(0)
    expect(Buffer.compare(own, before)).toBe(0)
  })

  const only = (files: ReadonlyMap<string, Uint8Array>): Uint8Array => {
    expect(files.size).toBe(1)
    return [...files.values()][0] as Uint8Array
  }

  test('the result runs', async () => {
    const { model, feeds } = lstm()
    const bytes = await encodeModel(model)
    const { files } = await quantize(bytes, { to: 'int8', name: 'small.onnx' })
    expect([...files.keys()]).toEqual(['small.onnx'])
    const [wanted, found] = [await runFile(bytes, feeds, false), await runFile(only(files), feeds, true)]
    expect(relativeError(wanted.get('y') as Float32Array, found.get('y'))).toBeLessThan(0.02)
  })

  test('what is no model', async () => {
    await expect(quantize(new Uint8Array(0))).rejects.toMatchObject({ code: 'E_FORMAT' })
    await expect(quantize(new Blob(['<!doctype html>']))).rejects.toMatchObject({ code: 'E_FORMAT' })
    await expect(quantize(DEMO.subarray(0, 5000))).rejects.toMatchObject({ code: 'E_FORMAT' })
  })
})

test('events name the phases, and an abort in any of them is E_ABORTED', async () => {
  const phases = new Set<string>()
  await run({ to: 'int4-weights', onEvent: ({ phase }) => phases.add(phase) })
  expect([...phases]).toEqual(expect.arrayContaining(['load', 'inspect', 'measure', 'plan', 'quantize', 'verify']))
  for (const phase of ['load', 'measure', 'quantize', 'verify']) {
    const controller = new AbortController()
    const onEvent = (event: { phase: string }) => event.phase === phase && controller.abort()
    await expect(run({ to: 'int4-weights', signal: controller.signal, onEvent }), phase).rejects.toMatchObject({
      code: 'E_ABORTED',
    })
  }
})
