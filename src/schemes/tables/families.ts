import type { LevelTable } from '../../model/array-scheme.ts'
import { type Overflow, overflowOf } from '../../numbers/small-floats.ts'
import type { Family } from '../arrays/families.ts'
import { additivePowersTable } from './additive-powers.ts'
import { BINARY, meanMagnitude } from './binary.ts'
import { type CastFloat, castCodec } from './cast-codec.ts'
import type { ScaledFloat } from './float-table.ts'
import { IQ4NL } from './iq4nl.ts'
import { MX_BLOCK, MX_NAMES, type MxName, mxCodec } from './mx.ts'
import { NF2, NF3, NF4 } from './normal-float.ts'
import { NVFP4_BLOCK, nvfp4Codec } from './nvfp4.ts'
import { scaledFloatCodec } from './scaled-float.ts'
import { shiftTable } from './shift.ts'
import { type TableScale, tableCodec } from './table-codec.ts'
import { TERNARY, thresholdScale } from './ternary.ts'
import { TF32, TF32_BLOCK } from './tf32.ts'

const ALL_SCALES: readonly TableScale[] = ['f32', 'f16', 'bf16', 'e4m3fn', 'e8m0']
const PLAIN_SCALES: readonly TableScale[] = ['f32', 'f16', 'bf16']

const TABLES: ReadonlyMap<string, LevelTable> = new Map([
  ['nf4', NF4],
  ['nf3', NF3],
  ['nf2', NF2],
  ['iq4nl', IQ4NL],
])

/** Tables that are not symmetric: a scale of either sign puts the denser or the longer side where the values are. */
const LOPSIDED: Family = {
  name: 'level tables',
  pattern: /^(nf[2-4]|iq4nl)$/,
  examples: [
    'nf4-block64',
    'nf4-block64-signed-f16',
    'nf4-block32-e4m3fn',
    'nf3-block32',
    'nf2-block16',
    'iq4nl-block32-f16',
  ],
  kinds: () => ['sym', 'signed'],
  scales: () => ALL_SCALES,
  grouping: null,
  make: (code, { kind, scale }) =>
    tableCodec(TABLES.get(code[0]) ?? NF4, { scale: scale as TableScale, signed: kind === 'signed' }),
}

const BINARIES: Family = {
  name: 'binary',
  pattern: /^binary$/,
  examples: ['binary-row', 'binary-channel', 'binary-block64-f16'],
  kinds: () => [],
  scales: () => PLAIN_SCALES,
  grouping: null,
  make: (_, { scale }) => tableCodec(BINARY, { scale: scale as TableScale, best: meanMagnitude, rule: 'mean' }),
}

const TERNARIES: Family = {
  name: 'ternary',
  pattern: /^ternary$/,
  examples: ['ternary-row', 'ternary-tensor', 'ternary-block64-f16'],
  kinds: () => [],
  scales: () => PLAIN_SCALES,
  grouping: null,
  make: (_, { scale }) =>
    tableCodec(TERNARY, {
      scale: scale as TableScale,
      packing: 'trits',
      closed: thresholdScale,
      rule: 'mean-beyond',
      effort: 'exact',
    }),
}

const SHIFTS: Family = {
  name: 'shift codes',
  pattern: /^shift([2-6]|[1-6]nz)$/,
  examples: ['shift4-block32', 'shift3-channel', 'shift4nz-row'],
  kinds: () => [],
  scales: () => ALL_SCALES,
  grouping: null,
  make: (code, { scale }) =>
    tableCodec(shiftTable(Number.parseInt(code[1]!, 10), !code[0].endsWith('nz')), { scale: scale as TableScale }),
}

const ADDITIVE_POWERS: Family = {
  name: 'additive powers of two',
  pattern: /^apot([3-7])$/,
  examples: ['apot4-channel', 'apot4-block32-f16', 'apot3-row'],
  kinds: () => [],
  scales: () => ALL_SCALES,
  grouping: null,
  make: (code, { scale }) => tableCodec(additivePowersTable(Number(code[1])), { scale: scale as TableScale }),
}

/** Without granularity: every value for itself. With one, the same codes are `SCALED_FLOATS`. */
const CASTS: Family = {
  name: 'floats',
  pattern: /^(f16|bf16|e4m3fn|e4m3fnuz|e4m3b11|e5m2|e5m2fnuz|e2m3|e3m2|e2m1)$/,
  examples: ['f16', 'bf16', 'e4m3fn', 'e5m2', 'e5m2-infinity', 'e3m2', 'e2m1'],
  kinds: (code) => [...new Set<Overflow>(['saturate', overflowOf(code[0] as CastFloat)])],
  scales: () => [],
  grouping: { kind: 'tensor' },
  fixed: true,
  make: (code, { kind }) => castCodec(code[0] as CastFloat, { overflow: kind as Overflow }),
}

/** Nineteen bits do not fit a code: three of them are parameters. */
const TENSOR_FLOATS: Family = {
  name: 'tf32',
  pattern: /^tf32$/,
  examples: ['tf32'],
  kinds: () => [],
  scales: () => [],
  grouping: { kind: 'block', size: TF32_BLOCK },
  fixed: true,
  make: () => TF32,
}

/** Small floats under a scale: an id with a granularity. */
const SCALED_FLOATS: Family = {
  name: 'scaled floats',
  pattern: /^(e4m3fn|e4m3fnuz|e4m3b11|e5m2|e5m2fnuz|e2m3|e3m2|e2m1)$/,
  examples: ['e4m3fn-tensor', 'e4m3fn-row', 'e5m2-channel', 'e2m1-block32-f16'],
  kinds: () => [],
  scales: () => ALL_SCALES,
  grouping: null,
  make: (code, { scale }) => scaledFloatCodec(code[0] as ScaledFloat, { scale: scale as TableScale }),
}

const MX: Family = {
  name: 'OCP MX',
  pattern: /^mx(fp8e4m3|fp8e5m2|fp6e2m3|fp6e3m2|fp4|int8)$/,
  examples: MX_NAMES,
  kinds: () => [],
  scales: () => [],
  grouping: { kind: 'block', size: MX_BLOCK },
  fixed: true,
  make: (code) => mxCodec(code[0] as MxName),
}

const NVFP4: Family = {
  name: 'nvfp4',
  pattern: /^nvfp4$/,
  examples: ['nvfp4'],
  kinds: () => [],
  scales: () => [],
  grouping: { kind: 'block', size: NVFP4_BLOCK },
  fixed: true,
  make: () => nvfp4Codec(),
}

/** Every scheme whose codes are levels of a fixed table. */
export const TABLE_FAMILIES: readonly Family[] = [
  LOPSIDED,
  BINARIES,
  TERNARIES,
  SHIFTS,
  ADDITIVE_POWERS,
  CASTS,
  TENSOR_FLOATS,
  SCALED_FLOATS,
  MX,
  NVFP4,
]
