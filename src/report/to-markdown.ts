import type { Report } from '../model/report.ts'
import {
  atLeast,
  bytesText,
  changeText,
  cosineText,
  countText,
  decibelText,
  numberText,
  shareText,
  worstFigures,
} from './figures.ts'
import { printable } from './printable.ts'
import { groupByReason, groupByScheme } from './reasons.ts'
import { worstDecisions } from './to-terminal.ts'

/** A summary for a pull request or a model card: GitHub-flavoured Markdown. */
export function toMarkdown(report: Report): string {
  const { input, output, verdict, requires } = report
  const lines: string[] = []
  lines.push(`## ${cell(input.path)}${output === undefined ? '' : ` to ${cell(output.path)}`}`, '')
  if (verdict !== undefined) lines.push(`**${verdict.status}**: ${cell(verdict.because)}`, '')
  const rows = [['', 'before', 'after', '']]
  if (output !== undefined)
    rows.push(['size', bytesText(input.bytes), bytesText(output.bytes), changeText(input.bytes, output.bytes)])
  const figures = verdict === undefined ? undefined : worstFigures(verdict.outputs)
  if (figures !== undefined) {
    const data = `${countText(verdict!.samples, `${verdict!.data} sample`)}`
    if (figures.top1Agreement !== undefined) rows.push(['top-1 agreement', '', shareText(figures.top1Agreement), data])
    rows.push(['cosine', '', cosineText(figures.cosine), data], ['SQNR', '', decibelText(figures.sqnrDb), data])
    if (figures.kl !== undefined) rows.push(['mean KL', '', numberText(figures.kl), data])
  }
  lines.push(...table(rows), '')
  const groups = [
    ...groupByScheme(report.decisions).map((group) => ({ ...group, label: group.code })),
    ...groupByReason(report.decisions.filter(({ action }) => action === 'keep')).map((group) => ({
      ...group,
      label: `kept: ${group.code}`,
    })),
  ]
  lines.push(
    ...table([
      ['decision', 'tensors', 'before', 'after', 'why'],
      ...groups.map((group) => [
        group.label,
        String(group.tensors.length),
        bytesText(group.bytesBefore),
        bytesText(group.bytesAfter),
        group.text,
      ]),
    ]),
    '',
  )
  const worst = worstDecisions(report, 3)
  if (worst.length > 0) {
    lines.push(
      ...table([
        ['most error', 'op', 'scheme', 'SQNR'],
        ...worst.map(({ tensor, op, scheme, sqnrDb }) => [
          tensor,
          op,
          scheme ?? '',
          sqnrDb === undefined ? '' : decibelText(sqnrDb),
        ]),
      ]),
      '',
    )
  }
  const notes = new Set(report.notes)
  for (const note of notes) lines.push(`- ${cell(note)}`)
  for (const warning of report.warnings) if (!notes.has(warning)) lines.push(`- warning: ${cell(warning)}`)
  if (report.warnings.length > 0) lines.push('')
  if (requires !== undefined)
    lines.push(
      `Requires onnxruntime ${cell(atLeast(requires.onnxruntime))}, opset ${requires.opset}, IR ${requires.ir}.`,
      '',
    )
  lines.push(`Made by tersor ${cell(report.tersor)}.`)
  return `${lines.join('\n')}\n`
}

function table(rows: readonly (readonly string[])[]): string[] {
  const [head, ...body] = rows.map((row) => `| ${row.map(cell).join(' | ')} |`)
  return [head!, `|${rows[0]!.map(() => '---').join('|')}|`, ...body]
}

/** Everything that Markdown or HTML would act on is shown, not obeyed. */
const cell = (text: string): string =>
  printable(text, 300).replace(/[\\`*_{}[\]<>|#~&!@]/g, (character) => `&#${character.charCodeAt(0)};`)
