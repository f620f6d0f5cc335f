import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { memorySource } from '../../src/bytes/memory.ts'
import { writeNpz } from '../../src/calibration/write-npz.ts'
import { read } from '../../src/formats/onnx/index.ts'
import type { Model } from '../../src/model/graph.ts'
import { type FileOptions, quantize } from '../../src/pipeline/quantize-file.node.ts'
import { buildModel, f32, node, value } from '../fixtures/build.ts'
import { gaussian } from '../fixtures/distribution.ts'
import { lineFolder } from '../fixtures/line-folder.ts'

const [WIDTH, TOKENS, SAMPLES] = [64, 12, 16]
const folder = lineFolder()
const at = (name: string): string => join(folder.path, name)
const matrix = (name: string, seed: number) => f32(name, [WIDTH, WIDTH], gaussian(WIDTH * WIDTH, seed, 0.1))
const uneven = Array.from({ length: WIDTH }, (_, i) => (i % 20 === 3 ? 40 : 1))

async function written(name: string, nodes: ReturnType<typeof node>[], initializers: ReturnType<typeof f32>[]) {
  const shape = ['batch', TOKENS, WIDTH]
  const inputs = [value('x', 'f32', shape)]
  const outputs = [value('y', 'f32', shape)]
  return folder.write(name, buildModel({ opset: 17, nodes, initializers, inputs, outputs }))
}

let count = 0
async function int8(model: string, options: FileOptions = {}) {
  const path = at(`${count++}.onnx`)
  const report = await quantize(model, path, { to: 'int8', everything: true, force: true, ...options })
  const made = await read(memorySource(readFileSync(path)))
  const text = (tensor: string) => report.decisions.find((one) => one.tensor === tensor)?.because.text ?? ''
  return { report, made, text, sqnr: report.verdict?.outputs[0]?.sqnrDb as number }
}
/** Multiplications in front of codes. */
function balances({ graph }: Model): number {
  const measured = new Set(graph.nodes.flatMap(({ op, inputs }) => (op === 'Abs' ? inputs : [])))
  return graph.nodes.filter(({ op, outputs }) => op === 'Mul' && measured.has(outputs[0] ?? '')).length
}

test('a gain that two norms share becomes two, and no multiplication is left', async () => {
  const model = await written(
    'shared.onnx',
    [
      node('LayerNormalization', ['x', 'gain', 'shift'], ['a'], { axis: -1 }),
      node('MatMul', ['a', 'first'], ['b']),
      node('LayerNormalization', ['b', 'gain', 'shift'], ['c'], { axis: -1 }),
      node('MatMul', ['c', 'second'], ['y']),
    ],
    [f32('gain', [WIDTH], uneven), f32('shift', [WIDTH], gaussian(WIDTH, 3)), matrix('first', 1), matrix('second', 2)],
  )
  const { made, text, sqnr } = await int8(model)
  expect(balances(made)).toBe(0)
  for (const name of ['first', 'second']) expect(text(name)).toMatch(/divided by LayerNormalization gain, which takes/)
  const gains = made.graph.nodes.filter(({ op }) => op === 'LayerNormalization').map(({ inputs }) => inputs[1])
  expect(new Set(gains).size).toBe(2)
  expect(sqnr).toBeGreaterThan(28)
})

test('where something else reads the value, it is multiplied when it runs', async () => {
  const model = await written(
    'residual.onnx',
    [
      node('LayerNormalization', ['x', 'gain'], ['a'], { axis: -1 }),
      node('MatMul', ['a', 'first'], ['b']),
      node('Add', ['a', 'b'], ['y']),
    ],
    [f32('gain', [WIDTH], uneven), matrix('first', 1)],
  )
  const { made, text } = await int8(model)
  expect(balances(made)).toBe(1)
  expect(text('first')).toMatch(/multiplied when it runs: its input is also read by Add/)
})

test('with data, a gated layer is divided by the output channels in front, and their bias', async () => {
  const wide = gaussian(WIDTH * WIDTH, 5, 0.1).map((one, i) => one * (uneven[i % WIDTH] as number))
  const model = await written(
    'gated.onnx',
    [
      node('MatMul', ['x', 'gate'], ['g']),
      node('Sigmoid', ['g'], ['s']),
      node('MatMul', ['x', 'up'], ['u']),
      node('Add', ['u', 'bias'], ['w']),
      node('Mul', ['s', 'w'], ['d']),
      node('MatMul', ['d', 'down'], ['y']),
    ],
    [matrix('gate', 4), f32('up', [WIDTH, WIDTH], wide), f32('bias', [WIDTH], gaussian(WIDTH, 6)), matrix('down', 7)],
  )
  const calib = at('x.npz')
  const data = new Uint8Array(gaussian(SAMPLES * TOKENS * WIDTH, 8).slice().buffer)
  writeFileSync(calib, writeNpz(new Map([['x', { dtype: 'f32', shape: [SAMPLES, TOKENS, WIDTH], data }]])))
  const smooth = await int8(model, { calib })
  expect(smooth.text('down')).toMatch(/balanced against its input .* divided by MatMul "up", which takes no node/)
  // The gate itself.
  expect(balances(smooth.made)).toBe(1)
  expect(smooth.sqnr).toBeGreaterThan((await int8(model, { calib, transform: 'none' })).sqnr + 1)
})
