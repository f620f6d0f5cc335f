/**
 * Rows of comma-separated text, as RFC 4180 writes them: cells may stand in double quotes, which are doubled inside. Semicolons and
 * tabs separate too when the first line has no comma. Empty lines are left out; cells are trimmed.
 */
export function csvRows(text: string): readonly { readonly line: number; readonly cells: readonly string[] }[] {
  const body = text.startsWith('\ufeff') ? text.slice(1) : text
  const [head = ''] = body.split('\n', 1)
  const separator = [',', ';', '\t'].find((mark) => head.includes(mark)) ?? ','
  return body.split(/\r\n|\n|\r/).flatMap((line, index) => {
    return line.trim() === '' ? [] : [{ line: index + 1, cells: cellsOf(line, separator) }]
  })
}

function cellsOf(line: string, separator: string): readonly string[] {
  const cells: string[] = []
  let cell = ''
  let quoted = false
  for (let i = 0; i < line.length; i += 1) {
    const character = line[i]!
    if (character === '"' && quoted && line[i + 1] === '"') {
      cell += '"'
      i += 1
    } else if (character === '"' && (quoted || cell.trim() === '')) quoted = !quoted
    else if (character === separator && !quoted) {
      cells.push(cell.trim())
      cell = ''
    } else cell += character
  }
  return [...cells, cell.trim()]
}
