/**
 * How good the searches for scales, zeros and offsets are, and how long they take.
 *
 *     node bench/encoders.mjs [DIR] [--blocks 1000] [--values 4194304] [--only distance,weights,codebook]
 *
 * distance   squared error over that of a brute-force search which shares no code, for random blocks of five kinds and
 * for blocks of
 *            the float weights of the ONNX models in DIR
 * weights    relative RMS error at equal bits for Gaussian and Student-t5 values with f16 parameters, and the rows to
 * beat codebook   16 exact levels of a million values against sorting them
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { build } from 'esbuild'
import { table } from './table.mjs'
import { readTensor } from './tensor.mjs'
import { fields } from './wire.mjs'

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    blocks: { type: 'string', default: '1000' },
    values: { type: 'string', default: '4194304' },
    only: { type: 'string', default: 'distance,weights,codebook' },
  },
})
const only = options.only.split(',')
const root = new URL('../', import.meta.url).pathname

/** The sources themselves: nothing needs to be built before. */
const sources = async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tersor-encoders-'))
  const outfile = join(folder, 'sources.mjs')
  const contents = [
    'src/schemes/fitting/index.ts',
    'src/schemes/codebook/index.ts',
    'src/numbers/f16.ts',
    'test/contracts/dense-search.ts',
    'test/contracts/random-blocks.ts',
  ].map((path) => `export * from './${path}'`)
  await build({
    stdin: { contents: contents.join('\n'), resolveDir: root, loader: 'ts' },
    bundle: true,
    format: 'esm',
    platform: 'node',
    outfile,
  })
  const loaded = await import(pathToFileURL(outfile).href)
  rmSync(folder, { recursive: true })
  return loaded
}
const library = await sources()
const { fitScale, fitAffine, fitOffset, prepareTable, roundToF16 } = library
const round = (x) => Math.max(-65504, Math.min(65504, roundToF16(x)))

const integers = (bits) => Float32Array.from({ length: 2 ** bits }, (_, i) => i - 2 ** (bits - 1))
const prepared = new Map([1, 2, 3, 4, 8].map((bits) => [bits, prepareTable({ levels: integers(bits) })]))

/** The levels that an encoder chooses for a block. */
const kinds = {
  signed: (values, bits, effort) => {
    const scale = fitScale(values, undefined, prepared.get(bits), { effort, signed: true, round })
    return { step: scale, low: -(2 ** (bits - 1)) * scale }
  },
  asym: (values, bits, effort) => {
    const { scale, zero } = fitAffine(values, undefined, 2 ** bits - 1, { effort, round })
    return { step: scale, low: -zero * scale }
  },
  offset: (values, bits, effort) => {
    const { scale, offset } = fitOffset(values, undefined, 2 ** bits - 1, {
      effort,
      roundScale: round,
      roundOffset: round,
    })
    return { step: scale, low: offset }
  },
}

const errorOf = (values, { step, low }, bits) => {
  let error = 0
  for (const x of values) {
    const code = step === 0 ? 0 : Math.min(2 ** bits - 1, Math.max(0, Math.floor((x - low) / step + 0.5)))
    error += (x - low - step * code) ** 2
  }
  return error
}

/** Float tensors of two dimensions or more, at least 4096 values, of every model under a folder. */
const weightsUnder = (folder) => {
  const found = []
  const visit = (path) => {
    if (statSync(path).isDirectory()) {
      for (const name of readdirSync(path).sort()) if (!/conformance|malformed/.test(name)) visit(join(path, name))
    } else if (path.endsWith('.onnx') && statSync(path).size < 2 ** 28) {
      try {
        const graph = fields(readFileSync(path)).find(({ field }) => field === 7)
        for (const { field, value } of fields(graph.value)) {
          if (field !== 5) continue
          const tensor = readTensor(value)
          if (tensor?.type === 'float32' && tensor.dims.length > 1 && tensor.data.length >= 4096)
            found.push(tensor.data)
        }
      } catch (error) {
        console.log(`left out: ${path} (${error.message})`)
      }
    }
  }
  visit(folder)
  return found
}

/** Blocks spread evenly over all tensors, constant ones left out. */
const realBlocks = (tensors, length, count) => {
  const blocks = []
  for (let i = 0; tensors.length > 0 && blocks.length < count && i < 20 * count; i++) {
    const data = tensors[i % tensors.length]
    const places = Math.floor(data.length / length)
    const at = (Math.imul(i + 1, 2654435761) >>> 0) % places
    const block = data.slice(at * length, (at + 1) * length)
    if (block.some((x) => x !== block[0])) blocks.push(block)
  }
  return blocks
}

const percent = (x) => `${(100 * (x - 1)).toFixed(3)} %`

const distances = (tensors) => {
  const rows = [['kind', 'bits', 'block', 'blocks', 'fast', 'us', 'exact', 'worst block', 'us']]
  const dense = (kind, fit, values, bits) => {
    const block = { values, round }
    if (kind === 'signed') return library.denseScale(block, integers(bits), [1, -1])
    if (kind === 'asym') return library.denseAffine(block, 2 ** bits - 1, 100)
    const free = library.denseOffset(block, 2 ** bits - 1, 50, 32)
    // Where values lie far from 0 for their spread, f16 offsets decide: then the best stored one counts.
    const stored = errorOf(values, fit(values, bits, 'exact'), bits)
    return stored > 1.001 * free ? Math.max(free, library.denseStoredOffset(block, 2 ** bits - 1)) : free
  }
  const wanted = Number(options.blocks)
  for (const [bits, length] of [
    [4, 32],
    [4, 128],
    [2, 32],
    [2, 128],
    [3, 16],
  ]) {
    const next = library.uniformSource(bits * length)
    const random = Array.from({ length: wanted }, (_, i) =>
      library.randomBlock(library.BLOCK_KINDS[i % library.BLOCK_KINDS.length], length, next),
    )
    for (const [origin, blocks] of [
      ['random', random],
      ['real', realBlocks(tensors, length, wanted)],
    ]) {
      if (blocks.length === 0) continue
      for (const [kind, fit] of Object.entries(kinds)) {
        // Dense search over offsets of long blocks takes most of the time.
        const some = length > 100 ? blocks.filter((_, i) => i % 5 === 0) : blocks
        const sums = { fast: 0, exact: 0 }
        const took = { fast: 0, exact: 0 }
        let worst = 0
        let compared = 0
        for (const values of some) {
          const least = dense(kind, fit, values, bits)
          // A block that lies on a grid as it is has no error to compare.
          if (!(least > 1e-9 * values.reduce((sum, x) => sum + x * x, 0))) continue
          compared++
          for (const effort of ['fast', 'exact']) {
            const start = performance.now()
            const grid = fit(values, bits, effort)
            took[effort] += performance.now() - start
            // Every block counts the same: blocks of real models differ by orders of magnitude.
            const ratio = errorOf(values, grid, bits) / least
            sums[effort] += ratio
            if (effort === 'exact') worst = Math.max(worst, ratio)
          }
        }
        const each = (effort) => ((1000 * took[effort]) / compared).toFixed(0)
        rows.push([
          `${origin} ${kind}`,
          bits,
          length,
          compared,
          percent(sums.fast / compared),
          each('fast'),
          percent(sums.exact / compared),
          percent(worst),
          each('exact'),
        ])
      }
    }
  }
  console.log(`\nSquared error over brute force (mean of blocks; below 0: better than the dense grid)\n${table(rows)}`)
}

/** research/anchors.md c1, the better of its two tables. */
const BARS = {
  'signed 4 32': [0.0808, 0.1024],
  'asym 4 32': [0.0766, 0.0889],
  'offset 4 32': [0.0702, 0.0808],
  'signed 4 128': [0.0968, 0.1384],
  'asym 4 128': [0.095, 0.1253],
  'offset 4 128': [0.0911, 0.1209],
  'signed 2 128': [0.365, 0.432],
  'asym 2 128': [0.3637, 0.4312],
  'offset 2 128': [0.3334, 0.414],
}

/** A table for all values and a signed f16 scale a block: the bytes of the signed grid. */
const fittedErrors = (values, energy, bits, length) => {
  const start = performance.now()
  const codec = library.fittedCodec(bits, { scale: 'f16', round })
  const shared = new Float32Array(2 ** bits)
  codec.fitShared(values, 'fast', shared, length)
  const codes = new Uint16Array(length)
  const decoded = new Float32Array(length)
  const scales = new Float32Array(1)
  let error = 0
  for (let at = 0; at < values.length; at += length) {
    const block = values.subarray(at, at + length)
    codec.encode({ values: block, importance: undefined, effort: 'fast', fixed: false }, codes, scales, shared)
    codec.decode(codes, scales, shared, decoded)
    for (let i = 0; i < length; i++) error += (block[i] - decoded[i]) ** 2
  }
  return [Math.sqrt(error / energy).toFixed(5), ((performance.now() - start) / 1000).toFixed(1)]
}

const weights = () => {
  const count = Number(options.values)
  const rows = [['values', 'grid', 'bits', 'block', 'closed', 'fast', 's', 'exact', 's', 'to beat']]
  for (const [column, name] of ['gaussian', 't5'].entries()) {
    const values = library.randomBlock(name, count, library.uniformSource(11))
    const energy = values.reduce((sum, x) => sum + x * x, 0)
    for (const [bits, length] of [
      [4, 32],
      [4, 128],
      [2, 128],
    ]) {
      for (const [kind, fit] of Object.entries(kinds)) {
        const row = [name, kind, bits, length]
        for (const effort of ['closed', 'fast', 'exact']) {
          if (effort === 'exact' && kind === 'offset') {
            row.push('-', '-')
            continue
          }
          let error = 0
          const start = performance.now()
          for (let at = 0; at < count; at += length) {
            const block = values.subarray(at, at + length)
            error += errorOf(block, fit(block, bits, effort), bits)
          }
          row.push(Math.sqrt(error / energy).toFixed(5))
          if (effort !== 'closed') row.push(((performance.now() - start) / 1000).toFixed(1))
        }
        rows.push([...row, BARS[`${kind} ${bits} ${length}`][column].toFixed(4)])
      }
      rows.push([
        name,
        'fitted',
        bits,
        length,
        '',
        ...fittedErrors(values, energy, bits, length),
        '',
        '',
        BARS[`signed ${bits} ${length}`][column].toFixed(4),
      ])
    }
  }
  console.log(`\nRelative RMS error, ${count} values\n${table(rows)}`)
}

const codebooks = () => {
  const rows = [['values', 'sort ms', 'exact ms', 'ratio']]
  const cpu = (work) => {
    const took = []
    for (let i = 0; i < 7; i++) {
      const before = process.cpuUsage()
      work()
      const { user, system } = process.cpuUsage(before)
      took.push((user + system) / 1000)
    }
    return took.sort((a, b) => a - b)[3]
  }
  for (const kind of library.BLOCK_KINDS) {
    const values = library.randomBlock(kind, 1_000_000, library.uniformSource(2))
    const sort = cpu(() => values.slice().sort())
    const exact = cpu(() => library.exactCodebook(values, undefined, 16))
    rows.push([kind, sort.toFixed(0), exact.toFixed(0), (exact / sort).toFixed(2)])
  }
  console.log(`\n16 exact levels of a million values (processor time, median of 7)\n${table(rows)}`)
}

if (only.includes('codebook')) codebooks()
if (only.includes('weights')) weights()
if (only.includes('distance')) distances(positionals[0] ? weightsUnder(positionals[0]) : [])
