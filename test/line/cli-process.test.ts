import { execFile, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { beforeAll, expect, test } from 'vitest'
import { VERSION } from '../../src/version.ts'

/** The built command as a process of its own. */
const MAIN = join(import.meta.dirname, '..', '..', 'dist', 'cli', 'main.js')
const DIGITS = join(import.meta.dirname, '..', '..', 'demo', 'model.onnx')

const tersor = async (...words: string[]) => {
  try {
    return { code: 0, ...(await promisify(execFile)(process.execPath, [MAIN, ...words])) }
  } catch (thrown) {
    return thrown as { code: number; stdout: string; stderr: string }
  }
}

beforeAll(() => {
  if (!existsSync(MAIN)) throw new Error('dist/ is missing: run npm run build')
})

test('starts by itself where the system knows shebangs', () => {
  expect(statSync(MAIN).mode & 0o111).toBe(0o111)
})

test('--version and --help', async () => {
  expect(await tersor('--version')).toMatchObject({ code: 0, stdout: `${VERSION}\n`, stderr: '' })
  expect((await tersor('--help')).stdout).toContain('usage: tersor VERB')
})

test('no words at all: the overview on stderr and exit code 2', async () => {
  const { code, stdout, stderr } = await tersor()
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  expect(stderr).toContain('usage: tersor VERB')
})

test('a missing model is an error in words and in JSON', async () => {
  const { code, stdout, stderr } = await tersor('inspect', '/nowhere/model.onnx', '--json')
  expect(code).toBe(2)
  expect(stderr).toMatch(/^error\[E_USAGE\] .*model\.onnx/)
  expect(JSON.parse(stdout).error.code).toBe('E_USAGE')
})

test('inspects a model: JSON on stdout only', async () => {
  const { code, stdout } = await tersor('inspect', DIGITS, '--json', '-q')
  expect(code).toBe(0)
  expect(JSON.parse(stdout)).toMatchObject({ tersor: VERSION, schema: 1, command: 'inspect' })
})

test('a pipe closed early is no error and no noise', async () => {
  const child = spawn(process.execPath, [MAIN, 'inspect', DIGITS, '-v'], { stdio: ['ignore', 'pipe', 'pipe'] })
  child.stdout.destroy()
  let stderr = ''
  child.stderr.on('data', (chunk) => (stderr += chunk))
  const code = await new Promise((done) => child.on('close', done))
  expect(code).toBe(0)
  expect(stderr).not.toMatch(/EPIPE|error/)
})

test('Ctrl-C in the middle of the work: 130, one line, and nothing staged stays', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tersor-stop-'))
  try {
    const child = spawn(process.execPath, [MAIN, 'demo', '-o', folder], { stdio: ['ignore', 'ignore', 'pipe'] })
    let stderr = ''
    // The first progress line: the work has begun.
    child.stderr.once('data', () => child.kill('SIGINT'))
    child.stderr.on('data', (chunk) => {
      stderr += chunk
    })
    expect(await new Promise((done) => child.on('close', done))).toBe(130)
    expect(stderr).toMatch(/error\[E_ABORTED\] stopped by the user\n$/)
    expect(readdirSync(folder)).toEqual([])
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
