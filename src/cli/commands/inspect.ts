import { inspectToTerminal } from '../../report/inspect-to-terminal.ts'
import type { Command } from '../command.ts'
import { lineOptions } from '../options.ts'

export const inspect: Command = async ({ parsed, loadLine, progress, signal, text }) => {
  const line = await loadLine()
  const report = await line.inspect(parsed.positionals[0]!, { ...lineOptions(parsed), signal, onEvent: progress.event })
  return { json: report, text: inspectToTerminal(report, text), exitCode: 0 }
}
