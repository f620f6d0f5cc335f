import type { CodecKernel, Effort, ParameterType } from '../../model/array-scheme.ts'
import { fitAffine } from '../fitting/fit-affine.ts'
import { fitOffset } from '../fitting/fit-offset.ts'
import { fitScale } from '../fitting/fit-scale.ts'
import { type PreparedTable, prepareTable } from '../fitting/prepared-table.ts'
import { CLOSED_FORMS, type IntegerFitting } from './integer-fitting.ts'

/** Tables of -floor(count / 2) .. by count: a codec asks for the same one block after block. */
const tables = new Map<number, PreparedTable>()

function tableOf(count: number): PreparedTable {
  let table = tables.get(count)
  if (table === undefined) {
    const middle = Math.floor(count / 2)
    table = prepareTable({ levels: Float32Array.from({ length: count }, (_, code) => code - middle) })
    tables.set(count, table)
  }
  return table
}

/** Closed forms and searches. */
export const SEARCHES: IntegerFitting = {
  searches: true,
  kernel: kernelOf,
  effort: effortOf,
  affine: (values, weights, maxCode, effort, round) =>
    effort === 'closed'
      ? CLOSED_FORMS.affine(values, weights, maxCode, effort, round)
      : fitAffine(values, weights, maxCode, { effort: harder(effort, maxCode + 1, values), round }),
  offset: (values, weights, maxCode, effort, round) =>
    effort === 'closed'
      ? CLOSED_FORMS.offset(values, weights, maxCode, effort, round)
      : fitOffset(values, weights, maxCode, {
          effort: harder(effort, maxCode + 1, values),
          roundScale: round,
          roundOffset: round,
        }),
  scale: (values, weights, count, signed, effort, round) =>
    fitScale(values, weights, tableOf(count), { effort: harder(effort, count, values), signed, round }),
}

/** 2, 4 and 8 bits around the middle code. */
function kernelOf(levels: number, kind: string, scale: ParameterType): CodecKernel | undefined {
  if ((kind !== 'sym' && kind !== 'signed') || scale === 'bf16') return undefined
  if (levels !== 4 && levels !== 16 && levels !== 256) return undefined
  const zero = levels / 2
  const bits = levels === 4 ? 2 : levels === 16 ? 4 : 8
  return {
    rule: kind === 'signed' ? 'signed' : 'reach',
    up: zero - 1,
    down: kind === 'signed' ? zero : zero - 1,
    halfScales: scale === 'f16',
    perByte: (8 / bits) as 1 | 2 | 4,
    codes: { kind: 'integers', zero, bits },
  }
}

/** Exact where it costs about as much as the fast search; closed where a search gains little and 8 bits are plenty. */
function effortOf(levels: number, kind: string, textbook: boolean): Effort {
  if (textbook || levels > (kind === 'offset' ? 64 : 128)) return 'closed'
  return levels <= 64 && kind !== 'offset' ? 'exact' : 'fast'
}

/** With many levels over a short group the candidates of the fast search lie too far apart; all breakpoints are few enough. */
function harder(effort: Effort, levels: number, values: Float32Array): Effort {
  return effort === 'fast' && levels > 64 && values.length <= 256 ? 'exact' : effort
}
