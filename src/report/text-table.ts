/** Paints words on a terminal; all members give the text back unchanged when colours are off. */
export interface Paint {
  readonly bold: (text: string) => string
  readonly dim: (text: string) => string
  readonly good: (text: string) => string
  readonly warn: (text: string) => string
  readonly bad: (text: string) => string
  readonly name: (text: string) => string
}

const code = (open: number, close: number) => (text: string) => `\u001b[${open}m${text}\u001b[${close}m`
const asIs = (text: string) => text

export const COLORS: Paint = {
  bold: code(1, 22),
  dim: code(2, 22),
  good: code(32, 39),
  warn: code(33, 39),
  bad: code(31, 39),
  name: code(36, 39),
}
export const PLAIN: Paint = { bold: asIs, dim: asIs, good: asIs, warn: asIs, bad: asIs, name: asIs }

/** Columns wide enough for their longest cell. `align` has one letter a column, l or r; the last column is not padded. */
export function textTable(rows: readonly (readonly string[])[], align: string, indent = '  ', gap = '  '): string[] {
  const widths: number[] = []
  for (const row of rows) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, visible(cell))
  }
  return rows.map((row) => {
    const cells = row.map((cell, column) => {
      const pad = ' '.repeat(widths[column]! - visible(cell))
      return align[column] === 'r' ? pad + cell : cell + pad
    })
    return (indent + cells.join(gap)).trimEnd()
  })
}

/** Cells on a terminal without colour codes: ideographs and full-width signs take two. */
const visible = (text: string): number => {
  const shown = text.replace(/\u001b\[\d+m/g, '')
  const wide = shown.match(
    /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6]/g,
  )
  return shown.length + (wide?.length ?? 0)
}
