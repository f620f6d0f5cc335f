/**
 * Speed of array encoders and decoders in one thread, as GB/s of floats and as a ratio to copying the same floats in the same run.
 *
 *     npm run bench:speed -- kernels [--python PATH] [--mib 64] [--rounds 11] [--only PART] [--no-save]
 *
 * Two sides, each against a copy of its own kind: `in place`, floats and codes in the kernels' memory, as quantizing models does it;
 * `arrays`, a JavaScript Float32Array in and a Uint8Array out (or back), through a window of the kernels' memory. Cases run interleaved,
 * round after round: medians, ratios taken inside a round, and the best round of each, which says more on a busy machine. The data are
 * larger than the caches. A Python adds what its torch and numpy do.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { build } from 'esbuild'
import { arrayCases } from './kernels/cases.mjs'
import { machine, median } from './measure.mjs'
import { ratio, table } from './table.mjs'

const { values: options } = parseArgs({
  args: process.argv.slice(2).filter((argument) => argument !== 'kernels'),
  options: {
    python: { type: 'string' },
    mib: { type: 'string', default: '64' },
    rounds: { type: 'string', default: '11' },
    only: { type: 'string', default: '' },
    'no-save': { type: 'boolean', default: false },
  },
})

/** What the bench needs, bundled from the sources: it must not measure an old build. */
const { outputFiles } = await build({
  stdin: {
    contents: `
      export { createWasmKernelsSync } from './src/kernels/index.ts'
      export { FitMode, LEVEL_TABLE_BYTES, ScaleRule, SmallFloatFormat } from './src/model/kernels.ts'
      export { prepareTable } from './src/schemes/fitting/prepared-table.ts'
      export { smallFloatValues } from './src/numbers/small-floats.ts'
      export { NF4 } from './src/schemes/tables/normal-float.ts'
      export { IQ4NL } from './src/schemes/tables/iq4nl.ts'
      export { floatTable } from './src/schemes/tables/float-table.ts'
      export { TERNARY } from './src/schemes/tables/ternary.ts'
      export { BINARY } from './src/schemes/tables/binary.ts'`,
    resolveDir: fileURLToPath(new URL('..', import.meta.url)),
    loader: 'ts',
  },
  bundle: true,
  format: 'esm',
  platform: 'neutral',
  write: false,
  logLevel: 'error',
})
const library = await import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`)

const bytes = Number(options.mib) * 2 ** 20
const rounds = Number(options.rounds)
const all = arrayCases(library, bytes)
const cases = all.filter(({ name, copy }) => copy || name.includes(options.only))
const times = new Map(cases.map((one) => [one, []]))
// Several calls before the clock: wasm has no on-stack replacement.
for (const one of cases) for (let i = 0; i < 3; i++) one.run()
for (let round = 0; round < rounds; round++) {
  for (const one of cases) {
    const start = performance.now()
    one.run()
    times.get(one).push(performance.now() - start)
  }
}

const copyOf = (side) => cases.find((one) => one.copy && one.side === side)
const results = cases.map((one) => {
  const own = times.get(one)
  const copy = times.get(copyOf(one.side))
  const share = median(own.map((ms, round) => copy[round] / ms))
  const speed = bytes / 1e6 / median(own)
  return {
    name: one.name,
    side: one.side,
    direction: one.direction,
    gigabytesPerSecond: speed,
    best: bytes / 1e6 / Math.min(...own),
    toCopy: share,
    bestToCopy: Math.min(...copy) / Math.min(...own),
    ...(one.bar && { barToCopy: one.bar }),
    ...(one.speedBar && { barGigabytesPerSecond: one.speedBar }),
  }
})

const python = options.python ? pythonRows(options.python) : []
const verdict = (row) => {
  if (row.barToCopy) return row.toCopy >= row.barToCopy ? 'bar' : `BELOW ${row.barToCopy}x`
  if (row.barGigabytesPerSecond)
    return row.gigabytesPerSecond >= row.barGigabytesPerSecond ? 'bar' : `BELOW ${row.barGigabytesPerSecond} GB/s`
  return ''
}
for (const group of [...new Set([...results, ...python].map((row) => `${row.side}, ${row.direction}`))]) {
  console.log(`\n${group}`)
  console.log(
    table([
      ['', 'GB/s', 'x copy', 'best GB/s', 'x best copy', ''],
      ...[...results, ...python]
        .filter((row) => `${row.side}, ${row.direction}` === group)
        .map((row) => [
          row.name,
          row.gigabytesPerSecond.toFixed(2),
          ratio(row.toCopy),
          row.best.toFixed(2),
          ratio(row.bestToCopy),
          verdict(row),
        ]),
    ]),
  )
}
if (!options['no-save']) {
  const day = new Date().toISOString().slice(0, 10)
  const file = fileURLToPath(new URL(`./results/kernels-${day}.json`, import.meta.url))
  mkdirSync(fileURLToPath(new URL('./results/', import.meta.url)), { recursive: true })
  const report = { date: day, machine: machine(), mebibytes: bytes / 2 ** 20, rounds, rows: [...results, ...python] }
  writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`)
  console.log(`\nwritten: ${file}`)
}

function pythonRows(command) {
  const script = fileURLToPath(new URL('./kernels/peers.py', import.meta.url))
  const { status, stdout, stderr } = spawnSync(command, [script, String(bytes), String(rounds)], { encoding: 'utf8' })
  if (status !== 0) {
    console.error(`${command}: exit ${status}: ${stderr.trim().split('\n').slice(-3).join(' | ')}`)
    return []
  }
  return JSON.parse(stdout).map((row) => ({
    ...row,
    gigabytesPerSecond: bytes / 1e6 / median(row.ms),
    best: bytes / 1e6 / Math.min(...row.ms),
    toCopy: median(row.ms.map((ms, round) => row.copy[round] / ms)),
    bestToCopy: Math.min(...row.copy) / Math.min(...row.ms),
    ms: undefined,
    copy: undefined,
  }))
}
