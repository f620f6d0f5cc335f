import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'

const MAIN = join(import.meta.dirname, '..', '..', 'dist', 'cli', 'main.js')
const run = (cwd: string, ...words: string[]) => promisify(execFile)(process.execPath, [MAIN, ...words], { cwd })

let folder: string
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tersor-demo-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('the demo ends with accuracy before and after, the report and a next command that works as pasted', async () => {
  const { stdout } = await run(folder, 'demo', '-o', 'one', '-q', '--no-color')
  expect(stdout).toMatch(/accuracy +99\.44 % +9\d\.\d\d % +[+-]0\.\d\d points/)
  expect(stdout).toMatch(/^verdict +proven: /m)
  expect(stdout).toMatch(/^report +one\/report\.html$/m)
  expect(readdirSync(join(folder, 'one')).sort()).toEqual([
    'labels.csv',
    'manifest.json',
    'model.int8-weights.onnx',
    'model.onnx',
    'report.html',
    'test-images.npz',
  ])
  const page = readFileSync(join(folder, 'one', 'report.html'), 'utf8')
  expect(page.match(/<img alt="sample \d+" src="data:image\/bmp;base64,/g)).toHaveLength(20)
  expect(page).toMatch(/<span class="wrong">float \d<\/span>, <span class="wrong">now \d<\/span>/)

  const next = /^next +tersor (.*)$/m.exec(stdout)?.[1] ?? ''
  const after = await run(folder, ...next.split(' '), '-q', '--no-color')
  expect(after.stdout).toMatch(/^verdict +proven: /m)
})

test('two runs say the same and write the same bytes', async () => {
  const reports = []
  for (const name of ['two', 'three']) {
    const { stdout } = await run(folder, 'demo', '-o', name, '-q', '--json')
    const { phases: _phases, peakBytes: _peak, ...report } = JSON.parse(stdout)
    reports.push(JSON.parse(JSON.stringify(report).replaceAll(name, 'NAME')))
  }
  expect(reports[0]).toEqual(reports[1])
  expect(reports[0]).toMatchObject({
    command: 'demo',
    verdict: { status: 'proven', metric: { name: 'top1', float: 537 / 540, samples: 540 } },
  })
})
