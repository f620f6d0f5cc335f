import { CALIBRATORS, type Calibrator } from '../calibration/ranges/index.ts'
import { TersorError } from '../errors.ts'
import type { AskedForm } from '../graph/placement/index.ts'
import type { Json, Statistics } from '../model/statistics.ts'
import type { Ask } from './ask.ts'
import type { StaticChoices } from './static/static-model.ts'
import { transformsNamed } from './static/transform-candidates.ts'

/*
 * What trials chose is kept with the statistics: given them, nothing has to be run again, and the same bytes come out where
 * nothing can be run.
 */

const FORMS: readonly AskedForm[] = ['float', 'loose', 'wide', 'dynamic', 'dynamic-wide']

export interface ChoosingOptions {
  readonly calibrator?: Calibrator
  readonly effort?: 'fast' | 'default' | 'best'
  readonly transform?: string
}

/** Names what trials depend on beside model and data: choices made under another name are not used. */
export function choicesKey(ask: Ask, { calibrator, effort, transform }: ChoosingOptions): string {
  return JSON.stringify({
    target: ask.target.id,
    rules: ask.rules.map(({ text }) => text),
    solver: ask.learned ? 'adaround' : (ask.solver ?? null),
    calibrator: calibrator ?? null,
    effort: effort ?? 'default',
    transform: transform ?? 'auto',
    learned: ask.learned ?? false,
    seed: ask.seed,
  })
}

/** The same statistics with what was chosen; choices under other keys stay. */
export function withChoices(
  statistics: Statistics,
  key: string,
  { calibrators, forms, transform }: StaticChoices,
): Statistics {
  const named = transform === undefined ? {} : { transform }
  const choice: Json = { calibrators: [...calibrators], forms: [...forms], ...named }
  return { ...statistics, choices: new Map([...(statistics.choices ?? []), [key, choice]]) }
}

/** What was chosen under this key; undefined when nothing was. E_FORMAT for what this version does not know. */
export function choicesIn(statistics: Statistics, key: string): StaticChoices | undefined {
  const choice = statistics.choices?.get(key)
  if (choice === undefined) return undefined
  const { calibrators, forms, transform } = (choice ?? {}) as Readonly<Record<string, Json>>
  const chosen = { calibrators: mapOf(calibrators, CALIBRATORS), forms: mapOf(forms, FORMS) }
  if (transform === undefined) return chosen
  if (typeof transform !== 'string' || !isTransform(transform)) throw unknown()
  return { ...chosen, transform }
}

function mapOf<T extends string>(json: Json | undefined, known: readonly T[]): ReadonlyMap<string, T> {
  const entries = Array.isArray(json) ? json : [null]
  return new Map(
    entries.map((entry: Json): [string, T] => {
      const [name, what] = Array.isArray(entry) ? entry : []
      const found = known.find((one) => one === what)
      if (typeof name === 'string' && found !== undefined) return [name, found]
      throw unknown()
    }),
  )
}

function isTransform(text: string): boolean {
  return text.split(',').every((name) => (transformsNamed(name)?.size ?? 0) > 0)
}

function unknown(): TersorError {
  return new TersorError('E_FORMAT', 'the statistics hold choices that this version of Tersor does not know', {
    hint: 'collect them again: delete the file or name another one',
  })
}
