import { readFile, stat } from 'node:fs/promises'
import { array, literal, minValue, number, optional, picklist, pipe, safeParse, strictObject, string } from 'valibot'
import { TersorError } from '../errors.ts'
import { didYouMean } from '../near-names.ts'
import type { LineOptions } from './line.ts'

/** A recipe is small; anything larger is another file given by mistake. */
const LARGEST = 16 * 1024 * 1024

const share = optional(pipe(number(), minValue(0)))

/** What a recipe file may hold: the options that decide, by the names of the library. */
const RECIPE = strictObject({
  $schema: optional(string()),
  version: literal(1),
  to: optional(string()),
  target: optional(string()),
  solver: optional(picklist(['nearest', 'search', 'hqq', 'adaround'])),
  lowering: optional(string()),
  rules: optional(array(string())),
  minCosine: share,
  minAgreement: share,
  maxKl: share,
  maxLoss: share,
})

/** Options with those of a recipe below them: flags override, rules of flags come later and so win. E_USAGE when it is no recipe. */
export async function belowFlags(path: string, flags: LineOptions): Promise<LineOptions> {
  const { $schema: _schema, version: _version, ...recipe } = readRecipe(path, await textOfRecipe(path))
  const rules = [...(recipe.rules ?? []), ...(flags.rules ?? [])]
  const given = Object.fromEntries(Object.entries(recipe).filter(([, value]) => value !== undefined))
  return { ...given, ...flags, ...(rules.length > 0 ? { rules } : {}) }
}

async function textOfRecipe(path: string): Promise<string> {
  const { size } = await stat(path)
  if (size > LARGEST) {
    throw new TersorError('E_USAGE', `a recipe has at most ${LARGEST} bytes, ${path} has ${size}`, {
      where: path,
      hint: 'is this the recipe?',
    })
  }
  return readFile(path, 'utf8')
}

function readRecipe(path: string, text: string) {
  let data: unknown
  try {
    data = JSON.parse(text)
  } catch (cause) {
    throw new TersorError('E_USAGE', `${path} is not JSON: ${(cause as Error).message}`, { where: path, cause })
  }
  const { success, output, issues } = safeParse(RECIPE, data)
  if (success) return output
  const [issue] = issues
  const key = issue.path?.map((step) => String(step.key)).join('.') ?? ''
  const known = issue.expected === 'never' ? didYouMean(key, Object.keys(RECIPE.entries)) : undefined
  const problem =
    issue.expected === 'never'
      ? `has an unknown key "${key}"`
      : `${key === '' ? 'is' : `has at "${key}"`} ${issue.received}, expected ${issue.expected}`
  throw new TersorError('E_USAGE', `the recipe ${path} ${problem}`, {
    where: path,
    ...(known === undefined ? {} : { hint: known }),
  })
}
