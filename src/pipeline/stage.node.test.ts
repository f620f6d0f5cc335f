import { spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { fileSource } from '../bytes/file.node.ts'
import { memorySource } from '../bytes/memory.ts'
import type { TersorError } from '../errors.ts'
import { NodeStage } from './stage.node.ts'

let folder = ''
let output = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tersor-stage-'))
  output = join(folder, 'out.onnx')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const stageFor = (force = false, inputs: readonly string[] = []) => new NodeStage(output, { force, inputs })
const refused = (run: () => unknown): TersorError => {
  try {
    run()
  } catch (error) {
    return error as TersorError
  }
  throw new Error('nothing was thrown')
}
const seen = (): string[] => readdirSync(folder).filter((name) => !name.startsWith('.'))

test('a pipe or device is never replaced by a file, not even by force', () => {
  if (spawnSync('mkfifo', [output]).status !== 0) return
  expect(refused(() => stageFor(true)).message).toContain('device or pipe')
  expect(statSync(output).isFIFO()).toBe(true)
})

test('nothing shows before publish; then all files lie in place and the staged folder is gone', async () => {
  const stage = stageFor()
  const model = await stage.open('out.onnx', 4)
  const data = await stage.open('out.onnx.data', 6)
  await data.writeAt(3, Uint8Array.of(4, 5, 6))
  await data.writeAt(0, Uint8Array.of(1, 2, 3))
  await model.writeAt(0, Uint8Array.of(9, 9, 9, 9))
  expect(seen()).toEqual([])
  expect(readdirSync(folder)).toEqual([
    expect.stringMatching(new RegExp(`^\\.out\\.onnx\\.tersor-${process.pid}-\\d+$`)),
  ])
  expect(stage.paths.map((path) => statSync(path).size)).toEqual([4, 6])

  expect(await stage.publish()).toEqual([output, `${output}.data`])
  expect(readdirSync(folder).sort()).toEqual(['out.onnx', 'out.onnx.data'])
  expect([...readFileSync(`${output}.data`)]).toEqual([1, 2, 3, 4, 5, 6])
})

test('files have their full size from the start, and what is not written is zero', async () => {
  const stage = stageFor()
  await stage.open('out.onnx', 5)
  const source = await stage.source('out.onnx')
  expect([...(await source.read(0, 5))]).toEqual([0, 0, 0, 0, 0])
  await source.close?.()
  await stage.discard()
})

test('copies a run of a source, from files and from memory, larger than its window', async () => {
  const length = (4 << 20) * 2 + 12_345
  const bytes = Uint8Array.from({ length: length + 100 }, (_, i) => (i * 31 + (i >> 13)) & 255)
  const input = join(folder, 'input')
  writeFileSync(input, bytes)
  for (const source of [fileSource(input), { ...memorySource(bytes), readInto: undefined as never }]) {
    const stage = stageFor(true)
    const file = await stage.open('out.onnx', length + 7)
    await file.copyFrom(7, source, 50, length)
    await stage.publish()
    await source.close?.()
    expect(
      readFileSync(output)
        .subarray(7)
        .equals(bytes.subarray(50, 50 + length)),
    ).toBe(true)
  }
})

test('discard removes everything, also twice', async () => {
  const stage = stageFor()
  await stage.open('out.onnx', 10)
  await stage.discard()
  await stage.discard()
  expect(readdirSync(folder)).toEqual([])
})

test('names with folders in them stay in the folder', async () => {
  const stage = stageFor()
  await stage.open('out.onnx', 1)
  await stage.open('../../escaped.data', 1)
  expect(await stage.publish()).toEqual([output, join(folder, 'escaped.data')])
})

describe('refused', () => {
  test('an output that exists, unless forced; a folder even then', () => {
    writeFileSync(output, 'old')
    expect(refused(() => stageFor())).toMatchObject({ code: 'E_OUTPUT', hint: expect.stringContaining('--force') })
    expect(() => stageFor(true)).not.toThrow()
    rmSync(output)
    mkdirSync(output)
    expect(refused(() => stageFor(true)).message).toContain('is a folder')
  })

  test('a data file that exists: at the end, and nothing is moved', async () => {
    const stage = stageFor()
    await stage.open('out.onnx', 1)
    await stage.open('out.onnx.data', 1)
    writeFileSync(`${output}.data`, 'precious')
    await expect(stage.publish()).rejects.toMatchObject({ code: 'E_OUTPUT' })
    expect(readFileSync(`${output}.data`, 'utf8')).toBe('precious')
    expect(readdirSync(folder)).toEqual(['out.onnx.data'])
  })

  test('an output that is an input, also through links', () => {
    const input = join(folder, 'in.onnx')
    writeFileSync(input, 'in')
    symlinkSync(input, output)
    expect(refused(() => stageFor(true, [input])).message).toContain('is the input')
    expect(() => stageFor(true, [join(folder, 'none')])).not.toThrow()
  })

  test('folders that do not exist or are files', () => {
    const at = (path: string) => refused(() => new NodeStage(path, { force: true, inputs: [] }))
    expect(at(join(folder, 'none', 'out.onnx'))).toMatchObject({ code: 'E_OUTPUT', hint: 'create it first' })
    writeFileSync(output, 'a file')
    expect(at(join(output, 'below.onnx'))).toMatchObject({ code: 'E_OUTPUT' })
    expect(readFileSync(output, 'utf8')).toBe('a file')
  })
})

test('folders of dead runs for this output go; of living ones and of other outputs stay', () => {
  const names = [
    '.out.onnx.tersor-999999999-1',
    `.out.onnx.tersor-${process.ppid}-1`,
    '.other.onnx.tersor-999999999-1',
    '.out.onnx.tersor--1',
  ]
  for (const name of names) mkdirSync(join(folder, name))
  stageFor()
  expect(names.map((name) => existsSync(join(folder, name)))).toEqual([false, true, true, true])
})

test('two stages for one output do not share a folder', async () => {
  const [one, two] = [stageFor(), stageFor()]
  await one.open('out.onnx', 1)
  await two.open('out.onnx', 2)
  await one.discard()
  expect(await two.publish()).toEqual([output])
  expect(statSync(output).size).toBe(2)
})
