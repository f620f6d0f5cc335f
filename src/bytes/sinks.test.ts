import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { blobSink } from './blob.ts'
import { fileSink, outputError } from './file-sink.node.ts'
import { memorySink } from './memory.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tersor-sinks-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const bytes = (...values: readonly number[]): Uint8Array => Uint8Array.from(values)

describe('file sink', () => {
  it('shows nothing before it commits, and the whole after', async () => {
    const path = join(folder, 'out.onnx')
    const sink = fileSink(path)
    await sink.write(bytes(1, 2))
    sink.writeAt?.(4, bytes(9))
    await sink.write(bytes(3, 4))
    expect(existsSync(path)).toBe(false)
    expect(readdirSync(folder)).toEqual([expect.stringMatching(/^\.out\.onnx\.tersor-\d+-[0-9a-f]+\.part$/)])
    await sink.commit()
    expect([...readFileSync(path)]).toEqual([1, 2, 3, 4, 9])
    expect(readdirSync(folder)).toEqual(['out.onnx'])
  })

  it('leaves nothing behind when aborted, however often', async () => {
    const sink = fileSink(join(folder, 'out.onnx'))
    await sink.write(bytes(1))
    await sink.abort()
    await sink.abort()
    expect(readdirSync(folder)).toEqual([])
  })

  it('does not replace a file unless forced', async () => {
    const path = join(folder, 'out.onnx')
    writeFileSync(path, 'old')
    expect(() => fileSink(path)).toThrow(
      expect.objectContaining({ code: 'E_OUTPUT', hint: expect.stringContaining('--force') }),
    )
    const sink = fileSink(path, { force: true })
    await sink.write(bytes(110, 101, 119))
    expect(readFileSync(path, 'utf8')).toBe('old')
    await sink.commit()
    expect(readFileSync(path, 'utf8')).toBe('new')
  })

  it('does not replace a file that came meanwhile', async () => {
    const path = join(folder, 'out.onnx')
    const sink = fileSink(path)
    writeFileSync(path, 'other')
    await expect(sink.commit()).rejects.toMatchObject({ code: 'E_OUTPUT' })
    await sink.abort()
    expect(readFileSync(path, 'utf8')).toBe('other')
    expect(readdirSync(folder)).toEqual(['out.onnx'])
  })

  it('removes what dead processes staged for the same name, and only that', async () => {
    // Beyond the largest process id of any system.
    const dead = '.out.onnx.tersor-4194999999-abc.part'
    const others = [
      `.out.onnx.tersor-${process.pid}-abc.part`,
      '.other.onnx.tersor-4194999999-abc.part',
      '.out.onnx.tersor-notes.part',
    ]
    for (const name of [dead, ...others]) writeFileSync(join(folder, name), '')
    const sink = fileSink(join(folder, 'out.onnx'))
    await sink.commit()
    expect(readdirSync(folder).sort()).toEqual([...others, 'out.onnx'].sort())
  })

  it('says what to do where it cannot write', () => {
    mkdirSync(join(folder, 'dir'))
    writeFileSync(join(folder, 'file'), '')
    expect(() => fileSink(join(folder, 'dir'))).toThrow(
      expect.objectContaining({ code: 'E_OUTPUT', hint: 'Give a file name.' }),
    )
    expect(() => fileSink(join(folder, 'none', 'out'))).toThrow(
      expect.objectContaining({ code: 'E_OUTPUT', hint: expect.stringContaining('create it') }),
    )
    expect(() => fileSink(join(folder, 'file', 'out'))).toThrow(expect.objectContaining({ code: 'E_OUTPUT' }))
    const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })
    expect(outputError('out', full)).toMatchObject({ code: 'E_OUTPUT', hint: expect.stringContaining('disk is full') })
  })
})

describe('sinks in memory', () => {
  it('collects in order and at places', async () => {
    const sink = memorySink('m')
    await sink.write(new Uint8Array(5000).fill(1))
    sink.writeAt?.(6000, bytes(2))
    sink.writeAt?.(0, bytes(3))
    expect(() => sink.bytes()).toThrow(expect.objectContaining({ code: 'E_INTERNAL' }))
    await sink.commit()
    const all = sink.bytes()
    expect([all.length, all[0], all[4999], all[5000], all[6000]]).toEqual([6001, 3, 1, 0, 2])
  })

  it('collects into a Blob, and copies what it is given', async () => {
    const sink = blobSink('b', 'application/x-onnx')
    const chunk = bytes(1, 2, 3)
    await sink.write(chunk)
    chunk.fill(9)
    await sink.write(new Uint8Array(5_000_000).fill(4))
    await sink.write(chunk)
    expect(() => sink.blob()).toThrow(expect.objectContaining({ code: 'E_INTERNAL' }))
    await sink.commit()
    const all = new Uint8Array(await sink.blob().arrayBuffer())
    expect([all.length, ...all.subarray(0, 4), ...all.subarray(-2)]).toEqual([5_000_006, 1, 2, 3, 4, 9, 9])
    expect(sink.blob().type).toBe('application/x-onnx')
  })

  it('forgets when aborted', async () => {
    const blob = blobSink()
    await blob.write(bytes(1))
    await blob.abort()
    expect(() => blob.blob()).toThrow()
    const memory = memorySink()
    await memory.write(bytes(1))
    await memory.abort()
    expect(() => memory.bytes()).toThrow()
  })
})
