import * as ort from 'onnxruntime-node'
import { expect, test } from 'vitest'
import { buildModel, f32, graph, i64, node, tensor, value } from '../../../test/fixtures/build.ts'
import { noise, place } from '../../../test/fixtures/static-model.ts'
import type { SampleSet } from '../../calibration/index.ts'
import { createKernelsSync } from '../../kernels/index.ts'
import type { Placement } from '../../model/activation.ts'
import { type OrtModule, ortRuntime } from '../../runtime/ort.ts'
import { preparedBodies } from '../changed-bodies.ts'
import { MemorySessions } from '../model-sessions.ts'
import { integerShare, plainShare, shareNotes } from './integer-share.ts'

const tools = { kernels: createKernelsSync(), notify: () => undefined }
const K = 8
const matrix = (name: string) => f32(name, [K, K], noise(K * K))

/** x of n rows: a product, one a branch for half of the samples, three in a Loop, and one of two activations. */
const model = buildModel({
  inputs: [value('x', 'f32', ['n', K]), value('flag', 'bool', [])],
  outputs: [value('y', 'f32')],
  initializers: [matrix('w'), i64('times', [], [3]), tensor('go', 'bool', [], Uint8Array.of(1))],
  nodes: [
    node('MatMul', ['x', 'w'], ['a'], {}, { name: 'main' }),
    node(
      'If',
      ['flag'],
      ['b'],
      {
        then_branch: graph({
          outputs: [value('t')],
          initializers: [matrix('w2')],
          nodes: [node('MatMul', ['a', 'w2'], ['t'])],
        }),
        else_branch: graph({ outputs: [value('e')], nodes: [node('Identity', ['a'], ['e'])] }),
      },
      { name: 'if' },
    ),
    node(
      'Loop',
      ['times', 'go', 'b'],
      ['c'],
      {
        body: graph({
          inputs: [value('i', 'i64', []), value('was', 'bool', []), value('s', 'f32', ['n', K])],
          outputs: [value('still', 'bool', []), value('next', 'f32', ['n', K])],
          initializers: [matrix('w3')],
          nodes: [node('Identity', ['was'], ['still']), node('MatMul', ['s', 'w3'], ['next'])],
        }),
      },
      { name: 'loop' },
    ),
    node('Transpose', ['c'], ['d'], { perm: [1, 0] }),
    node('MatMul', ['c', 'd'], ['y'], {}, { name: 'two' }),
  ],
})

const N = 5
const samples: SampleSet = {
  count: 4,
  found: 4,
  skipped: [],
  filled: [],
  converted: [],
  at: async (index) => ({
    label: `${index}`,
    feeds: {
      x: { dtype: 'f32', shape: [N, K], data: new Uint8Array(noise(N * K, index + 1).buffer) },
      flag: { dtype: 'bool', shape: [], data: Uint8Array.of(index % 2) },
    },
  }),
}

test('bodies count as often as the data run them, open sizes as the model gives them', async () => {
  const { model: whole, bodies } = await preparedBodies(model)
  const main = await place(whole, { forms: new Map([['main', 'wide']]) })
  const parts = [{ path: [], placement: main }]
  const inside: [string, Placement][] = []
  for (const { path, model: body } of bodies) {
    const placement = await place(body)
    parts.push({ path: [...path] as never, placement })
    inside.push([path.join('/'), placement])
  }
  expect(inside.map(([name]) => name)).toEqual(['if/then_branch', 'loop/body'])
  const sessions = new MemorySessions(ortRuntime(ort as unknown as OrtModule, 'onnxruntime-node'), tools)
  const share = await integerShare(whole, parts, samples, sessions, tools)
  await sessions.close()
  const one = N * K * K
  const total = one + one / 2 + 3 * one + N * N * K
  expect(share).toEqual({ integer: total, total, doubled: one, unknown: 0 })
  expect(shareNotes(share)[0]).toMatch(/^100\.0 % of the multiply-adds .* 16-bit activations add \d+\.\d % to them$/)
})

test('without a run, what is not known is left out and said', async () => {
  const placement = await place(model)
  const share = plainShare({ path: [], placement })
  expect(share.unknown).toBeGreaterThan(0)
  expect(shareNotes({ ...share, total: 10, integer: 5 })[0]).toMatch(/products of unknown size left out/)
  expect(shareNotes({ integer: 0, total: 0, doubled: 0, unknown: 2 })).toEqual([])
})
