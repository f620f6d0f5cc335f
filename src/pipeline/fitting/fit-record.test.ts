import { expect, test } from 'vitest'
import { encodeModel } from '../../../test/fixtures/build.ts'
import { matmul } from '../../../test/fixtures/line-models.ts'
import { memorySource } from '../../bytes/memory.ts'
import { readStatistics, writeStatistics } from '../../calibration/statistics-file.ts'
import { createKernelsSync } from '../../kernels/index.ts'
import type { WeightFacts } from '../../model/inventory.ts'
import type { IntegerSpec } from '../../model/packing.ts'
import type { Statistics } from '../../model/statistics.ts'
import type { Tools } from '../../model/tools.ts'
import { solveTensor } from '../../solvers/index.ts'
import { askOf } from '../ask-of.ts'
import { floatsOf } from '../floats.ts'
import { Phases } from '../phases.ts'
import type { Plan } from '../plan.ts'
import { decide, prepare } from '../run.ts'
import { fitKey, fitKeysIn, fitsIn, withFits } from './fit-record.ts'
import type { FitResult, FittedWeight } from './fitted.ts'

const tools: Tools = { kernels: createKernelsSync(), notify: () => undefined }
const ask = askOf({ to: 'int4-weights', everything: true })
const nothing: Statistics = {
  model: 'a'.repeat(64),
  labels: ['one'],
  digests: ['b'.repeat(64)],
  values: new Map(),
  skipped: new Map(),
  carried: [],
}

async function planOf(to: string): Promise<Plan> {
  const source = memorySource(await encodeModel(matmul().model))
  const phases = new Phases(tools.notify)
  const decided = await decide(await prepare({ source }, tools, phases), askOf({ to, everything: true }), tools, phases)
  return decided.plan
}

async function found(plan: Plan): Promise<FitResult> {
  const fitted = new Map<WeightFacts, FittedWeight>()
  const refused = new Map<WeightFacts, string>()
  for (const { weight, spec } of plan.work) {
    const view = weight.uses[0]?.view
    if (weight.name === 'w2' || !view) {
      refused.set(weight, 'a test does not want it')
      continue
    }
    const values = await floatsOf(weight.tensor, 0, weight.elementCount, tools.kernels)
    const solved = solveTensor(values, view, spec as IntegerSpec, 'search', tools.kernels)
    fitted.set(weight, { ...solved, solver: 'gptq', corrections: ['damping 0.1'], because: 'of a test' })
  }
  return { fitted, refused, notes: ['a note'] }
}

test('what was found comes back from a file, under its key alone and for its plan alone', async () => {
  const plan = await planOf('int4-weights')
  const result = await found(plan)
  const key = fitKey(ask)
  const file = await readStatistics(memorySource(writeStatistics(withFits(nothing, key, result))))
  expect(fitsIn(file, key, plan)).toEqual(result)
  expect(fitKeysIn(file)).toEqual([key])
  expect(fitsIn(file, fitKey(askOf({ to: 'int2-weights' })), plan)).toBeUndefined()
  expect(fitsIn(file, key, await planOf('int2-weights'))).toBeUndefined()
  // Another run under the same key takes its place.
  const less = { ...result, fitted: new Map([...result.fitted].slice(1)) }
  expect(fitsIn(withFits(file, key, less), key, plan)).toEqual(less)
})

test('what cannot be meant is refused', async () => {
  const plan = await planOf('int4-weights')
  const key = fitKey(ask)
  const statistics = withFits(nothing, key, await found(plan))
  const changed = (what: string, change: (bytes: Uint8Array) => Uint8Array): Statistics => {
    const arrays = [...(statistics.arrays ?? [])].map(([name, value]) => {
      if (!name.includes(`/fitted-${what}/`)) return [name, value] as const
      return [name, { ...value, data: change((value.data as Uint8Array).slice()) }] as const
    })
    return { ...statistics, arrays: new Map(arrays) }
  }
  const wrong = [
    changed('codes', (bytes) => bytes.fill(16)),
    changed('codes', (bytes) => bytes.subarray(1)),
    changed('scales', (bytes) => new Uint8Array(new Float32Array(bytes.length / 4).fill(Number.NaN).buffer)),
    { ...statistics, arrays: new Map() },
    { ...statistics, choices: new Map([...(statistics.choices ?? [])].map(([name]) => [name, 1] as const)) },
  ]
  for (const one of wrong) expect(() => fitsIn(one, key, plan)).toThrow(/cannot be meant/)
})
