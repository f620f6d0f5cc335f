import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { buildModel, f32, node, value } from '../../test/fixtures/build.ts'
import { createReferenceKernels } from '../kernels/index.ts'
import { TapFiles } from './tap-files.node.ts'

const tools = { kernels: createReferenceKernels(), notify: () => undefined }
let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tersor-test-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const model = buildModel({
  nodes: [node('Add', ['x', 'w'], ['y'])],
  initializers: [f32('w', [1], [1])],
  inputs: [value('x', 'f32', [1])],
  outputs: [value('y', 'f32', [1])],
})

test('a copy goes alone, all go in the end', async () => {
  const files = new TapFiles(tools, folder)
  const [first, second] = [await files.path('first', () => model), await files.path('second', () => model)]
  expect(await files.path('first', () => model)).toBe(first)
  files.remove('first')
  files.remove('none')
  expect([existsSync(first), existsSync(second)]).toEqual([false, true])
  // What was removed can be asked for again.
  expect(existsSync(await files.path('first', () => model))).toBe(true)
  files.close()
  expect(readdirSync(folder)).toEqual([])
})

test('folders of killed runs are removed, those of living ones stay', async () => {
  const [dead, living, other] = [`.taps.tersor-999999999-a`, `.taps.tersor-${process.ppid}-b`, 'something']
  for (const name of [dead, living, other]) {
    mkdirSync(join(folder, name))
    writeFileSync(join(folder, name, '1.onnx'), 'copy')
  }
  const files = new TapFiles(tools, folder)
  const own = dirname(await files.path('one', () => model))
  expect(readdirSync(folder).sort()).toEqual([living, other, own.slice(folder.length + 1)].sort())
  files.close()
})
