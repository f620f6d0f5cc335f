import { expect, test } from 'vitest'
import { singleNodes } from './single-nodes.ts'

const point = (op: string, text: string, value = op) => ({
  ...{ value, scheme: 'f32', op, node: '' },
  because: { code: 'range', text },
})

test('nodes with one kind of reason are counted together, whatever its names and numbers', () => {
  const points = [
    point('Pow', '"p" reaches 81000 on the data; f16 ends at 65504'),
    point('Exp', '"e" reaches 9.2e+4 on the data; f16 ends at 65504'),
    point('LSTM', 'LSTM takes f32 here'),
    { value: 'x', scheme: 'u8' },
  ]
  expect(singleNodes({ points })).toEqual([
    {
      code: 'range',
      text: '"p" reaches 81000 on the data; f16 ends at 65504',
      count: 2,
      operators: ['Exp', 'Pow'],
      example: 'Pow',
    },
    { code: 'range', text: 'LSTM takes f32 here', count: 1, operators: ['LSTM'], example: 'LSTM' },
  ])
})
