import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findRuntime } from './find.node.ts'
import { checkProbe, PROBE_MODEL, probeFeeds } from './probe-model.ts'
import { startOrtWorker } from './worker.node.ts'

// The thread is bundled from the sources here, so that these tests do not depend on a build of the package.
const folder = mkdtempSync(join(tmpdir(), 'tersor-worker-'))
const entry = pathToFileURL(join(folder, 'ort-worker.mjs'))

beforeAll(async () => {
  await build({
    entryPoints: [fileURLToPath(new URL('./ort-worker.node.ts', import.meta.url))],
    outfile: fileURLToPath(entry),
    bundle: true,
    platform: 'node',
    format: 'esm',
    logLevel: 'error',
  })
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function threadOf(source: string): URL {
  const path = join(folder, `thread-${Math.random()}.mjs`)
  writeFileSync(path, source)
  return pathToFileURL(path)
}

const HELLO = `import { parentPort } from 'node:worker_threads'; parentPort.postMessage({ ready: true, version: 'v' });`

describe.each(['onnxruntime-node', 'onnxruntime-web'] as const)('%s in a thread', (which) => {
  it('loads from bytes and from a path, runs, and leaves what it was given alone', async () => {
    const runtime = await startOrtWorker(which, { entry })
    const path = join(folder, `${which}.onnx`)
    writeFileSync(path, PROBE_MODEL)
    for (const model of [{ bytes: PROBE_MODEL }, { path }]) {
      const session = await runtime.open(model, { optimized: false })
      expect(session.inputs).toEqual([{ name: 'x', dtype: 'f32', shape: [2] }])
      expect(session.outputs).toEqual(['y'])
      const feeds = probeFeeds()
      checkProbe(await session.run(feeds))
      checkProbe(await session.run(feeds))
      await session.release()
    }
    expect(PROBE_MODEL.byteLength).toBe(58)
    expect(runtime.version).toMatch(/^1\./)
    await runtime.close()
  })

  it('says what the executor says when a model is wrong', async () => {
    const runtime = await startOrtWorker(which, { entry })
    await expect(runtime.open({ bytes: new Uint8Array(10) }, { optimized: true })).rejects.toMatchObject({
      code: 'E_RUNTIME',
      message: expect.stringContaining(`${which} could not load the model: `),
    })
    const session = await runtime.open({ bytes: PROBE_MODEL }, { optimized: true })
    await expect(session.run({ z: probeFeeds().x! })).rejects.toMatchObject({ code: 'E_RUNTIME' })
    checkProbe(await session.run(probeFeeds()))
    await runtime.close()
    await expect(session.run(probeFeeds())).rejects.toMatchObject({ code: 'E_RUNTIME' })
  })
})

describe('a thread that does not do its work', () => {
  it('fails what was asked when it ends', async () => {
    const dying = threadOf(`${HELLO} parentPort.on('message', () => { console.error('last words'); process.exit(3) })`)
    const runtime = await startOrtWorker('onnxruntime-node', { entry: dying })
    await expect(runtime.open({ bytes: PROBE_MODEL }, { optimized: true })).rejects.toMatchObject({
      code: 'E_RUNTIME',
      message: expect.stringMatching(/exit 3\): last words$/),
    })
    await expect(runtime.open({ bytes: PROBE_MODEL }, { optimized: true })).rejects.toMatchObject({ code: 'E_RUNTIME' })
  })

  it('fails the start when it throws before it is ready', async () => {
    await expect(
      startOrtWorker('onnxruntime-node', { entry: threadOf(`throw new Error('no start')`) }),
    ).rejects.toMatchObject({ code: 'E_RUNTIME', message: expect.stringContaining('no start') })
  })

  it('is stopped by a signal', async () => {
    const stuck = threadOf(
      `${HELLO} parentPort.on('message', (m) => { if (m.ask === 'open') parentPort.postMessage({ id: m.id, gives: 'session', session: 1, inputs: [], outputs: [] }); else for (;;); })`,
    )
    const runtime = await startOrtWorker('onnxruntime-node', { entry: stuck })
    const session = await runtime.open({ bytes: PROBE_MODEL }, { optimized: true })
    const controller = new AbortController()
    const running = session.run(probeFeeds(), controller.signal)
    setImmediate(() => controller.abort())
    await expect(running).rejects.toMatchObject({ code: 'E_ABORTED' })
    await expect(session.run(probeFeeds(), controller.signal)).rejects.toMatchObject({ code: 'E_ABORTED' })
    await runtime.close()
  })

  it('is missing when its package is', async () => {
    const from = join(folder, 'nothing-here.js')
    await expect(startOrtWorker('onnxruntime-node', { entry, from })).rejects.toMatchObject({
      code: 'E_RUNTIME',
      hint: 'npm install onnxruntime-node',
    })
    const passed: string[] = []
    const passedOver = (name: string) => passed.push(name)
    expect(await findRuntime({ entry, from, passedOver })).toBeUndefined()
    expect(passed).toEqual(['onnxruntime-node', 'onnxruntime-web'])
  })
})

/** What a process of its own prints that starts `runtime` over `thread` and then does what `then` says. */
async function printedBy(thread: URL, then: string): Promise<string> {
  const program = join(folder, `program-${Math.random()}.mjs`)
  const source = fileURLToPath(new URL('./worker.node.ts', import.meta.url))
  const contents = `import { startOrtWorker } from ${JSON.stringify(source)}
    const from = ${JSON.stringify(import.meta.url)}
    const runtime = await startOrtWorker('onnxruntime-node', { entry: new URL(${JSON.stringify(thread.href)}), from })
    ${then}`
  await build({
    stdin: { contents, resolveDir: folder, loader: 'ts' },
    outfile: program,
    bundle: true,
    platform: 'node',
    format: 'esm',
    logLevel: 'error',
  })
  const ended = spawnSync(process.execPath, [program], { encoding: 'utf8', timeout: 20_000 })
  expect([ended.status, ended.stderr]).toEqual([0, ''])
  return ended.stdout
}

describe('an idle thread', () => {
  it('does not keep the process alive, also when nobody closes it', async () => {
    expect(await printedBy(entry, 'console.log(runtime.version)')).toMatch(/^1\./)
  })

  it('keeps it alive until it is closed, also when an answer comes late', async () => {
    // The answer is there, unread, when the thread is ended.
    const quick = threadOf(
      `${HELLO} parentPort.on('message', ({ id }) => parentPort.postMessage({ id, gives: 'work' }))`,
    )
    const then = `process.once('beforeExit', () => console.log('nothing to wait for'))
      runtime.work(1).catch(() => {})
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300)
      void runtime.close().then(() => console.log('closed'))`
    expect(await printedBy(quick, then)).toBe('closed\nnothing to wait for\n')
  })
})

describe('finding an executor', () => {
  it('prefers onnxruntime-node, takes the other when asked', async () => {
    const found = await findRuntime({ entry })
    expect(found?.name).toBe('onnxruntime-node')
    expect(found?.cpu[0]).toBe(process.arch)
    await found?.close()
    const web = await findRuntime({ entry, among: ['onnxruntime-web'] })
    expect(web?.name).toBe('onnxruntime-web')
    await web?.close()
  })
})
