/**
 * Arrays as data, through the command line and the library: odd, wrong and hostile .npy, .npz and flags.
 *
 *     node bench/acceptance/arrays.mjs [--match TEXT]
 *
 * Builds its own files; run npm run build first. Wanted: the exit code of each line, never 1, words that name what is wrong, no stack
 * trace, no file where it fails, less than 400 MiB and 20 s. Then .npz files cut or changed at every 97th byte through the library: any
 * error must be one of ours, and never E_INTERNAL.
 */

import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { crc32, deflateRawSync } from 'node:zlib'
import { measure } from '../measure.mjs'
import { mebibytes, seconds, table } from '../table.mjs'

const { values: options } = parseArgs({ options: { match: { type: 'string', default: '' } } })
const cli = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
const demo = fileURLToPath(new URL('../../demo/model.onnx', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'tersor-arrays-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
const at = (name) => join(folder, name)

// ---- files as numpy writes them, and as it never would

function npy(descr, shape, data, { fortran = false } = {}) {
  const axes = shape.length === 1 ? `${shape[0]},` : shape.join(', ')
  const dict = `{'descr': '${descr}', 'fortran_order': ${fortran ? 'True' : 'False'}, 'shape': (${axes}), }`
  const text = `${dict.padEnd(64 * Math.ceil((dict.length + 11) / 64) - 11)}\n`
  const head = Buffer.concat([
    Buffer.from([0x93]),
    Buffer.from('NUMPY'),
    Buffer.from([1, 0, text.length % 256, text.length >> 8]),
  ])
  return Buffer.concat([head, Buffer.from(text), Buffer.from(data.buffer ?? data, data.byteOffset, data.byteLength)])
}

const words = (text) =>
  npy(
    `<U${Math.max(1, text.length)}`,
    [],
    Buffer.from(text, 'utf16le').reduce(
      (out, byte, i) => {
        out[2 * i - (i % 2)] = byte
        return out
      },
      Buffer.alloc(4 * Math.max(1, text.length)),
    ),
  )
const int64 = (...numbers) => npy('<i8', [numbers.length], BigInt64Array.from(numbers, BigInt))
const floats = (shape, value = (i) => Math.sin(i * 0.7) + Math.cos(i * 0.11)) =>
  npy(
    '<f4',
    shape,
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => value(i)),
  )

/** Members as [name, bytes, { claim, deflate }]; `claim` lies about the inflated length. */
function zip(members) {
  const parts = []
  const directory = []
  let at = 0
  for (const [name, bytes, { claim, deflate = false, method } = {}] of members) {
    const packed = deflate ? deflateRawSync(bytes) : bytes
    const label = Buffer.from(name)
    const fixed = Buffer.alloc(26)
    fixed.writeUInt16LE(20, 0)
    fixed.writeUInt16LE(method ?? (deflate ? 8 : 0), 4)
    fixed.writeUInt32LE(crc32(bytes), 10)
    fixed.writeUInt32LE(packed.length, 14)
    fixed.writeUInt32LE(claim ?? bytes.length, 18)
    fixed.writeUInt16LE(label.length, 22)
    const local = Buffer.concat([Buffer.from('PK\x03\x04'), fixed, label, packed])
    const tail = Buffer.alloc(14)
    tail.writeUInt32LE(at, 10)
    directory.push(Buffer.concat([Buffer.from('PK\x01\x02'), Buffer.from([20, 0]), fixed, tail, label]))
    parts.push(local)
    at += local.length
  }
  const list = Buffer.concat(directory)
  const end = Buffer.alloc(18)
  end.writeUInt16LE(members.length, 4)
  end.writeUInt16LE(members.length, 6)
  end.writeUInt32LE(list.length, 8)
  end.writeUInt32LE(at, 12)
  return Buffer.concat([...parts, list, Buffer.from('PK\x05\x06'), end])
}

/** A right int8-row of 2 x 3, with members changed, or left out where null. */
function quantized(changes = {}) {
  const members = {
    'x.scheme': words('int8-row'),
    'x.dtype': words('f32'),
    'x.shape': int64(2, 3),
    'x.codes': npy('|u1', [2, 3], Uint8Array.of(0, 128, 255, 1, 2, 3)),
    'x.scales': npy('<f4', [2], Float32Array.of(0.5, 2)),
    ...changes,
  }
  return zip(
    Object.entries(members)
      .filter(([, bytes]) => bytes !== null)
      .map(([key, bytes]) => [`${key}.npy`, bytes]),
  )
}

const file = (name, bytes) => {
  writeFileSync(at(name), bytes)
  return at(name)
}

// ---- the list

const lines = []
/** `want`: exit codes; `says`: words; `leaves`: a file that is expected. */
const run = (name, args, want, says = []) => lines.push({ name, args, want: [want].flat(), says: [says].flat() })
const quantize = (name, bytes, want, says, ...flags) =>
  run(`quantize ${name}`, ['quantize', file(`${name.replaceAll(/\W+/g, '-')}.npy`, bytes), ...flags], want, says)
const dequantize = (name, bytes, want, says) =>
  run(`dequantize ${name}`, ['dequantize', file(`${name.replaceAll(/\W+/g, '-')}.npz`, bytes)], want, says)

const table20 = floats([20, 16])
quantize('plain', table20, 0)
quantize('no values', floats([0]), 0, 'not smaller')
quantize('rows of nothing', floats([3, 0]), 0)
quantize('nothing of rows', floats([0, 3]), 0)
quantize('one value', floats([1]), 0)
quantize('scalar', floats([]), 0)
quantize(
  'all equal',
  floats([4, 8], () => 2.5),
  0,
  'exact',
)
quantize(
  'all zero',
  floats([4, 8], () => 0),
  0,
  'exact',
)
quantize(
  'subnormal',
  floats([4, 8], (i) => i * 1e-44),
  0,
)
quantize(
  'largest',
  floats([4, 8], (i) => (i % 2 ? -3.4e38 : 3.4e38)),
  0,
)
quantize(
  'nan',
  floats([4, 8], (i) => (i === 19 ? Number.NaN : i)),
  3,
  ['\\[2, 3\\]', 'NaN'],
)
quantize(
  'inf',
  floats([4, 8], (i) => (i === 19 ? -Infinity : i)),
  3,
  ['\\[2, 3\\]', '-Infinity'],
)
quantize(
  'nan in a cast',
  floats([4], () => Number.NaN),
  3,
  'NaN',
  '--to',
  'f16',
)
quantize('beyond f32', npy('<f8', [2], Float64Array.of(1, 1e300)), 3, ['\\[1\\]', '1e\\+300'])
quantize('f16', npy('<f2', [4], Uint16Array.of(0x3c00, 0xbc00, 0x3555, 0)), 0)
quantize('f64', npy('<f8', [4], Float64Array.of(1, 2, 3, 4)), 0)
quantize('big-endian', npy('>f4', [2], Buffer.from([0x3f, 0x80, 0, 0, 0xc0, 0, 0, 0])), 0)
quantize('column order', npy('<f4', [2, 3], Float32Array.of(1, 4, 2, 5, 3, 6), { fortran: true }), 0)
quantize('64 dimensions', floats(new Array(64).fill(1)), 0)
quantize('65 dimensions', floats(new Array(65).fill(1)), 3)
for (const [name, descr, bytes] of [
  ['int64', '<i8', 16],
  ['bool', '|b1', 2],
  ['complex', '<c8', 16],
  ['text', '<U4', 32],
  ['uint8', '|u1', 2],
]) {
  quantize(name, npy(descr, [2], Buffer.alloc(bytes)), 4, 'expected floats')
}
quantize('objects', npy('|O', [1], Buffer.alloc(64)), 4, 'pickle')
quantize('records', npy("[('a', '<f4')]", [1], Buffer.alloc(4)), [3, 4])
quantize('terabytes', npy('<f4', [1e6, 1e6], Buffer.alloc(64)), 3, 'needs')
quantize('sizes without end', npy('<f4', [...new Array(60).fill(9e15), 0], Buffer.alloc(0)), 3)
quantize('half a header', table20.subarray(0, 40), 3)
quantize('half the values', table20.subarray(0, table20.length / 2), 3, 'needs')
quantize('three bytes', table20.subarray(0, 3), [3])
quantize('empty file', Buffer.alloc(0), 3, 'empty')
quantize('block that does not divide', table20, 0, [], '--to', 'int4-block7')
quantize('channel axis beyond', table20, 2, 'axis', '--to', 'int8-channel3')

// ---- schemes and flags
for (const id of ['int0-row', 'int33-row', 'int9-row', 'int8-rwo', 'int8-block0', 'int8-block9999999']) {
  run(`--to ${id}`, ['quantize', at('plain.npy'), '--to', id], 2, 'expected a scheme')
}
for (const id of [
  'int8-row-sym-f17',
  'nf4-block64-asym',
  'mxfp4-block16',
  'f16-row',
  'e4m3fn-infinity-row',
  '',
  '-',
  'x'.repeat(500),
  '__proto__',
  '\u001b[2J',
]) {
  run(`--to ${JSON.stringify(id).slice(0, 30)}`, ['quantize', at('plain.npy'), `--to=${id}`], 2)
}
for (const [flag, ...rest] of [
  ['--calib', at('plain.npy')],
  ['--eval', at('plain.npy')],
  ['--rule', 'x=keep'],
  ['--target', 'ort'],
  ['--report', at('r.html')],
  ['--dry-run'],
  ['--seed', '1'],
  ['--no-verify'],
  ['--min-cosine', '0.9'],
]) {
  run(`an array with ${flag}`, ['quantize', at('plain.npy'), flag, ...rest], 2, 'is for models')
}
for (const [flag, ...rest] of [
  ['--recall'],
  ['--budget', '4'],
  ['--importance', at('plain.npy')],
  ['--rescore', 'int8-row'],
  ['--candidates', '4'],
  ['--solver', 'products'],
]) {
  run(`a model with ${flag}`, ['quantize', demo, '-o', at('m.onnx'), flag, ...rest], 2, 'for arrays')
}
run('--to levels1-row', ['quantize', at('plain.npy'), '--to', 'levels1-row'], 2, '2 to 65536 levels')
run('--to levels65537-row', ['quantize', at('plain.npy'), '--to', 'levels65537-row'], 2, '2 to 65536 levels')
run('recall of a scalar', ['quantize', at('scalar.npy'), '--recall'], 2, 'at least 10 rows')
run('rescore alone', ['quantize', at('plain.npy'), '--rescore', 'int8-row'], 2, '--recall')
run('rescore by nothing', ['quantize', at('plain.npy'), '--recall', '--rescore', 'int8-rwo'], 2, 'int8-row')
run('candidates of 0', ['quantize', at('plain.npy'), '--recall', '--candidates', '0'], 2)
run('budget of 0.1', ['quantize', at('plain.npy'), '--budget', '0.1'], 2, 'no scheme takes at most')
run('budget of 0', ['quantize', at('plain.npy'), '--budget', '0'], 2)
run('budget for no values', ['quantize', at('no-values.npy'), '--budget', '4'], 2, 'found none')
run('budget and scheme', ['quantize', at('plain.npy'), '--budget', '4', '--to', 'int4-row'], 2, 'contradict')
run('products on a cast', ['quantize', at('plain.npy'), '--to', 'f16', '--solver', 'products'], 2, 'evenly spaced')
run('budget for a scalar', ['quantize', at('scalar.npy'), '--budget', '64'], 0)
run('products on a table', ['quantize', at('plain.npy'), '--to', 'nf4-row', '--solver', 'products'], 2, 'evenly spaced')
run('a solver of models', ['quantize', at('plain.npy'), '--solver', 'gptq'], 4)
run(
  'importance of another length',
  ['quantize', at('plain.npy'), '--importance', file('w3.npy', floats([3]))],
  2,
  'importance',
)
run(
  'negative importance',
  [
    'quantize',
    at('plain.npy'),
    '--importance',
    file(
      'wn.npy',
      floats([16], () => -1),
    ),
  ],
  2,
  'weight 0',
)
run(
  'importance of zeros',
  [
    'quantize',
    at('plain.npy'),
    '--importance',
    file(
      'w0.npy',
      floats([16], () => 0),
    ),
    '--to',
    'int4-row',
  ],
  0,
)
run('importance that is not there', ['quantize', at('plain.npy'), '--importance', at('nowhere.npy')], [2, 3])
run('importance that is no array', ['quantize', at('plain.npy'), '--importance', demo], 3)

// ---- outputs
run('output is the input', ['quantize', at('plain.npy'), '-o', at('plain.npy'), '--force'], 2, 'input')
symlinkSync(at('plain.npy'), at('link.npy'))
run('output is the input by a link', ['quantize', at('plain.npy'), '-o', at('link.npy'), '--force'], 2, 'input')
run('output exists', ['quantize', at('plain.npy'), '-o', file('there.npz', 'x')], 2, 'exists')
run('output is a folder', ['quantize', at('plain.npy'), '-o', folder, '--force'], 2, 'folder')
run('no such folder', ['quantize', at('plain.npy'), '-o', at('nowhere/x.npz')], 2, 'nowhere')
mkdirSync(at('locked'))
chmodSync(at('locked'), 0o555)
run('locked folder', ['quantize', at('plain.npy'), '-o', at('locked/x.npz')], process.getuid?.() === 0 ? [0, 2] : 2)
// A name that would be replaced by renaming is given only where it may be lost.
spawnSync('mkfifo', [at('pipe')])
if (existsSync(at('pipe'))) {
  run('output is a pipe', ['quantize', at('plain.npy'), '-o', at('pipe'), '--force'], 2, 'device or pipe')
  run(
    'manifest is a pipe',
    ['quantize', at('plain.npy'), '-o', at('q3.npz'), '--manifest', at('pipe'), '--force'],
    2,
    'no file',
  )
}
run('manifest is the output', ['quantize', at('plain.npy'), '-o', at('q.npz'), '--manifest', at('q.npz')], 2)
run('manifest exists', ['quantize', at('plain.npy'), '-o', at('q2.npz'), '--manifest', at('there.npz')], 2, 'exists')
run('a name with spaces', ['quantize', file('my own.npy', table20)], 0, "dequantize '")
run('no such file', ['quantize', at('nowhere.npy')], [2, 3], 'nowhere')
run('a folder of arrays', ['quantize', folder], [2, 3, 4])
run('dequantize an .npy', ['dequantize', at('plain.npy')], 3, 'found an .npy')
run('dequantize to .png', ['dequantize', file('good.npz', quantized()), '-o', at('x.png')], 2, 'picture')
run('json of a failure', ['quantize', at('nan.npy'), '--json'], 3, '"code": "E_NONFINITE"')

// ---- archives
const packed = (name, bytes, want, says, ...flags) =>
  run(`quantize ${name}`, ['quantize', file(`${name.replaceAll(/\W+/g, '-')}.npz`, bytes), ...flags], want, says)
packed('deflated', zip([['a.npy', table20, { deflate: true }]]), 0)
packed('archive of nothing', zip([]), 3, 'found none')
packed('archive of text files', zip([['read.me', Buffer.from('hello')]]), 3, 'found none')
packed('archive of integers', zip([['a.npy', int64(1, 2)]]), 4, 'expected floats')
packed(
  'one bad of two',
  zip([
    ['a.npy', table20],
    ['b.npy', floats([2], () => Number.NaN)],
  ]),
  3,
  'b\\[0\\]',
)
packed(
  'hostile names',
  zip([
    ['__proto__.npy', table20],
    ['../../x.npy', table20],
    ['constructor.npy', table20],
    ['\u001b[2J.npy', table20],
    ['.npy', table20],
  ]),
  0,
)
packed(
  'names that collide',
  zip([
    ['a.npy', table20],
    ['a.codes.npy', int64(1)],
  ]),
  4,
  'a.codes',
)
packed('bomb', zip([['a.npy', Buffer.alloc(60_000_000), { deflate: true }]]), 3)
packed('claims 4 GB', zip([['a.npy', table20, { deflate: true, claim: 0xfffffff0 }]]), 3)
packed(
  'claims 1 GB in a kilobyte',
  zip([['a.npy', Buffer.alloc(1_000_000), { deflate: true, claim: 1_000_000_000 }]]),
  3,
)
packed('stored terabytes', zip([['a.npy', npy('<f4', [1e6, 1e6], Buffer.alloc(8))]]), 3, 'needs')
packed('unknown compression', zip([['a.npy', table20, { method: 99 }]]), [3, 4])
packed('quantized already', quantized(), 4, 'already')
packed('recall without a table', zip([['a.npy', floats([3])]]), 2, 'at least 10 rows', '--recall')
packed(
  'recall of one table of two',
  zip([
    ['a.npy', floats([3])],
    ['b.npy', table20],
  ]),
  0,
  'recall of b',
  '--recall',
)

dequantize('right', quantized(), 0, 'int8-row')
for (const key of ['scheme', 'shape', 'codes', 'scales']) {
  dequantize(`without ${key}`, quantized({ [`x.${key}`]: null }), 3, key === 'scheme' ? 'found none' : `x.${key}`)
}
dequantize('unknown scheme', quantized({ 'x.scheme': words('int9-row') }), 3, 'no scheme')
dequantize('scheme of control characters', quantized({ 'x.scheme': words('\u001b[2J\u001b]0;x') }), 3, 'no scheme')
dequantize('scheme as numbers', quantized({ 'x.scheme': int64(1) }), 3, 'expected text')
dequantize('shape as floats', quantized({ 'x.shape': floats([2]) }), 3, 'int64')
dequantize('shape of terabytes', quantized({ 'x.shape': int64(1e6, 1e6) }), 3, 'cannot hold')
dequantize('negative shape', quantized({ 'x.shape': int64(-2, -3) }), 3)
dequantize('shape of 2^62', quantized({ 'x.shape': int64(2 ** 62, 2 ** 62) }), 3)
dequantize(
  'sizes without end and 0',
  quantized({ 'x.shape': int64(...new Array(40).fill(2 ** 62), 0), 'x.codes': npy('|u1', [0], Buffer.alloc(0)) }),
  3,
)
const nothing = { 'x.codes': npy('|u1', [0], Buffer.alloc(0)), 'x.scales': npy('<f4', [0], Buffer.alloc(0)) }
for (const id of ['int8-channel', 'int8-tile1000000x1000000', 'int8-column']) {
  dequantize(`no values of ${id}`, quantized({ ...nothing, 'x.scheme': words(id), 'x.shape': int64(0, 1e9, 1e9) }), 0)
}
dequantize('a code too few', quantized({ 'x.codes': npy('|u1', [5], Buffer.alloc(5)) }), 3, 'codes')
dequantize('a code too many', quantized({ 'x.codes': npy('|u1', [7], Buffer.alloc(7)) }), 3, 'codes')
dequantize('codes as text', quantized({ 'x.codes': words('hello') }), 3)
dequantize('scales as text', quantized({ 'x.scales': words('hello') }), 3)
dequantize('scales as f64', quantized({ 'x.scales': npy('<f8', [2], Buffer.alloc(16)) }), 3, 'f64')
dequantize('scales as f16', quantized({ 'x.scales': npy('<f2', [2], Buffer.alloc(4)) }), 3, 'Float32Array')
dequantize('one scale for two rows', quantized({ 'x.scales': npy('<f4', [1], Buffer.alloc(4)) }), 3, 'scales')
dequantize('scale of NaN', quantized({ 'x.scales': npy('<f4', [2], Float32Array.of(Number.NaN, 1)) }), [0, 3])
dequantize(
  'code beyond the levels',
  quantized({ 'x.scheme': words('levels5-row-sym'), 'x.codes': npy('|u1', [3], Uint8Array.of(255, 255, 255)) }),
  3,
  'code 0 is 7',
)

// ---- through the command line

const wanted = lines.filter(({ name }) => name.includes(options.match))
const before = new Set(readdirSync(folder))
const rows = [['line', 'exit', 'wanted', 'time', 'peak', 'said']]
const bad = []
for (const { name, args, want, says } of wanted) {
  const found = await measure(process.execPath, [cli, ...args], { cwd: folder, timeout: 60_000 })
  const said = `${found.stderr}${found.stdout}`
  const made = readdirSync(folder).filter((one) => !before.has(one))
  const faults = []
  if (!want.includes(found.status)) faults.push(`exit ${found.status}`)
  if (found.ms > 20_000) faults.push(seconds(found.ms))
  if (found.peakBytes > 400 * 1048576) faults.push(mebibytes(found.peakBytes))
  for (const word of says) if (!new RegExp(word, 'i').test(said)) faults.push(`does not say "${word}"`)
  if (/^\s+at .*:\d+:\d+/m.test(said)) faults.push('stack trace')
  if (/[\u0000-\u0008\u000b-\u001f\u007f]/.test(said)) faults.push('control characters')
  if (found.status !== 0 && made.length) faults.push(`left ${made}`)
  if (found.status !== 0 && !/^error\[E_\w+\] \S/m.test(found.stderr)) faults.push('no error line')
  for (const one of made) rmSync(at(one), { recursive: true })
  const first = (found.status === 0 ? /^output.*/m.exec(found.stdout) : /^error.*/m.exec(found.stderr))?.[0] ?? ''
  rows.push([
    name,
    found.status,
    want.join(),
    seconds(found.ms),
    mebibytes(found.peakBytes),
    first.replaceAll(folder, '').slice(0, 90),
  ])
  if (faults.length)
    bad.push(`${name}: ${faults.join(', ')}\n      ${said.trim().split('\n').slice(0, 3).join('\n      ')}`)
}
console.log(table(rows))

// ---- cut and changed, through the library

const { quantizeArrays, dequantizeArrays } = await import(
  pathToFileURL(fileURLToPath(new URL('../../dist/node.js', import.meta.url)))
)
let tried = 0
let refused = 0
async function survive(name, path, work) {
  tried++
  try {
    await work(path)
  } catch (thrown) {
    refused++
    const right = ['E_FORMAT', 'E_LIMIT', 'E_UNSUPPORTED', 'E_NONFINITE', 'E_USAGE', 'E_OUTPUT'].includes(thrown?.code)
    if (!right) bad.push(`${name}: ${thrown?.code} ${thrown?.message}`)
    if (thrown?.code === 'E_USAGE' && !/--recall|axis/.test(thrown.message))
      bad.push(`${name}: usage for a wrong file: ${thrown.message}`)
  }
}
if (options.match === '' || 'cut'.includes(options.match)) {
  copyFileSync(at('plain.npy'), at('source.npy'))
  writeFileSync(
    at('two.npz'),
    zip([
      ['a.npy', table20, { deflate: true }],
      ['b.npy', floats([3, 5])],
    ]),
  )
  const back = (path) => dequantizeArrays(path, at('out.npy'), { force: true })
  const there = (path) => quantizeArrays(path, at('out.npz'), { force: true })
  for (const id of [
    'int8-row',
    'uint8-row-asym',
    'int3-block8-offset-f16',
    'ternary-row',
    'q4k',
    'nf4double',
    'codebook4',
    'product2x4',
    'nvfp4',
    'e5m2-infinity',
  ]) {
    await quantizeArrays(at('source.npy'), at(`sound-${id}.npz`), { to: id, force: true })
  }
  const sound = readdirSync(folder)
    .filter((one) => one.startsWith('sound-'))
    .map((one) => [one, back])
  for (const [name, work] of [...sound, ['two.npz', there], ['source.npy', there]]) {
    const bytes = readFileSync(at(name))
    for (let place = 0; place < bytes.length; place += 97) {
      writeFileSync(at('broken'), bytes.subarray(0, place))
      await survive(`${name} cut at ${place}`, at('broken'), work)
      for (const flip of [0xff, 0x01, 0x80]) {
        const changed = Buffer.from(bytes)
        changed[place] ^= flip
        writeFileSync(at('broken'), changed)
        await survive(`${name} byte ${place} ^ ${flip}`, at('broken'), work)
      }
    }
    // Headers and the directory hold the lengths: every byte there.
    for (let place = Math.max(0, bytes.length - 400); place < bytes.length; place++) {
      const changed = Buffer.from(bytes)
      changed[place] = 0xff
      writeFileSync(at('broken'), changed)
      await survive(`${name} byte ${place} = 255`, at('broken'), work)
    }
  }
}

console.log(`\n${wanted.length} lines; ${tried} files cut or changed, ${refused} refused; ${bad.length} not as wanted`)
for (const line of bad) console.log(`  ${line}`)
process.exitCode = bad.length && existsSync(folder) ? 1 : 0
