/** Plain text table: rows are arrays of strings, the first is the heading; all but the first column to the right. */
export const table = (rows) => {
  const widths = rows[0].map((_, c) => Math.max(...rows.map((r) => String(r[c] ?? '').length)))
  const line = (row) =>
    row
      .map((cell, c) => (c ? String(cell ?? '').padStart(widths[c]) : String(cell ?? '').padEnd(widths[c])))
      .join('  ')
      .trimEnd()
  return [line(rows[0]), widths.map((w) => '-'.repeat(w)).join('  '), ...rows.slice(1).map(line)].join('\n')
}

export const seconds = (ms) => `${(ms / 1000).toFixed(ms < 1000 ? 3 : 2)} s`
export const mebibytes = (bytes) => `${(bytes / 1048576).toFixed(0)} MiB`
export const ratio = (x) => (Number.isFinite(x) ? `${x.toFixed(2)}x` : '-')
