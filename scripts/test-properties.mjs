#!/usr/bin/env node
/**
 * The property tests of number formats, codecs and schemes with 10,000 cases each instead of 300: half an hour, for the night.
 *
 *   node scripts/test-properties.mjs [CASES]      default 10000
 */
import { spawnSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const cases = process.argv[2] ?? '10000'
if (!/^[1-9]\d*$/.test(cases)) throw new Error(`expected a number of cases, found ${cases}`)
const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs')
const words = ['run', 'test/line/every-scheme.test.ts', 'src/schemes', 'src/numbers', '--testTimeout=7200000']
const { status } = spawnSync(process.execPath, [vitest, ...words], {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, TERSOR_CASES: cases },
})
process.exitCode = status ?? 1
