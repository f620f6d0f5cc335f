/**
 * The bars of low bits for transformers, row by row: quantizes with the built command line as a stranger would, scores with the judge of the
 * measuring data, and says which bar is met.
 *
 *     npm run acceptance:language -- [--data DIR] [--score DIR] [--python PY] [--rows stories,minilm-int8] [--unfused] [--keep DIR] [--out FILE.json]
 *
 * DIR of --data is the folder of models and data, of --score that of the judge (its `setup` makes the Python); default ../shared/data and
 * ../shared/score beside the project. `--rows` takes beginnings of names. stories260K is calibrated on what follows the first 60,000 bytes of its text,
 * which judge; MiniLM and the sentence encoder on the training sentences of SICK, whose test sentences judge. Exit code 1 when a bar is not
 * met, 2 when nothing was measured. Run npm run build first.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { measure } from '../measure.mjs'
import { mebibytes, seconds, table } from '../table.mjs'
import { judgeAnswer, judgePython, missingFor } from './judge.mjs'
import { ROWS } from './language-bars-rows.mjs'

const beside = (name) => fileURLToPath(new URL(`../../../shared/${name}`, import.meta.url))
const { values: options } = parseArgs({
  options: {
    data: { type: 'string', default: beside('data') },
    score: { type: 'string', default: beside('score') },
    python: { type: 'string' },
    rows: { type: 'string', default: '' },
    unfused: { type: 'boolean', default: false },
    keep: { type: 'string' },
    out: { type: 'string' },
    cli: { type: 'string', default: fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url)) },
  },
})
const wanted = ROWS.filter(({ name }) => options.rows.split(',').some((start) => name.startsWith(start)))
if (wanted.length === 0)
  fail(`no row begins with "${options.rows}"; there are ${ROWS.map(({ name }) => name).join(', ')}`)
const absent = missingFor(options, 'llm_ev.py')
if (absent.length > 0) fail(`nothing was measured: ${absent.join('; ')}`)

const folder = options.keep === undefined ? mkdtempSync(join(tmpdir(), 'tersor-language-')) : resolve(options.keep)
mkdirSync(folder, { recursive: true })
if (options.keep === undefined) process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
const python = options.python ?? judgePython(options.score)
const texts = calibrationTexts()
const floats = new Map()
const bars = []
const runs = []
for (const row of wanted) {
  await runRow(row)
  if (options.out === undefined) continue
  const told = { date: new Date().toISOString(), cpu: cpus()[0]?.model, node: process.version, bars, runs }
  writeFileSync(options.out, `${JSON.stringify(told, null, 1)}\n`)
}
console.log(`\n${table([['row', 'what', 'bar', 'measured', 'met'], ...bars.map(lineOf)])}`)
const lines = runs.map((run) => [
  run.name,
  run.words,
  run.bytes ?? '-',
  run.verdict ?? '-',
  seconds(run.ms),
  mebibytes(run.peakBytes),
])
console.log(`\n${table([['row', 'flags', 'bytes', 'verdict', 'time', 'peak'], ...lines])}`)
if (bars.some(({ met }) => !met)) process.exitCode = 1

async function runRow({
  name,
  judge,
  verb = 'quantize',
  path,
  words,
  calib,
  bits,
  bytes,
  least = {},
  most = {},
  change,
}) {
  const source = join(options.data, path)
  const file = join(folder, `${name}.onnx`)
  const data = calib === undefined ? [] : ['--calib', texts[calib] ?? join(options.data, calib)]
  const args = [options.cli, verb, source, '-o', file, ...words, ...data, '--force', '--json']
  const { stdout, stderr, ms, peakBytes, status } = await measure(process.execPath, args, { timeout: 3_000_000 })
  const report = parsed(stdout)
  const run = { name, words: words.join(' '), ms, peakBytes, verdict: report?.verdict?.status ?? `exit ${status}` }
  runs.push(run)
  const said = (what, bar, measured, met, text = String(measured)) => {
    bars.push({ row: name, what, bar, measured, met, text })
    console.error(lineOf(bars.at(-1)).join('  '))
  }
  if (!existsSync(file)) {
    said('quantize', 'a file', stderr.trim().split('\n').at(-1) ?? '', false, `exit ${status}`)
    return
  }
  run.bytes = readFileSync(file).length
  if (bytes !== undefined) said('bytes', `<= ${bytes}`, run.bytes, run.bytes <= bytes)
  if (bits !== undefined) {
    const widest = widestLinear(report)
    said('bits of every linear weight', `<= ${bits}`, widest, widest <= bits)
  }
  for (const way of options.unfused ? ['', 'noopt'] : ['']) {
    const found = judged(judge, file, way)
    const label = way === '' ? '' : 'unfused, '
    if (found.error !== undefined) said(`${label}judge`, 'figures', found.error, false)
    else {
      run[way || 'fused'] = found
      for (const [key, bar] of Object.entries(least)) said(`${label}${key}`, `>= ${bar}`, found[key], found[key] >= bar)
      for (const [key, bar] of Object.entries(most)) said(`${label}${key}`, `<= ${bar}`, found[key], found[key] <= bar)
      for (const [key, bar] of Object.entries(change ?? {})) {
        const moved = Math.abs(found[key] - floatOf(judge, source)[key])
        said(`${label}change of ${key}`, `<= ${bar}`, moved, moved <= bar, moved.toFixed(5))
      }
    }
  }
}

/** Most bits a weight of a product has by the report; one that is a table too counts as a table. */
function widestLinear({ decisions = [] } = {}) {
  const linear = decisions.filter(
    ({ op, action, because }) => action !== 'keep' && /MatMul|Gemm/.test(op ?? '') && because?.code !== 'shared',
  )
  const widths = linear.map(({ scheme, schemeId }) =>
    Number(/\d+/.exec(String(scheme?.bits ?? schemeId ?? scheme))?.[0] ?? 32),
  )
  return Math.max(0, ...widths)
}

function floatOf(judge, source) {
  if (!floats.has(judge)) floats.set(judge, judged(judge, source, ''))
  return floats.get(judge)
}

function judged(judge, file, way) {
  const script =
    judge === 'kwt' ? ['ev.py', judge, file, way === '' ? '1' : '0'] : ['llm_ev.py', judge, file, ...(way ? [way] : [])]
  return judgeAnswer(spawnSync(python, script, { encoding: 'utf8', cwd: options.score }))
}

/** Texts that no judge reads. */
function calibrationTexts() {
  const stories = join(folder, 'stories.txt')
  const whole = readFileSync(join(options.data, 'text/tinystories/tiny_stories_dev.txt'))
  writeFileSync(stories, whole.subarray(60_000))
  const sick = join(folder, 'sick.txt')
  const lines = readFileSync(join(options.data, 'sts/sick2014/SICK_train.txt'), 'utf8').split('\n').slice(1)
  const sentences = lines.flatMap((line) => line.split('\t').slice(1, 3)).filter((one) => one !== '')
  writeFileSync(sick, `${[...new Set(sentences)].join('\n')}\n`)
  return { stories, sick }
}

function parsed(text) {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function lineOf({ row, what, bar, text, met }) {
  return [row, what, bar, text.slice(0, 80), met ? 'met' : 'NOT MET']
}

function fail(text) {
  console.error(text)
  process.exit(2)
}
