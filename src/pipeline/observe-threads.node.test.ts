import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import * as ort from 'onnxruntime-node'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { buildModel, f32, node, value } from '../../test/fixtures/build.ts'
import { gaussian } from '../../test/fixtures/distribution.ts'
import { lineFolder } from '../../test/fixtures/line-folder.ts'
import type { SampleSet } from '../calibration/index.ts'
import { createKernelsSync } from '../kernels/index.ts'
import type { Feeds, Value } from '../model/runtime.ts'
import type { Statistics } from '../model/statistics.ts'
import { type OrtModule, ortRuntime } from '../runtime/ort.ts'
import { type CalibrateOptions, collectStatistics } from './calibrate.node.ts'
import { findObservingRuntime, type ObservingRuntime } from './observe-threads.node.ts'

const home = lineFolder()
const tools = { kernels: createKernelsSync(), notify: () => undefined }
const here = ortRuntime(ort as unknown as OrtModule, 'onnxruntime-node')
const runtimes: ObservingRuntime[] = []

beforeAll(async () => {
  // Bundled from the sources, so that these tests do not depend on a build of the package.
  const entry = join(home.path, 'observe-worker.mjs')
  await build({
    entryPoints: [fileURLToPath(new URL('./observe-worker.node.ts', import.meta.url))],
    outfile: entry,
    bundle: true,
    platform: 'node',
    format: 'esm',
    logLevel: 'error',
  })
  for (const threads of [1, 3])
    runtimes.push((await findObservingRuntime(1000, { threads, entry: pathToFileURL(entry) }))!)
})
afterAll(() => Promise.all(runtimes.map((runtime) => runtime.close())))

const floats = (shape: readonly number[], values: ArrayLike<number>): Value => {
  const data = Float32Array.from(values)
  return { dtype: 'f32', shape, data: new Uint8Array(data.buffer) }
}

function setOf(list: readonly Feeds[], filled: readonly string[] = []): SampleSet {
  const at = async (index: number) => ({ label: `sample ${index}`, feeds: list[index]! })
  return { count: list.length, found: list.length, at, skipped: [], filled, converted: [] }
}

/** x [n, 5, w] -> products, a log that is not finite for some samples, a value whose shape follows from values. */
const MODEL = buildModel({
  inputs: [value('x', 'f32', ['n', 5, 'w'])],
  outputs: [value('y', 'f32', ['n', 5, 'w'])],
  initializers: [f32('k', [5, 1], [1, -2, 3, 0.1, 400]), f32('three', [1], [3])],
  nodes: [
    node('Mul', ['x', 'k'], ['wide']),
    node('Relu', ['wide'], ['relu']),
    node('Add', ['x', 'three'], ['shifted']),
    node('Log', ['shifted'], ['log']),
    node('NonZero', ['relu'], ['where']),
    node('Cast', ['where'], ['places'], { to: 1 }),
    node('Add', ['relu', 'x'], ['y']),
  ],
})
const NAMES = ['x', 'wide', 'relu', 'log', 'places', 'y']
/** Of several shapes; large ones are counted in pieces. Number 4 is beyond the logarithm, number 6 as well. */
const SAMPLES = setOf(
  [
    [1, 40],
    [1, 40],
    [2, 7],
    [1, 40_000],
    [1, 40],
    [1, 40],
    [1, 40],
    [1, 40_000],
    [3, 2],
    [1, 40],
  ].map(([n = 1, w = 1], seed) => {
    const x = gaussian(n * 5 * w, seed + 1).map((one) => Math.max(one, -2.5))
    if (seed === 4 || seed === 6) x[3] = -7
    return { x: floats([n, 5, w], x) }
  }),
)
const collect = (runtime: CalibrateOptions['runtime'], more: Partial<CalibrateOptions> = {}) =>
  collectStatistics({ model: MODEL, values: NAMES, samples: SAMPLES, runtime, tools, folder: home.path, ...more })

test('what threads remember is what one thread remembers, whatever the memory', async () => {
  const wanted = (await collect(here)).statistics
  expect([...wanted.values.keys()]).toEqual(['x', 'wide', 'relu', 'places', 'y'])
  expect(wanted.skipped.get('log')).toMatch(/^sample 4: /)
  for (const runtime of runtimes) {
    for (const maxMemory of [undefined, 1000, 3_000_000]) {
      const found = await collect(runtime, maxMemory === undefined ? {} : { maxMemory })
      expect(found.statistics).toEqual(wanted)
      if (maxMemory === 1000) expect(found.passes).toBeGreaterThan(1)
    }
  }
  expect(readdirSync(home.path)).toEqual(['observe-worker.mjs'])
})

test('the same where most samples give ranges only', async () => {
  const list = Array.from({ length: 60 }, (_, at) => ({
    x: floats(
      [1, 5, 4 + (at % 3)],
      gaussian(5 * (4 + (at % 3)), at).map((one) => Math.max(one, -2.5)),
    ),
  }))
  // Beyond the logarithm.
  list[41]!.x = floats([1, 5, 4], new Float32Array(20).fill(-7))
  const asked = { values: ['x', 'wide', 'relu', 'log', 'y'], samples: setOf(list), counted: 1 << 20 }
  const wanted = (await collect(here, asked)).statistics
  expect(wanted.skipped.get('log')).toMatch(/^sample 41: /)
  expect(wanted.values.get('y')!.samples).toHaveLength(120)
  expect(wanted.values.get('y')!.count).toBeLessThan(wanted.values.get('x')!.count)
  for (const runtime of runtimes) {
    for (const maxMemory of [1, 1e6]) {
      expect((await collect(runtime, { ...asked, maxMemory })).statistics).toEqual(wanted)
    }
  }
})

test('states go from sample to sample', async () => {
  const model = buildModel({
    inputs: [value('x', 'f32', [1]), value('state', 'f32', [1])],
    outputs: [value('y', 'f32', [1]), value('stateN', 'f32', [1])],
    nodes: [node('Add', ['x', 'state'], ['stateN']), node('Neg', ['stateN'], ['y'])],
  })
  const list = [1, 2, 4, 8].map((x) => ({ x: floats([1], [x]), state: floats([1], [0]) }))
  const { statistics } = await collect(runtimes[1]!, { model, values: ['y'], samples: setOf(list, ['state: zeros']) })
  expect(statistics.values.get('y')!.min).toBe(-15)
})

test('stopped half-way: what was seen is handed over, and going on gives the same', async () => {
  const stop = new AbortController()
  const notify = ({ done }: { readonly done: number }): void => void (done === 6 && stop.abort())
  let partial: Statistics | undefined
  const onPartial = (seen: Statistics): void => {
    partial = seen
  }
  const stopped = collect(runtimes[1]!, { tools: { ...tools, notify, signal: stop.signal }, onPartial })
  await expect(stopped).rejects.toMatchObject({ code: 'E_ABORTED' })
  expect(partial?.values.get('wide')?.samples.length).toBeGreaterThan(6)
  const resumed = await collect(runtimes[1]!, { resume: partial! })
  expect(resumed.statistics).toEqual((await collect(here)).statistics)
})

test('a sample that the model refuses fails as it does here', async () => {
  const list = [5, 5, 4, 5].map((k) => ({ x: floats([1, k, 2], new Float32Array(2 * k)) }))
  await expect(collect(runtimes[1]!, { samples: setOf(list) })).rejects.toMatchObject({ code: 'E_RUNTIME' })
})
