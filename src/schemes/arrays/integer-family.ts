import type { Family } from './families.ts'
import { type IntegerKind, type IntegerOptions, integerCodec } from './integer-codec.ts'

/** int1 .. int8, int16, the same with uint (which only moves the default kind to asym), and any other count of levels. */
export const INTEGERS: Family = {
  name: 'integers',
  pattern: /^(u?int)([1-8]|16)$|^levels([1-9]\d{0,4})$/,
  examples: [
    'int8-tensor',
    'int8-row',
    'int8-channel',
    'uint8-tensor',
    'uint8-row-asym',
    'int4-block32',
    'int4-block32-signed-f16',
    'int4-block32-asym-f16',
    'int4-block32-offset-f16',
    'int3-block32',
    'int2-block16',
    'int16-row',
    'levels8-tensor-offset',
  ],
  kinds: (code) => {
    if (code[3] !== undefined) return ['offset', 'sym', 'signed', 'asym']
    if (code[1] === 'uint') return ['asym', 'offset', 'sym', 'signed']
    // One bit has no positive level in the symmetric form.
    return code[2] === '1' ? ['signed', 'asym', 'offset'] : ['sym', 'signed', 'asym', 'offset']
  },
  scales: () => ['f32', 'f16', 'bf16'],
  grouping: null,
  make: (code, { kind, scale }) =>
    integerCodec({
      levels: code[3] === undefined ? 2 ** Number(code[2]) : Number(code[3]),
      kind: kind as IntegerKind,
      scale: scale as IntegerOptions['scale'],
    }),
}
