import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { sampleDigest } from '../calibration/sample-digest.ts'
import { ValueCollector } from '../calibration/value-collector.ts'
import { createKernelsSync } from '../kernels/index.ts'
import type { Statistics } from '../model/statistics.ts'
import { openStatistics, saveStatistics } from './statistics-file.node.ts'
import { dataOf } from './statistics-need.ts'
import { overlapNote } from './statistics-overlap.ts'

const kernels = createKernelsSync()

const home = mkdtempSync(join(tmpdir(), 'tersor-statistics-'))
afterAll(() => rmSync(home, { recursive: true, force: true }))
let files = 0
const fresh = (): string => join(home, `${files++}.stats`)
const MODEL = 'ab'.repeat(32)

function statisticsOf(count: number, more: Partial<Statistics> = {}): Statistics {
  const collector = new ValueCollector(kernels)
  for (let i = 0; i < count; i++) collector.add(Float32Array.of(-i, 1, 2), [3])
  return {
    model: MODEL,
    labels: Array.from({ length: count }, (_, i) => `photo ${i}`),
    values: new Map([['x', collector.statistics()]]),
    skipped: new Map([['ids', 'elements of type i64']]),
    carried: [],
    ...more,
  }
}
const need = { fingerprint: MODEL, values: ['x', 'ids'] }

describe('a statistics file', () => {
  test('that is there is read, one that is not is not there', async () => {
    const path = fresh()
    expect(await openStatistics(path, need)).toBeUndefined()
    await saveStatistics(path, statisticsOf(3))
    expect(await openStatistics(path, need)).toEqual(statisticsOf(3))
  })

  test('of another model, or of other values, is refused', async () => {
    const path = fresh()
    await saveStatistics(path, statisticsOf(1))
    const usage = (words: RegExp) => ({
      code: 'E_USAGE',
      message: expect.stringMatching(words),
      hint: expect.any(String),
    })
    await expect(openStatistics(path, { ...need, fingerprint: 'cd'.repeat(32) })).rejects.toMatchObject(
      usage(/another model/),
    )
    const values = ['x', 'y', 'z', 'v', 'w']
    await expect(openStatistics(path, { ...need, values })).rejects.toMatchObject(
      usage(/lack 4 of the 5 values that are needed: y, z, v and 1 more/),
    )
  })

  test('that is something else is refused; so is a folder, and a place in a folder that is missing', async () => {
    const path = fresh()
    writeFileSync(path, 'my thesis')
    await expect(openStatistics(path, need)).rejects.toMatchObject({ code: 'E_FORMAT' })
    expect(readFileSync(path, 'utf8')).toBe('my thesis')
    await expect(openStatistics(home, need)).rejects.toMatchObject({ code: 'E_USAGE' })
    await expect(openStatistics(join(home, 'none', 'a.stats'), need)).rejects.toMatchObject({ code: 'E_OUTPUT' })
  })

  test('is staged: nothing else stays behind, and its hash is that of its bytes', async () => {
    const path = fresh()
    const { sha256 } = await saveStatistics(path, statisticsOf(2))
    expect((await saveStatistics(path, statisticsOf(2))).sha256).toBe(sha256)
    const digest = await crypto.subtle.digest('SHA-256', readFileSync(path))
    expect(Buffer.from(digest).toString('hex')).toBe(sha256)
    expect(readdirSync(home).filter((name) => name.startsWith('.'))).toEqual([])
    expect(existsSync(path)).toBe(true)
  })
})

test('what ranges come from, in words', () => {
  expect(dataOf({ labels: ['a'] })).toBe('1 sample')
  expect(dataOf({ labels: ['a', 'b'], synthetic: true })).toBe('2 synthetic inputs')
})

test('samples that judge what was fitted to them are found by content, not by name', async () => {
  const sample = (value: number, label: string) => ({
    label,
    feeds: { x: { dtype: 'u8' as const, shape: [1], data: Uint8Array.of(value) } },
  })
  const digests = [await sampleDigest(sample(1, 'a').feeds), '']
  expect(await overlapNote(digests, [sample(2, 'a')])).toBeNull()
  expect(await overlapNote(digests, [sample(1, 'b')])).toMatch(/^all 1 samples/)
  expect(await overlapNote(digests, [sample(2, 'a'), sample(1, 'b')])).toMatch(/^1 of the 2 samples that judge/)
  expect(await overlapNote([], [sample(1, 'b')])).toBeNull()
})
