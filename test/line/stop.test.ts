import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { beforeAll, describe, expect, test } from 'vitest'
import { buildModel, graph, i64, node, value } from '../fixtures/build.ts'
import { lineFolder } from '../fixtures/line-folder.ts'
import { weight } from '../fixtures/line-models.ts'

const MAIN = join(import.meta.dirname, '..', '..', 'dist', 'cli', 'main.js')
const WORKER = join(import.meta.dirname, '..', '..', 'dist', 'runtime', 'worker.node.js')
const folder = lineFolder()
const FILES = ['asked.onnx', 'run.onnx', 'weights.onnx']

/** A model whose one run takes long in native code, whatever its weights: a loop of small steps, as many as given or as an input says. */
const slowToRun = (trips?: number) => {
  const body = graph({
    name: 'body',
    inputs: [value('i', 'i64', []), value('going', 'bool', []), value('state', 'f32', [3, 48])],
    nodes: [
      node('MatMul', ['state', 'inner'], ['product'], {}, { name: 'step' }),
      node('Tanh', ['product'], ['next']),
      node('Identity', ['going'], ['still']),
    ],
    initializers: [weight('inner', [48, 48], 1)],
    outputs: [value('still', 'bool', []), value('next', 'f32', [3, 48])],
  })
  return buildModel({
    nodes: [
      node('Loop', ['trips', '', 'x'], ['last'], { body }),
      node('MatMul', ['last', 'w'], ['y'], {}, { name: 'head' }),
    ],
    initializers: [...(trips === undefined ? [] : [i64('trips', [], [trips])]), weight('w', [48, 32], 2)],
    inputs: [value('x', 'f32', [3, 48]), ...(trips === undefined ? [value('trips', 'i64', [])] : [])],
    outputs: [value('y', 'f32', [3, 32])],
  })
}

/** Enough weights for worker threads and for a moment of work. */
const slowToQuantize = () =>
  buildModel({
    nodes: [node('MatMul', ['x', 'w'], ['y'], {}, { name: 'wide' })],
    initializers: [weight('w', [2048, 8192], 1)],
    inputs: [value('x', 'f32', [1, 2048])],
    outputs: [value('y', 'f32', [1, 8192])],
  })

beforeAll(async () => {
  if (!existsSync(MAIN)) throw new Error('dist/ is missing: run npm run build')
  await folder.write('asked.onnx', slowToRun())
  await folder.write('run.onnx', slowToRun(200_000))
  await folder.write('weights.onnx', slowToQuantize())
})

interface Ended {
  readonly code: number | null
  readonly signal: string | null
  readonly stderr: string
}

/** Interrupts the command as soon as the line of `phase` is complete, which is when the next phase begins. */
function interruptedAfter(phase: string, ...words: string[]): Promise<Ended> {
  const child = spawn(process.execPath, [MAIN, ...words], { stdio: ['ignore', 'ignore', 'pipe'] })
  return new Promise((resolve) => {
    let stderr = ''
    let asked = false
    child.stderr.on('data', (chunk) => {
      stderr += chunk
      if (asked || !new RegExp(`^${phase} `, 'm').test(stderr)) return
      asked = true
      child.kill('SIGINT')
    })
    child.on('close', (code, signal) => resolve({ code, signal, stderr }))
  })
}

describe('Ctrl-C ends with 130 and leaves nothing', () => {
  test.each([
    ['while weights are quantized', 'lower', 'quantize', ['weights.onnx', '--to', 'int4-weights']],
    ['while the proof runs', 'quantize', 'verify', ['run.onnx', '--to', 'int4-weights']],
    [
      'while the proof looks for the layers that carry the error',
      'verify',
      'sensitivity',
      ['run.onnx', '--to', 'int4-weights', '--samples', '1', '--min-cosine', '1'],
    ],
  ])('%s', async (_, before, during, [model, ...flags]) => {
    const out = join(folder.path, 'out.onnx')
    const ended = await interruptedAfter(before, 'quantize', join(folder.path, model!), ...flags, '-o', out)
    expect(ended).toMatchObject({ code: 130, signal: null })
    const lines = ended.stderr.trimEnd().split('\n')
    expect(lines.at(-1)).toBe('error[E_ABORTED] stopped by the user')
    // The signal may arrive a moment late: in the phase that was meant, or in one after it.
    const phases = ['quantize', 'verify', 'sensitivity']
    expect(phases.slice(phases.indexOf(during))).toContain(lines.at(-2)?.split(' ')[0])
    expect(readdirSync(folder.path).sort()).toEqual(FILES)
  })
})

describe('a thread in the middle of onnxruntime', () => {
  const ended = (...lines: readonly string[]) => {
    const source = [`import { startOrtWorker } from ${JSON.stringify(pathToFileURL(WORKER).href)}`, ...lines].join('\n')
    const { status, signal, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', source], {
      encoding: 'utf8',
    })
    return { status, signal, stdout, stderr }
  }
  /** When the short run is answered, the thread goes into the long one. */
  const twoRuns = () => [
    "const runtime = await startOrtWorker('onnxruntime-node')",
    `const session = await runtime.open({ path: ${JSON.stringify(join(folder.path, 'asked.onnx'))} }, { optimized: true })`,
    'const stop = new AbortController()',
    'const run = (trips) => session.run({',
    "  x: { dtype: 'f32', shape: [3, 48], data: new Uint8Array(3 * 48 * 4) },",
    "  trips: { dtype: 'i64', shape: [], data: new Uint8Array(BigInt64Array.of(trips).buffer) },",
    '}, stop.signal)',
    'const [short, long] = [run(10n), run(300_000n).catch(({ code }) => code)]',
    'await short',
  ]

  test('fails what was asked at once and is ended when it comes back', () => {
    const then = "stop.abort(); console.log(await long); await runtime.close(); console.log('closed'); process.exit(7)"
    const stdout = 'E_ABORTED\nclosed\n'
    expect(ended(...twoRuns(), then)).toEqual({ status: 7, signal: null, stdout, stderr: '' })
  })

  test('does not abort a process that does not wait for it', () => {
    expect(ended(...twoRuns(), 'process.exit(7)')).toEqual({ status: 7, signal: null, stdout: '', stderr: '' })
  })

  test.runIf(process.platform !== 'win32')('does not hold up a process that the user stops', () => {
    // Says that it is in native code, and never comes back.
    const thread = `
      import { parentPort, workerData } from 'node:worker_threads'
      parentPort.postMessage({ ready: true, version: '0' })
      parentPort.on('message', ({ id }) => {
        workerData.native[0] = 1
        parentPort.postMessage({ id, gives: 'session', session: 1, inputs: [], outputs: [] })
        Atomics.wait(workerData.native, 0, 1)
      })`
    const stopped = ended(
      `const entry = new URL('data:text/javascript,' + encodeURIComponent(${JSON.stringify(thread)}))`,
      "const runtime = await startOrtWorker('onnxruntime-node', { entry })",
      'await runtime.open({ bytes: new Uint8Array(1) }, { optimized: true })',
      'process.exit(130)',
    )
    // What a shell reports as 130.
    expect(stopped).toEqual({ status: null, signal: 'SIGINT', stdout: '', stderr: '' })
  })
})
