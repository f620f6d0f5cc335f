import { describe, expect, it } from 'vitest'
import { codecContract } from '../../../test/contracts/codec.ts'
import { parseArrayScheme } from '../arrays/scheme-grammar.ts'
import { TABLE_FAMILIES } from './families.ts'

const scheme = (id: string) => parseArrayScheme(id, TABLE_FAMILIES)

for (const id of [
  'nf4-block16',
  'nf4-block16-signed-f16',
  'nf3-row-bf16',
  'nf2-block8',
  'iq4nl-block32-signed',
  'binary-block16',
  'ternary-block16',
  'ternary-row-f16',
  'shift3-block16',
  'shift4nz-block16',
  'apot4-block16',
  'e2m1-block16',
  'e4m3fn-block16',
  'e5m2fnuz-row-f16',
  'nf4-block16-e4m3fn',
  'nf4-block16-signed-e4m3fn',
  'shift3-block16-e8m0',
]) {
  const bounded = /f16|e4m3fn$|e8m0/.test(id)
  codecContract(scheme(id), { scales: !bounded })
}
for (const id of ['mxfp8e4m3', 'mxfp8e5m2', 'mxfp6e2m3', 'mxfp6e3m2', 'mxfp4', 'mxint8']) {
  codecContract(scheme(id), { idempotent: ['closed', 'exact'] })
}
codecContract(scheme('nvfp4'))
for (const id of ['f16', 'bf16', 'e4m3fn', 'e4m3fnuz', 'e4m3b11', 'e5m2', 'e5m2fnuz', 'e2m3', 'e3m2', 'e2m1']) {
  codecContract(scheme(id), { scales: false })
}

describe('ids of tables', () => {
  it('every example is one, in its one spelling', () => {
    for (const { examples } of TABLE_FAMILIES) {
      for (const id of examples) expect(scheme(id).id).toBe(id)
    }
  })

  it('a float with a granularity has scales, without one it has none', () => {
    expect(scheme('e4m3fn').codec.parameters).toHaveLength(0)
    expect(scheme('e4m3fn-row').codec.parameters).toHaveLength(1)
    expect(scheme('e4m3fn-nan').id).toBe('e4m3fn-nan')
    expect(() => scheme('f16-row')).toThrow(/expected a scheme/)
    expect(() => scheme('mxfp4-block16')).toThrow(/expected a scheme/)
    expect(() => scheme('shift1-row')).toThrow(/expected a scheme/)
  })
})
