/**
 * The acceptance checks one after another; exit code 1 when one of them fails.
 *
 *     npm run acceptance -- DIR [--only conformance,malformed,...]
 *
 * DIR holds conformance-onnx/, malformed/ and the models of the sweep; run npm run build first. Each check is a script of its own with
 * more options, see its head.
 */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { seconds, table } from './table.mjs'

const { values: options, positionals } = parseArgs({ allowPositionals: true, options: { only: { type: 'string' } } })
const [root] = positionals
if (!root) throw new Error('which folder? npm run acceptance -- DIR')

const checks = [
  ['conformance', join(root, 'conformance-onnx')],
  ['raise-opset', join(root, 'conformance-onnx')],
  ['malformed', join(root, 'malformed')],
  ['edge-inputs'],
  ['arrays'],
  ['pack'],
  ['sweep', root],
  ['result-speed', root],
]
const names = checks.map(([name]) => name)
const wanted = options.only === undefined ? names : options.only.split(',')
for (const name of wanted)
  if (!names.includes(name)) throw new Error(`unknown check "${name}"; there are ${names.join(', ')}`)

const rows = checks
  .filter(([name]) => wanted.includes(name))
  .map(([name, ...words]) => {
    console.log(`\n== ${name}`)
    const script = fileURLToPath(new URL(`acceptance/${name}.mjs`, import.meta.url))
    const start = performance.now()
    const { status } = spawnSync(process.execPath, [script, ...words], { stdio: 'inherit' })
    return [name, status === 0 ? 'passed' : 'FAILED', seconds(performance.now() - start)]
  })
console.log(`\n${table([['check', 'result', 'time'], ...rows])}`)
if (rows.some(([, result]) => result !== 'passed')) process.exitCode = 1
