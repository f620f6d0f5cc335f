import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { memorySource } from '../../src/bytes/memory.ts'
import { quantize as quantizeBytes } from '../../src/index.ts'
import { type FileOptions, quantize as quantizeFile } from '../../src/pipeline/quantize-file.node.ts'
import { lineFolder } from '../fixtures/line-folder.ts'
import { transformer, withExternalData } from '../fixtures/transformer.ts'
import { pageFiles } from '../platform/bundle.ts'
import { findChromium, needChromium, type OpenPage, openPage } from '../platform/chromium.ts'
import type { QuantizeHere } from '../platform/page.ts'
import { type Served, serve } from '../platform/serve.ts'

/*
 * One model, one preset: the same bytes, whatever computes them. Files are compared by SHA-256.
 */

const PRESETS = ['int8', 'int8-weights', 'int4-weights', 'fp16-weights', 'bnb4', 'int3-channel']
const demo = readFileSync(join(import.meta.dirname, '..', '..', 'demo', 'model.onnx'))

interface Case {
  readonly name: string
  /** The model first, then its data. */
  readonly files: ReadonlyMap<string, Uint8Array>
  /** Worker threads that 4 threads start at least. */
  readonly workers: number
  /** The twins take long for large ones; what differs there is how work is cut, and that is the same for both. */
  readonly twins: readonly string[]
}

const small = { layers: 1, width: 96, heads: 4, inner: 320, words: 300 }
const large = { layers: 2, width: 512, heads: 8, inner: 2048, words: 2600 }
const cases: readonly Case[] = [
  { name: 'demo.onnx', files: new Map([['demo.onnx', demo]]), workers: 0, twins: PRESETS },
  {
    name: 'small.onnx',
    files: await withExternalData(transformer(small), 'small.onnx'),
    workers: 0,
    twins: PRESETS,
  },
  {
    name: 'large.onnx',
    files: await withExternalData(transformer(large), 'large.onnx'),
    workers: 1,
    twins: ['fp16-weights'],
  },
]

const folder = lineFolder()
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
const nameOf = (to: string): string => `model.${to}.onnx`

/** Hashes of all files of the result, by name. */
async function onNode(name: string, to: string, options: FileOptions): Promise<Record<string, string>> {
  const output = join(folder.path, nameOf(to))
  const report = await quantizeFile(join(folder.path, name), output, { to, noVerify: true, force: true, ...options })
  const paths = report.output?.files ?? []
  return Object.fromEntries(paths.map((path) => [path.slice(folder.path.length + 1), sha256(readFileSync(path))]))
}

async function inMemory({ name, files }: Case, to: string): Promise<Record<string, string>> {
  const result = await quantizeBytes(files.get(name) as Uint8Array, {
    to,
    name: nameOf(to),
    openExternal: async (where) => memorySource(files.get(where) as Uint8Array, where),
  })
  return Object.fromEntries([...result.files].map(([file, bytes]) => [file, sha256(bytes)]))
}

let workersStarted = 0
const count = (): void => {
  workersStarted += 1
}

beforeAll(() => {
  process.on('worker', count)
  for (const { files } of cases) for (const [name, bytes] of files) writeFileSync(join(folder.path, name), bytes)
})
afterAll(() => void process.off('worker', count))

const known = new Map<string, Promise<Record<string, string>>>()
/** One thread, SIMD kernels: what all others are compared with. */
function expected(name: string, to: string): Promise<Record<string, string>> {
  const key = `${name} ${to}`
  const hashes = known.get(key) ?? onNode(name, to, { threads: 1 })
  known.set(key, hashes)
  return hashes
}

describe.each(cases)('$name', (one) => {
  const { name, workers, twins } = one

  test.each(PRESETS)('%s: one thread, all threads, in memory', async (to) => {
    const wanted = await expected(name, to)
    expect(Object.keys(wanted)).toEqual([nameOf(to)])
    if (workers === 0) expect(await onNode(name, to, {}), 'all threads').toEqual(wanted)
    workersStarted = 0
    expect(await onNode(name, to, { threads: 4 }), 'four threads').toEqual(wanted)
    expect(workersStarted).toBeGreaterThanOrEqual(workers)
    expect(await inMemory(one, to), 'in memory').toEqual(wanted)
  })

  test.each(twins)('%s: TypeScript twins only', async (to) => {
    expect(await onNode(name, to, { kernels: 'reference', threads: 1 })).toEqual(await expected(name, to))
  })
})

test('presets give different bytes, so the comparison can fail', async () => {
  const hashes = await Promise.all(PRESETS.map(async (to) => Object.values(await expected('demo.onnx', to))[0]))
  expect(new Set(hashes).size).toBe(PRESETS.length)
})

test('a proof, a limit on memory and a seed change no byte', async () => {
  const wanted = await expected('demo.onnx', 'int8')
  expect(await onNode('demo.onnx', 'int8', { noVerify: false, seed: 7 })).toEqual(wanted)
  expect(await onNode('demo.onnx', 'int8', { noVerify: false, maxMemory: 1 })).toEqual(wanted)
})

describe('in Chromium', () => {
  let served: Served
  let opened: OpenPage | undefined

  beforeAll(async () => {
    const models = cases.flatMap(({ files }) => [...files].map(([name, bytes]) => [`/${name}`, bytes] as const))
    served = await serve(await pageFiles(Object.fromEntries(models)))
    const executable = findChromium()
    if (executable !== undefined) opened = await openPage(executable, served.address)
  })
  afterAll(async () => {
    await opened?.browser.close()
    await served?.close()
  })

  const hashes = (context: Parameters<typeof needChromium>[0], ask: Omit<QuantizeHere, 'name'>) => {
    needChromium(context)
    return (opened as OpenPage).page.evaluate((given) => tersorPage.hashesOf(given), { ...ask, name: nameOf(ask.to) })
  }

  test.for(cases.flatMap(({ name }) => PRESETS.map((to) => [name, to] as const)))(
    '%s as %s',
    async ([name, to], context) => {
      expect(await hashes(context, { model: `/${name}`, to, as: 'source' })).toEqual(await expected(name, to))
    },
  )

  test.for(['bytes', 'buffer', 'file', 'url'] as const)('from %s', async (as, context) => {
    expect(await hashes(context, { model: '/demo.onnx', to: 'int8', as })).toEqual(await expected('demo.onnx', 'int8'))
  })

  test('TypeScript twins only', async (context) => {
    const ask = { model: '/demo.onnx', to: 'int4-weights', as: 'bytes', kernels: 'reference' } as const
    expect(await hashes(context, ask)).toEqual(await expected('demo.onnx', 'int4-weights'))
  })
})
