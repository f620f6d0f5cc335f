/**
 * Every .onnx file below DIR (outside conformance-onnx and malformed) to each preset: no error, and a refusal is listed.
 *
 *     node bench/acceptance/sweep.mjs DIR [--to auto,int8,int4-weights,fp16-weights] [--match TEXT]
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { measure } from '../measure.mjs'
import { mebibytes, seconds, table } from '../table.mjs'
import { filesBelow } from './round-trip.mjs'

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    to: { type: 'string', default: 'auto,int8,int4-weights,fp16-weights' },
    match: { type: 'string', default: '' },
  },
})
const [root] = positionals
if (!root) throw new Error('which folder? node bench/acceptance/sweep.mjs DIR')
const cli = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'tersor-sweep-'))
const files = filesBelow(root, '.onnx').filter(
  (path) => !/\/(conformance-onnx|malformed)\//.test(path) && path.includes(options.match),
)

const lines = [
  ['model', 'to', 'exit', 'verdict', 'before', 'after', 'saved', 'worst cosine', 'unfused', 'time', 'peak'],
]
const bad = []
for (const path of files) {
  for (const to of options.to.split(',')) {
    const out = join(folder, 'out.onnx')
    const found = await measure(process.execPath, [cli, 'quantize', path, '-o', out, '--to', to, '--json'])
    rmSync(out, { force: true })
    rmSync(`${out}.data`, { force: true })
    let report = {}
    try {
      report = JSON.parse(found.stdout)
    } catch {
      bad.push(`${relative(root, path)} ${to}: no JSON (exit ${found.status}) ${found.stderr.slice(0, 160)}`)
    }
    const worst = (outputs) => (outputs?.length ? Math.min(...outputs.map((o) => o.cosine)).toFixed(5) : '-')
    const [before, after] = [report.input?.bytes, report.output?.bytes]
    lines.push([
      relative(root, path),
      to,
      found.status,
      report.verdict?.status ?? report.error?.code ?? '?',
      before ?? '-',
      after ?? '-',
      before && after ? `${(100 - (100 * after) / before).toFixed(1)} %` : '-',
      worst(report.verdict?.outputs),
      worst(report.verdict?.unfused?.outputs),
      seconds(found.ms),
      mebibytes(found.peakBytes),
    ])
    console.error(lines.at(-1).join('  '))
    if (report.error) bad.push(`${relative(root, path)} ${to}: ${report.error.code} ${report.error.message}`)
    else if (report.verdict && !['proven', 'plausible'].includes(report.verdict.status)) {
      bad.push(`${relative(root, path)} ${to}: ${report.verdict.status}: ${report.verdict.because}`)
    }
    if (to === 'auto' && before > 1e6 && after > 0.4 * before) {
      bad.push(
        `${relative(root, path)} auto saves less than 60 %; it says: ${(report.warnings ?? []).join(' | ') || 'nothing'}`,
      )
    }
  }
}
rmSync(folder, { recursive: true })
console.log(table(lines))
console.log(`\n${files.length} models; ${bad.length} to look at`)
for (const line of bad) console.log(`  ${line}`)
process.exitCode = bad.some((line) => /E_|no JSON/.test(line)) ? 1 : 0
