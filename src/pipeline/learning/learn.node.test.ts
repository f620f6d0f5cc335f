import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import { beforeAll, expect, test } from 'vitest'
import { buildModel, encodeModel, f32, node, value } from '../../../test/fixtures/build.ts'
import { gaussian } from '../../../test/fixtures/distribution.ts'
import { lineFolder } from '../../../test/fixtures/line-folder.ts'
import { weight } from '../../../test/fixtures/line-models.ts'
import { memorySource } from '../../bytes/memory.ts'
import type { SampleSet } from '../../calibration/index.ts'
import { createKernelsSync } from '../../kernels/index.ts'
import type { Model } from '../../model/graph.ts'
import type { Feeds } from '../../model/runtime.ts'
import type { Tools } from '../../model/tools.ts'
import { askOf } from '../ask-of.ts'
import type { Fit, FitResult } from '../fitting/fitted.ts'
import { lowRankFit } from '../low-rank/low-rank-fit.ts'
import { Phases } from '../phases.ts'
import { decide, prepare } from '../run.ts'
import { type LearnOptions, learnOn } from './learn.node.ts'

const home = lineFolder()
let entry: URL

beforeAll(async () => {
  // Bundled from the sources, so that these tests do not depend on a build of the package.
  const outfile = join(home.path, 'learn-worker.mjs')
  const entryPoints = [fileURLToPath(new URL('./learn-worker.node.ts', import.meta.url))]
  await build({ entryPoints, outfile, bundle: true, platform: 'node', format: 'esm', logLevel: 'error' })
  entry = pathToFileURL(outfile)
})

/** A head of attention and what follows it, over [n, 6, 32]; `extra` after it. */
function block(extra: 'none' | 'unknown' = 'none'): Model {
  const last = extra === 'unknown' ? [node('Hardmax', ['z'], ['y'])] : [node('Identity', ['z'], ['y'])]
  return buildModel({
    opset: 17,
    nodes: [
      node('LayerNormalization', ['x', 'g', 'b'], ['n']),
      node('MatMul', ['n', 'wq'], ['q']),
      node('MatMul', ['n', 'wk'], ['k']),
      node('Transpose', ['k'], ['kt'], { perm: [0, 2, 1] }),
      node('MatMul', ['q', 'kt'], ['scores']),
      node('Softmax', ['scores'], ['shares']),
      node('MatMul', ['shares', 'n'], ['mixed']),
      node('MatMul', ['mixed', 'wo'], ['o']),
      node('Add', ['o', 'x'], ['r']),
      node('MatMul', ['r', 'w1'], ['h']),
      node('Relu', ['h'], ['a']),
      node('MatMul', ['a', 'w2'], ['z']),
      ...last,
    ],
    initializers: [
      ...['wq', 'wk', 'wo'].map((name, i) => weight(name, [32, 32], i)),
      weight('w1', [32, 64], 4),
      weight('w2', [64, 32], 5),
      f32('g', [32], new Array(32).fill(1)),
      f32('b', [32], new Array(32).fill(0)),
    ],
    inputs: [value('x', 'f32', ['n', 6, 32])],
    outputs: [value('y', 'f32', ['n', 6, 32])],
  })
}

const samples: readonly Feeds[] = Array.from({ length: 24 }, (_, i) => {
  const floats = gaussian(6 * 32, i)
  return { x: { dtype: 'f32', shape: [1, 6, 32], data: new Uint8Array(floats.buffer) } }
})
const at = async (index: number) => ({ label: `sample ${index}`, feeds: samples[index] as Feeds })
const set: SampleSet = { count: samples.length, found: samples.length, at, skipped: [], filled: [], converted: [] }

async function learned(
  model: Model,
  options: Partial<LearnOptions> = {},
  own: Partial<Tools> = {},
  start: Fit = async () => ({ fitted: new Map(), notes: ['before'] }),
): Promise<FitResult> {
  const tools: Tools = { kernels: createKernelsSync(), notify: () => undefined, ...own }
  const phases = new Phases(() => undefined)
  let result: FitResult = { fitted: new Map(), notes: [] }
  const fit: Fit = async (input) => {
    result = await learnOn(
      input,
      await start(input),
      set,
      { effort: 'default', entry, mostSteps: 40, ...options },
      tools,
    )
    return result
  }
  const ask = askOf({ to: 'int2-weights', everything: true, solver: 'nearest' })
  await decide(
    await prepare({ source: memorySource(await encodeModel(model)) }, tools, phases),
    ask,
    tools,
    phases,
    fit,
  )
  return result
}

test('a correction of low rank stays as it is behind the codes that are learned', async () => {
  const tools: Tools = { kernels: createKernelsSync(), notify: () => undefined }
  let started: FitResult | undefined
  const start: Fit = async (input) => {
    started = await lowRankFit({ kind: 'rank', rank: 4 }, undefined, tools)(input)
    return started
  }
  const alone = await learned(block(), { threads: 1 })
  const { fitted } = await learned(block(), { threads: 1 }, {}, start)
  const distance = ({ fitted: found }: FitResult, part: 1 | 2): number =>
    Number(/distance ([\d.e-]+) to ([\d.e-]+) on/.exec([...found.values()][0]?.because ?? '')?.[part])
  // What learning begins with, and what it ends with, has the correction in it.
  expect(distance({ fitted, notes: [] }, 1)).toBeLessThan(distance(alone, 1))
  expect(distance({ fitted, notes: [] }, 2)).toBeLessThan(0.95 * distance({ fitted, notes: [] }, 1))
  expect(fitted.size).toBe(5)
  for (const [{ name }, one] of fitted) {
    const before = [...(started?.fitted ?? [])].find(([weight]) => weight.name === name)?.[1]
    expect(one.solver).toBe('learned')
    expect(one.lowRank).toEqual(before?.lowRank)
    expect(one.corrections).toEqual(['low rank 4', 'learned'])
  }
})

const codesOf = ({ fitted }: FitResult) =>
  [...fitted].map(([{ name }, { quantized }]) => [name, quantized.codes, quantized.scales] as const)

test('codes are learned where they come nearer to the float model, the same on any number of threads', async () => {
  const one = await learned(block(), { threads: 1 })
  expect([...one.fitted.keys()].map(({ name }) => name)).toEqual(['wq', 'wk', 'wo', 'w1', 'w2'])
  expect(one.notes).toEqual(['before'])
  const [first] = one.fitted.values()
  expect(first?.solver).toBe('learned')
  const [, before, after] = /distance ([\d.e-]+) to ([\d.e-]+) on held-out/.exec(first?.because ?? '') ?? []
  expect(Number(after)).toBeLessThan(0.85 * Number(before))
  expect(codesOf(await learned(block(), { threads: 3 }))).toEqual(codesOf(one))
  const nowhere = pathToFileURL(join(home.path, 'nothing.mjs'))
  expect(codesOf(await learned(block(), { entry: nowhere }))).toEqual(codesOf(one))
  expect(codesOf(await learned(block(), { threads: 2, seed: 1 }))).not.toEqual(codesOf(one))
})

test('an operator without a derivative: codes stay, and it is said', async () => {
  const result = await learned(block('unknown'), { threads: 1 })
  expect(result.fitted.size).toBe(0)
  expect(result.notes.join()).toMatch(/no derivative of Hardmax/)
})

test('what an executor gives otherwise is not learned', async () => {
  const wrong = new Float32Array(6 * 32).fill(1)
  const data = new Uint8Array(wrong.buffer)
  const answer = async (): Promise<Feeds> => ({ y: { dtype: 'f32', shape: [1, 6, 32], data } })
  const result = await learned(block(), { threads: 1, answer })
  expect(result.fitted.size).toBe(0)
  expect(result.notes.join()).toMatch(/"y" is not what onnxruntime gives/)
})

test('with --effort fast nothing is learned', async () => {
  const result = await learned(block(), { effort: 'fast' })
  expect(result).toEqual({ fitted: new Map(), notes: ['before'] })
})

test('learning stops when it is told to', async () => {
  const abort = new AbortController()
  const stopped = learned(
    block(),
    { threads: 1 },
    { signal: abort.signal, notify: ({ phase, done }) => phase === 'learn' && done === 3 && abort.abort() },
  )
  await expect(stopped).rejects.toMatchObject({ code: 'E_ABORTED' })
})
