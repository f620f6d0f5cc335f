import { compareToTerminal } from '../../report/compare-to-terminal.ts'
import type { Command } from '../command.ts'
import { lineOptions, textOf } from '../options.ts'
import { checkExtras } from '../report-files.ts'
import { writeText } from '../write-text.ts'

export const compare: Command = async ({ parsed, loadLine, progress, signal, text }) => {
  await checkExtras(parsed)
  const { force: _force, ...options } = lineOptions(parsed)
  const line = await loadLine()
  const [a, b] = parsed.positionals as readonly [string, string]
  const report = await line.compare(a, b, { ...options, signal, onEvent: progress.event })
  const picture = textOf(parsed, 'report')
  if (picture !== undefined) {
    const { compareToHtml } = await import('../../report/compare-to-html.ts')
    await writeText(picture, compareToHtml(report))
  }
  const missed = report.thresholds.some(({ met }) => !met)
  return { json: report, text: compareToTerminal(report, text), exitCode: missed ? 5 : 0 }
}
