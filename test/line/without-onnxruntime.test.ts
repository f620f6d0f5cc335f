import { execFile } from 'node:child_process'
import { copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Report } from '../../src/model/report.ts'

/*
 * The built package where it is installed without its optional dependencies: a folder of its own with a copy of dist/ and
 * only the packages that each test links into node_modules.
 */

const ROOT = join(import.meta.dirname, '..', '..')
let home = ''

beforeAll(() => {
  if (!existsSync(join(ROOT, 'dist', 'node.js'))) throw new Error('dist/ is missing: run npm run build')
  home = mkdtempSync(join(tmpdir(), 'tersor-alone-'))
  cpSync(join(ROOT, 'dist'), join(home, 'dist'), { recursive: true })
  writeFileSync(join(home, 'package.json'), '{ "type": "module" }')
  copyFileSync(join(ROOT, 'demo', 'model.onnx'), join(home, 'model.onnx'))
  for (const name of ['fflate', 'valibot']) link(name)
})
afterAll(() => rmSync(home, { recursive: true, force: true }))

function link(name: string): void {
  const path = join(home, 'node_modules', name)
  mkdirSync(dirname(path), { recursive: true })
  symlinkSync(join(ROOT, 'node_modules', name), path, 'junction')
}

async function quantized(output: string): Promise<Report> {
  const script = `
    import { quantize } from ${JSON.stringify(pathToFileURL(join(home, 'dist', 'node.js')).href)}
    const report = await quantize('model.onnx', ${JSON.stringify(output)}, { to: 'int8' })
    process.stdout.write(JSON.stringify(report))`
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], { cwd: home })
  return JSON.parse(stdout) as Report
}

test('without any onnxruntime the result is written and unproven, with the reason', async () => {
  const report = await quantized('none.onnx')
  expect(report.verdict).toMatchObject({ status: 'unproven', data: 'none', samples: 0, outputs: [] })
  expect(report.verdict?.because).toMatch(/no onnxruntime was found/)
  expect(report.verdict?.because).toMatch(/onnxruntime-node was passed over: .*not installed/)
  expect(report.verdict?.because).toMatch(/onnxruntime-web was passed over: .*not installed/)
  expect(report.verdict?.worst.length).toBeGreaterThan(0)
  expect(report.runtime).toBeUndefined()
  expect(existsSync(join(home, 'none.onnx'))).toBe(true)
})

test('the command says so too, and ends with 0', async () => {
  const main = join(home, 'dist', 'cli', 'main.js')
  const words = [main, 'quantize', 'model.onnx', '-o', 'cli.onnx', '--to', 'int8']
  const { stdout, stderr } = await promisify(execFile)(process.execPath, words, { cwd: home })
  expect(stdout + stderr).toMatch(/unproven/)
})

test('a broken onnxruntime-node is passed over, onnxruntime-web judges, and the report says which one did', async () => {
  const broken = join(home, 'node_modules', 'onnxruntime-node')
  mkdirSync(broken, { recursive: true })
  writeFileSync(join(broken, 'package.json'), '{ "name": "onnxruntime-node", "main": "index.js" }')
  writeFileSync(join(broken, 'index.js'), "throw new Error('the native library was never downloaded')")
  link('onnxruntime-web')
  const report = await quantized('web.onnx')
  expect(report.verdict).toMatchObject({ status: 'plausible', data: 'synthetic' })
  expect(report.runtime).toMatchObject({ name: 'onnxruntime-web', version: '1.30.0' })
})
