/**
 * Time and memory of static int8 of MobileNetV2 against onnxruntime's Python tool; whole processes, interleaved, in one run.
 *
 *     npm run bench:static-speed -- DATA [--python PATH] [--photos FOLDER] [--rounds 5] [--memory] [--threads N]
 *
 * DATA holds onnx-rebuilt/mobilenetv2_tf1001.onnx and a folder of photos (`--photos`, default: every fourth of DATA/images-imagenet-256 by name). `--memory`
 * adds peaks with all photos and with ten times as many, and onnxruntime's with percentiles and entropy (gigabytes).
 * Times are of the clock and of the processor (all threads). Ratios are taken inside a round, against onnxruntime, and their median is shown. PATH is a
 * Python with onnxruntime, onnx, numpy and Pillow.
 */

import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { machine, measure, median, warm } from './measure.mjs'
import { mebibytes, ratio, seconds, table } from './table.mjs'

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    python: { type: 'string' },
    photos: { type: 'string' },
    rounds: { type: 'string', default: '5' },
    memory: { type: 'boolean', default: false },
    threads: { type: 'string' },
  },
})

const missing = (what) => {
  console.error(`static-speed: ${what}`)
  process.exit(2)
}
const [data] = positionals
if (data === undefined) missing('expected the folder of test data')
const model = join(data, 'onnx-rebuilt', 'mobilenetv2_tf1001.onnx')
if (!existsSync(model)) missing(`${model} is not there`)
const cli = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url))
if (!existsSync(cli)) missing('dist/ is not built: npm run build')

const home = mkdtempSync(join(tmpdir(), 'tersor-static-speed-'))
process.on('exit', () => rmSync(home, { recursive: true, force: true }))

const pictures = (folder) =>
  readdirSync(folder)
    .filter((name) => /\.(jpe?g|png|webp)$/i.test(name))
    .sort()

/** A folder of the photos, each `times` times under another name. */
const folderOf = (from, names, times) => {
  const folder = join(home, `photos-${names.length * times}`)
  mkdirSync(folder)
  for (let time = 0; time < times; time++)
    for (const name of names) copyFileSync(join(from, name), join(folder, `${String(time).padStart(2, '0')}-${name}`))
  return folder
}

const from = options.photos ?? join(data, 'images-imagenet-256')
if (!existsSync(from)) missing(`${from} is not there: name a folder of photos with --photos`)
const names = pictures(from).filter((_, index) => options.photos !== undefined || index % 4 === 0)
if (names.length === 0) missing(`${from} holds no photos`)
const photos = folderOf(from, names, 1)
const found =
  options.python !== undefined &&
  spawnSync(options.python, ['-c', 'import onnxruntime.quantization, PIL'], { stdio: 'ignore' }).status === 0
if (!found) console.error('static-speed: no Python with onnxruntime and Pillow (--python PATH): times without ratios')

const script = fileURLToPath(new URL('./speed/ort-static.py', import.meta.url))
const theirs = (folder, method) => [options.python, [script, model, join(home, 'theirs.onnx'), folder, method]]
const ours = (folder, count, ...more) => [
  process.execPath,
  [
    ...[cli, 'quantize', model, '-o', join(home, 'ours.onnx'), '--to', 'int8-static', '--calib', folder],
    ...['--preprocess', 'tf', '--samples', String(count), '--force'],
    ...(options.threads === undefined ? [] : ['--threads', options.threads]),
    ...more,
  ],
]

const rows = [
  ...(found ? [['onnxruntime, MinMax', theirs(photos, 'MinMax')]] : []),
  ['tersor --effort fast --no-verify', ours(photos, names.length, '--effort', 'fast', '--no-verify')],
  ['tersor --effort fast', ours(photos, names.length, '--effort', 'fast')],
  ['tersor --no-verify', ours(photos, names.length, '--no-verify')],
  ['tersor', ours(photos, names.length)],
]

const runOnce = async (name, [command, args]) => {
  const run = await measure(command, args)
  // 3: the verdict refused the result; the work was done.
  const done = run.status === 0 || run.status === 3
  if (!done) console.error(`${name}: exit ${run.status}: ${run.stderr.trim().split('\n').slice(-3).join(' | ')}`)
  return done ? run : null
}

const times = async () => {
  warm([model])
  const runs = new Map(rows.map(([name]) => [name, []]))
  for (let round = 0; round < Number(options.rounds); round++) {
    for (const [name, command] of rows) {
      const run = await runOnce(name, command)
      runs.get(name).push(run)
      if (run) console.error(`round ${round + 1}: ${name} ${seconds(run.ms)} ${mebibytes(run.peakBytes)}`)
    }
  }
  const base = found ? runs.get(rows[0][0]) : []
  const lines = rows.map(([name]) => {
    const all = runs.get(name)
    const good = all.filter(Boolean)
    if (good.length === 0) return [name, 'failed', '', '', '', '', '']
    const ratios = (of) => all.flatMap((run, i) => (run && base[i] ? [run[of] / base[i][of]] : []))
    const middle = (list) => (list.length === 0 || list.some(Number.isNaN) ? '-' : ratio(median(list)))
    return [
      name,
      seconds(median(good.map(({ ms }) => ms))),
      seconds(Math.min(...good.map(({ ms }) => ms))),
      middle(ratios('ms')),
      Number.isNaN(good[0].cpuMs) ? '-' : seconds(median(good.map(({ cpuMs }) => cpuMs))),
      middle(ratios('cpuMs')),
      mebibytes(median(good.map(({ peakBytes }) => peakBytes))),
    ]
  })
  console.log(
    table([
      [`${names.length} photos, whole processes`, 'median', 'least', 'ratio', 'processor', 'ratio', 'peak'],
      ...lines,
    ]),
  )
}

const memory = async () => {
  const many = folderOf(from, names, 10)
  const flags = ['--effort', 'fast', '--no-verify', '--calibrator', 'percentile']
  const cases = [
    [`tersor, percentile, ${names.length} samples`, ours(photos, names.length, ...flags)],
    [`tersor, percentile, ${names.length * 10} samples`, ours(many, names.length * 10, ...flags)],
    ...(found
      ? ['Percentile', 'Entropy'].map((method) => [
          `onnxruntime, ${method}, ${names.length} samples`,
          theirs(photos, method),
        ])
      : []),
  ]
  const lines = []
  let base
  for (const [name, command] of cases) {
    const run = await runOnce(name, command)
    base ??= run
    lines.push(
      run
        ? [name, seconds(run.ms), mebibytes(run.peakBytes), base ? ratio(run.peakBytes / base.peakBytes) : '-']
        : [name, 'failed', '', ''],
    )
  }
  console.log(`\n${table([['peak memory', 'time', 'peak', 'ratio'], ...lines])}`)
}

console.log(JSON.stringify(machine()))
await times()
if (options.memory) await memory()
