import { TersorError } from '../errors.ts'
import type { Granularity, IntegerBits, SchemeSpec } from '../model/scheme.ts'
import { didYouMean } from '../near-names.ts'
import { TABLE_NAMES, tableBits } from '../numbers/level-tables/code-levels.ts'

/**
 * Scheme ids: `<code>-<granularity>[-<sym|asym>][-<scale>]`, or `f16` / `bf16`.
 *
 *   code         int2 int4 int8 | uint2 uint4 uint8     `uint` only moves the default below to asymmetric
 *   granularity  tensor | channel | block<size>         size 1 .. 2^20, without leading zeros
 *   sym | asym   default sym after `int`, asym after `uint`
 *   scale        f32 | f16                              default f32
 *
 * Or codes of a table, which have no sym or asym: `<table>-<granularity>[-<scale>]`, table nf4, fp4, ternary, binary, int3, e4m3fn ...
 */

/** Largest block a kernel call takes. */
const MAX_BLOCK = 1048576

/** Throws E_USAGE with near names when the text is not a scheme id. */
export function parseSchemeId(id: string): SchemeSpec {
  if (id === 'f16' || id === 'bf16') return { family: 'half', dtype: id }
  const parts = id.split('-')
  const table = tableSpec(parts)
  if (table) return table
  const code = /^(u?int)([248])$/.exec(parts[0]!)
  const granularity = parts.length > 1 ? parseGranularity(parts[1]!) : null
  if (code === null || granularity === null) throw unknownId(id)
  let next = 2
  let symmetric = code[1] === 'int'
  if (parts[next] === 'sym' || parts[next] === 'asym') symmetric = parts[next++] === 'sym'
  let scale: 'f32' | 'f16' = 'f32'
  if (parts[next] === 'f32' || parts[next] === 'f16') scale = parts[next++] as 'f32' | 'f16'
  if (next !== parts.length) throw unknownId(id)
  return { family: 'integer', bits: Number(code[2]) as IntegerBits, granularity, symmetric, scale }
}

function tableSpec([table = '', shared = '', ...words]: readonly string[]): SchemeSpec | null {
  if (/^int/.test(table) && words[0] === 'sym') words.shift()
  const [scale = 'f32', ...rest] = words
  const granularity = parseGranularity(shared, true)
  if (granularity === null || rest.length > 0 || (scale !== 'f32' && scale !== 'f16')) return null
  if (table === 'ternary' || table === 'binary') {
    if (granularity.kind === 'run') return null
    return { family: 'integer', bits: 2, granularity, symmetric: true, scale, only: table }
  }
  const bits = tableBits(table)
  return bits === undefined ? null : { family: 'levels', table, bits, granularity, symmetric: true, scale }
}

/** Null instead of an error: for callers that also know preset names. */
export function tryParseSchemeId(id: string): SchemeSpec | null {
  try {
    return parseSchemeId(id)
  } catch {
    return null
  }
}

/** Codes of few bits, 8 at most, a scale a channel; and a zero a channel where they are not symmetric. */
export interface FewBits {
  readonly bits: 2 | 3 | 4 | 8
  readonly symmetric: boolean
}

/**
 * `int2-channel-sym`, `int3-channel`, `uint4-channel-asym`; null for every other text. Codes of 3 bits are no scheme of their own: files
 * store them in 4.
 */
export function parseFewBits(id: string): FewBits | null {
  const found = /^(u?int)([234])-channel(-sym|-asym)?(-f32)?$/.exec(id)
  if (found === null) return null
  const symmetric = found[3] === undefined ? found[1] === 'int' : found[3] === '-sym'
  return { bits: Number(found[2]) as FewBits['bits'], symmetric }
}

/** The one spelling. */
export function formatFewBits({ bits, symmetric }: FewBits): string {
  return `int${bits}-channel-${symmetric ? 'sym' : 'asym'}`
}

/** The one spelling of a spec: `int`, always with sym or asym, the scale only when it is not f32. */
export function formatSchemeId(spec: SchemeSpec): string {
  if (spec.family === 'half') return spec.dtype
  const { kind } = spec.granularity
  const granularity = kind === 'block' || kind === 'run' ? `${kind}${spec.granularity.size}` : kind
  const table = spec.family === 'levels' ? spec.table : spec.only
  if (table !== undefined) return `${table}-${granularity}${spec.scale === 'f16' ? '-f16' : ''}`
  return `int${spec.bits}-${granularity}-${spec.symmetric ? 'sym' : 'asym'}${spec.scale === 'f16' ? '-f16' : ''}`
}

/** Ids people are likely to mean, in one spelling each: for help texts and near names. */
export function commonSchemeIds(): string[] {
  const ids = ['f16', 'bf16']
  for (const bits of ['int8', 'int4', 'int2']) {
    for (const granularity of ['tensor', 'channel', 'block16', 'block32', 'block64', 'block128', 'block256']) {
      for (const kind of ['sym', 'asym']) {
        ids.push(`${bits}-${granularity}-${kind}`)
        if (granularity.startsWith('block')) ids.push(`${bits}-${granularity}-${kind}-f16`)
      }
    }
  }
  for (const table of ['ternary', 'binary', ...TABLE_NAMES]) {
    for (const granularity of ['channel', 'block32', 'block64', 'block128']) ids.push(`${table}-${granularity}`)
  }
  return ids
}

function parseGranularity(text: string, runs = false): Granularity | null {
  if (text === 'tensor' || text === 'channel') return { kind: text }
  const block = /^(block|run)([1-9][0-9]{0,6})$/.exec(text)
  if (block === null || Number(block[2]) > MAX_BLOCK || (block[1] === 'run' && !runs)) return null
  return { kind: block[1] as 'block' | 'run', size: Number(block[2]) }
}

function unknownId(id: string): TersorError {
  const shown = id.length > 60 ? `${id.slice(0, 60)}...` : id
  const hint = didYouMean(id.slice(0, 60), commonSchemeIds())
  return new TersorError(
    'E_USAGE',
    `expected a scheme such as "int8-channel-sym", "int4-block32-asym-f16" or "f16", found "${shown}"`,
    { hint: hint ?? 'write <int2|int4|int8|nf4|ternary ...>-<tensor|channel|blockN>[-sym|-asym][-f32|-f16]' },
  )
}
