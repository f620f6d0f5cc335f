import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as ort from 'onnxruntime-node'
import { describe, expect, test } from 'vitest'
import { writeNpz } from '../../src/calibration/index.ts'
import type { Model } from '../../src/model/graph.ts'
import { dequantize } from '../../src/pipeline/dequantize-file.node.ts'
import { quantize as quantizeBytes } from '../../src/pipeline/quantize-bytes.ts'
import { type FileOptions, quantize } from '../../src/pipeline/quantize-file.node.ts'
import { ortRuntime } from '../../src/runtime/ort.ts'
import { buildModel, f32, graph, node, value } from '../fixtures/build.ts'
import { lineFolder } from '../fixtures/line-folder.ts'
import { weight } from '../fixtures/line-models.ts'
import { relativeError, runFile } from '../fixtures/run-file.ts'
import { transformer } from '../fixtures/transformer.ts'

const folder = lineFolder()
const WORDS = 64
const LENGTH = 12
let count = 0
const output = (): string => join(folder.path, `fitted-${count++}.onnx`)

/** Token ids that only some words make up, the same words after each other. */
function ids(samples: number, seed: number): BigInt64Array {
  let state = seed
  const next = (most: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 4294967296) * most)
  }
  const all = new BigInt64Array(samples * LENGTH)
  for (let sample = 0; sample < samples; sample++) {
    let word = next(WORDS / 2)
    for (let i = 0; i < LENGTH; i++) {
      all[sample * LENGTH + i] = BigInt(word)
      word = (word * 5 + next(3)) % (WORDS / 2)
    }
  }
  return all
}

function data(name: string, samples: number, seed: number): string {
  const path = join(folder.path, name)
  const bytes = new Uint8Array(ids(samples, seed).buffer)
  writeFileSync(path, writeNpz(new Map([['ids', { dtype: 'i64', shape: [samples, LENGTH], data: bytes }]])))
  return path
}

const model = transformer({ layers: 2, width: 32, heads: 4, inner: 64, words: WORDS })
const input = folder.write('transformer.onnx', model)
const calib = data('calib.npz', 48, 1)

async function errorOf(path: string, original: string): Promise<number> {
  const feeds = { ids: [[24, LENGTH], ids(24, 99), 'i64'] as const }
  const float = await runFile(original, feeds as never, false)
  const found = await runFile(path, feeds as never, true)
  return relativeError(float.get('logits') as Float32Array, found.get('logits'))
}

describe('codes by what weights do to data', () => {
  test.each([
    ...['int4-weights', 'int2-weights', 'int8-weights', 'int4-channel-sym', 'int2-block32-asym-f16'],
    // MatMulNBits, MatMulBnb4 with and without runs that go on from channel to channel, lookups.
    ...['ternary-block16', 'nf4-block32', 'fp4-block64-f16', 'int3-block16', 'binary-channel'],
  ])('%s: nearer to the float model than weights by themselves, and every decision says how', async (to) => {
    const path = await input
    const [alone, fitted] = [output(), output()]
    const options: FileOptions = { to, calib, noVerify: true, everything: true, force: true }
    await quantize(path, alone, { ...options, solver: 'search' })
    const report = await quantize(path, fitted, { ...options, effort: 'fast' })
    const solved = report.decisions.filter(({ solver }) => solver === 'gptq')
    expect(solved.map(({ tensor }) => tensor)).toContain('layer.1.down.weight')
    // Six of each layer, and the head.
    expect(solved).toHaveLength(13)
    for (const { because, corrections } of solved) {
      expect(because.text).toMatch(/second moments of \d+ rows/)
      expect(corrections?.join()).toMatch(/damping/)
    }
    expect(await errorOf(fitted, path)).toBeLessThan(0.9 * (await errorOf(alone, path)))
  })

  test('the same bytes again, whatever the number of threads', async () => {
    const hashes = new Set<string | undefined>()
    for (const threads of [1, 2]) {
      const options: FileOptions = { to: 'int4-weights', calib, noVerify: true, threads, hashes: true, effort: 'fast' }
      hashes.add((await quantize(await input, output(), options)).output?.sha256)
    }
    expect(hashes.size).toBe(1)
  })

  test('MatMulBnb4 as onnxruntime runs it is what its codes say, learned ones too', async () => {
    const path = output()
    const options: FileOptions = { to: 'bnb4', rules: ['op:MatMul=bnb4'], calib, everything: true, minCosine: 0.5 }
    const report = await quantize(await input, path, options)
    const made = report.decisions.filter(({ lowering }) => lowering === 'onnx/matmul-bnb4')
    expect(made.map(({ scheme }) => scheme)).toEqual(expect.arrayContaining(['nf4-block64', 'nf4-run64']))
    const [own] = report.verdict?.outputs ?? []
    expect(own?.cosine).toBeGreaterThan(0.9)
    expect(report.verdict?.reference?.outputs[0]?.cosine).toBeCloseTo(own?.cosine as number, 4)
    const back = output()
    await dequantize(path, back)
    expect(await errorOf(back, path)).toBeLessThan(1e-5)
  })

  test('some of the data is held back to judge on', async () => {
    const report = await quantize(await input, output(), { to: 'int8-weights', calib, everything: true })
    expect(report.verdict).toMatchObject({ data: 'given', samples: 12 })
    expect(report.warnings.join()).toMatch(/held back/)
    expect(report.decisions.find(({ solver }) => solver === 'gptq')?.because.text).toMatch(/of 432 rows/)
  })

  test('--solver gptq without data is refused', async () => {
    const run = quantize(await input, output(), { to: 'int4-weights', solver: 'gptq' })
    await expect(run).rejects.toMatchObject({ code: 'E_USAGE', hint: expect.stringContaining('--calib') })
    const both = quantize(await input, output(), { to: 'int8-static', solver: 'gptq', calib })
    await expect(both).rejects.toMatchObject({ code: 'E_USAGE' })
  })

  test('another solver that was asked for is used', async () => {
    const options: FileOptions = { to: 'int4-weights', calib, noVerify: true }
    const report = await quantize(await input, output(), { ...options, solver: 'nearest' })
    expect(report.decisions.some(({ solver }) => solver === 'gptq')).toBe(false)
  })

  test('a search with data counts errors by how large inputs are; statistics keep what it found', async () => {
    const statistics = join(folder.path, 'weighted.statistics')
    const options: FileOptions = { to: 'int4-channel-asym', noVerify: true, everything: true, solver: 'search' }
    const plain = await quantize(await input, output(), { ...options, hashes: true })
    const paths = [output(), output()] as const
    const weighted = await quantize(await input, paths[0], { ...options, calib, statistics })
    const decision = weighted.decisions.find(({ tensor }) => tensor === 'layer.1.down.weight')
    expect(decision).toMatchObject({ solver: 'search', corrections: ['weighted errors'] })
    expect(decision?.because.text).toMatch(/count by the mean squares of \d+ rows of its input/)
    await quantize(await input, paths[1], { ...options, statistics })
    expect(Buffer.compare(readFileSync(paths[0]), readFileSync(paths[1]))).toBe(0)
    const hash = (await quantize(await input, output(), { ...options, calib, hashes: true })).output?.sha256
    expect(hash).not.toBe(plain.output?.sha256)
    const corrected = await quantize(await input, output(), { ...options, calib, transform: 'low-rank=6' })
    expect(corrected.decisions.find(({ tensor }) => tensor === 'layer.1.down.weight')?.because.text).toMatch(
      /squares.*rank 6/,
    )
  })

  test('stops between layers', async () => {
    const stop = new AbortController()
    const options: FileOptions = {
      to: 'int4-weights',
      calib,
      signal: stop.signal,
      onEvent: ({ phase, done }) => {
        if (phase === 'fit' && done === 2) stop.abort()
      },
    }
    await expect(quantize(await input, output(), options)).rejects.toMatchObject({ code: 'E_ABORTED' })
  })

  test('a transposed Gemm, a weight on the left, a grouped convolution, and inputs that say nothing', async () => {
    const made = await folder.write('forms.onnx', forms())
    const path = join(folder.path, 'forms.npz')
    const values = Float32Array.from({ length: 40 * 32 * 16 }, (_, i) => ((i * 7919) % 101) / 50 - 1 + (i % 16) / 8)
    const bytes = new Uint8Array(values.buffer)
    writeFileSync(path, writeNpz(new Map([['x', { dtype: 'f32', shape: [40, 1, 32, 16], data: bytes }]])))
    const options: FileOptions = { to: 'int8-channel-sym', calib: path, noVerify: true, everything: true }
    const report = await quantize(made, output(), { ...options, solver: 'gptq' })
    const solver = (name: string) => report.decisions.find(({ tensor }) => tensor === name)?.solver
    expect([solver('gemm.w'), solver('left.w'), solver('conv.w')]).toEqual(['gptq', 'gptq', 'gptq'])
    expect(solver('dead.w')).toBe('search')
    const dead = report.decisions.find(({ tensor }) => tensor === 'dead.w')
    expect(dead?.because.text).toMatch(/; solved without data: its input is zero/)

    // Corrections go where codes go, into the value, and nothing is passed over in silence.
    const both = [output(), output()] as const
    const few: FileOptions = { ...options, to: 'int2-channel-asym', solver: 'gptq', lowering: 'expand' }
    await quantize(made, both[0], few)
    const corrected = await quantize(made, both[1], { ...few, transform: 'low-rank=4' })
    const text = (name: string) => corrected.decisions.find(({ tensor }) => tensor === name)?.because.text
    for (const name of ['gemm.w', 'left.w']) expect(text(name)).toMatch(/low-rank correction, rank 4/)
    expect(text('conv.w')).toMatch(/no low-rank correction: it is of a convolution in groups/)
    expect(text('dead.w')).toMatch(/no low-rank correction: its codes are found without data/)
    const feeds = { x: [[1, 32, 16], values.subarray(0, 512)] as const }
    const float = (await runFile(made, feeds as never, false)).get('y') as Float32Array
    const [without, withIt] = await Promise.all(
      both.map(async (one) => (await runFile(one, feeds as never, true)).get('y')),
    )
    expect(relativeError(float, withIt)).toBeLessThan(relativeError(float, without))
  })
})

describe('statistics', () => {
  const file = join(folder.path, 'fitted.statistics')
  const options: FileOptions = { to: 'int4-weights', solver: 'gptq', noVerify: true, force: true, everything: true }

  test('keep the codes: the same bytes without data, in Node and in memory, and nothing is run', async () => {
    const path = await input
    const [first, second] = [output(), output()]
    await quantize(path, first, { ...options, calib, statistics: file })
    const again = await quantize(path, second, { ...options, statistics: file })
    const wanted = readFileSync(first)
    expect(Buffer.compare(readFileSync(second), wanted)).toBe(0)
    expect(again.decisions.filter(({ solver }) => solver === 'gptq')).toHaveLength(13)
    expect(again.warnings.join()).toMatch(/codes come from .*fitted.statistics: 36 samples/)

    const { to = '', everything = true, solver = 'gptq' } = options
    const bytes = new Uint8Array(readFileSync(path))
    const statistics = new Uint8Array(readFileSync(file))
    for (const kernels of ['wasm', 'reference'] as const) {
      const inMemory = await quantizeBytes(bytes, {
        to,
        solver,
        everything,
        statistics,
        noVerify: true,
        force: true,
        kernels,
      })
      expect(Buffer.compare(inMemory.files.get('model.onnx') as Uint8Array, wanted)).toBe(0)
      expect(inMemory.statistics).toEqual(statistics)
    }
  })

  test('are used where the data are the same, found again where they are not', async () => {
    const path = await input
    const same = await quantize(path, output(), { ...options, calib, statistics: file })
    expect(same.warnings.join()).toMatch(/found on these data before/)
    const other = data('other.npz', 16, 5)
    const anew = await quantize(path, output(), { ...options, calib: other, statistics: file })
    expect(anew.warnings.join()).not.toMatch(/codes come from/)
    const kept = await quantize(path, output(), { ...options, statistics: file })
    expect(kept.warnings.join()).toMatch(/: 12 samples/)
  })

  test('of other options or another model are refused without data', async () => {
    const other = { ...options, to: 'int2-weights', statistics: file }
    await expect(quantize(await input, output(), other)).rejects.toMatchObject({ code: 'E_USAGE' })
    const model = await folder.write(
      'small.onnx',
      transformer({ layers: 1, width: 32, heads: 4, inner: 64, words: WORDS }),
    )
    const foreign = quantize(model, output(), { ...options, statistics: file })
    await expect(foreign).rejects.toMatchObject({ code: 'E_USAGE', message: expect.stringMatching(/another model/) })
  })

  test('in memory, codes are found by the runtime that is passed in', async () => {
    const runtime = ortRuntime(ort as never, 'onnxruntime-node')
    const given = Array.from({ length: 16 }, (_, i) => {
      const bytes = new Uint8Array(ids(1, i).buffer)
      return { label: `text ${i}`, feeds: { ids: { dtype: 'i64' as const, shape: [1, LENGTH], data: bytes } } }
    })
    const bytes = new Uint8Array(readFileSync(await input))
    const shared = { to: 'int8-weights', everything: true, force: true } as const
    const made = await quantizeBytes(bytes, { ...shared, calib: given, runtime })
    expect(made.report.decisions.filter(({ solver }) => solver === 'gptq')).toHaveLength(13)
    const again = await quantizeBytes(bytes, { ...shared, statistics: made.statistics as Uint8Array })
    const [one, other] = [made, again].map(({ files }) => files.get('model.onnx') as Uint8Array)
    expect(Buffer.compare(one as Uint8Array, other as Uint8Array)).toBe(0)
    await expect(quantizeBytes(bytes, { ...shared, calib: given })).rejects.toMatchObject({ code: 'E_USAGE' })
    await expect(quantizeBytes(bytes, { ...shared, solver: 'gptq' })).rejects.toMatchObject({ code: 'E_USAGE' })
  })
})

describe('bodies', () => {
  test('weights of branches, their own and those of the graph around, are solved on what reaches them', async () => {
    const made = await folder.write('branches.onnx', branches())
    const path = join(folder.path, 'branches.npz')
    const values = Float32Array.from({ length: 16 * 20 * 32 }, (_, i) => ((i * 7919) % 101) / 50 - 1 + (i % 4) / 2)
    const arrays = new Map([
      ['x', { dtype: 'f32' as const, shape: [16, 20, 32], data: new Uint8Array(values.buffer) }],
      ['first', { dtype: 'bool' as const, shape: [16], data: Uint8Array.from({ length: 16 }, () => 1) }],
    ])
    writeFileSync(path, writeNpz(arrays))
    const options: FileOptions = { to: 'int8-channel-sym', calib: path, noVerify: true, everything: true }
    const report = await quantize(made, output(), options)
    const decided = (name: string) => report.decisions.find(({ tensor }) => tensor.endsWith(name))
    expect(['main.w', 'own.w', 'around.w'].map((name) => decided(name)?.solver)).toEqual(['gptq', 'gptq', 'gptq'])
    expect(decided('never.w')).toMatchObject({ solver: 'search' })
    expect(decided('never.w')?.because.text).toMatch(/inside a body: the data never reach it/)
    const result = output()
    const few: FileOptions = { ...options, to: 'int2-block16-asym', solver: 'gptq' }
    const corrected = await quantize(made, result, { ...few, transform: 'low-rank=4' })
    for (const name of ['main.w', 'own.w', 'around.w']) {
      const found = corrected.decisions.find(({ tensor }) => tensor.endsWith(name))
      expect(found?.because.text).toMatch(/low-rank correction, rank 4/)
    }
    const feeds = { x: [[20, 32], values.subarray(0, 640)] as const, first: [[], [1], 'bool'] as const }
    const [float, found] = [await runFile(made, feeds as never, false), await runFile(result, feeds as never, true)]
    expect(relativeError(float.get('y') as Float32Array, found.get('y'))).toBeLessThan(0.5)
  })
})

/** A branch with a weight of its own and one of the graph around it, and one that is never taken. */
function branches(): Model {
  const branch = (name: string, own: string, nodes: Model['graph']['nodes']): Model['graph'] =>
    graph({
      name,
      nodes,
      initializers: [weight(own, [32, 32], 7)],
      inputs: [],
      outputs: [value(`${name}.y`, 'f32', [20, 32])],
    })
  const then = branch('then', 'own.w', [
    node('MatMul', ['h', 'own.w'], ['inner'], {}, { name: 'own' }),
    node('MatMul', ['inner', 'around.w'], ['then.y'], {}, { name: 'around' }),
  ])
  const other = branch('else', 'never.w', [node('MatMul', ['h', 'never.w'], ['else.y'], {}, { name: 'never' })])
  return buildModel({
    nodes: [
      node('MatMul', ['x', 'main.w'], ['h'], {}, { name: 'main' }),
      node('If', ['first'], ['y'], { then_branch: then, else_branch: other }, { name: 'if' }),
    ],
    initializers: [weight('main.w', [32, 32], 1), weight('around.w', [32, 32], 2)],
    inputs: [value('x', 'f32', [20, 32]), value('first', 'bool', [])],
    outputs: [value('y', 'f32', [20, 32])],
  })
}

function forms(): Model {
  return buildModel({
    nodes: [
      node('MatMul', ['left.w', 'x'], ['left'], {}, { name: 'left' }),
      node('Reshape', ['left', 'flat'], ['rows']),
      node('Gemm', ['gemm.w', 'rows', 'bias'], ['turned'], { transA: 1, transB: 1 }, { name: 'gemm' }),
      node('Transpose', ['turned'], ['back'], { perm: [1, 0] }),
      node('Reshape', ['back', 'picture'], ['channels']),
      node('Conv', ['channels', 'conv.w'], ['seen'], { group: 2, pads: [1, 1, 1, 1] }, { name: 'conv' }),
      node('Mul', ['seen', 'none'], ['nothing']),
      node('MatMul', ['nothing', 'dead.w'], ['dead'], {}, { name: 'dead' }),
      node('MatMul', ['seen', 'last.w'], ['last'], {}, { name: 'last' }),
      node('Add', ['last', 'dead'], ['y']),
    ],
    initializers: [
      weight('left.w', [24, 32], 1),
      { ...f32('flat', [2], [0, 0]), dtype: 'i64', storage: int64([24, 16]) },
      weight('gemm.w', [16, 32], 2),
      f32('bias', [1], [0]),
      { ...f32('picture', [4], [0, 0, 0, 0]), dtype: 'i64', storage: int64([1, 4, 24, 8]) },
      weight('conv.w', [8, 2, 3, 3], 3),
      f32('none', [1], [0]),
      weight('dead.w', [8, 32], 4),
      weight('last.w', [8, 32], 5),
    ],
    inputs: [value('x', 'f32', [1, 32, 16])],
    outputs: [value('y', 'f32', [1, 8, 24, 32])],
  })
}

function int64(values: readonly number[]) {
  const bytes = new Uint8Array(BigInt64Array.from(values, BigInt).buffer)
  return { kind: 'bytes' as const, bytes, byteLength: bytes.length }
}
