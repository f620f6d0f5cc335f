import { expect, test } from 'vitest'
import { readNcnnTable, writeNcnnTable } from './ncnn-table.ts'

const LAYERS = [
  { name: 'conv1', scale: 53.947, weightScales: Float32Array.of(127, 0.1, 1e-9) },
  { name: '/features/conv.2/Conv', scale: Math.fround(1 / 3), weightScales: Float32Array.of(31 / 7) },
].map((layer) => ({ ...layer, scale: Math.fround(layer.scale) }))

test('weights of all layers first, then what they read, as ncnn2table writes them', () => {
  expect(writeNcnnTable(LAYERS)).toBe(
    [
      'conv1_param_0 127 0.1 1e-9',
      '/features/conv.2/Conv_param_0 4.428571',
      'conv1 53.947',
      '/features/conv.2/Conv 0.33333334',
      '',
    ].join('\n'),
  )
})

test('reads back to the bit', () => {
  expect(readNcnnTable(writeNcnnTable(LAYERS))).toEqual(LAYERS)
  // ncnn2table ends lines with a space.
  expect(readNcnnTable('a_param_0 1.000000 2.000000 \r\na 3.500000 \nb 1 \n')).toEqual([
    { name: 'a', scale: 3.5, weightScales: Float32Array.of(1, 2) },
  ])
})

test.each(['', 'two words', 'conv_param_0', 'x'.repeat(248)])('a name that ncnn would misread: "%s"', (name) => {
  expect(() => writeNcnnTable([{ ...LAYERS[0]!, name }])).toThrow(expect.objectContaining({ code: 'E_UNSUPPORTED' }))
})

test('a name twice, and what is no table', () => {
  expect(() => writeNcnnTable([LAYERS[0]!, LAYERS[0]!])).toThrow(/unique/)
  for (const text of ['name', 'name x', '{"a": 1}', 'a inf'])
    expect(() => readNcnnTable(text)).toThrow(expect.objectContaining({ code: 'E_FORMAT' }))
})
