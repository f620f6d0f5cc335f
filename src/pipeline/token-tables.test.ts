import { expect, test } from 'vitest'
import { asRead, buildModel, node, value } from '../../test/fixtures/build.ts'
import { tied, weight } from '../../test/fixtures/line-models.ts'
import { takeInventory } from '../graph/index.ts'
import type { Model } from '../model/graph.ts'
import { readSmall } from './tensor-bytes.ts'
import { idLimits, vocabularyOf } from './token-tables.ts'

const tables = async (built: Model) => {
  const model = await asRead(built)
  const inventory = await takeInventory(model, readSmall)
  return { limits: idLimits(inventory, model.graph), vocabulary: vocabularyOf(inventory, model.graph) }
}
/** One table looked up by the input `ids`, directly or through a calculation. */
const lookUp = (rows: number, direct: boolean, between = 'Abs') =>
  buildModel({
    nodes: [
      ...(direct ? [] : [node(between, ['ids'], ['positive'])]),
      node('Gather', ['table', direct ? 'ids' : 'positive'], ['y'], {}, { name: 'look' }),
    ],
    initializers: [weight('table', [rows, 16], 1)],
    inputs: [value('ids', 'i64', [1, 4])],
    outputs: [value('y', 'f32', [1, 4, 16])],
  })

test('an input that looks up an embedding table says what the ids and the vocabulary are', async () => {
  const { limits, vocabulary } = await tables(tied('stored').model)
  expect(limits.get('ids')).toEqual({ min: 0, max: 99 })
  expect(vocabulary).toBe(100)
})

test('a calculated index and a small table are no vocabulary', async () => {
  expect((await tables(lookUp(100, false))).vocabulary).toBeUndefined()
  expect((await tables(lookUp(16, true))).vocabulary).toBeUndefined()
  expect((await tables(lookUp(100, true))).vocabulary).toBe(100)
  const passed = await tables(lookUp(100, false, 'Identity'))
  expect([passed.vocabulary, passed.limits.get('ids')]).toEqual([100, { min: 0, max: 99 }])
})
