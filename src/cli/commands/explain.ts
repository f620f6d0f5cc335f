import { explainToTerminal } from '../../report/explain-to-terminal.ts'
import type { Language } from '../../report/explain-words.ts'
import type { Command } from '../command.ts'
import { lineOptions, textOf } from '../options.ts'
import { checkExtras } from '../report-files.ts'
import { writeText } from '../write-text.ts'

export const explain: Command = async ({ parsed, loadLine, progress, signal, text }) => {
  await checkExtras(parsed)
  const language = (textOf(parsed, 'lang') ?? 'en') as Language
  const report = textOf(parsed, 'report')
  const line = await loadLine()
  const explanation = await line.explain({ ...lineOptions(parsed), signal, onEvent: progress.event })
  if (report !== undefined) {
    const { explainToHtml } = await import('../../report/explain-to-html.ts')
    await writeText(report, explainToHtml(explanation, language))
  }
  const options = { color: text.color === true, language, ...(report === undefined ? {} : { report }) }
  return { json: explanation, text: explainToTerminal(explanation, options), exitCode: 0 }
}
