import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { NodeIo, writeFully } from './node-io.node.ts'

const folder = mkdtempSync(join(tmpdir(), 'tersor-io-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const [input, output] = [join(folder, 'in'), join(folder, 'out')]

beforeEach(() => {
  writeFileSync(
    input,
    Uint8Array.from({ length: 100 }, (_, i) => i),
  )
  writeFileSync(output, new Uint8Array(20))
})

describe('reading', () => {
  const source = { kind: 'file', path: input, start: 10, byteLength: 50 } as const

  test('by position inside the weight, from files and from memory', () => {
    const io = new NodeIo([output])
    const target = new Uint8Array(3)
    io.read(source, 5, target)
    expect([...target]).toEqual([15, 16, 17])
    io.read({ kind: 'bytes', bytes: Uint8Array.of(9, 8, 7, 6), byteLength: 4 }, 1, target)
    expect([...target]).toEqual([8, 7, 6])
    io.close()
  })

  test('past the weight is our mistake; a file that became shorter is the file', () => {
    const io = new NodeIo([output])
    expect(() => io.read(source, 48, new Uint8Array(3))).toThrow(expect.objectContaining({ code: 'E_INTERNAL' }))
    truncateSync(input, 30)
    expect(() => io.read(source, 15, new Uint8Array(10))).toThrow(
      expect.objectContaining({ code: 'E_FORMAT', where: input }),
    )
    io.close()
  })
})

describe('writing', () => {
  test('in one piece, however it is cut into calls', () => {
    const bytes = Uint8Array.from({ length: (2 << 20) + 77 }, (_, i) => i % 251)
    const fd = openSync(output, 'r+')
    writeFully(fd, bytes, 5, output)
    closeSync(fd)
    expect(Buffer.compare(readFileSync(output).subarray(5), bytes)).toBe(0)
  })

  test('by position inside the part; never past it', () => {
    const io = new NodeIo([output])
    const part = { file: 0, position: 4, byteLength: 6 }
    io.write(part, 2, Uint8Array.of(1, 2, 3, 4))
    expect(() => io.write(part, 3, Uint8Array.of(1, 2, 3, 4))).toThrow(expect.objectContaining({ code: 'E_INTERNAL' }))
    io.close()
    expect([...readFileSync(output)]).toEqual([0, 0, 0, 0, 0, 0, 1, 2, 3, 4, ...new Array(10).fill(0)])
  })

  test.runIf(existsSync('/dev/full'))('a full disk is E_OUTPUT, with what to do', () => {
    const fd = openSync('/dev/full', 'w')
    expect(() => writeFully(fd, new Uint8Array(10), 0, '/dev/full')).toThrow(
      expect.objectContaining({ code: 'E_OUTPUT', hint: expect.stringMatching(/full|space/i) }),
    )
    closeSync(fd)
  })
})
