import { expect, test } from 'vitest'
import { buildModel, node, value } from '../../test/fixtures/build.ts'
import { lineFolder } from '../../test/fixtures/line-folder.ts'
import { weight } from '../../test/fixtures/line-models.ts'
import { quantize } from './quantize-file.node.ts'

const folder = lineFolder()

/** x W + (x A) B; without `beside` only x A B. */
const adapted = (beside: boolean, rank: number) =>
  buildModel({
    opset: 17,
    nodes: [
      node('MatMul', ['x', 'a'], ['thin']),
      node('MatMul', ['thin', 'b'], ['change']),
      ...(beside
        ? [node('MatMul', ['x', 'w'], ['full']), node('Add', ['full', 'change'], ['y'])]
        : [node('Identity', ['change'], ['y'])]),
    ],
    initializers: [
      weight('a', [128, rank], 1),
      weight('b', [rank, 96], 2),
      ...(beside ? [weight('w', [128, 96], 3)] : []),
    ],
    inputs: [value('x', 'f32', ['n', 128])],
    outputs: [value('y', 'f32', ['n', 96])],
  })

test.each([
  ['beside a full matrix', true, 8, ['w']],
  ['of a rank that is not small', true, 32, ['a', 'b', 'w']],
  ['alone', false, 8, ['a', 'b']],
])('thin pairs %s', async (name, beside, rank, changed) => {
  const path = await folder.write(`${name.length}.onnx`, adapted(beside, rank))
  const options = { to: 'int8-weights', noVerify: true, force: true }
  const { decisions } = await quantize(path, `${path}.out`, options)
  const quantized = decisions.flatMap(({ tensor, action }) => (action === 'quantize' ? [tensor] : []))
  expect([...quantized].sort()).toEqual(changed)
  if (rank === 8 && beside)
    expect(decisions.find(({ tensor }) => tensor === 'a')?.because.text).toMatch(/adapter such as LoRA/)
})
