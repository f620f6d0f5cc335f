import type { Family } from './families.ts'
import { type IntegerKind, type IntegerOptions, integerCodec } from './integer-codec.ts'
import type { IntegerFitting } from './integer-fitting.ts'

/** Types of scales that may be named, the default first, with the rounding to each. */
export type Roundings = Readonly<Partial<Record<IntegerOptions['scale'], IntegerOptions['round']>>>

/**
 * Evenly spaced levels. The pattern matches `int` or `uint` with bits (groups 1 and 2; `uint` only moves the default kind to asym), or
 * `levels` with a count (group 3).
 */
export function integerFamily(
  fitting: IntegerFitting,
  roundings: Roundings,
  pattern: RegExp,
  examples: readonly string[],
): Family {
  return {
    name: 'integers',
    pattern,
    examples,
    kinds: (code) => {
      if (code[3] !== undefined) return ['offset', 'sym', 'signed', 'asym']
      if (code[1] === 'uint') return ['asym', 'offset', 'sym', 'signed']
      // One bit has no positive level in the symmetric form.
      return code[2] === '1' ? ['signed', 'asym', 'offset'] : ['sym', 'signed', 'asym', 'offset']
    },
    scales: () => Object.keys(roundings),
    grouping: null,
    make: (code, { kind, scale }) =>
      integerCodec(
        {
          levels: code[3] === undefined ? 2 ** Number(code[2]) : Number(code[3]),
          kind: kind as IntegerKind,
          textbook: code[3] !== undefined && kind === 'offset',
          scale: scale as IntegerOptions['scale'],
          round: roundings[scale as IntegerOptions['scale']] as IntegerOptions['round'],
        },
        fitting,
      ),
  }
}
