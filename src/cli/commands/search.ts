import { toJson } from '../../report/to-json.ts'
import { toRecipe } from '../../report/to-recipe.ts'
import type { Command } from '../command.ts'
import { lineOptions, textOf } from '../options.ts'
import { checkExtras, reportOutcome } from '../report-files.ts'
import { withRecipe } from '../with-recipe.ts'
import { checkFree, writeText } from '../write-text.ts'

export const search: Command = async (context) => {
  const { parsed, loadLine, progress, signal, text } = context
  await checkExtras(parsed)
  const output = textOf(parsed, 'output')
  const options = await withRecipe(lineOptions(parsed))
  if (output !== undefined) await checkFree(recipePath(output), options.force === true)
  const line = await loadLine()
  const report = await line.search(parsed.positionals[0]!, output, { ...options, signal, onEvent: progress.event })
  const path = recipePath(output ?? report.output?.path ?? parsed.positionals[0]!)
  const published = (report.output?.files.length ?? 0) > 0
  if (published) {
    await checkFree(path, options.force === true)
    await writeText(path, toJson(toRecipe(report)))
  }
  return reportOutcome(report, {
    ...context,
    text: { ...text, ...(published ? { written: [['recipe', path] as const] } : {}) },
  })
}

/** `model.search.recipe.json` beside `model.search.onnx`. */
function recipePath(output: string): string {
  return `${output.replace(/\.onnx$/i, '')}.recipe.json`
}
