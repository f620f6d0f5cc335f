import { expect, test } from 'vitest'
import { buildModel, f32, node, tensor, value } from '../../test/fixtures/build.ts'
import { takeInventory } from '../graph/index.ts'
import type { Node, TensorRef } from '../model/graph.ts'
import { staticProspect } from './static-prospect.ts'
import { readSmall } from './tensor-bytes.ts'

async function prospectOf(nodes: readonly Node[], initializers: readonly TensorRef[]): Promise<string | null> {
  const model = buildModel({
    opset: 17,
    inputs: [value('x', 'f32', [4, 32])],
    outputs: [value('y', 'f32')],
    initializers,
    nodes,
  })
  return staticProspect(model, await takeInventory(model, readSmall))?.text ?? null
}
const weight = (size: number) => f32('w', [size, size], new Float32Array(size * size).fill(0.5))

test('a product of some size may gain', async () => {
  expect(await prospectOf([node('MatMul', ['x', 'w'], ['y'])], [weight(32)])).toBeNull()
})

test('why the others would not', async () => {
  expect(await prospectOf([node('MatMul', ['x', 'w'], ['y'])], [weight(4)])).toMatch(/too small: its 1 float weights/)
  expect(await prospectOf([node('MatMul', ['x', 'x'], ['y'])], [])).toMatch(/constant float weight/)
  expect(await prospectOf([node('Relu', ['x'], ['y'])], [])).toMatch(/no convolutions/)
  const codes = [
    tensor('w', 'i8', [32, 32], new Uint8Array(1024)),
    f32('s', [], [0.1]),
    tensor('z', 'u8', [], new Uint8Array(1)),
  ]
  const integers = [
    node('QuantizeLinear', ['x', 's', 'z'], ['q']),
    node('MatMulInteger', ['q', 'w', 'z'], ['i']),
    node('Cast', ['i'], ['y'], { to: 1 }),
  ]
  expect(await prospectOf(integers, codes)).toMatch(/quantized already/)
})
