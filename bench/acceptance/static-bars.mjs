/**
 * The bars of static int8, model by model: quantizes with the built command line as a stranger would, scores with the judge of the
 * measuring data (fused, unfused, onnxruntime-web, as a CPU without VNNI), and says which bar is met.
 *
 *     npm run acceptance:static -- [--data DIR] [--score DIR] [--python PY] [--models mnv2,r20] [--checks unfused,web,haswell,bytes]
 *                                  [--step 8] [--words '--effort best'] [--keep DIR] [--out FILE.json]
 *
 * DIR of --data is the folder of models and data, of --score that of the judge (its `setup` makes the Python); default ../shared/data and
 * ../shared/score beside the project. `--keep` keeps what was written, and takes from there what is there already. Exit code 1 when a bar
 * is not met, 2 when nothing was measured. Run npm run build first.
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { measure } from '../measure.mjs'
import { mebibytes, seconds, table } from '../table.mjs'
import { judgeAnswer, judgePython, missingFor } from './judge.mjs'
import { MODELS } from './static-bars-models.mjs'

const beside = (name) => fileURLToPath(new URL(`../../../shared/${name}`, import.meta.url))
const { values: options } = parseArgs({
  options: {
    data: { type: 'string', default: beside('data') },
    score: { type: 'string', default: beside('score') },
    python: { type: 'string' },
    models: { type: 'string', default: MODELS.map(({ name }) => name).join(',') },
    checks: { type: 'string', default: 'unfused,web,haswell,kl,bytes' },
    step: { type: 'string', default: '8' },
    words: { type: 'string', default: '' },
    keep: { type: 'string' },
    out: { type: 'string' },
    cli: { type: 'string', default: fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url)) },
  },
})
const here = (name) => fileURLToPath(new URL(name, import.meta.url))
const checks = new Set(options.checks.split(','))
const wanted = options.models.split(',').map((name) => {
  const found = MODELS.find((one) => one.name === name)
  if (!found) throw new Error(`unknown model "${name}"; there are ${MODELS.map((one) => one.name).join(', ')}`)
  return found
})

const absent = missingFor(options, 'lib.py')
if (absent.length > 0) {
  console.error(`nothing was measured: ${absent.join('; ')}`)
  process.exit(2)
}
const folder = options.keep === undefined ? mkdtempSync(join(tmpdir(), 'tersor-bars-')) : resolve(options.keep)
mkdirSync(folder, { recursive: true })
if (options.keep === undefined) process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
const python = options.python ?? judgePython(options.score)
const canEmulate = spawnSync('qemu-x86_64', ['--version']).status === 0
if (checks.has('haswell') && !canEmulate) console.error('qemu-x86_64 is not here: no CPU without VNNI')

/** What the judge's figures are. */
const NAMES = {
  classes: { agree: 'agreement with float %', metric: 'right %' },
  boxes: { agree: 'box F1 %', metric: 'mAP50' },
  picture: { agree: 'dB to float', metric: 'dB to the truth' },
  speech: { agree: 'decisions that agree %', metric: 'error of probabilities' },
  sound: { agree: 'dB to float', metric: 'dB to the truth' },
}

/** One line a bar: model, what, bar, measured, met. */
const bars = []
const runs = []
for (const model of wanted) {
  await runModel(model)
  // What was measured stays, whatever happens next.
  if (options.out !== undefined) {
    const cpu = cpus()[0]?.model
    const told = { date: new Date().toISOString(), cpu, node: process.version, words: options.words, bars, runs }
    writeFileSync(options.out, `${JSON.stringify(told, null, 1)}\n`)
  }
}

console.log(`\n${table([['model', 'what', 'bar', 'measured', 'met'], ...bars.map(lineOf)])}`)
const heads = [
  'model',
  'bytes',
  'of float',
  'verdict',
  'integer (said)',
  'fused',
  'unfused',
  'haswell',
  'web',
  'time',
  'peak',
]
console.log(`\n${table([heads, ...runs.map(summaryOf)])}`)
if (bars.some(({ met }) => !met)) process.exitCode = 1

async function runModel(model) {
  const { name, judge = name } = model
  const path = join(options.data, model.path)
  const file = join(folder, `${name}.onnx`)
  const words = ['--to', 'int8-static', ...calibration(model), ...(model.words ?? []), ...split(options.words)]
  const { found, report } = await quantized(path, file, words)
  const run = {
    name,
    words: words.slice(2).join(' ').replaceAll(folder, 'KEPT').replaceAll(options.data, 'DATA'),
    status: found.status,
    ms: found.ms,
    peakBytes: found.peakBytes,
  }
  runs.push(run)
  const said = (what, bar, measured, met, text = String(measured)) => {
    bars.push({ model: name, what, bar, measured, met, text })
    console.error(lineOf(bars.at(-1)).join('  '))
  }
  const atLeast = (what, bar, measured) => said(what, `>= ${bar}`, measured, measured >= bar, figure(measured))
  if (report?.output === undefined || !existsSync(file)) {
    said('quantize', 'a file', found.stderr.trim().split('\n').at(-1) ?? '', false, `exit ${found.status}`)
    return
  }
  run.bytes = readFileSync(file).length
  run.share = run.bytes / readFileSync(path).length
  run.verdict = report.verdict?.status
  run.because = report.verdict?.because
  run.integer = integerShare(file, judge, report)
  if (model.bytes) said('bytes', `<= ${model.bytes}`, run.bytes, run.bytes <= model.bytes)
  if (model.integer !== false) atLeast('multiply-adds in integer kernels, %', 95, run.integer.counted)

  run.fused = judged('score', judge, file, 'fused')
  for (const [key, bar] of Object.entries(model.bars)) {
    const name = NAMES[model.kind][key]
    atLeast(`fused, ${name}`, bar, run.fused[key])
    if (checks.has('unfused')) {
      run.unfused ??= judged('score', judge, file, 'plain')
      atLeast(`unfused, ${name}`, bar, run.unfused[key])
    }
    if (checks.has('web')) {
      run.web ??= judged('web', judge, file, process.execPath, here('./static-bars-web.mjs'))
      if (run.web.error) said(`onnxruntime-web, ${name}`, `>= ${bar}`, run.web.error, false)
      else atLeast(`onnxruntime-web, ${name}`, bar, run.web[key])
    }
  }
  if (checks.has('kl') && model.kl !== undefined) {
    run.kl = judged('kl', judge, file, path).kl
    said('mean KL, nats', `< ${model.kl}`, run.kl, run.kl < model.kl, run.kl.toFixed(4))
  }
  if (checks.has('haswell') && canEmulate) asHaswell(model, judge, file, run, atLeast)
  if (checks.has('bytes') && model.again) await sameBytes(path, file, words, said)
}

/** A CPU with AVX2 and without VNNI: the same answers, and results as near as the order of float sums allows. */
function asHaswell({ kind, bars: wantedBars }, judge, file, run, atLeast) {
  const [native, emulated] = ['native', 'haswell'].map((name) => join(folder, `${run.name}.${name}.npz`))
  const data = feedsOf(judge)
  judged('outputs', file, data, '2', native)
  emulatedPython('outputs', file, data, '2', emulated)
  run.near = judged('near', native, emulated)
  if (run.near.error) run.near.db = Number.NaN
  atLeast('as a Haswell, dB to this CPU', 40, run.near.db)
  if (kind !== 'classes') return
  run.haswell = judgeAnswer(
    spawnSync(join(options.score, 'haswell'), [judge, file, options.step], { encoding: 'utf8' }),
  )
  const same = judgedSubset(judge, file, options.step)
  run.subset = same
  atLeast(
    `as a Haswell, agreement % of ${run.haswell.n}`,
    Math.min(wantedBars.agree ?? 100, Number((same.agree ?? 100).toFixed(2))),
    run.haswell.agree,
  )
}

/** The same every-so-many samples on this CPU. */
function judgedSubset(judge, file, step) {
  const site = dirname(dirname(python))
  const packages = join(
    site,
    'lib',
    readdirSync(join(site, 'lib')).find((one) => one.startsWith('python3')),
    'site-packages',
  )
  return judgeAnswer(
    spawnSync(python, ['haswell.py', packages, judge, file, step], { encoding: 'utf8', cwd: options.score }),
  )
}

async function quantized(path, file, words) {
  const said = `${file}.json`
  if (options.keep !== undefined && existsSync(file) && existsSync(said)) {
    const { found, report } = JSON.parse(readFileSync(said, 'utf8'))
    return { found, report }
  }
  const args = [options.cli, 'quantize', path, '-o', file, ...words, '--force', '--json']
  const { stdout, stderr, ...found } = await measure(process.execPath, args, { timeout: 1_500_000 })
  let report
  try {
    report = JSON.parse(stdout)
  } catch {
    // What it printed last is in the table.
  }
  const made = { found: { ...found, stderr: stderr.slice(-2000) }, report }
  if (options.keep !== undefined) writeFileSync(said, JSON.stringify(made))
  return made
}

/** Threads, memory and a second run change no byte. */
async function sameBytes(path, file, words, said) {
  const hash = (name) => createHash('sha256').update(readFileSync(name)).digest('hex')
  const differ = []
  for (const more of [[], ['--threads', '1'], ['--threads', '3'], ['--max-memory', '600MB']]) {
    const again = join(folder, 'again.onnx')
    rmSync(again, { force: true })
    await measure(process.execPath, [options.cli, 'quantize', path, '-o', again, ...words, ...more, '--force', '-q'])
    if (!existsSync(again) || hash(again) !== hash(file)) differ.push(more.join(' ') || 'again')
  }
  said(
    'bytes again: plain, --threads 1 and 3, --max-memory',
    'the same',
    differ.join(', ') || 'the same',
    differ.length === 0,
  )
}

/** Per cent of the multiply-adds that onnxruntime runs in integer kernels, and what the report says of them. */
function integerShare(file, judge, report) {
  const script = here('./integer-share.mjs')
  const { stdout } = spawnSync(process.execPath, [script, file, '--data', feedsOf(judge)], { encoding: 'utf8' })
  const text = [...(report.warnings ?? []), ...(report.notes ?? [])].find((one) => /% of the multiply-adds/.test(one))
  const counted = /([\d.]+) % integer/.exec(stdout)
  return {
    counted: counted === null ? null : Number(counted[1]),
    said: text === undefined ? null : Number.parseFloat(text),
  }
}

function calibration({ judge, name, calib }) {
  if (calib.photos !== undefined) return ['--calib', photos(), '--preprocess', calib.photos]
  if (calib.path !== undefined) {
    return ['--calib', join(options.data, calib.path), ...(calib.preprocess ? ['--preprocess', calib.preprocess] : [])]
  }
  return ['--calib', feedsOf(judge ?? name)]
}

/** Every fourth photo by name; the judge takes the others. */
function photos() {
  const to = join(folder, 'photos')
  if (existsSync(to)) return to
  mkdirSync(to)
  const from = join(options.data, 'images-imagenet-256')
  const names = readdirSync(from)
    .filter((name) => name.endsWith('.jpg'))
    .sort()
  for (const [at, name] of names.entries()) if (at % 4 === 0) symlinkSync(join(resolve(from), name), join(to, name))
  return to
}

/** The judge's calibration feeds, samples along the leading axis. */
function feedsOf(judge) {
  const to = join(folder, `${judge}.npz`)
  if (!existsSync(to)) {
    const made = judged('feeds', judge, to)
    if (made.error) throw new Error(`no calibration data for ${judge}: ${made.error}`)
  }
  return to
}

function judged(...words) {
  return judgeAnswer(spawnSync(python, [here('./static-bars.py'), options.score, ...words], { encoding: 'utf8' }))
}

function emulatedPython(...words) {
  const site = dirname(dirname(python))
  const packages = join(
    site,
    'lib',
    readdirSync(join(site, 'lib')).find((one) => one.startsWith('python3')),
    'site-packages',
  )
  const binary = spawnSync('readlink', ['-f', python], { encoding: 'utf8' }).stdout.trim()
  const args = ['-cpu', 'Haswell', binary, here('./static-bars.py'), options.score, ...words]
  return judgeAnswer(
    spawnSync('qemu-x86_64', args, { encoding: 'utf8', env: { ...process.env, PYTHONPATH: packages } }),
  )
}

function lineOf({ model, what, bar, text, met }) {
  return [model, what, bar, text.slice(0, 80), met ? 'met' : 'NOT MET']
}

function summaryOf(run) {
  const both = (found) =>
    found === undefined ? '-' : found.error ? 'error' : `${figure(found.metric)} / ${figure(found.agree)}`
  return [
    run.name,
    run.bytes ?? '-',
    run.share === undefined ? '-' : `${(100 * run.share).toFixed(1)} %`,
    run.verdict ?? `exit ${run.status}`,
    run.integer === undefined ? '-' : `${figure(run.integer.counted)} (${figure(run.integer.said)})`,
    both(run.fused),
    both(run.unfused),
    run.haswell
      ? `${figure(run.haswell.agree)} (${figure(run.near?.db)} dB)`
      : run.near
        ? `${figure(run.near.db)} dB`
        : '-',
    both(run.web),
    seconds(run.ms),
    mebibytes(run.peakBytes),
  ]
}

function figure(value) {
  return typeof value === 'number' && Number.isFinite(value) ? value.toFixed(2) : '-'
}

function split(words) {
  return words.split(' ').filter(Boolean)
}
