import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { encodeModel } from '../../../test/fixtures/build.ts'
import { matmul } from '../../../test/fixtures/line-models.ts'
import { memorySource } from '../../bytes/memory.ts'
import { createKernelsSync } from '../../kernels/index.ts'
import type { IntegerSpec } from '../../model/packing.ts'
import type { Tools } from '../../model/tools.ts'
import { solveTensor } from '../../solvers/index.ts'
import { askOf } from '../ask-of.ts'
import { floatsOf } from '../floats.ts'
import { Phases } from '../phases.ts'
import type { WeightWork } from '../plan.ts'
import { decide, prepare } from '../run.ts'
import type { FittedWeight } from './fitted.ts'
import { FitWorkFile, workFileOf } from './work-file.node.ts'

const tools: Tools = { kernels: createKernelsSync(), notify: () => undefined }
let folder = ''
let path = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tersor-work-'))
  path = workFileOf(join(folder, 'out.onnx'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

async function worksOf(to: string): Promise<readonly WeightWork[]> {
  const source = memorySource(await encodeModel(matmul().model))
  const phases = new Phases(tools.notify)
  const decided = await decide(await prepare({ source }, tools, phases), askOf({ to, everything: true }), tools, phases)
  return decided.plan.work
}

async function found({ weight, spec }: WeightWork): Promise<FittedWeight> {
  const view = weight.uses[0]?.view
  if (!view) throw new Error('expected a matrix')
  const values = await floatsOf(weight.tensor, 0, weight.elementCount, tools.kernels)
  const solved = solveTensor(values, view, spec as IntegerSpec, 'search', tools.kernels)
  return { ...solved, solver: 'gptq', corrections: ['damping 0.1'], because: 'of a test' }
}

const plain = ({ quantized, squaredError, energy, solver, corrections, because }: FittedWeight) => {
  return { quantized, squaredError, energy, solver, corrections, because }
}

/** Two weights and a refusal, as a killed run leaves them. */
async function left(to: string) {
  const works = await worksOf(to)
  const [first, second] = works as [WeightWork, WeightWork]
  const file = new FitWorkFile(path, 'base', 'key')
  const kept = [await found(first), await found(second)] as const
  const given = file.keep(first, kept[0])
  expect(plain(given)).toEqual(kept[0])
  file.keep(second, kept[1])
  file.close()
  return { first, second, kept }
}

test.each(['int4-weights', 'int2-weights', 'int8-weights', 'int4-channel-sym'])(
  '%s: another run reads the very codes, and adds to them',
  async (to) => {
    const { first, second, kept } = await left(to)
    const again = new FitWorkFile(path, 'base', 'key')
    expect(again.count).toBe(2)
    expect(again.notes.join()).toMatch(/went on from .*2 weights/)
    expect([first, second].map((work) => plain(again.known(work) as FittedWeight))).toEqual(kept)
    expect((again.known(first) as FittedWeight).quantized.spec).toBe(first.spec)
    again.keep(second, 'it says nothing')
    again.close()
    expect(new FitWorkFile(path, 'base', 'key').known(second)).toBe('it says nothing')
    again.remove()
    expect(existsSync(path)).toBe(false)
  },
)

test('of another base: started over, and said', async () => {
  const { first } = await left('int4-weights')
  const other = new FitWorkFile(path, 'other', 'key')
  expect(other.count).toBe(0)
  expect(other.known(first)).toBeUndefined()
  expect(other.notes.join()).toMatch(/of another model, other data or other options: started over/)
})

test('attempts with other plans share the file, each with what is its own', async () => {
  const { first, second, kept } = await left('int4-weights')
  const other = new FitWorkFile(path, 'base', 'another plan')
  expect([other.count, other.known(first), other.notes.length]).toEqual([0, undefined, 0])
  other.keep(first, 'not with this plan')
  other.close()
  const again = new FitWorkFile(path, 'base', 'key')
  expect(plain(again.known(first) as FittedWeight)).toEqual(kept[0])
  again.keep(second, 'once more')
  again.close()
  expect(new FitWorkFile(path, 'base', 'another plan').known(first)).toBe('not with this plan')
  expect(new FitWorkFile(path, 'base', 'key').known(second)).toBe('once more')
})

test('what was learned stands beside what was found, once all of it is there', async () => {
  const { first, second, kept } = await left('int4-weights')
  const works = [first, second]
  const file = new FitWorkFile(path, 'base', 'key')
  const learned: FittedWeight = { ...kept[0], solver: 'learned', because: 'learned' }
  expect(file.knownLearned('a', works)).toBeUndefined()
  const size = statSync(path).size
  const given = file.keepLearned('a', works, { fitted: new Map([[first.weight, learned]]) })
  expect(plain(given.fitted.get(first.weight) as FittedWeight)).toEqual(learned)
  const end = statSync(path).size
  file.keepLearned('b', works, { fitted: new Map(), note: 'no nearer' })
  file.close()
  const again = new FitWorkFile(path, 'base', 'key')
  expect([again.count, plain(again.known(first) as FittedWeight)]).toEqual([2, kept[0]])
  const known = again.knownLearned('a', works)?.fitted
  expect([...(known ?? [])].map(([weight, one]) => [weight.name, plain(one)])).toEqual([[first.weight.name, learned]])
  expect(again.knownLearned('b', works)).toEqual({ fitted: new Map(), note: 'no nearer' })
  again.close()
  // Killed before it was closed.
  truncateSync(path, end - 1)
  expect(size).toBeLessThan(end)
  expect(new FitWorkFile(path, 'base', 'key').knownLearned('a', works)).toBeUndefined()
})

test('whatever byte is cut off at the end, what stands before is used', async () => {
  const { first, second, kept } = await left('int4-weights')
  const size = statSync(path).size
  const whole = readFileSync(path)
  for (const cut of [1, 31, 33, 200, size - 20, size]) {
    writeFileSync(path, whole)
    truncateSync(path, size - cut)
    const file = new FitWorkFile(path, 'base', 'key')
    const codes = file.known(first) as FittedWeight | undefined
    if (file.count > 0) expect(codes && plain(codes)).toEqual(kept[0])
    expect(file.known(second)).toBeUndefined()
    // It goes on behind the last whole record.
    file.keep(second, kept[1])
    file.close()
    expect(plain(new FitWorkFile(path, 'base', 'key').known(second) as FittedWeight)).toEqual(kept[1])
  }
})

test('a damaged record is found, said, and not used; nor is what stands behind it', async () => {
  const { first, second } = await left('int4-weights')
  const bytes = readFileSync(path)
  const at = Math.floor(bytes.length / 3)
  bytes[at] = (bytes[at] as number) ^ 1
  writeFileSync(path, bytes)
  const file = new FitWorkFile(path, 'base', 'key')
  expect(file.notes.join()).toMatch(/is damaged behind its first 0 weights/)
  expect([file.known(first), file.known(second)]).toEqual([undefined, undefined])
})

test('codes that change between finding and writing are an error', async () => {
  const { first } = await left('int4-weights')
  const file = new FitWorkFile(path, 'base', 'key')
  const codes = file.known(first) as FittedWeight
  const bytes = readFileSync(path)
  const at = Math.floor(bytes.length / 3)
  writeFileSync(path, bytes.fill(0, at, at + 40))
  expect(() => codes.quantized).toThrow(expect.objectContaining({ code: 'E_FORMAT' }))
})

test('other files are no work of ours, and a folder that is not there is said', () => {
  writeFileSync(path, 'something else that is long enough to hold a record, or so it seems to be')
  const file = new FitWorkFile(path, 'base', 'key')
  expect(file.notes.join()).toMatch(/damaged or of another version: started over/)
  file.close()
  const wrong = (): unknown => new FitWorkFile(workFileOf(join(folder, 'none', 'out.onnx')), 'base', 'key')
  expect(wrong).toThrow(expect.objectContaining({ code: 'E_OUTPUT' }))
})
