import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as ort from 'onnxruntime-node'
import { afterAll, describe, expect, test } from 'vitest'
import { memorySource } from '../bytes/memory.ts'
import { openNpz } from './npz.ts'
import { record as recordToFiles } from './record.node.ts'
import { record } from './record.ts'

const home = mkdtempSync(join(tmpdir(), 'tersor-record-'))
afterAll(() => rmSync(home, { recursive: true, force: true }))

const tensor = (...values: number[]) => ({ type: 'float32', dims: [1, values.length], data: Float32Array.from(values) })

/** With private fields, as onnxruntime-web's has: only itself may be `this`. */
class Session {
  #runs = 0
  readonly inputNames = ['x']
  threads = 1
  async run(feeds: object, ...more: unknown[]): Promise<unknown> {
    this.#runs += 1
    if ('bad' in feeds) throw new Error('no such input')
    return { runs: this.#runs, feeds, more }
  }
  count(): number {
    return this.#runs
  }
}

/** The first value of every kept run. */
async function firstsOf(bytes: Uint8Array): Promise<number[]> {
  const { shape, data } = await (await openNpz(memorySource(bytes))).get('x')!.all()
  const floats = new Float32Array((data as Uint8Array).slice().buffer)
  return Array.from({ length: shape[0]! }, (_, run) => floats[(run * floats.length) / shape[0]!]!)
}

describe('record', () => {
  test('the session does what it did, and what it was fed is kept as it was then', async () => {
    const plain = new Session()
    const { session, ...recording } = record(plain)
    expect(session).toBeInstanceOf(Session)
    expect(session.inputNames).toBe(plain.inputNames)
    const feeds = { x: tensor(1, 2) }
    expect(await session.run(feeds, { tag: 'a' }, 3)).toEqual({ runs: 1, feeds, more: [{ tag: 'a' }, 3] })
    feeds.x.data[0] = 9
    await session.run({ x: tensor(3, 4) })
    expect(session.count()).toBe(2)
    expect(session.count).toBe(session.count)
    session.threads = 4
    expect(plain.threads).toBe(4)
    await expect(session.run({ bad: tensor(1) })).rejects.toThrow('no such input')
    expect(await firstsOf(recording.npz())).toEqual([1, 3])
  })

  test('a frozen session, and feeds that make no sense', async () => {
    const { session, ...recording } = record(Object.freeze({ run: async (_: object) => 'ran', other: 1 }))
    expect(await session.run(null as never)).toBe('ran')
    expect(session.other).toBe(1)
    expect(() => recording.npz()).toThrow(/nothing was recorded/)
  })

  test('bounded in number: what is kept is spread evenly over everything seen', async () => {
    const recording = record(new Session(), { samples: 8 })
    for (let i = 0; i < 100; i++) await recording.session.run({ x: tensor(i) })
    expect(recording.seen).toBe(100)
    expect(await firstsOf(recording.npz())).toEqual([0, 16, 32, 48, 64, 80, 96])
    recording.clear()
    expect([recording.seen, recording.kept]).toEqual([0, 0])
  })

  test('bounded in bytes; every second run if asked', async () => {
    const recording = record(new Session(), { maxBytes: 40, every: 2 })
    for (let i = 0; i < 30; i++) await recording.session.run({ x: tensor(i, 0) })
    const firsts = await firstsOf(recording.npz())
    expect(firsts).toEqual([0, 8, 16, 24])
    await recording.session.run({ x: tensor(...new Array(20).fill(1)) })
    await recording.session.run({ x: tensor(...new Array(20).fill(1)) })
    expect(recording.kept).toBe(4)
  })

  test('feeds of several shapes and types: a file for each shape', async () => {
    const recording = recordToFiles(new Session())
    const text = { type: 'string', dims: [1], data: ['ü'] }
    for (const size of [1, 2, 2]) await recording.session.run({ x: tensor(...new Array(size).fill(size)), text })
    await recording.session.run({ x: { ...tensor(1), location: 'gpu-buffer' }, text })
    await recording.session.run({ x: { type: 'int4', dims: [1], data: new Int8Array(1) } })
    expect(recording.notes).toEqual([expect.stringMatching(/gpu-buffer/), expect.stringMatching(/int4/)])
    expect((await openNpz(memorySource(recording.npz()))).get('text')?.shape).toEqual([2, 1])
    await expect(recording.save(join(home, 'all.npz'))).rejects.toMatchObject({ code: 'E_USAGE' })
    expect(await recording.save(join(home, 'all'))).toHaveLength(2)
    expect(readdirSync(join(home, 'all'))).toEqual(['recorded-1.npz', 'recorded-2.npz'])
  })

  test('a session of onnxruntime-node, saved to a file', async () => {
    const model = join(import.meta.dirname, '..', '..', 'demo', 'model.onnx')
    const plain = await ort.InferenceSession.create(model, { logSeverityLevel: 4 })
    const recording = recordToFiles(plain)
    const { session } = recording
    const [name] = session.inputNames
    const shape = (session.inputMetadata[0] as { shape: readonly (number | string)[] }).shape
    const dims = shape.map((size) => (typeof size === 'number' ? size : 1))
    const data = Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, i) => i % 7)
    const feeds = { [name!]: new ort.Tensor('float32', data, dims) }
    const given = await session.run(feeds)
    expect(given[session.outputNames[0]!]?.data).toEqual((await plain.run(feeds))[session.outputNames[0]!]?.data)
    const [path] = await recording.save(join(home, 'one.npz'))
    const kept = await (await openNpz(memorySource(readFileSync(path!)))).get(name!)!.all()
    expect(kept.shape).toEqual([1, ...dims])
    expect(kept.data).toEqual(new Uint8Array(data.buffer))
    await session.release()
  })

  test.each([{ samples: 0 }, { every: 1.5 }, { maxBytes: Number.NaN }])('options without sense: %o', (options) => {
    expect(() => record(new Session(), options)).toThrow(expect.objectContaining({ code: 'E_USAGE' }))
  })
})
