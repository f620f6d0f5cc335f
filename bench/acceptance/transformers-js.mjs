#!/usr/bin/env node
/**
 * Loads every file of a folder that `tersor variants` wrote with the real @huggingface/transformers, in Node.
 *
 *   node bench/acceptance/transformers-js.mjs FOLDER [--from DIR] [--task feature-extraction] [--text "..."]
 *
 * DIR is a folder that has @huggingface/transformers in its node_modules (default: the working folder, then this repository). It is no dependency
 * of tersor: its installer would bring onnxruntime and sharp a second time. To make one without any download by install scripts:
 *
 *   mkdir tjs && cd tjs && npm init -y && npm install @huggingface/transformers@4.3.1 --ignore-scripts
 *
 * Where it is absent this says so and exits 0; a file that does not load, or gives no finite answer, exits 1.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'

const SUFFIXES = new Map([
  ...[
    ['', 'fp32'],
    ['_fp16', 'fp16'],
    ['_quantized', 'q8'],
    ['_int8', 'int8'],
    ['_uint8', 'uint8'],
    ['_q4', 'q4'],
  ],
  ...[
    ['_q4f16', 'q4f16'],
    ['_bnb4', 'bnb4'],
    ['_q2', 'q2'],
    ['_q2f16', 'q2f16'],
    ['_bnb4', 'bnb4'],
  ],
])

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { from: { type: 'string' }, task: { type: 'string' }, text: { type: 'string' } },
})
const folder = resolve(positionals[0] ?? '.')
const transformers = await library(values.from)
if (transformers === undefined) {
  console.log('@huggingface/transformers is not installed here; nothing was checked (see the head of this file)')
  process.exit(0)
}
const { env, pipeline, AutoModel } = transformers
env.allowRemoteModels = false
env.localModelPath = dirname(folder)
console.log(`@huggingface/transformers ${env.version}, ${folder}`)

const config = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'))
const files = readdirSync(join(folder, 'onnx')).filter((name) => name.endsWith('.onnx'))
const dtypes = [...SUFFIXES].filter(([suffix]) =>
  files.some((name) => (suffix === '' ? partOf(name).suffix === '' : partOf(name).suffix === suffix)),
)
const text = values.text ?? 'A little girl finds a needle in her room.'
const task = values.task ?? (config.is_encoder_decoder ? undefined : guessTask(config))
let failed = 0
let reference
for (const [, dtype] of dtypes) {
  try {
    const said = task === undefined ? await loadOnly(dtype) : await ask(dtype)
    console.log(`  ${dtype.padEnd(8)} ${said}`)
  } catch (error) {
    failed += 1
    console.log(`  ${dtype.padEnd(8)} FAILED: ${error instanceof Error ? error.message.split('\n')[0] : error}`)
  }
}
if (dtypes.length === 0) {
  console.log('no file was found in onnx/')
  failed += 1
}
process.exit(failed === 0 ? 0 : 1)

async function loadOnly(dtype) {
  const model = await AutoModel.from_pretrained(basename(folder), { dtype, device: 'cpu' })
  const sessions = Object.keys(model.sessions)
  await model.dispose()
  return `loaded: ${sessions.join(', ')}`
}

async function ask(dtype) {
  const run = await pipeline(task, basename(folder), { dtype, device: 'cpu' })
  const options =
    task === 'feature-extraction' ? { pooling: 'mean', normalize: true } : { max_new_tokens: 12, do_sample: false }
  const answer = await run(text, options)
  await run.dispose()
  if (task !== 'feature-extraction') return JSON.stringify(answer).slice(0, 160)
  const row = Array.from(answer.data, Number)
  if (row.length === 0 || !row.every(Number.isFinite)) throw new Error('the embedding is not finite')
  reference ??= row
  const cosine = row.reduce((sum, value, i) => sum + value * reference[i], 0)
  return `${row.length} numbers, cosine to the first ${cosine.toFixed(5)}`
}

function guessTask({ architectures = [] }) {
  const [name = ''] = architectures
  if (/CausalLM|LMHead/.test(name)) return 'text-generation'
  if (/SequenceClassification/.test(name)) return 'text-classification'
  if (/Image|Vision|Speech|Audio|Whisper|ViT/.test(name)) return undefined
  return 'feature-extraction'
}

function partOf(name) {
  const stem = name.replace(/\.onnx$/, '')
  const suffix = [...SUFFIXES.keys()]
    .filter((one) => one !== '' && stem.endsWith(one))
    .sort((a, b) => b.length - a.length)[0]
  return { part: suffix ? stem.slice(0, -suffix.length) : stem, suffix: suffix ?? '' }
}

async function library(from) {
  const here = join(dirname(fileURLToPath(import.meta.url)), '..', '..')
  for (const place of [from, process.cwd(), here].filter((one) => one !== undefined)) {
    try {
      const path = createRequire(join(resolve(place), 'x.js')).resolve('@huggingface/transformers')
      // The resolver answers with the CommonJS build.
      const module = path.replace(/\.cjs$/, '.mjs')
      return await import(pathToFileURL(existsSync(module) ? module : path).href)
    } catch (error) {
      if (error?.code !== 'MODULE_NOT_FOUND' && error?.code !== 'ERR_MODULE_NOT_FOUND') throw error
    }
  }
  return undefined
}
