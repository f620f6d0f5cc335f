import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { locations, readWithExternalFiles } from './external-files.node.ts'

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
