import { TersorError } from '../../errors.ts'
import type { BadLine, TextLine } from './lines.ts'
import { isObject, plainLines } from './lines.ts'

/** Two texts and how alike people find them. */
export interface TextPair {
  readonly line: number
  readonly first: string
  readonly second: string
  readonly score: number
}

/** The texts of a file of pairs, each once, and the pairs by position among them. */
export interface TextPairs {
  readonly texts: readonly (TextLine | BadLine)[]
  readonly pairs: readonly { readonly first: number; readonly second: number; readonly score: number }[]
  /** Pairs in the file, before any selection. */
  readonly found: number
  /** Which columns were taken. */
  readonly columns: readonly [string, string, string]
}

const FIRST = /^(sentence_?(a|1)|text_?(a|1)|s1|query|premise|question_?1)$/i
const SECOND = /^(sentence_?(b|2)|text_?(b|2)|s2|document|passage|hypothesis|question_?2)$/i
const SCORE = /^(relatedness_score|similarity(_score)?|gold(_?score)?|score|label|rating|relevance)$/i

/**
 * A table (tabs or commas, by its heading) or JSON lines with two texts and a score, such as SICK and the STS benchmark. Undefined when the file
 * is no such thing: plain lines, or JSON lines of single texts. E_FORMAT when it has two texts and no score, or is called .tsv or .csv
 * and has no such columns. `most` pairs are taken, evenly spread.
 */
export function pairsOf(text: string, label: string, most: number): TextPairs | undefined {
  const lines = plainLines(text)
  const head = lines[0]?.content ?? ''
  const table = isObject(head) ? jsonTable(lines, label) : plainTable(lines, label)
  if (table === undefined) return undefined
  const { columns, rows } = table
  const count = Math.min(most, rows.length)
  const chosen = Array.from({ length: count }, (_, i) => rows[Math.floor((i * rows.length) / count)]!)
  const texts: (TextLine | BadLine)[] = []
  const places = new Map<string, number>()
  const placeOf = (line: number, content: string): number => {
    const known = places.get(content)
    if (known !== undefined) return known
    places.set(content, texts.length)
    texts.push({ line, text: content })
    return texts.length - 1
  }
  const pairs = chosen.flatMap((row) => {
    const pair = row()
    if ('error' in pair) {
      texts.push(pair)
      return []
    }
    return [{ first: placeOf(pair.line, pair.first), second: placeOf(pair.line, pair.second), score: pair.score }]
  })
  return { texts, pairs, found: rows.length, columns }
}

interface Table {
  readonly columns: readonly [string, string, string]
  readonly rows: readonly (() => TextPair | BadLine)[]
}

type Lines = ReturnType<typeof plainLines>

function plainTable(lines: Lines, label: string): Table | undefined {
  const named = /\.(tsv|csv)$/i.test(label)
  const head = lines[0]?.content ?? ''
  const split = head.includes('\t')
    ? (line: string) => line.split('\t')
    : named && /\.csv$/i.test(label)
      ? csvFields
      : undefined
  if (split === undefined) {
    if (!named) return undefined
    throw noColumns(label, [head])
  }
  const heading = split(head).map((name) => name.trim())
  const found = columnsOf(heading, label, named)
  if (found === undefined) return undefined
  const [first, second, score] = found
  return {
    columns: [heading[first]!, heading[second]!, heading[score]!],
    rows: lines.slice(1).map(({ line, content }) => () => {
      const fields = split(content)
      return pairOf(line, label, fields[first], fields[second], fields[score])
    }),
  }
}

function jsonTable(lines: Lines, label: string): Table | undefined {
  let keys: readonly string[]
  try {
    keys = Object.keys(JSON.parse(lines[0]!.content) as object)
  } catch {
    return undefined
  }
  const found = columnsOf(keys, label, false)
  if (found === undefined) return undefined
  const [first, second, score] = found.map((at) => keys[at]!) as [string, string, string]
  return {
    columns: [first, second, score],
    rows: lines.map(({ line, content }) => () => {
      try {
        const row = JSON.parse(content) as Readonly<Record<string, unknown>>
        return pairOf(line, label, row[first], row[second], row[score])
      } catch (cause) {
        return bad(line, label, `found no JSON: ${(cause as Error).message}`)
      }
    }),
  }
}

/** Places of two texts and the score among the names of columns. */
function columnsOf(
  names: readonly string[],
  label: string,
  mustBe: boolean,
): readonly [number, number, number] | undefined {
  const place = (pattern: RegExp) => names.findIndex((name) => pattern.test(name))
  const [first, second, score] = [place(FIRST), place(SECOND), place(SCORE)]
  if (first >= 0 && second >= 0 && score >= 0) return [first, second, score]
  if (first >= 0 && second >= 0)
    throw new TersorError('E_FORMAT', `${label}: has two texts and no score; found the columns ${listed(names)}`, {
      where: label,
      hint: 'call the column that says how alike they are "score", or give single texts',
    })
  if (mustBe) throw noColumns(label, names)
  return undefined
}

function noColumns(label: string, names: readonly string[]): TersorError {
  return new TersorError(
    'E_FORMAT',
    `${label}: expected a heading with two texts and a score (sentence1, sentence2, score), found ${listed(names)}`,
    { where: label, hint: 'plain texts, a line each, are .txt' },
  )
}

const listed = (names: readonly string[]): string =>
  names
    .map((name) => JSON.stringify(name))
    .join(', ')
    .slice(0, 300)

function pairOf(line: number, label: string, first: unknown, second: unknown, score: unknown): TextPair | BadLine {
  const number =
    typeof score === 'number' ? score : typeof score === 'string' && score.trim() !== '' ? Number(score) : Number.NaN
  if (!isText(first) || !isText(second)) return bad(line, label, 'found less than two texts')
  if (!Number.isFinite(number)) return bad(line, label, `found the score ${JSON.stringify(score ?? null).slice(0, 60)}`)
  return { line, first, second, score: number }
}

const isText = (value: unknown): value is string => typeof value === 'string' && value.trim() !== ''

const bad = (line: number, label: string, what: string): BadLine => ({
  line,
  error: new TersorError('E_FORMAT', `${label}:${line}: expected two texts and a score that is a number, ${what}`, {
    where: `${label}:${line}`,
  }),
})

/** Fields of one line, quotes doubled inside quotes. */
function csvFields(line: string): string[] {
  const fields: string[] = []
  for (const [, quoted, plain] of line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g))
    fields.push(quoted === undefined ? (plain ?? '') : quoted.replaceAll('""', '"'))
  return fields
}
