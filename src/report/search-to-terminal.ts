import type { CurvePoint, SearchFacts, SearchGroup } from '../model/search-facts.ts'
import { bytesText, countText, numberText, shareText } from './figures.ts'
import { printable, shorten } from './printable.ts'
import { type Paint, textTable } from './text-table.ts'

const ROWS = 10
const WORST = 8

/** Bytes against loss, the point that was chosen, and the groups of tensors that lose most; `verbose`: every group. */
export function searchToTerminal(search: SearchFacts | undefined, paint: Paint, verbose: boolean): string[] {
  if (search === undefined) return []
  return [
    `${paint.bold('bytes against loss')} ${paint.dim(lossWords(search))}`,
    ...curveRows(search, paint),
    ...triedRows(search, paint),
    ...groupRows(search, paint, verbose),
  ]
}

/** What the losses are, in words. */
export function lossWords({ metric, samples, data }: SearchFacts): string {
  const on = data === 'none' ? 'nothing was run' : `${countText(samples, `${data} sample`)}`
  const what = metric === 'embedding cosine' ? 'one minus the cosine of embeddings' : metric
  return `sum of what each group loses alone: ${what}, ${on}`
}

/** The choice of a group. */
export function chosenOf({ chosen, choices }: SearchGroup): { readonly bytes: number; readonly loss: number } {
  return choices.find(({ what }) => what === chosen) ?? { bytes: 0, loss: 0 }
}

function curveRows({ curve, loss }: SearchFacts, paint: Paint): string[] {
  const step = Math.max(1, Math.ceil(curve.length / ROWS))
  const taken = curve.filter((_, index) => index % step === 0 || index === curve.length - 1)
  const here = nearest(curve, loss)
  const shown = here === undefined || taken.includes(here) ? taken : [...taken, here].sort((a, b) => a.bytes - b.bytes)
  return textTable(
    shown.map((point) => [
      bytesText(point.bytes),
      numberText(point.loss),
      point === here ? paint.good('<- chosen') : '',
    ]),
    'rrl',
  )
}

/** The last point that loses no less than what was chosen. */
function nearest(curve: readonly CurvePoint[], loss: number): CurvePoint | undefined {
  return curve.filter((point) => point.loss >= loss).at(-1) ?? curve[0]
}

function triedRows({ tried = [] }: SearchFacts, paint: Paint): string[] {
  if (tried.length === 0) return []
  const rows = tried.map(({ bytes, loss }) => [bytesText(bytes), `loses ${shareText(loss)}`])
  return [paint.bold('results that were tried'), ...textTable(rows, 'rl')]
}

function groupRows({ groups, loss }: SearchFacts, paint: Paint, verbose: boolean): string[] {
  const sorted = groups.map((group) => ({ group, own: chosenOf(group) })).sort((a, b) => b.own.loss - a.own.loss)
  const rows = sorted
    .slice(0, verbose ? sorted.length : WORST)
    .map(({ group, own }) => [
      paint.name(shorten(group.tensors[0] ?? '', 48)),
      group.tensors.length > 1 ? `and ${group.tensors.length - 1} more` : '',
      printable(group.chosen, 40),
      bytesText(own.bytes),
      loss > 0 ? shareText(own.loss / loss) : '',
    ])
  const rest = sorted.length - rows.length
  return [
    paint.bold('most loss'),
    ...textTable(rows, 'lllrr'),
    ...(rest > 0 ? [`  and ${countText(rest, 'more group')}; -v lists all`] : []),
  ]
}
