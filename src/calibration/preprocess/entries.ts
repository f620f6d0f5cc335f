import { TersorError } from '../../errors.ts'
import { didYouMean } from '../../near-names.ts'

/** A value given in `--preprocess`, with the key it was given for. */
export class Entry {
  readonly key: string
  readonly values: readonly string[]

  constructor(key: string, values: readonly string[]) {
    this.key = key
    this.values = values
  }

  /** The only value. */
  text(): string {
    const [only] = this.values
    if (only === undefined || this.values.length > 1) throw this.wrong('one value')
    return only
  }

  oneOf<T extends string>(choices: readonly T[]): T {
    const found = choices.find((choice) => choice === this.text().toLowerCase())
    if (found !== undefined) return found
    throw this.wrong(choices.join(', '), didYouMean(this.text(), choices))
  }

  /** Numbers, fractions such as 1/255 among them. */
  numbers(): readonly number[] {
    return this.values.map((text) => {
      const parts = text
        .split('/')
        .map((part) => (/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(part) ? Number(part) : Number.NaN))
      const value = parts.length === 2 ? parts[0]! / parts[1]! : parts.length === 1 ? parts[0]! : Number.NaN
      if (!Number.isFinite(value)) throw this.wrong('a number')
      return value
    })
  }

  number(): number {
    this.text()
    return this.numbers()[0]!
  }

  /** A whole number from `least` to `most`. */
  whole(least: number, most: number): number {
    const value = /^\d+$/.test(this.text()) ? Number(this.text()) : Number.NaN
    if (value >= least && value <= most) return value
    throw this.wrong(`a whole number from ${least} to ${most}`)
  }

  wrong(expected: string, hint?: string): TersorError {
    const found = this.values.join(',').slice(0, 80)
    return new TersorError('E_USAGE', `--preprocess: expected ${expected} for ${this.key}=, found "${found}"`, {
      where: '--preprocess',
      ...(hint === undefined ? {} : { hint }),
    })
  }
}

/** `name,key=value,key=1,2,3`: a first word without `=` is the name; numbers without a key belong to the key before them. */
export function entriesOf(text: string): { readonly name?: string; readonly entries: readonly Entry[] } {
  const parts = text.split(',').map((part) => part.trim())
  let name: string | undefined
  const found: { key: string; values: string[] }[] = []
  for (const [place, part] of parts.entries()) {
    const split = part.indexOf('=')
    if (split > 0)
      found.push({ key: part.slice(0, split).trim().toLowerCase(), values: valuesOf(part.slice(split + 1)) })
    else if (place === 0 && part !== '' && split < 0) name = part
    else if (part !== '' && split < 0 && found.length > 0) found.at(-1)!.values.push(...valuesOf(part))
    else
      throw new TersorError(
        'E_USAGE',
        `--preprocess: expected key=value, found "${part.slice(0, 80)}" in "${text.slice(0, 200)}"`,
        { where: '--preprocess' },
      )
  }
  const twice = found.find(({ key }, place) => found.findIndex((other) => other.key === key) < place)
  if (twice !== undefined)
    throw new TersorError('E_USAGE', `--preprocess: ${twice.key}= is given twice`, { where: '--preprocess' })
  return { ...(name === undefined ? {} : { name }), entries: found.map(({ key, values }) => new Entry(key, values)) }
}

function valuesOf(text: string): string[] {
  return text
    .replace(/^\[(.*)\]$/, '$1')
    .split(/[:;\s]+/)
    .map((value) => value.trim().replace(/^\[|\]$/g, ''))
    .filter((value) => value !== '')
}
