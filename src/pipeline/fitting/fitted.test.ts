import { expect, test } from 'vitest'
import { encodeModel } from '../../../test/fixtures/build.ts'
import { gemm, lineModels, matmul } from '../../../test/fixtures/line-models.ts'
import { memorySource } from '../../bytes/memory.ts'
import { createKernelsSync } from '../../kernels/index.ts'
import type { WeightFacts } from '../../model/inventory.ts'
import type { IntegerSpec } from '../../model/packing.ts'
import type { Tools } from '../../model/tools.ts'
import { solveTensor } from '../../solvers/index.ts'
import { askOf } from '../ask-of.ts'
import { floatsOf } from '../floats.ts'
import { MemoryStage } from '../memory-stage.ts'
import { Phases } from '../phases.ts'
import { balanceValues } from '../produce/tile.ts'
import { decide, finish, prepare } from '../run.ts'
import type { Fit, FittedWeight } from './fitted.ts'

const tools: Tools = { kernels: createKernelsSync(), notify: () => undefined }

/** What is found without data, given as if it had been fitted. */
const unfitted: Fit = async ({ plan }) => {
  const fitted = new Map<WeightFacts, FittedWeight>()
  for (const { weight, spec, solver, balance, packing } of plan.work) {
    const view = weight.uses[0]?.view
    if (spec.family !== 'integer' || !view || packing?.id === 'onnx/kn-s8') continue
    const values = await floatsOf(weight.tensor, 0, weight.elementCount, tools.kernels)
    balanceValues({ ...(balance ? { balance } : {}), view }, values, 0)
    const solved = solveTensor(values, view, spec as IntegerSpec, solver, tools.kernels)
    fitted.set(weight, { ...solved, solver: 'gptq', corrections: ['refit'], because: 'as a test wants it' })
  }
  return { fitted, notes: ['a note'] }
}

async function quantized(model: Uint8Array, to: string, solver: 'nearest' | 'search', fit?: Fit) {
  const phases = new Phases(tools.notify)
  const ask = askOf({ to, solver, everything: true })
  const decided = await decide(await prepare({ source: memorySource(model) }, tools, phases), ask, tools, phases, fit)
  const stage = new MemoryStage()
  const options = { name: 'm.onnx', measure: true, force: true }
  const { saved } = await finish(decided, stage, options, undefined, tools, phases)
  return { decided, saved, bytes: stage.files.get('m.onnx') }
}

for (const to of ['int4-weights', 'int2-weights', 'int8-weights', 'int4-block32-asym-f16', 'int4-channel-sym']) {
  for (const solver of ['nearest', 'search'] as const) {
    test(`codes through the seam are packed as the fused paths pack them: ${to}, ${solver}`, async () => {
      for (const [name, make] of lineModels) {
        const model = await encodeModel(make().model)
        const plain = await quantized(model, to, solver)
        const seam = await quantized(model, to, solver, unfitted)
        expect(Buffer.compare(seam.bytes as Uint8Array, plain.bytes as Uint8Array), name).toBe(0)
        for (const [index, { squaredError, energy }] of seam.saved.errors.entries()) {
          expect(squaredError).toBeCloseTo(plain.saved.errors[index]?.squaredError ?? -1, 6)
          expect(energy).toBeCloseTo(plain.saved.errors[index]?.energy ?? -1, 6)
        }
      }
    })
  }
}

test('decisions say how the codes were found', async () => {
  const { decided } = await quantized(await encodeModel(matmul().model), 'int4-weights', 'search', unfitted)
  const [first] = decided.plan.decisions
  expect(first).toMatchObject({ action: 'quantize', solver: 'gptq', corrections: ['refit'] })
  expect(first?.because.text).toMatch(/; as a test wants it$/)
  expect(decided.warnings).toContain('a note')
})

test('codes that do not suit the plan are refused', async () => {
  const wrong: Fit = async (input) => {
    const { fitted, notes } = await unfitted(input)
    const cut = [...fitted].map(([weight, one]) => {
      const { scales } = one.quantized
      return [weight, { ...one, quantized: { ...one.quantized, scales: scales.subarray(1) } }] as const
    })
    return { fitted: new Map(cut), notes }
  }
  const run = quantized(await encodeModel(gemm().model), 'int8-weights', 'search', wrong)
  await expect(run).rejects.toMatchObject({ code: 'E_INTERNAL' })
})
