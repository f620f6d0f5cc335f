import { resolve } from 'node:path'
import { TersorError } from '../errors.ts'
import { FLAGS } from './flags.ts'
import type { LineOptions } from './line.ts'
import type { FlagValue, Parsed } from './parse.ts'
import type { Verb } from './verbs.ts'

/** Flags that the command line itself acts on; all others are options of the line, by their name in camelCase. */
const OWN = new Set(['output', 'report', 'manifest', 'json', 'quiet', 'verbose', 'no-color', 'help', 'dry-run', 'lang'])

export function lineOptions(parsed: Parsed): LineOptions & { readonly recipe?: string } {
  const options: Record<string, FlagValue> = {}
  for (const [name, value] of parsed.values)
    if (!OWN.has(name)) options[name === 'rule' ? 'rules' : camelCase(name)] = value
  const hashed = ['json', 'manifest', 'report'].some((name) => parsed.values.has(name))
  return {
    ...(options as LineOptions & { readonly recipe?: string }),
    ...(hashed ? { hashes: true } : {}),
    ...(parsed.values.has('report') ? { pictures: true } : {}),
  }
}

const camelCase = (name: string): string => name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())

export const textOf = (parsed: Parsed, name: string): string | undefined =>
  parsed.values.get(name) as string | undefined

const THRESHOLDS = ['min-cosine', 'min-agreement', 'max-kl', 'max-loss']
const NEEDS_PROOF = [
  'calib',
  'eval',
  'labels',
  'classes',
  'preprocess',
  'tokenizer',
  'context',
  'stride',
  'float-outputs',
  'metric',
  'samples',
  'skip-bad',
  'seed',
  'attempts',
  ...THRESHOLDS,
]

/** What static ranges are found with, too. */
const FIT_TOO = new Set(['calib', 'samples', 'skip-bad', 'seed', 'preprocess', 'tokenizer', 'context', 'stride'])

/** Flags that cannot mean anything together. */
export function checkTogether(parsed: Parsed, verb?: Verb): void {
  const has = (name: string) => parsed.values.has(name)
  if (has('quiet') && has('verbose')) contradiction('--quiet', '--verbose', 'give one of them')
  // Ranges of activations come from data, whether or not the result is judged.
  const [to, solver] = [textOf(parsed, 'to') ?? '', textOf(parsed, 'solver')]
  const fitted = verb === 'search' || isFitted(to, solver) || /\bawq\b/.test(textOf(parsed, 'transform') ?? '')
  for (const name of NEEDS_PROOF) {
    if (fitted && FIT_TOO.has(name)) continue
    if (has('no-verify') && has(name))
      contradiction('--no-verify', `--${name}`, `--${name} is for the proof that --no-verify skips`)
  }
  if (has('labels') && !has('eval') && !has('calib')) {
    throw new TersorError('E_USAGE', '--labels needs the data they belong to', {
      where: '--labels',
      hint: 'add --eval PATH',
    })
  }
  if (has('dry-run')) checkDryRun(parsed)
  checkPaths(parsed)
}

/** Codes or ranges are found on data, as the line itself will say. */
function isFitted(to: string, solver: string | undefined): boolean {
  if (to === 'int8-static' || to === 'int8' || solver === 'gptq') return true
  if (/^(fp16|q[24](f16)?)$/.test(to)) return true
  return (solver === undefined || solver === 'search') && /^int\d+-(weights|tensor|channel|block)/.test(to)
}

function checkDryRun(parsed: Parsed): void {
  for (const flag of FLAGS) {
    if (flag.name !== 'dry-run' && parsed.values.has(flag.name) && !flag.verbs.includes('plan')) {
      contradiction('--dry-run', `--${flag.name}`, 'a dry run decides and runs nothing')
    }
  }
}

/** No file may be given two parts to play. */
function checkPaths(parsed: Parsed): void {
  const values = textOf(parsed, 'values')
  const inputs = [...parsed.positionals, ...(values === undefined ? [] : [values])]
  const parts = new Map(inputs.map((path) => [resolve(path), `the input ${path}`]))
  for (const name of ['output', 'report', 'manifest', 'statistics', 'table', 'float-outputs']) {
    const path = textOf(parsed, name)
    if (path === undefined) continue
    const other = parts.get(resolve(path))
    if (other !== undefined) {
      throw new TersorError('E_USAGE', `--${name} ${path} is also ${other}`, { where: path, hint: 'name another file' })
    }
    parts.set(resolve(path), `--${name}`)
  }
}

function contradiction(one: string, other: string, hint: string): never {
  throw new TersorError('E_USAGE', `${one} and ${other} contradict each other`, { where: one, hint })
}
