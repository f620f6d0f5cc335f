import { execFile } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { writeNpy, writeNpz } from '../../src/calibration/index.ts'
import { writePicture } from '../../src/calibration/picture.node.ts'
import type { Value } from '../../src/model/runtime.ts'
import { arrayFileKind, dequantizeArrays, quantizeArrays } from '../../src/node.ts'
import { runFake } from './fake-terminal.ts'

/** Every block of docs/guide/8-arrays.md as a reader would paste it, and the examples it names. */
const ROOT = join(import.meta.dirname, '..', '..')
const PAGE = readFileSync(join(ROOT, 'docs', 'guide', '8-arrays.md'), 'utf8')
const blocks = (language: string): string[] =>
  [...PAGE.matchAll(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, 'g'))].map(([, text]) => text as string)

const folder = mkdtempSync(join(tmpdir(), 'tersor-guide-'))
const at = (name: string) => join(folder, name)
const before = process.cwd()
const node = async (path: string) =>
  (await promisify(execFile)(process.execPath, [path], { cwd: folder })).stdout.trimEnd().split('\n')

const floats = (shape: readonly number[]): Value => {
  const count = shape.reduce((product, size) => product * size, 1)
  const data = new Uint8Array(Float32Array.from({ length: count }, (_, i) => Math.sin(i * i)).buffer)
  return { dtype: 'f32', shape, data }
}

beforeAll(async () => {
  if (!existsSync(join(ROOT, 'dist', 'index.js'))) throw new Error('dist/ is missing: run npm run build')
  mkdirSync(at('node_modules'))
  symlinkSync(ROOT, at('node_modules/tersor'), 'junction')
  writeFileSync(at('vectors.npy'), writeNpy(floats([60, 40])))
  writeFileSync(at('maps.npz'), writeNpz(new Map([['maps', floats([2, 3, 5, 70])]])))
  const weights = new Uint8Array(Float32Array.from({ length: 40 }, (_, i) => i + 1).buffer)
  writeFileSync(at('weights.npy'), writeNpy({ dtype: 'f32', shape: [40], data: weights }))
  const data = Uint8Array.from({ length: 16 * 12 * 3 }, (_, i) => (i * 7) % 256)
  writeFileSync(at('photo.png'), await writePicture({ shape: [12, 16, 3], data }, 'photo'))
  process.chdir(folder)
})
afterAll(() => {
  process.chdir(before)
  rmSync(folder, { recursive: true, force: true })
})

test('programs print what stands beside them', async () => {
  const programs = blocks('js')
  expect(programs.length).toBeGreaterThan(4)
  for (const [index, program] of programs.entries()) {
    writeFileSync(at(`${index}.mjs`), program)
    const promised = [...program.matchAll(/ \/\/ => (.*)$/gm)].map(([, text]) => text)
    expect(await node(at(`${index}.mjs`)), program).toEqual(promised)
  }
})

test('commands do what the page says', async () => {
  const commands = blocks('sh').flatMap((block) => block.trim().split('\n'))
  expect(commands.length).toBeGreaterThan(8)
  for (const command of commands) {
    const [name, ...words] = command.split(' ')
    expect(name).toBe('tersor')
    const { code, stderr } = await runFake(words, { line: { arrayFileKind, quantizeArrays, dequantizeArrays } })
    expect(code, `${command}\n${stderr}`).toBe(0)
  }
  const wanted = ['vectors.int8-row.float.npy', 'maps.int4-block32-asym-f16.npz', 'vectors.4.5bits.npz', 'back.png']
  expect(readdirSync(folder)).toEqual(expect.arrayContaining(wanted))
  expect(readFileSync(at('back.png')).subarray(1, 4).toString()).toBe('PNG')
})

test.each(['arrays', 'embeddings'])('examples/%s.mjs runs, in at most 30 lines', async (name) => {
  const path = join(ROOT, 'examples', `${name}.mjs`)
  const source = readFileSync(path, 'utf8')
  expect(source.trimEnd().split('\n').length).toBeLessThanOrEqual(30)
  const lines = await node(path)
  expect(lines.length).toBeGreaterThan(3)
  expect(lines.join()).not.toMatch(/NaN|undefined/)
})

test('every scheme that the page names is one, in its one spelling', async () => {
  const { arrayScheme } = await import('../../src/index.ts')
  const ids = [...PAGE.matchAll(/(?:--to|--rescore|scheme:) '?([a-z0-9-]+)/g)].map(([, id]) => id as string)
  expect(ids.length).toBeGreaterThan(10)
  for (const id of ids) expect(arrayScheme(id).id).toBe(id)
})

test('groups are those of the pictures', async () => {
  const { dequantizeArray, quantizeArray } = await import('../../src/index.ts')
  /** Letters of groups: every group is given a scale of its own, the largest code shows it. */
  const letters = (scheme: string, shape: readonly number[], groups: number): string => {
    const count = shape.reduce((product, size) => product * size, 1)
    const scales = Float32Array.from({ length: groups }, (_, group) => group + 1)
    const values = new Float32Array(count).fill(1e6)
    const shown = dequantizeArray(quantizeArray(values, { scheme: `int8-${scheme}-sym`, shape, grid: { scales } }))
    return [...shown].map((x) => String.fromCharCode(96 + x / 127)).join('')
  }
  const count = (text: string) => new Set(text).size
  const [flat, deep] = blocks('text') as [string, string]
  for (const [picture, shape] of [
    [flat, [4, 6]],
    [deep, [2, 3, 4]],
  ] as const) {
    const [head, ...lines] = picture.trimEnd().split('\n') as [string, ...string[]]
    for (const { 0: name, index } of head.matchAll(/\b(?:tensor|row|column|block\d|tile\dx\d|channel\d?)\b(?! =)/g)) {
      if (head.slice(0, index).endsWith('= ')) continue
      const width = shape.length === 2 ? 11 : 18
      const rows = lines.map((line) => line.slice(index, index + width))
      // Planes stand side by side: first all rows of the left one.
      const drawn =
        shape.length === 2
          ? rows.join('')
          : rows.map((row) => row.slice(0, 9)).join('') + rows.map((row) => row.slice(9)).join('')
      const text = drawn.replaceAll(' ', '')
      expect(letters(name, shape, count(text)), name).toBe(text)
    }
  }
})
