/**
 * Quality of results on real models, next to the best peers, judged by an independent scorer (Python, onnxruntime, no code of ours).
 *
 *     npm run bench:quality -- DIR [--score FOLDER] [--score-python PATH] [--only mnv2,kwt] [--to int8,fp16-weights] [--no-haswell] [--no-save]
 *
 * DIR holds the models as named in quality/peers.json. Without --score (default DIR/../score) only the tool's own verdict is shown.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { machine, measure } from './measure.mjs'
import { mebibytes, seconds, table } from './table.mjs'

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    score: { type: 'string' },
    'score-python': { type: 'string' },
    only: { type: 'string' },
    to: { type: 'string', default: 'auto,int8,int8-weights,int4-weights,fp16-weights' },
    'no-haswell': { type: 'boolean', default: false },
    'no-save': { type: 'boolean', default: false },
  },
})
const root = positionals[0] && resolve(positionals[0])
if (!root || !existsSync(root)) {
  console.log(`${root ?? 'no folder given'}: not there, so nothing to measure. Usage: npm run bench:quality -- DIR`)
  process.exit(0)
}
const { models, bars } = JSON.parse(readFileSync(new URL('./quality/peers.json', import.meta.url), 'utf8'))
const cli = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url))
const score = options.score ?? join(root, '..', 'score')
const scored = existsSync(join(score, 'ev.py'))
const python =
  options['score-python'] ??
  (scored
    ? spawnSync('bash', [join(score, 'setup')])
        .stdout.toString()
        .trim()
        .split('\n')
        .at(-1)
    : null)
if (!scored) console.log(`${score}: no scorer there; showing only the tool's own verdict`)

const lastJson = (text) => {
  const line = text
    .trim()
    .split('\n')
    .reverse()
    .find((l) => l.includes('{'))
  return line ? JSON.parse(line.slice(line.indexOf('{'))) : { error: 'scorer said nothing' }
}
const judge = (name, file, fused) => {
  const args =
    models[name].scorer === 'ev'
      ? ['ev.py', name, file, fused ? '1' : '0']
      : ['llm_ev.py', name, file, ...(fused ? [] : ['noopt'])]
  const run = spawnSync(python, args, { cwd: score, maxBuffer: 1 << 26 })
  if (run.signal) return { error: `scorer died by ${run.signal}` }
  return lastJson(run.stdout.toString() || '{"error":"scorer failed"}')
}
const asHaswell = (name, file) => {
  const run = spawnSync('bash', [join(score, 'haswell'), name, file], { maxBuffer: 1 << 26 })
  return lastJson(run.stdout.toString() || '{}').agree ?? null
}

const folder = mkdtempSync(join(tmpdir(), 'tersor-quality-'))
const short = (figures, keys) =>
  keys.map((k) => (typeof figures?.[k] === 'number' ? Number(figures[k].toPrecision(5)) : '-'))
const results = []
for (const [name, model] of Object.entries(models)) {
  if (options.only && !options.only.split(',').includes(name)) continue
  const input = join(root, model.file)
  if (!existsSync(input)) {
    console.log(`\n${name}: ${model.file} is not there`)
    continue
  }
  const keys = model.scorer === 'ev' ? ['metric', 'agree'] : name === 'stories' ? ['ppl', 'kl'] : ['P', 'cos']
  // The scorer keeps its float answers on disk; the first run on the float file makes them.
  if (scored && model.scorer === 'ev' && !existsSync(join(tmpdir(), 'tersor-score', 'cache', `ref_${name}.npy`)))
    judge(name, input, true)
  const lines = [
    ['', 'bytes', ...model.unit, ...model.unit.map((u) => `${u}, unfused`), 'as Haswell', 'verdict', 'time', 'peak'],
  ]
  lines.push(['float', model.float.bytes, ...short(model.float, keys)])
  for (const to of options.to.split(',')) {
    const out = join(folder, `${name}.${to}.onnx`)
    const run = await measure(process.execPath, [cli, 'quantize', input, '-o', out, '--to', to, '--json', '--force'])
    let report = {}
    try {
      report = JSON.parse(run.stdout)
    } catch {
      report = { error: { code: `exit ${run.status}`, message: run.stderr.slice(0, 200) } }
    }
    const row = {
      model: name,
      to,
      status: run.status,
      ms: run.ms,
      peakBytes: run.peakBytes,
      bytes: report.output?.bytes,
      verdict: report.verdict?.status ?? report.error?.code,
    }
    if (report.error) row.error = report.error.message
    if (!report.error && scored) {
      row.fused = judge(name, out, true)
      row.unfused = judge(name, out, false)
      if (model.haswell && !options['no-haswell'] && (to === 'int8' || to === 'auto'))
        row.haswell = asHaswell(name, out)
    }
    if (existsSync(out))
      row.operators = bars.flatMap((b) => b.operator ?? []).filter((op) => readFileSync(out).includes(op))
    results.push(row)
    const wrong = row.error ?? row.fused?.error ?? row.unfused?.error
    lines.push([
      to,
      row.bytes ?? '-',
      ...short(row.fused, keys),
      ...short(row.unfused, keys),
      row.haswell ?? '',
      row.verdict,
      seconds(row.ms),
      mebibytes(row.peakBytes),
      ...(wrong ? [wrong] : []),
    ])
    for (const peer of model.peers.filter((p) => p.to === to))
      lines.push([`  ${peer.tool}`, peer.bytes, ...short(peer, keys)])
  }
  console.log(`\n${name} (${model.file})`)
  console.log(table(lines.map((l) => l.slice(0, 10))))
  for (const l of lines.filter((l) => l[10])) console.log(`  ${l[0]}: ${l[10]}`)
}

const barLines = [['bar', 'wanted', 'found', 'bytes', '']]
for (const bar of bars) {
  const row = results.find((r) => r.model === bar.model && r.to === bar.to)
  if (!row) continue
  const found = bar.figure === 'haswell' ? row.haswell : row.fused?.[bar.figure]
  const good = (limit) => typeof found === 'number' && ('most' in bar ? found <= limit : found >= limit)
  const small = !bar.mostBytes || row.bytes <= bar.mostBytes
  const has = !bar.operator || row.operators?.includes(bar.operator)
  const passed = good(bar.most ?? bar.least) && small && has
  const wanted = `${'most' in bar ? '<=' : '>='} ${bar.most ?? bar.least}${bar.mostBytes ? ` at <= ${bar.mostBytes}` : ''}`
  const why = [!good(bar.most ?? bar.least) && 'figure', !small && 'size', !has && `no ${bar.operator}`].filter(Boolean)
  const verdict = passed ? (bar.stretch !== undefined && good(bar.stretch) ? 'stretch' : 'pass') : `FAIL (${why})`
  barLines.push([`${bar.model} ${bar.to} ${bar.figure}`, wanted, found ?? '-', row.bytes ?? '-', verdict])
}
if (barLines.length > 1) console.log(`\n${table(barLines)}`)
rmSync(folder, { recursive: true, force: true })
if (!options['no-save'] && !options.only && results.length) {
  const day = new Date().toISOString().slice(0, 10)
  const file = fileURLToPath(new URL(`./results/quality-${day}.json`, import.meta.url))
  mkdirSync(fileURLToPath(new URL('./results/', import.meta.url)), { recursive: true })
  writeFileSync(file, `${JSON.stringify({ date: day, machine: machine(), rows: results }, null, 2)}\n`)
  console.log(`\nwritten: ${file}`)
}
process.exitCode = barLines.some((l) => String(l[4]).startsWith('FAIL')) ? 1 : 0
