import { join } from 'node:path'
import { expect, test } from 'vitest'
import { quantize } from '../../src/pipeline/quantize-file.node.ts'
import { buildModel, f32, node, value } from '../fixtures/build.ts'
import { gaussian } from '../fixtures/distribution.ts'
import { lineFolder } from '../fixtures/line-folder.ts'

const folder = lineFolder()
let count = 0
const output = (): string => join(folder.path, `transforms-${count++}.onnx`)
const WIDTH = 8

/** Three convolutions; channels between differ by what `size` says, and the next one takes it back. */
async function chain(size: (channel: number) => number, seen: readonly string[] = []): Promise<string> {
  const factors = Float64Array.from({ length: WIDTH }, (_, channel) => size(channel))
  const weight = (name: string, outputs: number, inputs: number, factor: (row: number, column: number) => number) => {
    const values = gaussian(outputs * inputs * 9, outputs * inputs)
    const at = (index: number) => factor(Math.floor(index / (inputs * 9)), Math.floor(index / 9) % inputs)
    return f32(
      name,
      [outputs, inputs, 3, 3],
      values.map((one, index) => (one * at(index)) / (3 * Math.sqrt(inputs))),
    )
  }
  return folder.write(
    `chain-${count++}.onnx`,
    buildModel({
      inputs: [value('x', 'f32', [1, 3, 8, 8])],
      outputs: ['y', ...seen].map((name) => value(name, 'f32')),
      initializers: [
        weight('k1', WIDTH, 3, (row) => factors[row]!),
        weight('k2', WIDTH, WIDTH, (row, column) => factors[row]! / factors[column]!),
        weight('k3', 8, WIDTH, (_, column) => 1 / factors[column]!),
      ],
      nodes: [
        node('Conv', ['x', 'k1'], ['a'], { pads: [1, 1, 1, 1] }, { name: 'one' }),
        node('Relu', ['a'], ['r']),
        node('Conv', ['r', 'k2'], ['b'], { pads: [1, 1, 1, 1] }, { name: 'two' }),
        node('Relu', ['b'], ['s']),
        node('Conv', ['s', 'k3'], ['y'], { pads: [1, 1, 1, 1] }, { name: 'three' }),
      ],
    }),
  )
}

const run = async (model: string, transform?: string, effort: 'fast' | 'default' = 'default') => {
  const options = { to: 'int8-static', force: true, samples: 8, effort } as const
  const report = await quantize(model, output(), { ...options, ...(transform === undefined ? {} : { transform }) })
  return { noise: report.verdict?.outputs[0]?.sqnrDb ?? 0, notes: report.warnings.join('\n'), report }
}

test('channels of uneven size are evened out where that brings the outputs nearer', async () => {
  const uneven = await chain((channel) => (channel === 3 ? 60 : 1))
  const plain = await run(uneven, 'none')
  const chosen = await run(uneven)
  expect(plain.notes).not.toMatch(/equalize/)
  expect(chosen.notes).toMatch(/equalize.*changes that keep the function.*outputs on \d samples differ/)
  expect(chosen.notes).toMatch(/error of the outputs on \d+ samples \d+ % of what it was/)
  expect(chosen.noise).toBeGreaterThan(plain.noise + 6)
  expect((await run(uneven, undefined, 'fast')).notes).not.toMatch(/equalize/)
  expect((await run(uneven, 'equalize-weights', 'fast')).noise).toBeGreaterThan(plain.noise + 6)
})

test('the same bytes again', async () => {
  const uneven = await chain((channel) => 1 + 8 * (channel % 3))
  const hashes = new Set<string | undefined>()
  for (const threads of [1, 2]) {
    const options = { to: 'int8-static', force: true, samples: 8, threads, hashes: true } as const
    hashes.add((await quantize(uneven, output(), options)).output?.sha256)
  }
  expect(hashes.size).toBe(1)
})

test('what others see is left alone', async () => {
  const seen = await chain((channel) => (channel === 3 ? 60 : 1), ['a', 'b'])
  expect((await run(seen)).notes).not.toMatch(/equalize/)
})

test('names that are none, and where they belong', async () => {
  const model = await chain(() => 1)
  const refuse = (options: object) => quantize(model, output(), { force: true, ...options })
  await expect(refuse({ to: 'int8-static', transform: 'equalise' })).rejects.toThrow(
    expect.objectContaining({ code: 'E_USAGE', hint: 'did you mean "equalize"?' }),
  )
  await expect(refuse({ to: 'int8-static', transform: 'rotate' })).rejects.toThrow(
    expect.objectContaining({ code: 'E_UNSUPPORTED' }),
  )
  await expect(refuse({ to: 'int8-static', transform: 'equalize,none' })).rejects.toThrow(/stands alone/)
  await expect(refuse({ to: 'int8', transform: 'equalize' })).rejects.toThrow(/belongs to --to int8-static/)
})
