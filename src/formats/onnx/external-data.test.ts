import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bytes, int, message, tensorFile, text } from '../../../test/fixtures/wire.ts'
import { memorySource } from '../../bytes/memory.ts'
import type { Model } from '../../model/graph.ts'
import { externalOpener } from './external-data.node.ts'
import { read } from './read.ts'
import { readTensor } from './read-tensor.ts'

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tersor-external-'))
  mkdirSync(join(folder, 'model', 'sub'), { recursive: true })
  writeFileSync(join(folder, 'outside.bin'), new Uint8Array(64))
  writeFileSync(
    join(folder, 'model', 'w.bin'),
    Uint8Array.from({ length: 64 }, (_, index) => index),
  )
  writeFileSync(join(folder, 'model', 'sub', 'v.bin'), new Uint8Array(64).fill(7))
  symlinkSync(join(folder, 'outside.bin'), join(folder, 'model', 'link.bin'))
  symlinkSync(folder, join(folder, 'model', 'up'))
  symlinkSync(join(folder, 'model'), join(folder, 'linked-model'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** A model with one external tensor of 16 floats. */
function modelWith(entries: Readonly<Record<string, string>>, model = 'model'): Promise<Model> {
  const external = Object.entries(entries).map(([key, value]) => message(13, text(1, key), text(2, value)))
  const file = tensorFile(int(1, 16), int(2, 1), text(8, 'w'), ...external, int(14, 1))
  return read(memorySource(file, 'm.onnx'), { openExternal: externalOpener(join(folder, model)) })
}

describe('external data', () => {
  it.each([
    ['in full', { location: 'w.bin', offset: '0', length: '64' }],
    ['by location only', { location: 'w.bin' }],
    ['with a dot in front', { location: './w.bin' }],
    ['in a folder below', { location: 'sub/v.bin', checksum: 'ignored' }],
  ])('given %s', async (_, entries) => {
    const model = await modelWith(entries)
    const [tensor] = model.graph.initializers
    expect(tensor?.storage).toMatchObject({ kind: 'span', start: 0, byteLength: 64 })
    expect((await readTensor(tensor as NonNullable<typeof tensor>)).byteLength).toBe(64)
    expect(model.externalFiles).toHaveLength(1)
  })

  it('may belong to a model behind a link', async () => {
    expect((await modelWith({ location: 'w.bin' }, 'linked-model')).graph.initializers).toHaveLength(1)
  })

  it.each([
    ['no location', {}, /without a location/],
    ['an empty location', { location: '' }, /is empty/],
    ['an absolute path', { location: '/etc/passwd' }, /is absolute/],
    ['the way up', { location: '../outside.bin' }, /leaves the folder/],
    ['the way up, further in', { location: 'sub/../../outside.bin' }, /leaves the folder/],
    ['backslashes', { location: '..\\outside.bin' }, /backslash/],
    ['a drive', { location: 'C:w.bin' }, /drive/],
    ['an address', { location: 'http://host/w.bin' }, /address/],
    ['a NUL byte', { location: 'w.bin\0.txt' }, /NUL/],
    ['a link', { location: 'link.bin' }, /"m.onnx|m.onnx: tensor "w" is in "link.bin": data file "link.bin" is a link/],
    ['a linked folder', { location: 'up/outside.bin' }, /behind one/],
    ['a folder', { location: 'sub' }, /not a file/],
    ['a missing file', { location: 'missing.bin' }, /tensor "w" is in "missing.bin": .*no such file/],
    ['a negative offset', { location: 'w.bin', offset: '-4' }, /offset "-4"/],
    ['an offset that is no number', { location: 'w.bin', offset: 'abc' }, /offset "abc"/],
    ['an offset beyond all files', { location: 'w.bin', offset: '99999999999999999999' }, /offset/],
    ['a range past the end', { location: 'w.bin', offset: '4' }, /needs bytes 4 to 68 of .*w.bin, which has 64/],
    [
      'a length that the shape denies',
      { location: 'w.bin', length: '60' },
      /needs 64 bytes, its external data has length 60/,
    ],
  ])('is refused with %s', async (_, entries, expected) => {
    await expect(modelWith(entries as Record<string, string>)).rejects.toMatchObject({
      code: 'E_FORMAT',
      message: expect.stringMatching(expected),
    })
  })

  it('is refused for strings, and where nothing can open it', async () => {
    const strings = tensorFile(
      int(1, 1),
      int(2, 8),
      text(8, 'w'),
      message(13, text(1, 'location'), text(2, 'w.bin')),
      int(14, 1),
    )
    await expect(read(memorySource(strings))).rejects.toMatchObject({ code: 'E_FORMAT' })
    const floats = tensorFile(
      int(1, 1),
      int(2, 1),
      text(8, 'w'),
      message(13, text(1, 'location'), text(2, 'w.bin')),
      int(14, 1),
    )
    await expect(read(memorySource(floats))).rejects.toThrow(/"w.bin", which was not given/)
  })

  it('goes before raw data', async () => {
    const file = tensorFile(
      int(1, 1),
      int(2, 1),
      bytes(9, [0, 0, 0, 0]),
      message(13, text(1, 'location'), text(2, 'w.bin')),
      int(14, 1),
    )
    const model = await read(memorySource(file), { openExternal: externalOpener(join(folder, 'model')) })
    expect(await readTensor(model.graph.initializers[0] as never)).toEqual(Uint8Array.of(0, 1, 2, 3))
  })
})
