import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
// @ts-expect-error plain JavaScript, shared with the command line of the check
import { check, ROOT, sources, withTable } from '../../scripts/check-imports.mjs'

const findings = (files: Record<string, string>): string[] => check(new Map(Object.entries(files)))

test('the sources keep the rings', () => {
  const files = sources()
  expect(files.size).toBeGreaterThan(100)
  expect(check(files)).toEqual([])
})

test('ARCHITECTURE.md prints the rings as they are', () => {
  const text = readFileSync(join(ROOT, 'ARCHITECTURE.md'), 'utf8')
  expect(text).toBe(withTable(text))
})

describe('the check can fail', () => {
  test.each([
    ['a part that imports a part', { 'solvers/a.ts': "import { b } from '../schemes/b.ts'", 'schemes/b.ts': '' }],
    ['the same over several lines', { 'solvers/a.ts': "import {\n  b,\n} from '../schemes/b.ts'" }],
    ['a re-export', { 'solvers/a.ts': "export * from '../schemes/b.ts'" }],
    ['a type of another part', { 'formats/a.ts': "import type { B } from '../schemes/b.ts'" }],
    ['a lazy import', { 'graph/a.ts': "const b = await import('../runtime/b.ts')" }],
    ['a worker', { 'graph/a.ts': "new Worker(new URL('../runtime/b-worker.ts', import.meta.url))" }],
    ['a part that imports the line', { 'formats/a.ts': "import { run } from '../pipeline/run.ts'" }],
    ['ground that looks up', { 'errors.ts': "import { f16 } from './numbers/f16.ts'" }],
    ['ground that takes code from the model', { 'numbers/a.ts': "import { FitMode } from '../model/kernels.ts'" }],
    ['node: in a browser file', { 'bytes/file.ts': "import { open } from 'node:fs/promises'" }],
    ['a browser file that imports a Node file', { 'bytes/a.ts': "import { b } from './b.node.ts'" }],
    ['a package that is not in the table', { 'formats/a.ts': "import protobuf from 'protobufjs'" }],
    ['a package in the wrong place', { 'graph/a.ts': "import * as v from 'valibot'" }],
    ['a folder without a ring', { 'tools/a.ts': '' }],
    ['a drawer', { 'graph/utils.ts': '' }],
    ['a folder that is a drawer', { 'graph/helpers/walk.ts': '' }],
    ['code among the nouns', { 'model/a.ts': 'export function f() {}' }],
    ['waiting where all is pure', { 'report/a.ts': 'export async function f() {}' }],
    ['a source that imports a test', { 'graph/a.ts': "import { b } from './b.test.ts'" }],
    ['a file too long to read', { 'graph/a.ts': '\n'.repeat(501) }],
    [
      'an entry that a browser cannot load',
      {
        'index.ts': "export { a } from './pipeline/a.ts'",
        'pipeline/a.ts': "export { b } from './b.node.ts'",
        'pipeline/b.node.ts': '',
      },
    ],
  ])('%s', (_, files) => {
    expect(findings(files as unknown as Record<string, string>)).not.toEqual([])
  })

  test.each([
    ['ground from a part', { 'formats/a.ts': "import { TersorError } from '../errors.ts'" }],
    ['types of the model from ground', { 'numbers/a.ts': "import type { DType } from '../model/dtype.ts'" }],
    ['parts from the line', { 'pipeline/a.ts': "import { b } from '../schemes/b.ts'" }],
    ['node: in a Node file', { 'bytes/file.node.ts': "import { open } from 'node:fs/promises'" }],
    ['the line from the command line, through node.ts', { 'cli/a.ts': "const line = await import('../node.ts')" }],
    [
      'anything in a test',
      { 'formats/a.test.ts': "import { b } from '../schemes/b.ts'\nimport protobuf from 'protobufjs'" },
    ],
    ['an import in a comment', { 'formats/a.ts': "// import { b } from '../schemes/b.ts'\n/* import c from 'c' */" }],
  ])('and passes %s', (_, files) => {
    expect(findings(files as unknown as Record<string, string>)).toEqual([])
  })
})

test('no test is left out or alone', () => {
  const roots = ['src', 'test'].flatMap((root) =>
    readdirSync(join(ROOT, root), { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.test.ts'))
      .map((path) => join(ROOT, root, path)),
  )
  // Built from pieces, or this file would find itself. `skipIf` and `runIf` are conditions and allowed: they are reported.
  const left = new RegExp(`\\b(?:it|test|describe)\\.(?:${['skip', 'only', 'todo', 'fails'].join('|')})\\(`)
  expect(roots.filter((path) => left.test(readFileSync(path, 'utf8')))).toEqual([])
})

test('no half-finished marks in what we wrote', () => {
  const marks = new RegExp(
    `\\b(?:${['TO', 'FIX'].map((start) => `${start}${start === 'TO' ? 'DO' : 'ME'}`).join('|')})\\b`,
  )
  const marked = [...(sources() as Map<string, string>)].filter(
    ([path, text]) => !path.includes('uplot-inline') && !path.includes('wasm-bytes') && marks.test(text),
  )
  expect(marked.map(([path]) => path)).toEqual([])
})
