/**
 * Speed of what Tersor writes, in onnxruntime-node, against the float file in the same run.
 *
 *     node bench/acceptance/result-speed.mjs DIR [--rounds 15] [--threads 2] [--only TEXT]
 *
 * DIR holds minilm/model.onnx, kws/kwt1_mfcc.onnx and onnx-rebuilt/mobilenetv2_tf1001.onnx; the decoder is made here. Each pair runs in a
 * process of its own (worker below), both sessions open, runs interleaved; medians of each and of the pairwise ratio.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { median } from '../measure.mjs'
import { ensureModel } from '../models.mjs'
import { table } from '../table.mjs'

const self = fileURLToPath(import.meta.url)

const compare = async ({ float, small, shape, rounds, threads }) => {
  const ort = createRequire(import.meta.url)('onnxruntime-node')
  const open = (path) => ort.InferenceSession.create(path, { intraOpNumThreads: threads, logSeverityLevel: 4 })
  const sessions = [await open(float), await open(small)]
  let seed = 7
  const uniform = () => {
    seed = (seed * 48271) % 2147483647
    return seed / 2147483647
  }
  const feeds = {}
  for (const meta of sessions[0].inputMetadata) {
    const dims = shape[meta.name] ?? shape['*']
    const length = dims.reduce((a, b) => a * b, 1)
    if (meta.type === 'int64') {
      const value = () =>
        meta.name === 'input_ids'
          ? BigInt(1000 + Math.floor(uniform() * 20000))
          : meta.name === 'attention_mask'
            ? 1n
            : 0n
      feeds[meta.name] = new ort.Tensor('int64', BigInt64Array.from({ length }, value), dims)
    } else
      feeds[meta.name] = new ort.Tensor(
        'float32',
        Float32Array.from({ length }, () => uniform() * 2 - 1),
        dims,
      )
  }
  const once = async (session) => {
    const start = performance.now()
    await session.run(feeds)
    return performance.now() - start
  }
  const times = [[], []]
  for (let i = 0; i < rounds + 3; i++) {
    for (const side of i % 2 ? [1, 0] : [0, 1]) {
      const ms = await once(sessions[side])
      if (i >= 3) times[side].push(ms)
    }
  }
  return { float: median(times[0]), small: median(times[1]), ratio: median(times[0].map((ms, i) => ms / times[1][i])) }
}

if (process.argv[2] === 'worker') {
  console.log(JSON.stringify(await compare(JSON.parse(process.argv[3]))))
  process.exit(0)
}

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '15' },
    threads: { type: 'string', default: '2' },
    only: { type: 'string', default: '' },
  },
})
const [root] = positionals
if (!root) throw new Error('which folder? node bench/acceptance/result-speed.mjs DIR')
const cli = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
const minilm = join(root, 'minilm/model.onnx')
const jobs = [
  { name: 'MiniLM, 128 tokens', path: minilm, to: 'int8', shape: { '*': [1, 128] }, bar: 1.3 },
  {
    name: 'decoder 1024 x 4096, one token',
    path: ensureModel('decoder'),
    to: 'int4-weights',
    shape: { '*': [1, 1, 1024] },
    bar: 3,
  },
  { name: 'MiniLM, 128 tokens', path: minilm, to: 'auto', shape: { '*': [1, 128] }, bar: 0.95 },
  { name: 'KWT-1', path: join(root, 'kws/kwt1_mfcc.onnx'), to: 'auto', shape: { '*': [1, 98, 40] }, bar: 0.95 },
  {
    name: 'MobileNetV2',
    path: join(root, 'onnx-rebuilt/mobilenetv2_tf1001.onnx'),
    to: 'auto',
    shape: { '*': [1, 3, 224, 224] },
    bar: 0.95,
  },
]
const folder = mkdtempSync(join(tmpdir(), 'tersor-result-speed-'))
const lines = [['model', 'to', 'float ms', 'result ms', 'x float', 'bar', 'bytes', '']]
let failed = 0
for (const job of jobs) {
  if (!existsSync(job.path) || !`${job.name} ${job.to}`.includes(options.only)) continue
  const small = join(folder, 'small.onnx')
  const run = spawnSync(
    process.execPath,
    [cli, 'quantize', job.path, '-o', small, '--to', job.to, '--no-verify', '--force', '-q'],
    { encoding: 'utf8' },
  )
  if (run.status !== 0) {
    failed++
    lines.push([
      job.name,
      job.to,
      '-',
      '-',
      '-',
      job.bar,
      '-',
      `exit ${run.status}: ${run.stderr.trim().slice(0, 120)}`,
    ])
    continue
  }
  const ask = {
    float: job.path,
    small,
    shape: job.shape,
    rounds: Number(options.rounds),
    threads: Number(options.threads),
  }
  const child = spawnSync(process.execPath, [self, 'worker', JSON.stringify(ask)], { encoding: 'utf8' })
  if (child.status !== 0) {
    failed++
    lines.push([job.name, job.to, '-', '-', '-', job.bar, statSync(small).size, child.stderr.trim().slice(0, 120)])
    continue
  }
  const found = JSON.parse(child.stdout)
  const good = found.ratio >= job.bar
  if (!good) failed++
  lines.push([
    job.name,
    job.to,
    found.float.toFixed(2),
    found.small.toFixed(2),
    found.ratio.toFixed(2),
    job.bar,
    statSync(small).size,
    good ? 'pass' : 'BELOW',
  ])
}
rmSync(folder, { recursive: true, force: true })
console.log(table(lines))
process.exitCode = failed ? 1 : 0
