import { expect, test } from 'vitest'
import type { Statistics } from '../model/statistics.ts'
import { askOf } from './ask-of.ts'
import type { StaticChoices } from './static/static-model.ts'
import { choicesIn, choicesKey, withChoices } from './statistics-choices.ts'

const NONE: Statistics = { model: '', labels: [], values: new Map(), skipped: new Map(), carried: [] }
const CHOICES: StaticChoices = {
  calibrators: new Map([['constructor', 'mse']]),
  forms: new Map([['conv 1', 'wide']]),
}

test('what was chosen is found under its key only', () => {
  const ask = askOf({ to: 'int8-static', rules: ['op:Conv=keep'] })
  const key = choicesKey(ask, {})
  const kept = withChoices(withChoices(NONE, 'other', { calibrators: new Map(), forms: new Map() }), key, CHOICES)
  expect(choicesIn(kept, key)).toEqual(CHOICES)
  expect(choicesIn(kept, 'none')).toBeUndefined()
  expect(choicesIn(NONE, key)).toBeUndefined()
  const others = [
    choicesKey(ask, { effort: 'best' }),
    choicesKey(ask, { calibrator: 'mse' }),
    choicesKey(askOf({ to: 'int8-static' }), {}),
    choicesKey(askOf({ to: 'int8-static', rules: ['op:Conv=keep'], target: 'ort-web-wasm' }), {}),
  ]
  expect(new Set([key, ...others]).size).toBe(5)
  expect(choicesKey(ask, { effort: 'default' })).toBe(key)
})

test.each([null, 3, {}, { calibrators: [['g', 'magic']], forms: [] }, { calibrators: [], forms: [[1, 'wide']] }])(
  'choices of another kind are refused: %j',
  (choice) => {
    expect(() => choicesIn({ ...NONE, choices: new Map([['k', choice]]) }, 'k')).toThrow(
      expect.objectContaining({ code: 'E_FORMAT' }),
    )
  },
)
