/**
 * What a stranger gets: `npm pack`, then `npm i` of that in an empty folder without any .npmrc, then `npx tersor quantize`.
 *
 *     node bench/acceptance/pack.mjs [MODEL] [--keep]
 *
 * Four installs: plain (where onnxruntime-node's installer cannot reach its download host npm drops the package, since it is optional, and
 * onnxruntime-web must prove), with `--ignore-scripts` (native runtime), with the download skipped by the user, and with
 * `--omit=optional` (no runtime at all: still quantizes, verdict unproven).
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { seconds, table } from '../table.mjs'

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { keep: { type: 'boolean', default: false } },
})
const repository = fileURLToPath(new URL('../../', import.meta.url))
const model = resolve(positionals[0] ?? join(repository, 'demo/model.onnx'))
const folder = mkdtempSync(join(tmpdir(), 'tersor-pack-'))
const shell = (command, args, where, extra = {}) => {
  const start = performance.now()
  const run = spawnSync(command, args, {
    cwd: where,
    env: { ...clean, ...extra },
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  })
  return { ...run, ms: performance.now() - start }
}

// A stranger's npm: the registry and nothing else of this machine's settings.
const registry = spawnSync('npm', ['config', 'get', 'registry'], { cwd: folder, encoding: 'utf8' }).stdout.trim()
const settings = join(folder, 'settings')
writeFileSync(settings, `registry=${registry}\n`)
const clean = Object.fromEntries(Object.entries(process.env).filter(([key]) => !/^(npm_|ONNXRUNTIME)/i.test(key)))
clean.NPM_CONFIG_USERCONFIG = settings

const packed = shell('npm', ['pack', '--json', '--pack-destination', folder], repository)
if (packed.status !== 0) throw new Error(`npm pack failed: ${packed.stderr}`)
const [about] = JSON.parse(packed.stdout.slice(packed.stdout.indexOf('[')))
const archive = join(folder, about.filename)
console.log(`${about.filename}: ${about.size} bytes packed, ${about.unpackedSize} unpacked, ${about.entryCount} files`)
const strange = about.files
  .map((f) => f.path)
  .filter((p) => /(^|\/)(src|test|bench|assembly)\/|\.test\.|\.npmrc|\.env/.test(p))
if (strange.length) console.log(`  files that a user does not need: ${strange.slice(0, 10).join(', ')}`)

const diskOf = (path) =>
  readdirSync(path, { withFileTypes: true, recursive: true }).reduce(
    (sum, entry) => (entry.isFile() ? sum + statSync(join(entry.parentPath ?? entry.path, entry.name)).size : sum),
    0,
  )

const ways = [
  { name: 'plain', args: [], want: ['proven', 'plausible'] },
  { name: '--ignore-scripts', args: ['--ignore-scripts'], want: ['proven', 'plausible'] },
  { name: 'download skipped', args: [], extra: { ONNXRUNTIME_NODE_INSTALL: 'skip' }, want: ['proven', 'plausible'] },
  { name: '--omit=optional', args: ['--omit=optional'], want: ['unproven'] },
]
const lines = [
  ['install', 'npm exit', 'time', 'MB', 'runtimes installed', 'quantize exit', 'verdict', 'judged by', 'bytes', 'time'],
]
let failed = 0
for (const way of ways) {
  const app = join(folder, way.name.replace(/\W+/g, '-'))
  mkdirSync(app)
  writeFileSync(join(app, 'package.json'), '{ "name": "stranger", "private": true }\n')
  const install = shell('npm', ['i', ...way.args, archive], app, way.extra)
  const modules = join(app, 'node_modules')
  const runtimes = ['onnxruntime-node', 'onnxruntime-web'].filter((name) => existsSync(join(modules, name)))
  const used = shell('npx', ['--no', 'tersor', 'quantize', model, '-o', 'out.onnx', '--to', 'int8', '--json'], app)
  let report = {}
  try {
    report = JSON.parse(used.stdout)
  } catch {
    console.log(`  ${way.name}: ${(used.stderr || used.stdout || install.stderr).slice(0, 400)}`)
  }
  const verdict = report.verdict?.status ?? report.error?.code ?? '?'
  const good = install.status === 0 && way.want.includes(verdict) && existsSync(join(app, 'out.onnx'))
  if (!good) failed++
  lines.push([
    `${good ? '' : 'FAIL '}${way.name}`,
    install.status,
    seconds(install.ms),
    existsSync(modules) ? (diskOf(modules) / 1e6).toFixed(0) : '-',
    runtimes.join(' ') || 'none',
    used.status,
    verdict,
    report.runtime ? `${report.runtime.name} ${report.runtime.version}` : '-',
    report.output?.bytes ?? '-',
    seconds(used.ms),
  ])
  if (report.error) console.log(`  ${way.name}: ${report.error.code} ${report.error.message}`)
}
console.log(table(lines))
if (options.keep) console.log(folder)
else rmSync(folder, { recursive: true, force: true })
process.exitCode = failed ? 1 : 0
