/**
 * Speed and memory of the whole process, against a copy of the same file and against onnxruntime's Python tools.
 *
 *     npm run bench:speed -- [--rounds 5] [--python PATH] [--only TITLE_PART] [--out FOLDER] [--no-save]
 *
 *     npm run bench:speed -- kernels      arrays to codes and back, see bench/kernels.mjs
 *
 * Rows of a group run interleaved, round after round: page cache warm, output fresh each time (deleted and synced before, outside the
 * clock). Ratios are taken inside a round, against the first row of the group, and their median and least are shown. Peak is the
 * kernel's figure for the process.
 */

import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { machine, measure, median, warm } from './measure.mjs'
import { ensureModel, modelNames } from './models.mjs'
import { groupsOf } from './speed/rows.mjs'
import { mebibytes, ratio, seconds, table } from './table.mjs'

if (process.argv[2] === 'kernels') {
  await import('./kernels.mjs')
  process.exit()
}

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    python: { type: 'string' },
    only: { type: 'string', default: '' },
    out: { type: 'string', default: fileURLToPath(new URL('./models/out', import.meta.url)) },
    'no-save': { type: 'boolean', default: false },
  },
})

const others = new Set(['decoder', 'decoder-8', 'decoder-tiny'])
const paths = Object.fromEntries(
  modelNames.filter((name) => !others.has(name)).map((name) => [name, ensureModel(name)]),
)
const groups = groupsOf({ paths, out: options.out, python: options.python, rounds: Number(options.rounds) })

const fresh = () => {
  rmSync(options.out, { recursive: true, force: true })
  mkdirSync(options.out, { recursive: true })
  spawnSync('sync')
}

const runGroup = async (group) => {
  warm(group.warm ?? [])
  const runs = new Map(group.rows.map((row) => [row.name, []]))
  for (let round = 0; round < group.rounds; round++) {
    for (const row of group.rows) {
      fresh()
      const found = await measure(row.run[0], row.run[1])
      if (found.status !== 0) {
        console.error(`${row.name}: exit ${found.status}: ${found.stderr.trim().split('\n').slice(0, 3).join(' | ')}`)
        runs.get(row.name).push(null)
        continue
      }
      const outputBytes = Number(spawnSync('du', ['-sb', options.out]).stdout.toString().split('\t')[0]) - 4096
      runs
        .get(row.name)
        .push({ ms: row.firstLine ? found.firstLineMs : found.ms, peakBytes: found.peakBytes, outputBytes })
      console.error(
        `${group.title}, round ${round + 1}: ${row.name} ${seconds(found.ms)} ${mebibytes(found.peakBytes)}`,
      )
    }
  }
  fresh()
  return runs
}

const figures = (group, runs) => {
  const base = runs.get(group.rows[0].name)
  const minus = (name, round) => runs.get(name)?.[round]?.ms ?? 0
  return group.rows.map((row) => {
    const all = runs.get(row.name)
    const good = all.filter(Boolean)
    if (!good.length) return { name: row.name, failed: true }
    const ratios = all.map((r, i) => (r && base[i] ? r.ms / base[i].ms : NaN)).filter(Number.isFinite)
    // The stretch: what is left once the start of Node is taken from one side and that of a process from the other.
    const net = all
      .map((r, i) => (r && base[i] ? (r.ms - minus('tersor --version', i)) / (base[i].ms - minus('true', i)) : NaN))
      .filter(Number.isFinite)
    return {
      name: row.name,
      rounds: good.length,
      medianMs: median(good.map((r) => r.ms)),
      leastMs: Math.min(...good.map((r) => r.ms)),
      ratio: ratios.length ? median(ratios) : null,
      leastRatio: ratios.length ? Math.min(...ratios) : null,
      netRatio:
        row.bar && base !== all && runs.has('cp') && runs.has('tersor --version') && net.length ? median(net) : null,
      peakBytes: Math.max(...good.map((r) => r.peakBytes)),
      outputBytes: good[0].outputBytes,
      ...(row.bar ? { bar: row.bar, stretch: row.stretch } : {}),
      ...(row.memory ? { memoryBarBytes: 160 * 1048576 } : {}),
      ...(row.vs ? { against: row.vs } : {}),
    }
  })
}

const judgement = (row, list) => {
  if (row.failed) return 'failed'
  const said = []
  if (row.bar)
    said.push(
      row.ratio <= row.bar ? (row.ratio <= row.stretch ? 'time: stretch' : 'time: bar') : `time: ABOVE ${row.bar}x`,
    )
  if (row.memoryBarBytes) {
    said.push(
      row.peakBytes <= 110 * 1048576
        ? 'memory: stretch'
        : row.peakBytes <= row.memoryBarBytes
          ? 'memory: bar'
          : 'memory: ABOVE 160 MiB',
    )
  }
  const ours = row.against && list.find((r) => r.name === row.against)
  if (ours && !ours.failed) {
    const [faster, less] = [row.medianMs / ours.medianMs, row.peakBytes / ours.peakBytes]
    said.push(
      `ours: ${faster.toFixed(1)}x faster${faster < 5 ? ' (BAR 5)' : ''}, 1/${less.toFixed(1)} of the memory${less < 6 ? ' (BAR 1/6)' : ''}`,
    )
  }
  return said.join(', ')
}

const results = []
for (const group of groups) {
  if (!group.rounds || !group.title.includes(options.only)) continue
  const list = figures(group, await runGroup(group))
  results.push({ title: group.title, rows: list })
  console.log(`\n${group.title}`)
  console.log(
    table([
      ['', 'median', 'least', 'x first', 'least', 'x net', 'peak', 'output', ''],
      ...list.map((r) =>
        r.failed
          ? [r.name, 'failed']
          : [
              r.name,
              seconds(r.medianMs),
              seconds(r.leastMs),
              ratio(r.ratio),
              ratio(r.leastRatio),
              r.netRatio === null ? '' : ratio(r.netRatio),
              mebibytes(r.peakBytes),
              r.outputBytes,
              judgement(r, list),
            ],
      ),
    ]),
  )
}
if (!options['no-save']) {
  const day = new Date().toISOString().slice(0, 10)
  const file = fileURLToPath(new URL(`./results/speed-${day}.json`, import.meta.url))
  mkdirSync(fileURLToPath(new URL('./results/', import.meta.url)), { recursive: true })
  writeFileSync(file, `${JSON.stringify({ date: day, machine: machine(), groups: results }, null, 2)}\n`)
  console.log(`\nwritten: ${file}`)
}
