import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Line } from '../../src/cli/line.ts'
import { VERBS } from '../../src/cli/verbs.ts'
import { explain } from '../../src/pipeline/explain-file.node.ts'
import { runFake } from './fake-terminal.ts'

const DIGITS = join(import.meta.dirname, '..', '..', 'demo', 'model.onnx')
const line = { explain: explain as Line['explain'] }
const run = (...words: string[]) => runFake(['explain', ...words, '-q'], { line })

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tersor-explain-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

describe('where the numbers come from', () => {
  test('nothing given: a thousand random ones, the same for the same seed', async () => {
    const first = await run()
    expect(first.code).toBe(0)
    expect(first.stdout).toContain('1,000 random numbers (seed 0)')
    expect((await run()).stdout).toBe(first.stdout)
    expect((await run('--seed', '1')).stdout).not.toBe(first.stdout)
  })

  test('the example of the help works as pasted', async () => {
    const { example } = VERBS.find(({ verb }) => verb === 'explain')!
    const { code, stdout } = await runFake(example.split(' ').slice(1), { line })
    expect(code).toBe(0)
    expect(stdout).toContain('4 numbers from --values')
  })

  test('a list, a text file, and a file whose name is a number', async () => {
    writeFileSync(join(folder, 'n.txt'), '0.5\n-1\n2e-1\n')
    expect(JSON.parse((await run('--values=-1,0.5', '--json')).stdout).rows).toHaveLength(2)
    const { source, rows } = JSON.parse((await run('--values', join(folder, 'n.txt'), '--json')).stdout)
    expect(source).toMatchObject({ kind: 'values', count: 3 })
    expect(rows[1].value).toBe(-1)
  })

  test('a weight of a model, with its shape; a file name may hold colons', async () => {
    const { source, matrix } = JSON.parse((await run('--tensor', `${DIGITS}:head.weight`, '--json')).stdout)
    expect(source).toEqual({ kind: 'tensor', label: 'head.weight', count: 1280, total: 1280, shape: [10, 128] })
    expect(matrix).toEqual([10, 128])
    const odd = join(folder, 'a:b.onnx')
    writeFileSync(odd, readFileSync(DIGITS))
    expect((await run('--tensor', `${odd}:conv1.weight`)).code).toBe(0)
  })
})

describe('what it writes', () => {
  test('a report in the language asked for, and nothing else', async () => {
    const path = join(folder, 'r.html')
    const { stdout } = await run('--lang', 'zh', '--report', path)
    expect(stdout).toContain('误差补偿')
    expect(readdirSync(folder)).toEqual(['r.html'])
    expect(readFileSync(path, 'utf8')).toMatch(/^<!doctype html>\s*<html lang="zh-Hans">[\s\S]*<\/html>\n$/)
  })

  test('--json is one object and nothing else', async () => {
    const { stdout, stderr } = await run('--json', '--bits', '4')
    expect(JSON.parse(stdout)).toMatchObject({ schema: 1, command: 'explain', levels: { count: 16, bits: 4 } })
    expect(stderr).toBe('')
  })

  test('a report that exists is left alone without --force, and never replaces the numbers', async () => {
    const path = join(folder, 'n.txt')
    writeFileSync(path, '1\n2\n')
    expect((await run('--report', path)).code).toBe(2)
    const both = await run('--values', path, '--report', path, '--force')
    expect(both.code).toBe(2)
    expect(both.stderr).toContain('is also the input')
    expect(readFileSync(path, 'utf8')).toBe('1\n2\n')
  })
})

test.each([
  [['--bits', '0'], 2, '--bits expects a whole number of at least 1'],
  [['--bits', '33'], 2, 'bits from 1 to 16, found 33'],
  [['--levels', '1'], 2, '2 to 65536 levels'],
  [['--bits', '3', '--levels', '7'], 2, '3 bits have 8 levels'],
  [['--range', '1,-1'], 2, 'min to be at most max'],
  [['--range', '1'], 2, 'expects MIN,MAX'],
  [['--values', '1,nan,2'], 3, 'value 1 is NaN'],
  [['--values', '1e39'], 3, 'value 0 is Infinity'],
  [['--values', 'nowhere.npy'], 2, 'neither numbers nor a file'],
  [['--values', ','], 2, 'neither numbers nor a file'],
  [['--values', '1', '--tensor', 'a:b'], 2, 'contradict'],
  [['--tensor', 'nowhere.onnx:x'], 2, 'MODEL:NAME'],
  [['--tensor', `${DIGITS}:conv1.weigth`], 2, 'did you mean "conv1.weight"'],
  [['--rounding', 'flor'], 2, 'did you mean "floor"?'],
  [['--langg', 'zh'], 2, 'did you mean --lang?'],
  [['--lang', 'fr'], 2, 'one of en, zh'],
  [['model.onnx'], 2, 'takes no argument'],
])('%j is refused in words', async (words, exit, message) => {
  const { code, stderr, stdout } = await run(...words)
  expect({ code, stdout }).toEqual({ code: exit, stdout: '' })
  expect(stderr).toContain(message)
})
