/**
 * Bad input, bad output and bad luck, through the command line: clear error, right exit code, nothing lost, no half file.
 *
 *     node bench/acceptance/edge-inputs.mjs [--match TEXT]
 *
 * Builds its own models. The kill tests use bench/models/dense-512 (made if missing); the full disk is a small tmpfs, which needs root.
 */
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { gzipSync } from 'node:zlib'
import { ensureModel } from '../models.mjs'
import { gaussianPool, node, writeModel } from '../onnx-writer.mjs'

const { values: options } = parseArgs({ options: { match: { type: 'string', default: '' } } })
const cli = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
const demo = fileURLToPath(new URL('../../demo/model.onnx', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'tersor-edge-'))
chmodSync(folder, 0o755)
const at = (name) => join(folder, name)
const fill = gaussianPool(3, 1 << 16)

const hash = (path) => createHash('sha256').update(readFileSync(path)).digest('hex')
const tersor = (args, extra = {}) =>
  spawnSync(process.execPath, [cli, ...args], { encoding: 'utf8', cwd: folder, timeout: 120_000, ...extra })
const quantize = (input, output, ...rest) => ['quantize', input, '-o', output, '--to', 'int8-weights', '-q', ...rest]

/** A one-layer model; `spoil` may change the weights, `extra` goes to the writer. */
const small = (name, { spoil = (x) => x, rows = 64, columns = 64, nodes, ...extra } = {}) => {
  writeModel(at(name), {
    nodes: nodes ?? [node('MatMul', ['x', 'w'], ['y'])],
    tensors: [{ name: 'w', dims: [rows, columns], deviation: 0.1 }],
    inputs: [['x', ['N', rows]]],
    outputs: [['y', ['N', columns]]],
    fill: (out, deviation) => {
      fill(out, deviation)
      spoil(out)
    },
    ...extra,
  })
  return at(name)
}

const checks = []
const check = (name, run) => checks.push({ name, run })
/** Faults of one run of the command: exit code, words that must be said, files that must not exist. */
const faultsOf = (run, { exit, says = [], absent = [] }) => {
  const codes = [exit].flat()
  const said = `${run.stderr}${run.stdout}`
  const faults = []
  if (!codes.includes(run.status)) faults.push(`exit ${run.status ?? run.signal}, wanted ${codes.join(' or ')}`)
  for (const word of says) if (!new RegExp(word, 'i').test(said)) faults.push(`does not say "${word}"`)
  for (const path of absent) if (existsSync(path)) faults.push(`left ${path}`)
  if (/^\s+at .*:\d+:\d+/m.test(said)) faults.push('stack trace')
  return { faults, said: said.trim().split('\n')[0] }
}
const refused = (name, make, want) =>
  check(name, () => {
    const out = at('refused.onnx')
    return faultsOf(tersor(quantize(make(), out)), { absent: [out], ...want })
  })
const contents = (name, bytes) => {
  writeFileSync(at(name), bytes)
  return at(name)
}

// ---- not a model, by content
const padded = (head, length = 4096) => Buffer.concat([Buffer.from(head), Buffer.alloc(length)])
refused('a folder', () => folder, { exit: [2, 3, 4] })
refused('no such file', () => at('nowhere.onnx'), { exit: [2, 3], says: ['nowhere.onnx'] })
refused('empty file', () => contents('empty.onnx', ''), { exit: 3, says: ['empty'] })
refused('text', () => contents('text.onnx', 'hello, this is not a model\n'.repeat(40)), { exit: 3 })
refused('a picture', () => contents('jpeg.onnx', padded([0xff, 0xd8, 0xff, 0xe0, 0, 16, 0x4a, 0x46, 0x49, 0x46])), {
  exit: 3,
})
refused('a pickle', () => contents('pickle.onnx', padded([0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9])), {
  exit: [3, 4],
  says: ['pickle'],
})
refused('a zip (PyTorch)', () => contents('zip.onnx', padded('PK\x03\x04archive/data.pkl')), {
  exit: [3, 4],
  says: ['zip|archive'],
})
refused('gzip', () => contents('gz.onnx', gzipSync(readFileSync(demo))), { exit: [3, 4], says: ['gzip'] })
refused('GGUF', () => contents('gguf.onnx', padded('GGUF\x03\x00\x00\x00')), { exit: [3, 4], says: ['gguf'] })
refused(
  'safetensors',
  () =>
    contents(
      'st.onnx',
      Buffer.concat([
        Buffer.from([66, 0, 0, 0, 0, 0, 0, 0]),
        Buffer.from('{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}             '),
        Buffer.alloc(4),
      ]),
    ),
  { exit: [3, 4], says: ['safetensors'] },
)
refused('TFLite', () => contents('tflite.onnx', padded('\x1c\x00\x00\x00TFL3')), {
  exit: [3, 4],
  says: ['tflite|tensorflow'],
})
refused('HDF5', () => contents('h5.onnx', padded([0x89, 0x48, 0x44, 0x46, 13, 10, 26, 10])), {
  exit: [3, 4],
  says: ['hdf5|keras'],
})

// ---- weights and graph
const nan = (index, value) => (out) => {
  out[index] = value
}
refused('NaN in a weight', () => small('nan.onnx', { spoil: nan(77, Number.NaN) }), {
  exit: 3,
  says: ['nan|not finite|non-finite', '\\bw\\b', '77'],
})
refused('infinity in a weight', () => small('inf.onnx', { spoil: nan(4095, -Infinity) }), {
  exit: 3,
  says: ['inf|not finite|non-finite', '\\bw\\b', '4,?095'],
})
refused(
  'cycle',
  () =>
    small('cycle.onnx', {
      nodes: [node('Add', ['x', 'b'], ['a']), node('Relu', ['a'], ['b']), node('MatMul', ['a', 'w'], ['y'])],
    }),
  { exit: 3, says: ['cycl'] },
)
refused(
  'missing external data',
  () => {
    small('external.onnx', { external: true })
    rmSync(at('external.onnx.data'))
    return at('external.onnx')
  },
  { exit: 3, says: ['external.onnx.data'] },
)
refused(
  'external data cut short',
  () => {
    small('short.onnx', { external: true })
    writeFileSync(at('short.onnx.data'), Buffer.alloc(100))
    return at('short.onnx')
  },
  { exit: 3, says: ['short.onnx.data'] },
)
refused(
  'external data is a link out of the folder',
  () => {
    small('link.onnx', { external: true })
    rmSync(at('link.onnx.data'))
    symlinkSync('/etc/passwd', at('link.onnx.data'))
    return at('link.onnx')
  },
  { exit: 3, says: ['link'] },
)

check('truncated at every byte', async () => {
  const { quantize: run } = await import('../../dist/node.js')
  const whole = readFileSync(small('whole.onnx', { rows: 8, columns: 8 }))
  const wrong = []
  for (let end = 0; end < whole.length; end++) {
    writeFileSync(at('cut.onnx'), whole.subarray(0, end))
    try {
      await run(at('cut.onnx'), at('cut.out.onnx'), { to: 'int8-weights', noVerify: true })
      wrong.push(`${end}: accepted`)
    } catch (error) {
      if (!['E_FORMAT', 'E_LIMIT'].includes(error.code))
        wrong.push(`${end}: ${error.code ?? error.name} ${error.message}`)
    }
    if (existsSync(at('cut.out.onnx'))) {
      wrong.push(`${end}: wrote`)
      rmSync(at('cut.out.onnx'))
    }
  }
  return { faults: wrong.slice(0, 5), said: `${whole.length} cuts` }
})
check('demo truncated at 40 places, command line', () => {
  const whole = readFileSync(demo)
  const faults = []
  for (let i = 0; i < 40; i++) {
    const end = Math.floor((whole.length * i) / 40) + (i % 7)
    contents('cut.onnx', whole.subarray(0, end))
    const found = faultsOf(tersor(quantize(at('cut.onnx'), at('cut.out.onnx'))), {
      exit: 3,
      absent: [at('cut.out.onnx')],
    })
    faults.push(...found.faults.map((f) => `at ${end}: ${f}`))
  }
  return { faults: faults.slice(0, 5), said: '40 cuts' }
})

// ---- where the result goes
check('output is the input', () => {
  copyFileSync(demo, at('same.onnx'))
  const before = hash(at('same.onnx'))
  const found = faultsOf(tersor(quantize(at('same.onnx'), at('same.onnx'), '--force')), { exit: 2 })
  if (hash(at('same.onnx')) !== before) found.faults.push('input changed')
  return found
})
check('output is a link to the input', () => {
  copyFileSync(demo, at('target.onnx'))
  symlinkSync(at('target.onnx'), at('alias.onnx'))
  linkSync(at('target.onnx'), at('hard.onnx'))
  const before = hash(at('target.onnx'))
  const found = faultsOf(tersor(quantize(at('target.onnx'), at('alias.onnx'), '--force')), { exit: 2 })
  tersor(quantize(at('target.onnx'), at('hard.onnx'), '--force', '--no-verify'))
  if (hash(at('target.onnx')) !== before) found.faults.push('input changed')
  return found
})
check("output's data file is the input's data file", () => {
  // 5 GiB with holes: half of it at fp16 is above 1.9 GB, so the result needs a data file, and its name is taken.
  const holes = ensureModel('holes-5120')
  mkdirSync(at('data'), { recursive: true })
  copyFileSync(holes, at('data/a.onnx'))
  const data = at('data/holes-5120.onnx.data')
  spawnSync('cp', ['--sparse=always', `${holes}.data`, data])
  const before = statSync(data)
  const run = tersor([
    ...['quantize', at('data/a.onnx'), '-o', at('data/holes-5120.onnx'), '--to', 'fp16-weights', '--solver', 'nearest'],
    ...['--no-verify', '--force', '-q'],
  ])
  const after = statSync(data)
  const faults = []
  if (after.ino !== before.ino || after.size !== before.size)
    faults.push(`the input's data file was replaced (exit ${run.status})`)
  if (![0, 2].includes(run.status)) faults.push(`exit ${run.status}`)
  rmSync(at('data'), { recursive: true })
  return { faults, said: run.stderr.trim().split('\n')[0] }
})
check('output exists', () => {
  contents('precious.onnx', 'precious')
  const found = faultsOf(tersor(quantize(demo, at('precious.onnx'))), { exit: 2, says: ['--force'] })
  if (readFileSync(at('precious.onnx'), 'utf8') !== 'precious') found.faults.push('overwritten')
  return found
})
check('output in a folder that does not exist', () =>
  faultsOf(tersor(quantize(demo, at('no/such/out.onnx'))), { exit: 2 }),
)
check('output below a file', () => faultsOf(tersor(quantize(demo, join(demo, 'out.onnx'))), { exit: 2 }))
check('output into /proc', () => faultsOf(tersor(quantize(demo, '/proc/out.onnx')), { exit: 2 }))
check('unwritable folder', () => {
  mkdirSync(at('locked'), { recursive: true })
  chmodSync(at('locked'), 0o555)
  const args = quantize(demo, at('locked/out.onnx'), '--no-verify')
  const root = process.getuid?.() === 0
  if (root && spawnSync('setpriv', ['--version']).status !== 0) return { skipped: 'root, and no setpriv' }
  const run = root
    ? spawnSync('setpriv', ['--reuid=65534', '--clear-groups', process.execPath, cli, ...args], { encoding: 'utf8' })
    : tersor(args)
  if (/EACCES.*main\.js|Cannot find module/.test(run.stderr))
    return { skipped: 'the repository is not readable by others' }
  return faultsOf(run, { exit: 2, absent: [at('locked/out.onnx')] })
})
check('full disk', () => {
  mkdirSync(at('disk'), { recursive: true })
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', at('disk')]).status !== 0)
    return { skipped: 'no right to mount' }
  try {
    const found = faultsOf(tersor(quantize(demo, at('disk/out.onnx'), '--no-verify')), {
      exit: 2,
      says: ['space|full'],
    })
    const left = readdirSync(at('disk'))
    if (left.length) found.faults.push(`left ${left}`)
    return found
  } finally {
    spawnSync('umount', [at('disk')])
  }
})
check('report onto a full device', () =>
  faultsOf(tersor([...quantize(demo, at('withreport.onnx')), '--report', '/dev/full']), { exit: [0, 2] }),
)
check('stdout closed', () => {
  const run = spawnSync('sh', ['-c', `"${process.execPath}" "${cli}" inspect "${demo}" | head -1; true`], {
    encoding: 'utf8',
  })
  return { faults: /EPIPE|at .*:\d+/.test(run.stderr) ? [run.stderr.slice(0, 100)] : [], said: run.stdout.trim() }
})

// ---- stopped half-way
const stopped = (signal, wanted) => async () => {
  const input = ensureModel('dense-512')
  const home = at(`stop-${signal}`)
  mkdirSync(home)
  const out = join(home, 'out.onnx')
  const child = spawn(process.execPath, [cli, ...quantize(input, out, '--no-verify')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let stderr = ''
  child.stderr.on('data', (part) => (stderr += part))
  const done = new Promise((resolve) => child.on('exit', (code, sign) => resolve(code ?? sign)))
  const started = Date.now()
  while (!readdirSync(home).length && Date.now() - started < 20_000) await new Promise((r) => setTimeout(r, 5))
  await new Promise((r) => setTimeout(r, 80))
  child.kill(signal)
  const status = await done
  const left = readdirSync(home)
  const faults = []
  if (status !== wanted) faults.push(`ended with ${status}, wanted ${wanted}`)
  if (left.includes('out.onnx')) faults.push('a half file has the final name (or the run was over before the signal)')
  if (signal === 'SIGINT' && left.length) faults.push(`left ${left}`)
  if (left.length > 1) faults.push(`more than one staged: ${left}`)
  const again = tersor(quantize(input, out, '--no-verify'))
  const after = readdirSync(home)
  if (again.status !== 0) faults.push(`next run: exit ${again.status} ${again.stderr.slice(0, 100)}`)
  if (after.some((name) => !name.startsWith('out.onnx'))) faults.push(`next run leaves ${after}`)
  return { faults, said: `staged after the signal: ${left.join(' ') || 'nothing'}` }
}
check('kill -9 half-way', stopped('SIGKILL', 'SIGKILL'))
check('Ctrl-C half-way', stopped('SIGINT', 130))

const lines = [['check', 'result', 'said']]
let failed = 0
for (const { name, run } of checks) {
  if (!name.includes(options.match)) continue
  let found
  try {
    found = await run()
  } catch (error) {
    found = { faults: [`the check itself failed: ${error.message}`] }
  }
  if (found.faults?.length) failed++
  lines.push([
    name,
    found.skipped ? `skipped: ${found.skipped}` : found.faults.length ? `FAIL ${found.faults.join('; ')}` : 'ok',
    (found.said ?? '').slice(0, 140),
  ])
}
rmSync(folder, { recursive: true, force: true })
for (const [name, result, said] of lines.slice(1))
  console.log(
    `${result === 'ok' ? 'ok  ' : '    '} ${name}: ${result === 'ok' ? said : `${result}${said ? ` | ${said}` : ''}`}`,
  )
console.log(`\n${lines.length - 1} checks, ${failed} failed`)
process.exitCode = failed ? 1 : 0
