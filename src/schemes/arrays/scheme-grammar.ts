import { TersorError } from '../../errors.ts'
import type { ArrayScheme, Grouping } from '../../model/array-scheme.ts'
import type { Family } from './families.ts'
import { formatGrouping, parseGrouping } from './grouping.ts'

/** Words such as `did you mean ...?` for an id that is none; passed in, so that small bundles may do without. */
export type NearNames = (asked: string, names: Iterable<string>) => string | undefined

/**
 * Scheme ids: `<code>[-<granularity>][-<kind>][-<scale>]`, in this order, defaults left out.
 *
 *   granularity  tensor | channel<axis> | row | column | block<size> | tile<rows>x<columns>
 *   kind         sym | signed | asym | offset ... by family
 *   scale        f32 | f16 | bf16 | e4m3fn | e8m0 ... by family
 *
 * Throws E_USAGE with near names when the text is none.
 */
export function parseArrayScheme(
  id: string,
  families: readonly Family[],
  near: NearNames = () => undefined,
): ArrayScheme {
  const [codeText = '', ...rest] = id.split('-')
  for (const family of families) {
    const code = family.pattern.exec(codeText)
    if (code === null || isScaledForm(codeText, rest, family, families)) continue
    const kinds = family.kinds(code)
    const scales = family.scales(code)
    let grouping: Grouping | null = null
    if (!family.fixed && rest[0] !== undefined) grouping = parseGrouping(rest[0])
    if (grouping) rest.shift()
    grouping ??= family.grouping
    if (grouping === null) throw unknownScheme(id, families, near, ['tensor, row or block32 (the granularity)'])
    const kind = rest[0] !== undefined && kinds.includes(rest[0]) ? (rest.shift() as string) : (kinds[0] ?? '')
    const scale = rest[0] !== undefined && scales.includes(rest[0]) ? (rest.shift() as string) : (scales[0] ?? '')
    if (rest.length > 0) throw unknownScheme(id, families, near, [...kinds, ...scales])
    const name = [codeText]
    if (!family.fixed && !isPlain(grouping, family)) name.push(formatGrouping(grouping))
    if (kind !== (kinds[0] ?? '')) name.push(kind)
    if (scale !== (scales[0] ?? '')) name.push(scale)
    return { id: name.join('-'), codec: family.make(code, { kind, scale }), grouping }
  }
  throw unknownScheme(id, families, near)
}

/** `e4m3fn` is a cast, `e4m3fn-row` has scales: where a granularity is named, a family that takes one goes before one that does not. */
function isScaledForm(code: string, rest: readonly string[], family: Family, families: readonly Family[]): boolean {
  if (!family.fixed || rest[0] === undefined || parseGrouping(rest[0]) === null) return false
  return families.some(({ fixed, pattern }) => !fixed && pattern.test(code))
}

/** The family's own grouping is not written. */
function isPlain(grouping: Grouping, family: Family): boolean {
  return family.grouping !== null && formatGrouping(grouping) === formatGrouping(family.grouping)
}

/** Ids in one spelling each: for help texts and near names. */
export function exampleIds(families: readonly Family[]): string[] {
  return families.flatMap(({ examples }) => [...examples])
}

function unknownScheme(
  id: string,
  families: readonly Family[],
  near: NearNames,
  words: readonly string[] = [],
): TersorError {
  const shown = id.slice(0, 60)
  const endings = words.length > 0 ? `it may end in ${words.join(', ')}` : undefined
  return new TersorError(
    'E_USAGE',
    `expected a scheme such as "int8-row" or "int4-block32-asym-f16", found "${shown}"`,
    { hint: near(shown, exampleIds(families)) ?? endings ?? `codes: ${families.map(({ name }) => name).join(', ')}` },
  )
}
