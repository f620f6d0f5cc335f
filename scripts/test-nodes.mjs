#!/usr/bin/env node
/**
 * A smoke set on every Node that we promise: the built command inspects, quantizes to two presets and compares the bundled
 * model, and all versions must write the same bytes. Node comes from the npm package `node`.
 *
 *   node scripts/test-nodes.mjs [VERSION ...]      default 20 22 24; run npm run build first
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..')
const MAIN = join(ROOT, 'dist', 'cli', 'main.js')
const MODEL = join(ROOT, 'demo', 'model.onnx')
const versions = process.argv.length > 2 ? process.argv.slice(2) : ['20', '22', '24']
if (!existsSync(MAIN)) throw new Error('dist/ is missing: run npm run build')

const folder = mkdtempSync(join(tmpdir(), 'tersor-nodes-'))
let passed = 0
let failed = 0
const hashes = new Map()

function node(version, ...words) {
  const { status, stdout, stderr } = spawnSync('npx', ['-y', '-p', `node@${version}`, '--', 'node', ...words], {
    cwd: folder,
    encoding: 'utf8',
  })
  return { status, stdout: stdout ?? '', stderr: stderr ?? '' }
}

function check(version, what, good, detail = '') {
  if (good) passed++
  else failed++
  console.log(`node ${version}  ${good ? 'ok    ' : 'FAILED'}  ${what}${good ? '' : `\n${detail}`}`)
}

try {
  for (const version of versions) {
    const { stdout } = node(version, '-p', 'process.version')
    check(version, `is ${stdout.trim()}`, stdout.startsWith(`v${version}.`), stdout)
    const help = node(version, MAIN, '--help')
    check(version, '--help', help.status === 0 && help.stdout.includes('usage:'), help.stderr)
    const looked = node(version, MAIN, 'inspect', MODEL, '--json', '-q')
    check(
      version,
      'inspect',
      looked.status === 0 && JSON.parse(looked.stdout || '{}').command === 'inspect',
      looked.stderr,
    )
    for (const preset of ['int8', 'int4-weights']) {
      const output = join(folder, `${version}.${preset}.onnx`)
      const made = node(version, MAIN, 'quantize', MODEL, '-o', output, '--to', preset, '-q')
      check(version, `quantize --to ${preset}`, made.status === 0, made.stderr)
      if (made.status !== 0) continue
      const hash = createHash('sha256').update(readFileSync(output)).digest('hex')
      const first = hashes.get(preset) ?? hash
      hashes.set(preset, first)
      check(version, `${preset}: the same bytes as on node ${versions[0]}`, hash === first, `${hash}\n${first}`)
      const compared = node(version, MAIN, 'compare', MODEL, output, '--json', '-q')
      check(version, `compare with ${preset}`, compared.status === 0, compared.stderr)
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
