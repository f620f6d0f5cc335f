import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as ortWeb from 'onnxruntime-web'
import { afterAll, describe, expect, it } from 'vitest'
import { locations, readWithExternalFiles } from './external-files.node.ts'
import { ortRuntime } from './ort.ts'

const entry = (name: string) =>
  Buffer.concat([Buffer.from('\x0a\x08location\x12'), Buffer.from([name.length]), Buffer.from(name)])

describe('external data of a model file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tersor-external-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  it('is found by name, each once, in order', () => {
    const model = Buffer.concat([Buffer.from('xx'), entry('b.data'), entry('a.data'), entry('b.data')])
    expect(locations(model)).toEqual(['b.data', 'a.data'])
  })

  it('never leaves the folder', () => {
    const model = Buffer.concat([
      entry('../up.data'),
      entry('/etc/passwd'),
      entry('a/../../up'),
      entry('..'),
      entry('ok/in'),
    ])
    expect(locations(model)).toEqual(['ok/in'])
  })

  it('stays within a truncated file', () => {
    const whole = entry('weights.data')
    for (let end = 0; end < whole.length; end += 1) expect(() => locations(whole.subarray(0, end))).not.toThrow()
  })

  it('is read beside the model; links and missing files are left out', async () => {
    mkdirSync(join(folder, 'sub'))
    writeFileSync(join(folder, 'w.data'), 'weights')
    symlinkSync('/etc/hostname', join(folder, 'link.data'))
    const model = Buffer.concat([entry('w.data'), entry('link.data'), entry('gone.data'), entry('sub')])
    writeFileSync(join(folder, 'm.onnx'), model)
    const read = await readWithExternalFiles(join(folder, 'm.onnx'))
    expect(read.externalFiles.map(({ path }) => path)).toEqual(['w.data'])
    expect(Buffer.from(read.externalFiles[0]!.data).toString()).toBe('weights')
  })
})

describe('a model with external data in onnxruntime-web', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tersor-external-web-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  const field = (number: number, bytes: readonly number[]) => [number * 8 + 2, bytes.length, ...bytes]
  const text = (value: string) => [...new TextEncoder().encode(value)]

  /** y = x + w, where w is 64 floats in w.data. */
  function model(): Uint8Array {
    const pair = (key: string, value: string) => field(13, [...field(1, text(key)), ...field(2, text(value))])
    const w = [
      0x08,
      64,
      0x10,
      1,
      ...field(8, text('w')),
      ...pair('location', 'w.data'),
      ...pair('length', '256'),
      0x70,
      1,
    ]
    const type = field(1, [0x08, 1, ...field(2, field(1, [0x08, 64]))])
    const value = (name: string) => [...field(1, text(name)), ...field(2, type)]
    const node = [...field(1, text('x')), ...field(1, text('w')), ...field(2, text('y')), ...field(4, text('Add'))]
    const graph = [
      ...field(1, node),
      ...field(2, text('g')),
      ...field(5, w),
      ...field(11, value('x')),
      ...field(12, value('y')),
    ]
    const length = [128 + (graph.length % 128), Math.floor(graph.length / 128)]
    return new Uint8Array([0x08, 8, 0x42, 2, 0x10, 13, 0x3a, ...length, ...graph])
  }

  it('runs with the file beside it, and says what it misses without', async () => {
    const path = join(folder, 'm.onnx')
    writeFileSync(path, model())
    const runtime = ortRuntime(ortWeb, 'onnxruntime-web')
    await expect(
      readWithExternalFiles(path).then((read) => runtime.open(read, { optimized: true })),
    ).rejects.toMatchObject({
      code: 'E_RUNTIME',
    })
    writeFileSync(join(folder, 'w.data'), new Uint8Array(Float32Array.from({ length: 64 }, (_, i) => i).buffer))
    const session = await runtime.open(await readWithExternalFiles(path), { optimized: true })
    const data = new Uint8Array(new Float32Array(64).fill(0.5).buffer)
    const { y } = await session.run({ x: { dtype: 'f32', shape: [64], data } })
    expect([...new Float32Array((y!.data as Uint8Array).slice().buffer)].slice(0, 3)).toEqual([0.5, 1.5, 2.5])
  })
})
