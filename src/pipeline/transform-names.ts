import { TersorError } from '../errors.ts'
import { didYouMean } from '../near-names.ts'
import { tryParseSchemeId } from '../schemes/index.ts'
import { HALF_PRESETS, NAMED_PRESETS } from './ask.ts'

/** Results by the names of `--transform` that they take. */
export type TransformKind = 'int8-static' | 'int8' | 'codes' | 'tables' | 'half' | 'named' | 'auto'

interface TransformName {
  readonly name: string
  readonly kinds: readonly TransformKind[]
  /** Why others do not take it. */
  readonly belongs: string
  /** How its amount is written, where it may have one. */
  readonly amounts?: readonly string[]
}

const ALL: readonly TransformKind[] = ['int8-static', 'int8', 'codes', 'tables', 'half', 'named', 'auto']
const BY_RANGES = 'goes by ranges of activations: it belongs to --to int8-static'

/** Every name of `--transform`. What reads the names, what lists them and what refuses them goes by this table. */
const NAMES: readonly TransformName[] = [
  { name: 'auto', kinds: ALL, belongs: '' },
  { name: 'none', kinds: ALL, belongs: '' },
  { name: 'equalize', kinds: ['int8-static'], belongs: BY_RANGES },
  { name: 'equalize-weights', kinds: ['int8-static'], belongs: BY_RANGES },
  { name: 'split', kinds: ['int8-static'], belongs: BY_RANGES },
  { name: 'smooth', kinds: ['int8'], belongs: 'balances activations that are rounded: it belongs to --to int8' },
  { name: 'awq', kinds: ['codes', 'tables'], belongs: 'is for weight-only schemes, as --to int4-weights' },
  {
    name: 'low-rank',
    kinds: ['codes'],
    belongs: 'is for weight-only schemes of evenly spaced codes, as --to int4-weights',
    amounts: ['low-rank=RANK', 'low-rank=SHARE%'],
  },
  {
    name: 'rotate',
    kinds: ['int8', 'codes', 'tables', 'named', 'auto'],
    belongs: 'is for weights of 8 bits and fewer and for --to int8',
  },
]

const WEIGHTS: ReadonlySet<string> = new Set(['int8-weights', 'int4-weights', 'int2-weights'])
const HALF_WEIGHTS: ReadonlySet<string> = new Set(['fp16-weights', 'bf16-weights'])
const where = '--transform'

/** What `--to` makes, as far as `--transform` is concerned. */
export function transformKind(to: string): TransformKind {
  if (to === 'int8-static' || to === 'int8' || to === 'auto') return to
  if (WEIGHTS.has(to)) return 'codes'
  if (HALF_PRESETS.has(to) || HALF_WEIGHTS.has(to)) return 'half'
  if (NAMED_PRESETS.has(to)) return 'named'
  const family = tryParseSchemeId(to)?.family
  if (family === 'half') return 'half'
  return family === 'integer' ? 'codes' : 'tables'
}

/** The names that a kind of result takes, as they are written. */
export function transformNames(kind: TransformKind): readonly string[] {
  return NAMES.flatMap(({ name, kinds, amounts = [] }) => (kinds.includes(kind) ? [name, ...amounts] : []))
}

/** The parts of what `--transform` says. E_USAGE for one that is no name, or none that `--to` takes (E_UNSUPPORTED of int8-static). */
export function readTransforms(text: string, to: string): readonly string[] {
  const kind = transformKind(to)
  const names = text.split(',').map((name) => name.trim())
  for (const name of names) {
    const [plain = ''] = name.split('=')
    const known = NAMES.find((one) => one.name === (one.amounts ? plain : name))
    if (known?.kinds.includes(kind)) continue
    const list = transformNames(kind)
    if (known) {
      const code = kind === 'int8-static' ? 'E_UNSUPPORTED' : 'E_USAGE'
      throw new TersorError(code, `--transform ${known.name} ${known.belongs}`, {
        where,
        hint: `--to ${to.slice(0, 40)} takes ${list.join(', ')}`,
      })
    }
    throw new TersorError('E_USAGE', `--transform expects ${list.join(', ')}, found "${name.slice(0, 80)}"`, {
      where,
      hint: didYouMean(name, list) ?? `for example: --transform ${list[2] ?? list[0]}`,
    })
  }
  return names
}
