import { expect, it } from 'vitest'
import { metricChoice } from './metric-name.ts'

it('a metric is a name or a module', () => {
  expect(metricChoice('kl')).toEqual({ kind: 'name', name: 'kl' })
  expect(metricChoice('./top1.mjs')).toEqual({ kind: 'module', path: './top1.mjs' })
})

it.each([
  ['cosin', 'E_USAGE', 'did you mean "cosine"?'],
  ['accuracy-of-mine', 'E_USAGE', 'known: top1'],
])('%s: %s', (name, code, hint) => {
  expect(() => metricChoice(name)).toThrow(expect.objectContaining({ code, hint: expect.stringContaining(hint) }))
})
