import { expect, test } from 'vitest'
import { quantize } from '../../src/index.ts'
import { buildModel, encodeModel, f32, node, value } from '../fixtures/build.ts'

const ramp = (count: number, step: number) => Float32Array.from({ length: count }, (_, i) => (i - count / 2) * step)

test('half precision keeps a tensor it cannot hold, and says why', async () => {
  const model = buildModel({
    opset: 17,
    inputs: [value('x', 'f32', ['N', 32])],
    outputs: [value('y', 'f32', ['N', 32])],
    initializers: [f32('small', [32, 32], ramp(1024, 1e-3)), f32('large', [32, 32], ramp(1024, 200))],
    nodes: [node('MatMul', ['x', 'small'], ['h']), node('MatMul', ['h', 'large'], ['y'])],
  })
  const { report, files } = await quantize(await encodeModel(model), { to: 'fp16-weights' })
  const decisions = new Map(report.decisions.map((one) => [one.tensor, one]))
  expect(decisions.get('small')?.action).toBe('cast')
  expect(decisions.get('large')?.action).toBe('keep')
  expect(decisions.get('large')?.because).toEqual({
    code: 'range',
    text: 'holds 102400, more than half precision can (65504)',
  })
  expect(files.size).toBe(1)
})
