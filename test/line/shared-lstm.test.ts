import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { memorySource } from '../../src/bytes/memory.ts'
import { read } from '../../src/formats/onnx/index.ts'
import { scopesOf } from '../../src/graph/index.ts'
import { quantize } from '../../src/node.ts'
import { buildModel, f32, graph, node, value } from '../fixtures/build.ts'
import { gaussian } from '../fixtures/distribution.ts'
import { lineFolder } from '../fixtures/line-folder.ts'

const folder = lineFolder()
const [input, hidden] = [24, 32]
const weight = (name: string, shape: readonly number[], seed: number) => {
  const count = shape.reduce((product, size) => product * size, 1)
  return f32(
    name,
    shape,
    gaussian(count, seed).map((one) => one / 8),
  )
}

/** Two branches with the same cell, as exporters write what runs with and without states; the second R is another one if asked. */
const branching = (second: 'r' | 's') => {
  const cell = (name: string, r: string) =>
    graph({
      outputs: [value(name)],
      nodes: [node('LSTM', ['x', 'w', r], [name], { hidden_size: hidden }, { name: `${name}-cell` })],
    })
  return buildModel({
    inputs: [value('x', 'f32', [6, 2, input]), value('flag', 'bool', [])],
    outputs: [value('y', 'f32', [6, 1, 2, hidden])],
    initializers: [
      weight('w', [1, 4 * hidden, input], 1),
      weight('r', [1, 4 * hidden, hidden], 2),
      ...(second === 's' ? [weight('s', [1, 4 * hidden, hidden], 3)] : []),
    ],
    nodes: [node('If', ['flag'], ['y'], { then_branch: cell('a', 'r'), else_branch: cell('b', second) })],
  })
}

const cells = async (path: string): Promise<readonly string[]> => {
  const model = await read(memorySource(new Uint8Array(readFileSync(path)), 'made.onnx'))
  return scopesOf(model)
    .flatMap(({ nodes }) => nodes)
    .filter(({ op }) => op.endsWith('LSTM'))
    .map(({ op }) => op)
}

test.each([
  ['r', ['DynamicQuantizeLSTM', 'DynamicQuantizeLSTM']],
  ['s', ['LSTM', 'LSTM']],
] as const)('cells in two branches that share W, and R or not (%s)', async (second, expected) => {
  const [from, to] = [await folder.write('from.onnx', branching(second)), join(folder.path, 'to.onnx')]
  const report = await quantize(from, to, { to: 'int8', force: true })
  expect(report.verdict?.status).toBe('plausible')
  expect(await cells(to)).toEqual(expected)
})
