/**
 * Every float model below a data folder as fp16 (or what --to says).
 *
 *     node bench/acceptance/half.mjs DIR [--to fp16] [--match TEXT] [--synthetic]
 *
 * By the command line, on data where DIR has some. Wanted: cosine >= 0.9999 for every output in the float emulation, which rounds every
 * result to f16 (onnxruntime on a CPU does not); nothing that is not finite; loads in onnxruntime-node and onnxruntime-web (wasm).
 * Run npm run build first. Exit code 1 when a model misses.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { table } from '../table.mjs'

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    to: { type: 'string', default: 'fp16' },
    match: { type: 'string', default: '' },
    synthetic: { type: 'boolean' },
  },
})
const [root] = positionals
if (!root) throw new Error('which folder? node bench/acceptance/half.mjs DIR')
const cli = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'tersor-half-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
const at = (path) => join(root, path)
const text = (path) => ['--calib', at(path), '--samples', '16']

const MODELS = [
  ['mnist/mnist.onnx', []],
  ['mnist/opt-mnist.onnx', []],
  ['onnx-rebuilt/charrnn_shakespeare.onnx', []],
  [
    'onnx-rebuilt/cifar10_resnet20.onnx',
    ['--calib', at('cifar10/train500'), '--preprocess', 'imagenet', '--samples', '64'],
  ],
  ['onnx-rebuilt/espcn_x3.onnx', []],
  [
    'onnx-rebuilt/mobilenetv2_tf1001.onnx',
    ['--calib', at('images-imagenet-256'), '--preprocess', 'tf', '--samples', '32'],
  ],
  [
    'onnx-rebuilt/squeezenet1.1.onnx',
    ['--calib', at('images-imagenet-256'), '--preprocess', 'imagenet', '--samples', '32'],
  ],
  ['onnx-rebuilt/style_udnie.onnx', []],
  ['detection/nanodet/nanodet.onnx', []],
  [
    'kws/kwt1_mfcc.onnx',
    ['--calib', at('kws/espeak_calib.npz'), '--eval', at('kws/espeak_test.npz'), '--samples', '64'],
  ],
  ['audio/gtcrn/gtcrn_simple.onnx', []],
  ['audio/silero/silero_vad.onnx', []],
  ['audio/silero/silero_vad_16k_op15.onnx', []],
  ['llm/stories260K.onnx', text('text/tinystories/tiny_stories_dev.txt')],
  ['sts-encoder/model.onnx', text('text/tinystories/tiny_stories_dev.txt')],
  ['minilm/model.onnx', text('text/tinystories/tiny_stories_dev.txt')],
]

const require = createRequire(import.meta.url)
const web = await import(pathToFileURL(require.resolve('onnxruntime-web')).href)
const ort = web.default ?? web
ort.env.wasm.numThreads = 1

async function loadsInWeb(path) {
  try {
    const settings = { executionProviders: ['wasm'], logSeverityLevel: 4 }
    const session = await ort.InferenceSession.create(new Uint8Array(readFileSync(path)), settings)
    await session.release()
    return 'yes'
  } catch (error) {
    return String(error.message ?? error).slice(0, 80)
  }
}

const rows = []
let missed = 0
for (const [path, data] of MODELS.filter(([one]) => one.includes(options.match))) {
  const out = join(folder, `${rows.length}.onnx`)
  const words = [
    'quantize',
    at(path),
    '--to',
    options.to,
    '-o',
    out,
    '--force',
    '--json',
    ...(options.synthetic ? [] : data),
  ]
  const started = performance.now()
  const { stdout, status } = spawnSync(process.execPath, [cli, ...words], { maxBuffer: 1 << 28, encoding: 'utf8' })
  const took = (performance.now() - started) / 1000
  let report
  try {
    report = JSON.parse(stdout)
  } catch {
    report = { error: { message: `no report, exit code ${status}` } }
  }
  if (report.error) {
    missed++
    rows.push([path, report.error.message.slice(0, 100), '', '', '', '', '', ''])
    continue
  }
  const least = (outputs = []) => Math.min(...outputs.map(({ cosine }) => cosine))
  const lost = (outputs = []) => outputs.reduce((sum, { nonFinite }) => sum + nonFinite, 0)
  const { reference, fused, status: verdict } = report.verdict
  const loads = await loadsInWeb(out)
  const cosine = least(reference?.outputs)
  if (!(cosine >= 0.9999) || lost(reference?.outputs) > 0 || loads !== 'yes' || verdict === 'refused') missed++
  rows.push([
    path,
    `${((100 * report.output.bytes) / report.input.bytes).toFixed(1)} %`,
    verdict,
    cosine.toFixed(6),
    least(fused?.outputs).toFixed(6),
    report.points.length,
    loads,
    `${took.toFixed(1)} s`,
  ])
}
console.log(table([['model', 'bytes', 'verdict', 'emulated', 'onnxruntime', 'f32 nodes', 'web', 'time'], ...rows]))
console.log(missed === 0 ? 'all of them' : `${missed} missed`)
process.exitCode = missed > 0 ? 1 : 0
