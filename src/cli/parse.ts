import { parseArgs } from 'node:util'
import { TersorError } from '../errors.ts'
import { didYouMean } from '../near-names.ts'
import { FLAGS, type FlagKind, type FlagSpec, flagNamed, flagsOf } from './flags.ts'
import { parseBytes, parseCount, parseRatio } from './units.ts'
import type { VerbSpec } from './verbs.ts'

export type FlagValue = string | number | boolean | readonly string[]

export interface Parsed {
  readonly positionals: readonly string[]
  /** By flag name as written in the table; only what was given. */
  readonly values: ReadonlyMap<string, FlagValue>
}

/**
 * Reads the words after the verb. Nothing is ignored: an unknown flag, a flag of another verb, a value that does not
 * parse, a flag given twice or a word too many is E_USAGE; a flag of a later version is E_UNSUPPORTED.
 */
export function parse(spec: VerbSpec, words: readonly string[]): Parsed {
  const values = new Map<string, FlagValue>()
  const positionals: string[] = []
  for (const token of tokensOf(words)) {
    if (token.kind === 'positional') positionals.push(token.value)
    else if (token.kind === 'option') {
      // `--rule --force` is a forgotten value; a value that starts with a dash is written with `=`.
      const swallowed = token.inlineValue === false && /^-./.test(token.value)
      take(spec, token.rawName, swallowed ? '' : token.value, values)
    }
  }
  checkPositionals(spec, positionals)
  return { positionals, values }
}

/** Node's own splitter, told which flags take a value; every judgement is ours. */
function tokensOf(words: readonly string[]) {
  const options = Object.fromEntries(
    FLAGS.map((flag) => [
      flag.name,
      {
        type: flag.kind === 'switch' ? ('boolean' as const) : ('string' as const),
        ...(flag.short === undefined ? {} : { short: flag.short }),
      },
    ]),
  )
  return parseArgs({ args: [...words], options, strict: false, tokens: true, allowPositionals: true }).tokens
}

function take(spec: VerbSpec, rawName: string, text: string | undefined, values: Map<string, FlagValue>): void {
  const flag = rawName.startsWith('--')
    ? flagNamed(rawName.slice(2))
    : FLAGS.find((each) => each.short === rawName.slice(1))
  if (flag === undefined) throw unknownFlag(spec, rawName)
  const shown = `--${flag.name}`
  if (flag.later !== undefined) {
    throw new TersorError('E_UNSUPPORTED', `${shown} is not in this version: ${flag.later}`, { where: shown })
  }
  if (!flag.verbs.includes(spec.verb)) {
    throw new TersorError('E_USAGE', `${shown} means nothing for "${spec.verb}"`, {
      where: shown,
      hint: `it belongs to ${flag.verbs.join(', ')}; see tersor ${spec.verb} --help`,
    })
  }
  if (flag.repeatable) {
    values.set(flag.name, [...((values.get(flag.name) as readonly string[] | undefined) ?? []), wanted(flag, text)])
    return
  }
  if (values.has(flag.name) && flag.kind !== 'switch') {
    throw new TersorError('E_USAGE', `${shown} was given twice`, { where: shown, hint: 'give it once' })
  }
  values.set(flag.name, valueFor(flag, text, flag.kindFor?.[spec.verb] ?? flag.kind))
}

function valueFor(flag: FlagSpec, text: string | undefined, kind: FlagKind): FlagValue {
  const shown = `--${flag.name}`
  if (kind === 'switch') {
    if (text !== undefined)
      throw new TersorError('E_USAGE', `${shown} takes no value, found "${text.slice(0, 80)}"`, { where: shown })
    return true
  }
  const given = wanted(flag, text)
  if (kind === 'bytes') return parseBytes(given, shown)
  if (kind === 'ratio') return parseRatio(given, shown)
  if (kind === 'count') return parseCount(given, shown, flag.name === 'seed' ? 0 : 1)
  if (kind === 'name') checkChoice(flag, given)
  return given
}

function wanted(flag: FlagSpec, text: string | undefined): string {
  if (text !== undefined && text !== '') return text
  throw new TersorError('E_USAGE', `--${flag.name} needs a value`, {
    where: `--${flag.name}`,
    hint: `write --${flag.name} ${flag.value ?? 'VALUE'}, or --${flag.name}=${flag.value ?? 'VALUE'} when it starts with a dash`,
  })
}

function checkChoice(flag: FlagSpec, text: string): void {
  const choices = flag.choices ?? []
  if (choices.includes(text) || flag.ending?.test(text)) return
  const where = `--${flag.name}`
  const hint = didYouMean(text, choices)
  throw new TersorError('E_USAGE', `${where} expects one of ${choices.join(', ')}, found "${text.slice(0, 80)}"`, {
    where,
    ...(hint === undefined ? {} : { hint }),
  })
}

function checkPositionals(spec: VerbSpec, given: readonly string[]): void {
  const missing = spec.positionals[given.length]
  if (missing !== undefined) {
    throw new TersorError('E_USAGE', `"${spec.verb}" needs ${missing}`, {
      where: spec.verb,
      hint: `for example: ${spec.example}`,
    })
  }
  const extra = given[spec.positionals.length]
  if (extra !== undefined) {
    const takes = spec.positionals.length === 0 ? 'no argument' : spec.positionals.join(' ')
    throw new TersorError('E_USAGE', `"${spec.verb}" takes ${takes}, found also "${extra.slice(0, 200)}"`, {
      where: spec.verb,
      hint: 'quote names that hold spaces',
    })
  }
  const empty = given.indexOf('')
  if (empty >= 0) throw new TersorError('E_USAGE', `${spec.positionals[empty]} is empty`, { where: spec.verb })
}

function unknownFlag(spec: VerbSpec, rawName: string): TersorError {
  const name = rawName.replace(/^-+/, '')
  const hint = didYouMean(
    name,
    flagsOf(spec.verb).map((flag) => flag.name),
  )
  return new TersorError('E_USAGE', `unknown flag ${rawName.slice(0, 80)}`, {
    where: rawName.slice(0, 80),
    hint: hint?.replaceAll('"', '').replace(/(you mean |, | or )(?=\S)/g, '$1--') ?? `see tersor ${spec.verb} --help`,
  })
}
