import type { Report } from '../model/report.ts'
import { toJson } from '../report/to-json.ts'
import { toTerminal } from '../report/to-terminal.ts'
import { type CommandContext, exitCodeOfReport, type Outcome } from './command.ts'
import { textOf } from './options.ts'
import type { Parsed } from './parse.ts'
import { checkFree, writeText } from './write-text.ts'

/** Before the work: the files beside the output must be free to write. */
export async function checkExtras(parsed: Parsed): Promise<void> {
  const force = parsed.values.has('force')
  for (const name of ['report', 'manifest']) {
    const path = textOf(parsed, name)
    if (path !== undefined) await checkFree(path, force)
  }
}

/** After the work: --report and --manifest, and what is printed. */
export async function reportOutcome(report: Report, { parsed, text }: CommandContext): Promise<Outcome> {
  const picture = textOf(parsed, 'report')
  const manifest = textOf(parsed, 'manifest')
  const plain = withoutPictures(report)
  const written: (readonly [string, string])[] = []
  if (manifest !== undefined) {
    await writeText(manifest, toJson(plain))
    written.push(['manifest', manifest])
  }
  if (picture !== undefined) {
    const { toHtml } = await import('../report/to-html.ts')
    await writeText(picture, toHtml(report))
    written.push(['report', picture])
  }
  const all = [...(text.written ?? []), ...written]
  return { json: plain, text: toTerminal(report, { ...text, written: all }), exitCode: exitCodeOfReport(report) }
}

/** Pictures are for the report: they would be most of the JSON. */
function withoutPictures(report: Report): Report {
  if (report.verdict?.shown === undefined) return report
  const { shown: _shown, ...verdict } = report.verdict
  return { ...report, verdict }
}
