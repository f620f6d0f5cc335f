/**
 * Every .onnx file below FOLDER with every ask: exit code, verdict, size, worst cosine, seconds, peak memory, and whether
 * onnxruntime opens the result in a process of its own. Beside NAME.onnx, NAME.npz (or the folder NAME.calib) is what --calib gets;
 * asks that end in +calib are left out where there is none.
 *
 *     node bench/acceptance/strangers.mjs FOLDER [--asks auto,int8,int4-weights+calib,inspect] [--match TEXT] [--limit SECONDS]
 *       [--threads N] [--json FILE] [--keep FOLDER] [--cli dist/cli/main.js]
 */
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { measure } from '../measure.mjs'
import { mebibytes, seconds, table } from '../table.mjs'
import { filesBelow } from './round-trip.mjs'

const every = [
  ...['inspect', 'auto', 'int8', 'int8-weights', 'int4-weights', 'int4-weights+calib', 'int2-weights'],
  ...['fp16', 'q4f16', 'bnb4', 'fp16-weights', 'int8-static', 'int8-static+calib'],
]
const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    asks: { type: 'string', default: every.join(',') },
    match: { type: 'string', default: '' },
    limit: { type: 'string', default: '300' },
    threads: { type: 'string' },
    json: { type: 'string' },
    keep: { type: 'string' },
    cli: { type: 'string', default: fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url)) },
  },
})
const [root] = positionals
if (!root) throw new Error('which folder? node bench/acceptance/strangers.mjs FOLDER')
const scratch = mkdtempSync(join(tmpdir(), 'tersor-strangers-'))
if (options.keep) mkdirSync(options.keep, { recursive: true })
const files = filesBelow(root, '.onnx').filter((path) => relative(root, path).includes(options.match))
const limit = Number(options.limit) * 1000

/** What --calib gets for a model; undefined without. */
const dataOf = (path) => ['.npz', '.calib'].map((end) => path.replace(/\.onnx$/, end)).find((at) => existsSync(at))

const opens = `import ort from ${JSON.stringify(import.meta.resolve('onnxruntime-node'))}
await ort.InferenceSession.create(process.argv[1], { logSeverityLevel: 4, intraOpNumThreads: 1 })`

/** Exit code, JSON of stdout if it is any, and what it cost. */
const tersor = async (args) => {
  const found = await measure(process.execPath, [options.cli, ...args, '--json'], { timeout: limit })
  try {
    return { ...found, report: JSON.parse(found.stdout) }
  } catch {
    return { ...found, report: {} }
  }
}

const worst = (outputs, key) => {
  const given = (outputs ?? []).map((output) => output[key]).filter((value) => typeof value === 'number')
  return given.length ? Math.min(...given).toFixed(5) : '-'
}

const heading = [
  'model',
  'ask',
  'exit',
  'verdict',
  'opens',
  'before',
  'after',
  'saved',
  'cosine',
  'time',
  'peak',
  'words',
]
const rows = []
for (const path of files) {
  const name = relative(root, path).replace(/\.onnx$/, '')
  for (const ask of options.asks.split(',')) {
    const [to, withData] = ask.split('+')
    const data = dataOf(path)
    if (withData && !data) continue
    const out = join(options.keep ?? scratch, `${name.replaceAll('/', '_')}.${ask}.onnx`)
    const verb = to === 'inspect' ? ['inspect', path] : ['quantize', path, '-o', out, '--force', '--to', to]
    if (withData) verb.push('--calib', data)
    if (options.threads && to !== 'inspect') verb.push('--threads', options.threads)
    const { status, report, ms, peakBytes, stderr } = await tersor(verb)
    const written = existsSync(out)
    const opened = written
      ? await measure(process.execPath, ['--input-type=module', '-e', opens, out], { timeout: limit })
      : undefined
    const verdict = report.verdict
    const [before, after] = [report.input?.bytes, report.output?.bytes]
    const words =
      report.error !== undefined
        ? `${report.error.code} ${report.error.message}${report.error.where ? ` (${report.error.where})` : ''}`
        : verdict?.status === 'refused'
          ? verdict.because
          : status !== 0 && report.verdict === undefined
            ? stderr.trim().split('\n').at(-1)
            : ''
    rows.push({
      ...{ model: name, ask, exit: status, verdict: verdict?.status ?? report.error?.code ?? '-' },
      opens: opened === undefined ? '-' : opened.status === 0 ? 'yes' : `NO ${opened.stderr.slice(0, 300)}`,
      ...{ before: before ?? '-', after: after ?? '-' },
      saved: before && after ? `${(100 - (100 * after) / before).toFixed(1)} %` : '-',
      cosine: worst(verdict?.outputs, 'cosine'),
      ...{ time: seconds(ms), peak: mebibytes(peakBytes), words: (words ?? '').replace(/\s+/g, ' ').slice(0, 240) },
      report,
    })
    console.error(heading.map((key) => rows.at(-1)[key]).join('  '))
    if (!options.keep) for (const end of ['', '.data']) rmSync(`${out}${end}`, { force: true })
    if (options.json) writeFileSync(options.json, JSON.stringify(rows))
  }
}
rmSync(scratch, { recursive: true })
console.log(table([heading, ...rows.map((row) => heading.map((key) => row[key]))]))
const broken = rows.filter((row) => row.exit === 1 || typeof row.exit === 'string' || row.opens.startsWith('NO'))
console.log(
  `\n${files.length} models, ${rows.length} runs; ${broken.length} broken (our bug, over the time, or it does not open)`,
)
process.exitCode = broken.length ? 1 : 0
