import { expect, test } from 'vitest'
import { buildModel, node, value } from '../../test/fixtures/build.ts'
import { floatTensor, randomFloats } from '../../test/fixtures/quantized-weight.ts'
import { takeInventory } from '../graph/index.ts'
import { createReferenceKernels } from '../kernels/index.ts'
import type { Tools } from '../model/tools.ts'
import { askOf } from './ask-of.ts'
import { measure } from './measure.ts'
import { plan } from './plan.ts'
import { readSmall } from './tensor-bytes.ts'

const tools: Tools = { kernels: createReferenceKernels(), notify: () => undefined }
const [DEPTH, CHANNELS] = [64, 96]

/** What a matrix becomes whose last channel is multiplied by `factor`. */
async function schemeOf(factor: number): Promise<string | undefined> {
  const values = randomFloats(DEPTH * CHANNELS, 3)
  for (let at = CHANNELS - 1; at < values.length; at += CHANNELS) values[at] = (values[at] as number) * factor
  const model = buildModel({
    opset: 17,
    nodes: [node('MatMul', ['x', 'w'], ['y'])],
    initializers: [floatTensor('w', [DEPTH, CHANNELS], values)],
    inputs: [value('x', 'f32', [2, DEPTH])],
    outputs: [value('y', 'f32', [2, CHANNELS])],
  })
  const inventory = await takeInventory(model, readSmall)
  const ask = askOf({ to: 'int8-weights', everything: true })
  const decision = plan(inventory, await measure(inventory, ask, tools), ask).decisions[0]
  return decision?.action === 'quantize' ? decision.schemeId : undefined
}

test('scales of small matrices are stored in half precision', async () => {
  expect(await schemeOf(1)).toMatch(/-f16$/)
  expect(await schemeOf(0)).toMatch(/-f16$/)
})

test('a channel so small that half precision would lose its scale keeps all scales in f32', async () => {
  expect(await schemeOf(1e-4)).not.toMatch(/-f16$/)
})
