import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import * as observers from '../../../src/calibration/observers/index.ts'
import * as floats from '../../../src/numbers/small-floats.ts'
import * as arrays from '../../../src/schemes/arrays/index.ts'
import * as ranges from '../../../src/schemes/ranges/index.ts'
import * as superblocks from '../../../src/schemes/superblocks/index.ts'
import * as tables from '../../../src/schemes/tables/index.ts'

const root = new URL('../../../', import.meta.url)
const rows = readFileSync(new URL('docs/equivalents.md', root), 'utf8')
  .split('\n')
  .filter((line) => /^\|.*\.test\.ts`/.test(line))
  .map((line) => line.split('|').map((cell) => cell.trim()))
  .map(([, theirs = '', ours = '', , where = '']) => ({ theirs, ours, where }))

const known = new Set(Object.keys({ ...observers, ...floats, ...arrays, ...ranges, ...superblocks, ...tables }))

test('the page has rows', () => {
  expect(rows.length).toBeGreaterThan(30)
})

describe.each(rows)('docs/equivalents.md: $theirs', ({ ours, where }) => {
  test('the test that it names exists', () => {
    const [, file, name] = /^`([^`]+)`: "(.+)"$/.exec(where) ?? []
    expect(file && existsSync(new URL(file, root)), where).toBe(true)
    expect(readFileSync(new URL(file!, root), 'utf8')).toContain(name)
  })

  test('its functions exist', () => {
    const called = [...ours.matchAll(/\b([a-z]\w+)\(/g)].map(([, name]) => name!)
    expect(called.filter((name) => !known.has(name))).toEqual([])
  })

  test('its schemes exist', () => {
    const schemes = [...ours.matchAll(/scheme: '([^']+)'/g)].map(([, id]) => id!)
    for (const id of schemes) expect(arrays.arrayScheme(id).id).toBe(id)
  })
})
