import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { writeNpz } from '../../src/calibration/write-npz.ts'
import { type FileOptions, quantize } from '../../src/pipeline/quantize-file.node.ts'
import { buildModel, f32, node, value } from '../fixtures/build.ts'
import { gaussian } from '../fixtures/distribution.ts'
import { lineFolder } from '../fixtures/line-folder.ts'

const [WIDTH, TOKENS, SAMPLES] = [64, 12, 16]
const folder = lineFolder()
const at = (name: string): string => join(folder.path, name)
let model = ''
let calib = ''

beforeAll(async () => {
  // A few channels are far larger than the rest, and no norm says so.
  const gain = Array.from({ length: WIDTH }, (_, i) => (i % 20 === 3 ? 40 : 1))
  model = await folder.write(
    'model.onnx',
    buildModel({
      opset: 17,
      nodes: [
        node('MatMul', ['x', 'up'], ['a'], {}, { name: 'up' }),
        node('Mul', ['a', 'gain'], ['b']),
        node('MatMul', ['b', 'left'], ['l'], {}, { name: 'left' }),
        node('MatMul', ['b', 'right'], ['r'], {}, { name: 'right' }),
        node('Add', ['l', 'r'], ['y']),
      ],
      initializers: [
        f32('up', [WIDTH, WIDTH], gaussian(WIDTH * WIDTH, 1)),
        f32('gain', [WIDTH], gain),
        f32('left', [WIDTH, WIDTH], gaussian(WIDTH * WIDTH, 2)),
        f32('right', [WIDTH, WIDTH], gaussian(WIDTH * WIDTH, 3)),
      ],
      inputs: [value('x', 'f32', ['batch', TOKENS, WIDTH])],
      outputs: [value('y', 'f32', ['batch', TOKENS, WIDTH])],
    }),
  )
  calib = at('x.npz')
  const data = new Uint8Array(gaussian(SAMPLES * TOKENS * WIDTH, 4).slice().buffer)
  writeFileSync(calib, writeNpz(new Map([['x', { dtype: 'f32', shape: [SAMPLES, TOKENS, WIDTH], data }]])))
})

let count = 0
const int8 = async (options: FileOptions) => {
  const path = at(`${count++}.onnx`)
  const report = await quantize(model, path, { to: 'int8', everything: true, calib, force: true, ...options })
  return { path, report, noise: report.verdict?.outputs[0]?.sqnrDb as number }
}
const correctionsOf = ({ report }: Awaited<ReturnType<typeof int8>>, tensor: string) =>
  report.decisions.find((one) => one.tensor === tensor)?.corrections

test('activations are balanced by what the data show, together where they are one value', async () => {
  const smooth = await int8({})
  const plain = await int8({ transform: 'none' })
  expect(smooth.noise).toBeGreaterThan(plain.noise + 3)
  for (const name of ['left', 'right']) {
    expect(correctionsOf(smooth, name)).toContain('smooth')
    const because = smooth.report.decisions.find((one) => one.tensor === name)?.because.text
    expect(because).toMatch(/balanced against its input with alpha 0\.\d: \d+ % of the product's error/)
    expect(correctionsOf(plain, name)).not.toContain('smooth')
  }
  const [left, right] = ['left', 'right'].map((name) => smooth.report.decisions.find((one) => one.tensor === name))
  expect(left?.because.text).toBe(right?.because.text)
  expect(readFileSync((await int8({ transform: 'smooth', threads: 1 })).path).equals(readFileSync(smooth.path))).toBe(
    true,
  )
})

test('what plain rounding asks for stays plain', async () => {
  expect(correctionsOf(await int8({ solver: 'nearest' }), 'left')).not.toContain('smooth')
})

test('by name it needs data', async () => {
  await expect(quantize(model, at('none.onnx'), { to: 'int8', transform: 'smooth' })).rejects.toMatchObject({
    code: 'E_USAGE',
    hint: expect.stringContaining('--calib'),
  })
})
