import { expect, it } from 'vitest'
import { buildModel, f32, node, value } from '../../../test/fixtures/build.ts'
import { noise } from '../../../test/fixtures/static-model.ts'
import { takeInventory } from '../../graph/index.ts'
import type { DecisionFact } from '../../model/report.ts'
import { readSmall } from '../tensor-bytes.ts'
import { staticDecisions } from './static-decisions.ts'

const fact = (tensor: string, action: DecisionFact['action'], code: string): DecisionFact => ({
  ...{ tensor, consumers: [], op: 'Conv', action, shape: [4], bytesBefore: 16, bytesAfter: 8 },
  because: { code, text: code },
})

it('gives every tensor of the file one decision, and none to what came with its codes', async () => {
  const given = await takeInventory(
    buildModel({
      inputs: [value('x', 'f32', [1, 4, 8, 8])],
      outputs: [value('y', 'f32')],
      initializers: [
        f32('w', [4, 4, 3, 3], noise(144)),
        f32('b', [4], noise(4)),
        ...['gamma', 'beta', 'mean', 'variance'].map((name) => f32(name, [4], [1, 2, 3, 4])),
        f32('slope', [4, 1, 1], [1, 2, 3, 4]),
      ],
      nodes: [
        node('Conv', ['x', 'w', 'b'], ['a'], { pads: [1, 1, 1, 1] }, { name: 'conv' }),
        node('BatchNormalization', ['a', 'gamma', 'beta', 'mean', 'variance'], ['c'], {}, { name: 'norm' }),
        node('PRelu', ['c', 'slope'], ['y']),
      ],
    }),
    readSmall,
  )
  const planned = [
    fact('w/codes', 'keep', 'not-float'),
    fact('a/scale', 'keep', 'too-small'),
    fact('slope', 'keep', 'too-small'),
    fact('w/folded', 'quantize', 'default'),
  ]
  const all = staticDecisions(given, [fact('w', 'quantize', 'saturation')], planned)
  expect(all.map(({ tensor, because }) => [tensor, because.code])).toEqual([
    ['w', 'saturation'],
    ['slope', 'too-small'],
    ['w/folded', 'default'],
    ['b', 'bias'],
    ...['gamma', 'beta', 'mean', 'variance'].map((name) => [name, 'folded']),
  ])
  expect(all.find(({ tensor }) => tensor === 'b')).toMatchObject({
    consumers: ['conv'],
    bytesBefore: 16,
    bytesAfter: 16,
  })
  expect(all.find(({ tensor }) => tensor === 'mean')).toMatchObject({ consumers: ['norm'], bytesAfter: 0 })
})
