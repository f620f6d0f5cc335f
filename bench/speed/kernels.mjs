// GB/s of float input per kernel, against a memcpy of the same bytes in the same run. Interleaved rounds, medians.
//   node bench/speed/kernels.mjs [--mib 4] [--rounds 15] [--reference] [--only pack]
import { existsSync } from 'node:fs'
import { cpus } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..')

/** The built library, or the sources bundled on the fly. */
async function loadKernels() {
  const built = join(root, 'dist/kernels/index.js')
  if (existsSync(built) && !process.argv.includes('--sources')) return import(pathToFileURL(built).href)
  const { build } = await import('esbuild')
  const { outputFiles } = await build({
    entryPoints: [join(root, 'src/kernels/index.ts')],
    bundle: true,
    format: 'esm',
    platform: 'neutral',
    write: false,
    logLevel: 'error',
  })
  return import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`)
}

function option(name, fallback) {
  const at = process.argv.indexOf(`--${name}`)
  return at < 0 ? fallback : process.argv[at + 1]
}

const { createReferenceKernels, createWasmKernelsSync } = await loadKernels()
const useReference = process.argv.includes('--reference')
const k = useReference ? createReferenceKernels() : createWasmKernelsSync()
const bytes = Number(option('mib', '4')) * 2 ** 20
const rounds = Number(option('rounds', '15'))
const only = option('only', '')

// A tile of 32-row strips for columns, of rows for rows; at most 2^20 elements a call.
const N = 4096
const strips = bytes / 4 / N / 32
const rows = strips * 32
const SYMMETRIC = 0
const SIGNED = 1
const ASYMMETRIC = 2
const SEARCH = 3
const SEARCH_ASYMMETRIC = 4

const base = k.reserve(bytes * 4 + 2 ** 22)
const src = base
const dst = src + bytes
const wide = dst + bytes
const other = wide + bytes
const scales = other + bytes
const zeros = scales + 2 ** 20
const sums = zeros + 2 ** 20
const floats = new Float32Array(k.memory, src, bytes / 4)
let state = 1
for (let i = 0; i < floats.length; i++) {
  let sum = -2
  for (let j = 0; j < 4; j++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    sum += state / 4294967296
  }
  floats[i] = sum
}
new Float32Array(k.memory, other, bytes / 4).set(floats)

const count = bytes / 4
const eachStrip = (run) => {
  for (let s = 0; s < strips; s++) run(src + s * 32 * N * 4, scales + s * N * 4, zeros + s * N, dst + s * 16)
}
const fitRows = (mode, maxCode, block = 32) =>
  k.fitRows(
    src,
    N,
    rows,
    N,
    block,
    mode,
    maxCode,
    0,
    scales,
    mode === ASYMMETRIC || mode === SEARCH_ASYMMETRIC ? zeros : 0,
  )
const fitColumns = (mode, maxCode) =>
  eachStrip((p, s, z) =>
    k.fitColumns(p, N, 32, N, mode, maxCode, 0, s, 1, mode === ASYMMETRIC || mode === SEARCH_ASYMMETRIC ? z : 0, 1),
  )
const cases = {
  memcpy: () => new Uint8Array(k.memory).copyWithin(dst, src, src + bytes),
  census: () => k.census(src, count, sums),
  foldColumns: () => k.foldColumns(src, N, rows, N, sums, sums + N * 4),
  'fitRows signed 4/32': () => fitRows(SIGNED, 15),
  'packRows 4/32': () => k.packRows(src, N, rows, N, 32, 4, 0, scales, 0, dst, N / 2),
  'fitRows + packRows 4/32': () => {
    fitRows(SIGNED, 15)
    k.packRows(src, N, rows, N, 32, 4, 0, scales, 0, dst, N / 2)
  },
  'nearestPackRows 4/32': () => k.nearestPackRows(src, N, rows, N, 32, SIGNED, 4, 0, 0, scales, 0, dst, N / 2),
  'nearestPackRows 4/32 asym': () =>
    k.nearestPackRows(src, N, rows, N, 32, ASYMMETRIC, 4, 0, 0, scales, zeros, dst, N / 2),
  'nearestPackRows 8/row': () => k.nearestPackRows(src, N, rows, N, N, SYMMETRIC, 8, 0, 0, scales, 0, dst, N),
  'nearestPackRows 2/32': () => k.nearestPackRows(src, N, rows, N, 32, SIGNED, 2, 0, 0, scales, 0, dst, N / 4),
  'fitColumns signed 4/32': () => fitColumns(SIGNED, 15),
  'packColumns 4/32': () => eachStrip((p, s, _, d) => k.packColumns(p, N, 32, N, 32, 4, 0, s, 1, 0, 0, d, 16 * strips)),
  'fitColumns + packColumns 4/32': () => {
    eachStrip((p, s, _, d) => {
      k.fitColumns(p, N, 32, N, SIGNED, 15, 0, s, 1, 0, 0)
      k.packColumns(p, N, 32, N, 32, 4, 0, s, 1, 0, 0, d, 16 * strips)
    })
  },
  'nearestPackColumns 4/32': () =>
    eachStrip((p, s, _, d) => k.nearestPackColumns(p, N, 32, N, 32, SIGNED, 4, 0, 0, s, 1, 0, 0, d, 16 * strips)),
  'nearestPackColumns 4/32 asym': () =>
    eachStrip((p, s, z, d) => k.nearestPackColumns(p, N, 32, N, 32, ASYMMETRIC, 4, 0, 0, s, 1, z, 1, d, 16 * strips)),
  'nearestPackColumns 8/32': () =>
    eachStrip((p, s, _, d) => k.nearestPackColumns(p, N, 32, N, 32, SIGNED, 8, 0, 0, s, 1, 0, 0, d * 1, 32 * strips)),
  'packColumnsInPlace 4': () => k.packColumnsInPlace(src, N, rows, N, 4, 8, scales, 1, 0, 0, dst, N / 2),
  'encodeColumns 8': () => k.encodeColumns(src, N, rows, N, 8, 128, scales, 1, 0, 0, dst, N),
  'encodeRowsTransposed 8': () => k.encodeRowsTransposed(src, N, rows, N, 8, 128, scales, 0, dst, rows),
  'searchRows 4/32': () => fitRows(SEARCH, 15),
  'searchRows 4/32 asym': () => fitRows(SEARCH_ASYMMETRIC, 15),
  'searchRows 4/128': () => fitRows(SEARCH, 15, 128),
  'searchRows 8/row': () => fitRows(SEARCH, 255, N),
  'searchColumns 4/32': () => fitColumns(SEARCH, 15),
  'searchColumns 4/32 asym': () => fitColumns(SEARCH_ASYMMETRIC, 15),
  'searchColumns 8/tall': () => k.fitColumns(src, N, rows, N, SEARCH, 255, 0, scales, 1, 0, 0),
  'gridColumns 15 candidates': () =>
    k.gridColumns(src, N, rows, N, scales, 0, 15, 255, sums, sums + 15 * N * 8, sums + 30 * N * 8),
  'decodeRows 32': () => k.decodeRows(other, N, rows, N, 32, 8, scales, 0, wide, N),
  decodeColumns: () => k.decodeColumns(other, N, rows, N, 8, scales, 1, 0, 0, wide, N),
  f32ToF16: () => k.f32ToF16(src, dst, count),
  f16ToF32: () => k.f16ToF32(src, wide, count),
  f32ToBf16: () => k.f32ToBf16(src, dst, count),
  bf16ToF32: () => k.bf16ToF32(src, wide, count),
  squaredError: () => k.squaredError(src, other, count, sums),
  'histogram 2048': () => k.histogram(src, count, 2 / 2048, sums, 2048),
  'packCodes 4': () => k.packCodes(other, count, 4, dst),
  'unpackCodes 4': () => k.unpackCodes(other, count, 4, 0, dst),
  worstPairRows: () => k.worstPairRows(other, N, count / N, N),
  worstPairColumns: () => k.worstPairColumns(other, N, count / N, N),
}

const names = Object.keys(cases).filter((name) => name === 'memcpy' || name.includes(only))
const times = new Map(names.map((name) => [name, []]))
for (const name of names) for (let i = 0; i < (useReference ? 1 : 6); i++) cases[name]()
for (let round = 0; round < rounds; round++) {
  for (const name of names) {
    const start = performance.now()
    let runs = 0
    do {
      cases[name]()
      runs++
    } while (performance.now() - start < 4)
    times.get(name).push((performance.now() - start) / runs)
  }
}
for (const list of times.values()) list.sort((a, b) => a - b)
const speed = (name) => bytes / times.get(name)[rounds >> 1] / 1e6
const best = (name) => bytes / times.get(name)[0] / 1e6
const copy = speed('memcpy')
console.log(
  `${k.id}, ${bytes / 2 ** 20} MiB tile ${rows} x ${N}, node ${process.version}, ${cpus()[0]?.model ?? 'unknown processor'}`,
)
console.log(
  `GB/s of ${bytes / 2 ** 20} MiB (elements of f32, also where the kernel reads codes): median, ratio to memcpy, best`,
)
for (const name of names) {
  const columns = [speed(name), speed(name) / copy, best(name)]
  console.log(name.padEnd(32) + columns.map((value) => value.toFixed(2).padStart(8)).join(''))
}
