import { afterEach, describe, expect, test } from 'vitest'
import { createKernelsSync, createReferenceKernels } from '../../kernels/index.ts'
import type { CodedSpec } from '../../model/packing.ts'
import type { Tools } from '../../model/tools.ts'
import { parseSchemeId } from '../../schemes/index.ts'
import type { GramRows } from '../../solvers/gram/rows.ts'
import { type GramChoice, GramSolver } from '../../solvers/gram/solve-gram.ts'
import { ownRows } from './row-solving.ts'
import { type RowThreadOptions, RowThreads } from './row-threads.node.ts'

const DEPTH = 96
const CHANNELS = 200

function bells(seed: number): () => number {
  let state = seed >>> 0
  const uniform = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 4294967296
  }
  return () => uniform() + uniform() + uniform() + uniform() - 2
}

/** [rows][depth]^T [rows][depth] / rows. */
function cross(a: Float32Array, b: Float32Array, floats: (length: number) => Float32Array): Float32Array {
  const count = a.length / DEPTH
  const made = floats(DEPTH * DEPTH)
  for (let i = 0; i < DEPTH; i++) {
    for (let j = 0; j < DEPTH; j++) {
      let sum = 0
      for (let n = 0; n < count; n++) sum += (a[n * DEPTH + i] as number) * (b[n * DEPTH + j] as number)
      made[i * DEPTH + j] = sum / count
    }
  }
  return made
}

const bell = bells(3)
const met = Float32Array.from({ length: 300 * DEPTH }, bell)
const missed = met.map((value) => 0.05 * bell() + 0.02 * value)
const rowsOf = (scheme: string): GramRows => ({
  values: Float32Array.from({ length: CHANNELS * DEPTH }, bells(7)),
  channels: CHANNELS,
  depth: DEPTH,
  spec: parseSchemeId(scheme) as CodedSpec,
})

const opened: RowThreads[] = []
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close()
})

function threads(tools: Tools, options: RowThreadOptions): RowThreads {
  const made = new RowThreads(tools, { leastWork: 0, ...options })
  opened.push(made)
  return made
}

const toolsOf = (kernels = createKernelsSync()): Tools => ({ kernels, notify: () => {} })

const solverFor = (tools: Tools, floats: (length: number) => Float32Array): GramSolver => {
  const moments = { depth: DEPTH, gram: cross(met, met, floats), drift: cross(missed, met, floats) }
  return new GramSolver(moments, tools.kernels, floats)
}

describe('rows on threads have the codes of one thread', () => {
  test.each<[string, GramChoice, number]>([
    ['int4-block32-sym', { damping: 0.1, drift: 1, ordered: false }, 2],
    ['int4-block32-asym', { damping: 0.03, drift: 0.5, ordered: true }, 3],
    ['int2-block16-sym', { damping: 0.3, drift: 0, ordered: false }, 4],
    ['int4-channel-sym', { damping: 0.1, drift: 1, ordered: false }, 2],
  ])('%s %o on %i threads', async (scheme, choice, count) => {
    const tools = toolsOf()
    const rows = rowsOf(scheme)
    const own = ownRows(tools)
    const alone = solverFor(tools, own.floats)
    const aimed = await own.aimed(alone, rows, choice)
    const codes = aimed && (await own.code(alone, aimed, choice))

    const several = threads(tools, { threads: count })
    const solver = solverFor(tools, several.floats)
    const theirs = await several.aimed(solver, rows, choice)
    expect(theirs).toEqual(aimed)
    expect(theirs && (await several.code(solver, theirs, choice))).toEqual(codes)
    expect(codes?.codes.some((code) => code !== codes.codes[0])).toBe(true)
  })

  test('the kernels in TypeScript, too', async () => {
    const choice: GramChoice = { damping: 0.1, drift: 1, ordered: false }
    const rows = rowsOf('int4-block32-sym')
    const own = ownRows(toolsOf())
    const tools = toolsOf(createReferenceKernels())
    const several = threads(tools, { threads: 2 })
    const expected = await own.code(solverFor(toolsOf(), own.floats), rows, choice)
    expect(await several.code(solverFor(tools, several.floats), rows, choice)).toEqual(expected)
  })
})

test('moments without a factor give null', async () => {
  const tools = toolsOf()
  const several = threads(tools, { threads: 2 })
  const moments = { depth: DEPTH, gram: several.floats(DEPTH * DEPTH), drift: null }
  const solver = new GramSolver(moments, tools.kernels, several.floats)
  const choice: GramChoice = { damping: 0.1, drift: 1, ordered: false }
  expect(await several.aimed(solver, rowsOf('int4-block32-sym'), choice)).toBeNull()
  expect(await several.code(solver, rowsOf('int4-block32-sym'), choice)).toBeNull()
})

test('a stop ends threads at work', async () => {
  const stop = new AbortController()
  const tools: Tools = { ...toolsOf(createReferenceKernels()), signal: stop.signal }
  const several = threads(tools, { threads: 2 })
  const solver = solverFor(toolsOf(), several.floats)
  const choice: GramChoice = { damping: 0.1, drift: 0, ordered: false }
  const found = several.code(solver, rowsOf('int4-block32-sym'), choice)
  setTimeout(() => stop.abort(), 1)
  await expect(found).rejects.toMatchObject({ code: 'E_ABORTED' })
})
