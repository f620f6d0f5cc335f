import { TersorError } from '../../errors.ts'

/** One text of a file. */
export interface TextLine {
  /** Counted from 1. */
  readonly line: number
  readonly text: string
  /** What should come out, where a .jsonl says so; a decoder reads it. */
  readonly target?: string
}

/** A line with what is wrong with it instead of a text. */
export interface BadLine {
  readonly line: number
  readonly error: TersorError
}

/**
 * Texts of a file: a line each, empty ones left out; where the first line is a JSON object, every line is one, with `text` or
 * `input` and `target`. E_FORMAT when the bytes are not UTF-8.
 */
export function linesOf(bytes: Uint8Array, label: string): readonly (TextLine | BadLine)[] {
  const lines = plainLines(textOf(bytes, label))
  const json = isObject(lines[0]?.content ?? '')
  return lines.map(({ line, content }) => (json ? ofJson(content, line, label) : { line, text: content }))
}

/** E_FORMAT when the bytes are not UTF-8. A character that the end of the file cuts is left out. */
export function textOf(bytes: Uint8Array, label: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: true })
  } catch (cause) {
    throw new TersorError('E_FORMAT', `${label}: expected text in UTF-8, found other bytes`, { where: label, cause })
  }
}

/** Lines that are not empty, with their numbers, counted from 1. */
export function plainLines(text: string): readonly { readonly line: number; readonly content: string }[] {
  return text
    .split(/\r\n|\r|\n/)
    .map((content, index) => ({ line: index + 1, content }))
    .filter(({ content }) => content.trim() !== '')
}

/** Whether a line is a JSON object. */
export function isObject(line: string): boolean {
  if (!line.trimStart().startsWith('{')) return false
  try {
    return typeof JSON.parse(line) === 'object'
  } catch {
    return false
  }
}

function ofJson(content: string, line: number, label: string): TextLine | BadLine {
  const where = `${label}:${line}`
  const wrong = (what: string) => ({
    line,
    error: new TersorError('E_FORMAT', `${where}: expected an object with "text", or "input" and "target", ${what}`, {
      where,
    }),
  })
  let data: unknown
  try {
    data = JSON.parse(content)
  } catch (cause) {
    return wrong(`found no JSON: ${(cause as Error).message}`)
  }
  if (typeof data !== 'object' || data === null) return wrong(`found ${typeof data}`)
  const { text, input, target } = data as Readonly<Record<string, unknown>>
  const given = text ?? input
  if (typeof given !== 'string' || given.trim() === '')
    return wrong(`found the keys ${Object.keys(data).join(', ').slice(0, 200)}`)
  if (target !== undefined && target !== null && typeof target !== 'string')
    return wrong('found a target that is no text')
  return { line, text: given, ...(typeof target === 'string' ? { target } : {}) }
}
