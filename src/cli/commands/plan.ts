import { toJson } from '../../report/to-json.ts'
import { toRecipe } from '../../report/to-recipe.ts'
import type { Command } from '../command.ts'
import { lineOptions, textOf } from '../options.ts'
import { checkExtras, reportOutcome } from '../report-files.ts'
import { withRecipe } from '../with-recipe.ts'
import { checkFree, writeText } from '../write-text.ts'

export const plan: Command = async (context) => {
  const { parsed, loadLine, progress, signal } = context
  const { force, ...options } = await withRecipe(lineOptions(parsed))
  const recipe = textOf(parsed, 'output')
  await checkExtras(parsed)
  if (recipe !== undefined) await checkFree(recipe, force === true)
  const line = await loadLine()
  const report = await line.plan(parsed.positionals[0]!, { ...options, signal, onEvent: progress.event })
  if (recipe !== undefined) await writeText(recipe, toJson(toRecipe(report)))
  return reportOutcome(report, context)
}
