import { quantizeArrays, requireModelFlags } from '../array-commands.ts'
import type { Command } from '../command.ts'
import { lineOptions, textOf } from '../options.ts'
import { checkExtras, reportOutcome } from '../report-files.ts'
import { withRecipe } from '../with-recipe.ts'
import { plan } from './plan.ts'

export const quantize: Command = async (context) => {
  const { parsed, loadLine, progress, signal } = context
  const line = await loadLine()
  const kind = await line.arrayFileKind(parsed.positionals[0]!)
  if (parsed.values.has('dry-run') && kind === null) return plan(context)
  await checkExtras(parsed)
  if (kind !== null) return quantizeArrays(context, kind)
  requireModelFlags(parsed)
  const options = await withRecipe(lineOptions(parsed))
  const report = await line.quantize(parsed.positionals[0]!, textOf(parsed, 'output'), {
    ...options,
    signal,
    onEvent: progress.event,
  })
  return reportOutcome(report, context)
}
