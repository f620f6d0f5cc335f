/**
 * Language models as other exporters write them, each through the presets: exit code, verdict, bytes, and how far the result is from the
 * export it was made of, by onnxruntime alone.
 *
 *     node bench/acceptance/exporters.mjs FOLDER [--only llama,minilm] [--presets int8,int4-weights] [--calib texts.txt] [--keep DIR]
 *
 * FOLDER holds folders in the layout of the hub (`NAME/onnx/*.onnx`), such as make-exports.py makes. Each file is fed with the same tokens,
 * masks of ones and empty caches, made here from its inputs. `nats` is the mean divergence of scores where an output has logits, else
 * `cosine` is that of the worst output. Exit code 1 where a preset gave no file and did not refuse it by verdict. Run npm run build first.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import * as ort from 'onnxruntime-node'
import { table } from '../table.mjs'

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: 'string', default: '' },
    presets: { type: 'string', default: 'int8,int8-weights,int4-weights,q4,q4f16,fp16,q8,uint8,int2-weights' },
    calib: { type: 'string' },
    context: { type: 'string', default: '128' },
    effort: { type: 'string' },
    samples: { type: 'string' },
    tokens: { type: 'string' },
    keep: { type: 'string' },
    cli: { type: 'string', default: fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url)) },
  },
})
const [root] = positionals
if (root === undefined || !existsSync(root)) throw new Error('expected a folder of exports')
const out = options.keep === undefined ? mkdtempSync(join(tmpdir(), 'tersor-exporters-')) : resolve(options.keep)
mkdirSync(out, { recursive: true })
if (options.keep === undefined) process.on('exit', () => rmSync(out, { recursive: true, force: true }))

const BATCH = 4
const TOKENS = Number(options.tokens ?? 48)
const HEAD = ['export', 'preset', 'exit', 'verdict', 'bytes', 'of float', 'nats', 'cosine']
const rows = []
for (const name of readdirSync(root).sort()) {
  if (!options.only.split(',').some((part) => name.includes(part))) continue
  const folder = join(root, name, 'onnx')
  if (!existsSync(folder)) continue
  for (const file of readdirSync(folder).filter((file) => file.endsWith('.onnx')))
    await runFile(`${name}/${file}`, join(folder, file))
}
console.log(`\n${table([HEAD, ...rows])}`)
if (rows.some(([, , exit]) => exit !== '0' && exit !== '5')) process.exitCode = 1

async function runFile(label, source) {
  let float
  try {
    float = await answers(source)
  } catch (problem) {
    row([label, '-', '-', `float: ${String(problem.message).slice(0, 120)}`])
    return
  }
  for (const preset of options.presets.split(',')) {
    const file = join(out, `${label.replaceAll('/', '_').replace(/\.onnx$/, '')}.${preset}.onnx`)
    const data = options.calib === undefined ? [] : ['--calib', options.calib, '--context', options.context]
    for (const flag of ['effort', 'samples']) if (options[flag] !== undefined) data.push(`--${flag}`, options[flag])
    const args = [options.cli, 'quantize', source, '--to', preset, '-o', file, '--force', '--json', ...data]
    const { stdout, stderr, status } = spawnSync(process.execPath, args, { encoding: 'utf8', maxBuffer: 1 << 28 })
    const report = parsed(stdout)
    if (!existsSync(file)) {
      const said = stderr.split('\n').find((line) => /error/.test(line)) ?? stderr.trim().split('\n').at(-1)
      row([label, preset, String(status), report?.verdict?.because ?? said ?? ''])
      continue
    }
    const bytes = sizeOf(file)
    const found = await compared(float, file)
    row([
      label,
      preset,
      String(status),
      report?.verdict?.status ?? '-',
      String(bytes),
      share(bytes, sizeOf(source)),
      ...found,
    ])
    if (options.keep === undefined) rmSync(file)
  }
}

function row(cells) {
  rows.push([...cells, ...Array(HEAD.length - cells.length).fill('')])
  console.error(cells.join('  '))
}

function parsed(text) {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function sizeOf(file) {
  const data = [`${file}.data`, `${file}_data`].filter(existsSync)
  return [file, ...data].reduce((sum, path) => sum + statSync(path).size, 0)
}

function share(bytes, all) {
  return `${((100 * bytes) / all).toFixed(1)} %`
}

/** Tokens, masks and empty caches, by what the session says of its inputs. */
function feedsOf(session, head) {
  return Object.fromEntries(
    session.inputMetadata.map(({ name, type, shape }) => {
      const past = /past|cache(?!_branch)/i.test(name) && shape.length >= 3
      const sequence = /decoder_input|encoder/.test(name) && /hidden|frames/.test(name) ? 12 : TOKENS
      const size = shape.map((size, axis) => {
        if (typeof size === 'number' && size > 0) return size
        if (axis === 0) return BATCH
        if (past && axis === shape.length - 1) return head
        return past ? (/encoder/.test(name) ? 12 : 0) : sequence
      })
      return [name, tensorOf(name, type, size, past)]
    }),
  )
}

function tensorOf(name, type, shape, past) {
  const count = shape.reduce((a, b) => a * b, 1)
  if (type === 'bool') return new ort.Tensor('bool', new Uint8Array(count).fill(past ? 1 : 0), shape)
  if (type === 'int64' || type === 'int32') {
    const of = (i) => {
      if (/mask/.test(name)) return 1
      if (/position/.test(name)) return i % shape.at(-1)
      if (/type_ids|length/.test(name)) return 0
      return i % shape.at(-1) === 0 ? 1 : 3 + ((i * 7919 + 104729) % 257)
    }
    const numbers = Array.from({ length: count }, (_, i) => of(i))
    return type === 'int64'
      ? new ort.Tensor('int64', BigInt64Array.from(numbers, BigInt), shape)
      : new ort.Tensor('int32', Int32Array.from(numbers), shape)
  }
  let seed = 12345
  const random = () => {
    seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff
    return seed / 0x3fffffff - 1
  }
  const numbers = Float32Array.from({ length: count }, () => (/mask/.test(name) ? 1 : random()))
  return type === 'float16'
    ? new ort.Tensor('float16', Uint16Array.from(numbers, half), shape)
    : new ort.Tensor('float32', numbers, shape)
}

/** Only for numbers that halves hold as normal ones. */
function half(value) {
  if (value === 0) return 0
  const exponent = Math.max(-14, Math.floor(Math.log2(Math.abs(value))))
  const bits = ((exponent + 15) << 10) + Math.round((Math.abs(value) / 2 ** exponent - 1) * 1024)
  return (value < 0 ? 0x8000 : 0) | bits
}

async function answers(file) {
  const session = await ort.InferenceSession.create(file, { intraOpNumThreads: 1, logSeverityLevel: 4 })
  let results
  // Some exporters leave the length of a head open.
  for (const head of [16, 8, 32, 64, 128]) {
    try {
      results = await session.run(feedsOf(session, head))
      break
    } catch (problem) {
      if (head === 128 || !/past/.test(problem.message)) throw problem
    }
  }
  const found = new Map()
  for (const [name, { type, data, dims }] of Object.entries(results)) {
    if (type === 'float16') found.set(name, { data: Float32Array.from(data, whole), dims })
    else if (type === 'float32') found.set(name, { data, dims })
  }
  await session.release()
  return found
}

function whole(bits) {
  if (typeof bits !== 'number' || !Number.isInteger(bits)) return bits
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 31
  const rest = bits & 1023
  if (exponent === 31) return rest ? Number.NaN : sign * Number.POSITIVE_INFINITY
  return exponent === 0 ? sign * rest * 2 ** -24 : sign * (1 + rest / 1024) * 2 ** (exponent - 15)
}

async function compared(float, file) {
  let found
  try {
    found = await answers(file)
  } catch (problem) {
    return ['', `does not run: ${String(problem.message).slice(0, 100)}`]
  }
  let worst = 2
  let nats
  for (const [name, { data, dims }] of float) {
    const other = found.get(name)?.data
    if (other === undefined) return ['', `no output ${name}`]
    if (name === 'logits' && dims.length === 3) nats = divergence(data, other, dims.at(-1))
    else if (!/past|present/.test(name)) worst = Math.min(worst, cosine(data, other))
  }
  return [nats === undefined ? '' : nats.toFixed(5), worst > 1.5 ? '' : worst.toFixed(5)]
}

function cosine(a, b) {
  let [ab, aa, bb] = [0, 0, 0]
  for (let i = 0; i < a.length; i += 1) {
    ab += a[i] * b[i]
    aa += a[i] * a[i]
    bb += b[i] * b[i]
  }
  return aa === 0 ? 1 : ab / Math.sqrt(aa * bb)
}

function divergence(a, b, classes) {
  const logs = (values, start) => {
    let most = Number.NEGATIVE_INFINITY
    for (let i = 0; i < classes; i += 1) most = Math.max(most, values[start + i])
    let sum = 0
    for (let i = 0; i < classes; i += 1) sum += Math.exp(values[start + i] - most)
    return most + Math.log(sum)
  }
  let total = 0
  for (let start = 0; start < a.length; start += classes) {
    const [forA, forB] = [logs(a, start), logs(b, start)]
    for (let i = start; i < start + classes; i += 1) total += Math.exp(a[i] - forA) * (a[i] - forA - (b[i] - forB))
  }
  return (total * classes) / a.length
}
