import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { buildModel, f32, node, value } from '../../test/fixtures/build.ts'
import { ValueCollector } from '../calibration/value-collector.ts'
import { createKernelsSync } from '../kernels/index.ts'
import type { Statistics } from '../model/statistics.ts'
import { StatisticsStore } from './statistics-store.node.ts'

const kernels = createKernelsSync()

const home = mkdtempSync(join(tmpdir(), 'tersor-store-'))
afterAll(() => rmSync(home, { recursive: true, force: true }))
const MODEL = buildModel({
  inputs: [value('x', 'f32', [1, 2])],
  outputs: [value('y', 'f32')],
  initializers: [f32('w', [2, 2], [1, 2, 3, 4])],
  nodes: [node('MatMul', ['x', 'w'], ['y'])],
})
const seen = new ValueCollector(kernels)
seen.add(Float32Array.of(1, 2), [1, 2])
const collect = async ({ fingerprint }: { readonly fingerprint: string }) => ({
  statistics: {
    model: fingerprint,
    labels: ['a'],
    values: new Map([['x', seen.statistics()]]),
    skipped: new Map(),
    carried: [],
  } satisfies Statistics,
  passes: 1,
  notes: [],
})
const never = () => Promise.reject(new Error('the model was run'))

test('what was seen and chosen is there in the next run; under another key only what was seen', async () => {
  const path = join(home, 'a.statistics')
  const first = await StatisticsStore.open(path, MODEL, 'key')
  expect(first.saved).toBeUndefined()
  const { statistics } = await first.known(['x'], collect)
  const choices = { calibrators: new Map([['x', 'mse' as const]]), forms: new Map() }
  const kept = await first.keep(statistics, choices)
  const second = await StatisticsStore.open(path, MODEL, 'key')
  expect(second.choices).toEqual(choices)
  expect(await second.known(['x'], never)).toMatchObject({ saved: true, statistics: kept })
  await expect(second.known(['x', 'z'], never)).rejects.toMatchObject({ code: 'E_USAGE' })
  const other = await StatisticsStore.open(path, MODEL, 'other')
  expect(other.choices.calibrators.size).toBe(0)
  expect(other.saved).toEqual(kept)
})

test('without a path nothing is read or written', async () => {
  const before = readdirSync(home)
  const store = await StatisticsStore.open(undefined, MODEL, 'key')
  const { statistics, saved } = await store.known(['x'], collect)
  await store.keep(statistics, store.choices)
  expect(saved).toBe(false)
  expect(readdirSync(home)).toEqual(before)
})
