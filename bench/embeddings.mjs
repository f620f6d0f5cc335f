/**
 * Recall of searches in quantized embeddings, through the command line, against the bars.
 *
 *     node bench/embeddings.mjs EMBEDDINGS.npy [--rows 5000]
 *
 * EMBEDDINGS.npy: f32 [sentences, dimensions]. For the bars: the sentences of SICK (both columns, each once, sorted) through
 * sentence-transformers/all-MiniLM-L6-v2, of which the first 5,000 are taken; every fifth row is a query. Run npm run build first.
 *
 * Where there is a Python with numpy, the same figures come from numpy, too: plain absmax rows and plain signs rescored by float.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { seconds, table } from './table.mjs'

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { rows: { type: 'string', default: '5000' } },
})
const [path] = positionals
if (!path || !existsSync(path)) {
  console.error(`${path ? `${path} is not there` : 'which embeddings? node bench/embeddings.mjs EMBEDDINGS.npy'}

To make them, with pip install sentence-transformers datasets:

    from datasets import load_dataset
    from sentence_transformers import SentenceTransformer
    import numpy as np
    sick = load_dataset('sick', split='train+validation+test')
    sentences = sorted(set(sick['sentence_A']) | set(sick['sentence_B']))
    model = SentenceTransformer('sentence-transformers/all-MiniLM-L6-v2')
    np.save('embeddings.npy', model.encode(sentences).astype('f4'))`)
  process.exit(2)
}

const cli = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'tersor-embeddings-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
const input = join(folder, 'embeddings.npy')
writeFileSync(input, firstRows(readFileSync(path), Number(options.rows)))

/** What is asked of whom; `bar` is the least recall at 10. */
const lines = [
  { name: 'int8 rows, codes moved for products', bar: 0.998, flags: ['--to', 'int8-row', '--solver', 'products'] },
  { name: 'int8 rows', flags: ['--to', 'int8-row'] },
  { name: 'int8 rows, nearest to absmax', flags: ['--to', 'int8-row', '--effort', 'fast'] },
  { name: '1 bit, 4x candidates by int8 rows', bar: 0.99, flags: ['--to', 'binary-row', '--rescore', 'int8-row'] },
  { name: '1 bit alone', flags: ['--to', 'binary-row'] },
  { name: 'ternary rows', flags: ['--to', 'ternary-row'] },
  { name: 'int4 rows, codes moved for products', flags: ['--to', 'int4-row', '--solver', 'products'] },
  { name: 'int4 rows', flags: ['--to', 'int4-row'] },
  { name: 'int4, blocks of 32', flags: ['--to', 'int4-block32-asym-f16'] },
  { name: 'e4m3fn rows', flags: ['--to', 'e4m3fn-row'] },
]

const percent = (share) => `${(100 * share).toFixed(2)} %`
const rows = [['what', 'bits', 'at 1', 'at 10', 'bar', 'at 100', 'time']]
let missed = 0
for (const { name, bar, flags } of lines) {
  const start = performance.now()
  const output = join(folder, 'q.npz')
  const words = ['quantize', input, '-o', output, '--recall', '--force', '--json', '-q', ...flags]
  const run = spawnSync(process.execPath, [cli, ...words], { encoding: 'utf8', maxBuffer: 1 << 26 })
  if (run.status !== 0) throw new Error(`${words.join(' ')}: exit ${run.status}\n${run.stderr}`)
  const [{ recall, bitsPerValue }] = JSON.parse(run.stdout).decisions
  if (bar !== undefined && recall.at10 < bar) missed++
  rows.push([
    name,
    bitsPerValue.toFixed(2),
    percent(recall.at1),
    percent(recall.at10),
    bar === undefined ? '' : `${percent(bar)} ${recall.at10 >= bar ? 'met' : 'MISSED'}`,
    percent(recall.at100),
    seconds(performance.now() - start),
  ])
}
console.log(table(rows))
console.log('\nbits: of both codes where there are two; queries: every fifth row, in float, by cosine')

const plain = spawnSync('python3', ['-c', PLAIN(), input], { encoding: 'utf8' })
console.log(
  plain.status === 0 ? `\nnumpy:\n${plain.stdout}` : '\n(no Python with numpy: no figures of plain codes beside ours)',
)
process.exitCode = missed > 0 ? 1 : 0

/** The same file with fewer rows. */
function firstRows(bytes, count) {
  const end = 10 + bytes.readUInt16LE(8)
  const header = bytes.subarray(10, end).toString()
  const [, rows, width] = /'shape': \((\d+), (\d+)\)/.exec(header) ?? []
  if (!header.includes("'<f4'") || header.includes('True') || width === undefined) {
    throw new Error('expected an .npy of f32 in rows, shape (sentences, dimensions)')
  }
  const kept = Math.min(count, Number(rows))
  const short = header.replace(/\((\d+), (\d+)\)/, `(${kept}, ${width})`)
  const padded = `${short.trimEnd().padEnd(header.length - 1)}\n`
  return Buffer.concat([bytes.subarray(0, 10), Buffer.from(padded), bytes.subarray(end, end + kept * width * 4)])
}

function PLAIN() {
  return `
import sys, numpy as np
x = np.load(sys.argv[1]); x /= np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-30)
q, t = x[::5], np.delete(x, np.s_[::5], axis=0)
top = lambda s, k: np.argsort(-s, axis=1, kind='stable')[:, :k]
true = top(q @ t.T, 10)
share = lambda found: np.mean([len(set(a) & set(b)) / 10 for a, b in zip(true, found)])
s = np.abs(t).max(1, keepdims=True) / 127
i8 = np.rint(t / s) * s
print('  absmax int8 rows, at 10: %.4f' % share(top(q @ (i8 / np.linalg.norm(i8, axis=1, keepdims=True)).T, 10)))
for name, asked in (('signs met by signs', np.sign(q)), ('signs met by float', q)):
    first = top(asked @ np.sign(t).T, 40)
    again = np.stack([f[np.argsort(-(t[f] @ v), kind='stable')[:10]] for f, v in zip(first, q)])
    print('  %s, 4x candidates by float, at 10: %.4f' % (name, share(again)))
`
}
