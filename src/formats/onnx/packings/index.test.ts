import { expect, test } from 'vitest'
import { packings } from './index.ts'

test('every packing is in the table under its own id', () => {
  expect([...packings.keys()].sort()).toEqual([
    'onnx/bnb4',
    'onnx/elements',
    'onnx/gather-block',
    'onnx/kn',
    'onnx/kn-s8',
    'onnx/lookup',
    'onnx/lstm',
    'onnx/nbits',
  ])
  for (const [id, packing] of packings) expect(packing.id).toBe(id)
})
