import { TersorError } from '../errors.ts'

/** The classes of a model by name, in its order. */
export interface ClassNames {
  /** For messages. */
  readonly where: string
  readonly count: number
  /** Position in the list; undefined when no class is called so, or several are. */
  of(name: string): number | undefined
  /** The first word for a position. */
  name?(position: number): string | undefined
}

const MOST = 1_000_000

/**
 * A list of classes: text with one a line, a JSON array, or a JSON object from number to name (also the `id2label` of a
 * `config.json`, also `[id, name]` pairs). A class goes by its whole line, its first word, or what stands before a comma or tab:
 * `n01440764 tench, Tinca tinca` is also `n01440764`. E_FORMAT when it is neither.
 */
export function classNamesOf(text: string, where: string): ClassNames {
  const trimmed = text.trim()
  const lines = /^[[{]/.test(trimmed)
    ? namesOfJson(trimmed, where)
    : trimmed.split(/\r?\n/).map((line) => [line.trim()])
  if (lines.length < 2 || lines.length > MOST)
    throw new TersorError('E_FORMAT', `${where}: expected a class on each line, found ${lines.length} lines`, { where })
  return classNames(lines, where)
}

/** Names in order, each with other words for it. */
export function classNames(lines: readonly (readonly string[])[], where: string): ClassNames {
  const exact = new Map<string, number>()
  const short = new Map<string, number | undefined>()
  for (const [position, names] of lines.entries()) {
    for (const name of names) {
      if (name === '') continue
      if (!exact.has(name)) exact.set(name, position)
      for (const part of [name.split(/[\s,:]/)[0]!, name.split(/[,\t]/)[0]!.trim()]) {
        short.set(part, short.has(part) && short.get(part) !== position ? undefined : position)
      }
    }
  }
  return { where, count: lines.length, of: (name) => exact.get(name) ?? short.get(name), name: (at) => lines[at]?.[0] }
}

function namesOfJson(text: string, where: string): readonly (readonly string[])[] {
  const wrong = (cause?: unknown) =>
    new TersorError('E_FORMAT', `${where}: expected a JSON list of classes, or an object from number to class`, {
      where,
      ...(cause === undefined ? {} : { cause }),
    })
  let data: unknown
  try {
    data = JSON.parse(text)
  } catch (cause) {
    throw wrong(cause)
  }
  if (typeof data === 'object' && data !== null && 'id2label' in data) data = data.id2label
  if (typeof data !== 'object' || data === null) throw wrong()
  const entries = Object.entries(data)
  const numbered = entries.map(([key, value]) => ({ key: Number(key), names: Array.isArray(value) ? value : [value] }))
  numbered.sort((a, b) => a.key - b.key)
  if (numbered.some(({ key, names }, i) => key !== i || names.some((name) => typeof name !== 'string'))) throw wrong()
  return numbered.map(({ names }) => names as string[])
}
