import { variantsToTerminal } from '../../report/variants-to-terminal.ts'
import type { Command } from '../command.ts'
import { lineOptions, textOf } from '../options.ts'

export const variants: Command = async ({ parsed, loadLine, progress, signal, text }) => {
  const line = await loadLine()
  const report = await line.variants(parsed.positionals[0]!, textOf(parsed, 'output'), {
    ...lineOptions(parsed),
    signal,
    onEvent: progress.event,
  })
  const refused = report.variants.some(({ verdict }) => verdict.status === 'refused')
  return { json: report, text: variantsToTerminal(report, text), exitCode: refused ? 5 : 0 }
}
