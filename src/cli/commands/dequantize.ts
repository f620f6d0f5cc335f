import { dequantizeArrays } from '../array-commands.ts'
import type { Command } from '../command.ts'
import { lineOptions, textOf } from '../options.ts'
import { checkExtras, reportOutcome } from '../report-files.ts'

export const dequantize: Command = async (context) => {
  const { parsed, loadLine, progress, signal } = context
  await checkExtras(parsed)
  const line = await loadLine()
  if ((await line.arrayFileKind(parsed.positionals[0]!)) !== null) return dequantizeArrays(context)
  const report = await line.dequantize(parsed.positionals[0]!, textOf(parsed, 'output'), {
    ...lineOptions(parsed),
    signal,
    onEvent: progress.event,
  })
  return reportOutcome(report, context)
}
