/**
 * Broken and hostile ONNX files against the command line.
 *
 *     node bench/acceptance/malformed.mjs DIR        DIR holds expectations.json and the files
 *
 * Each runs `tersor quantize FILE -o OUT --to auto`. Wanted: the `expect` field; exit 3 where it says reject and nothing else; never 1, never
 * killed; less than 20 times `node -e 0` and 300 MiB; nothing written unless the exit code is 0.
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { measure, median } from '../measure.mjs'
import { mebibytes, seconds, table } from '../table.mjs'

const root = process.argv[2]
if (!root) throw new Error('which folder? node bench/acceptance/malformed.mjs DIR')
const cli = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
const rows = JSON.parse(readFileSync(join(root, 'expectations.json'), 'utf8')).filter((row) =>
  row.file.endsWith('.onnx'),
)
const present = rows.filter((row) => existsSync(join(root, row.file)))

const starts = []
for (let i = 0; i < 7; i++) starts.push((await measure(process.execPath, ['-e', '0'])).ms)
const start = median(starts)

/** What may come out, by the words of the expectation. */
const allowed = (expect) => {
  if (expect === 'reject') return { codes: [3] }
  if (expect.startsWith('reject or report truncation')) return { codes: [3] }
  // The quantizer may refuse NaN by name (3), and a result may be right to refuse (5).
  if (expect.startsWith('load; quantiser')) return { codes: [0, 3, 5] }
  // What no runtime can execute may be passed through, or found impossible to plan or to prove.
  if (expect.startsWith('load')) return { codes: expect.includes('reject') ? [0, 3, 4, 5, 6] : [0, 4, 5, 6] }
  return { codes: [0, 3, 4, 5, 6] }
}

const bad = []
const lines = [['file', 'expect', 'exit', 'time', 'x node -e 0', 'peak', 'said']]
for (const row of present) {
  const folder = mkdtempSync(join(tmpdir(), 'tersor-malformed-'))
  const before = readdirSync(join(root, 'onnx')).length
  const out = join(folder, 'out.onnx')
  const found = await measure(
    process.execPath,
    [cli, 'quantize', join(root, row.file), '-o', out, '--to', 'auto', '-q'],
    { timeout: 60_000 },
  )
  const written = readdirSync(folder)
  const faults = []
  if (!allowed(row.expect).codes.includes(found.status)) faults.push(`exit ${found.status}`)
  if (found.ms > 20 * start) faults.push(`${(found.ms / start).toFixed(1)} times node -e 0`)
  if (found.peakBytes > 300 * 1048576) faults.push(mebibytes(found.peakBytes))
  if (found.status !== 0 && written.length) faults.push(`left ${written}`)
  if (found.status === 0 && !written.length) faults.push('exit 0 and no file')
  if (readdirSync(join(root, 'onnx')).length !== before) faults.push('wrote beside the input')
  const said =
    (found.status === 0 ? /^verdict.*/m.exec(found.stdout) : /^error.*/m.exec(found.stderr))?.[0] ?? found.stderr
  const whole = `${found.stdout}${found.stderr}`
  if (
    /weights (nan|inf)/.test(row.why) &&
    !/\b(nan|inf|infinity|not finite|non-finite|nonfinite)/i.test(whole.replaceAll(row.file, ''))
  ) {
    faults.push('says nothing of the values that are not finite')
  }
  if (row.expect === 'reject or warn' && found.status === 0 && !/warning/i.test(whole)) faults.push('no warning')
  if (/^\s+at /m.test(found.stderr)) faults.push('stack trace')
  lines.push([
    row.file,
    row.expect.slice(0, 28),
    found.status,
    seconds(found.ms),
    (found.ms / start).toFixed(1),
    mebibytes(found.peakBytes),
    said.slice(0, 110),
  ])
  if (faults.length) bad.push(`${row.file} (${row.why}; wanted: ${row.expect}): ${faults.join(', ')}`)
  rmSync(folder, { recursive: true })
}
console.log(table(lines))
console.log(
  `\n${present.length} files (${rows.length - present.length} of the list are not there), node -e 0 ${seconds(start)}; ${bad.length} not as wanted`,
)
for (const line of bad) console.log(`  ${line}`)
process.exitCode = bad.length ? 1 : 0
