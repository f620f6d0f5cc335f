import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { memorySource } from '../../src/bytes/memory.ts'
import { mergeStatistics } from '../../src/calibration/merge-statistics.ts'
import { readNcnnTable } from '../../src/calibration/ncnn-table.ts'
import { readOrtCache } from '../../src/calibration/ort-cache.ts'
import { readStatistics } from '../../src/calibration/statistics-file.ts'
import type { Statistics } from '../../src/model/statistics.ts'
import { quantize as quantizeBytes } from '../../src/pipeline/quantize-bytes.ts'
import { type FileOptions, quantize } from '../../src/pipeline/quantize-file.node.ts'
import { convNet, inputsNpz } from '../fixtures/conv-net.ts'
import { lineFolder } from '../fixtures/line-folder.ts'

const folder = lineFolder()
const model = await folder.write('model.onnx', convNet())
const other = await folder.write('other.onnx', convNet(100))
let count = 0
const fresh = (ending: string): string => join(folder.path, `${count++}.${ending}`)
function data(samples: number, seed: number): string {
  const path = fresh('npz')
  writeFileSync(path, inputsNpz(samples, seed))
  return path
}
const calib = data(24, 1)
const statisticsIn = (path: string): Promise<Statistics> => readStatistics(memorySource(readFileSync(path), path))
/** What was seen, without what was chosen. */
const seenIn = async (path: string) => {
  const { choices: _, arrays: __, parts: ___, ...seen } = await statisticsIn(path)
  return seen
}

async function made(options: FileOptions, input = model) {
  const output = fresh('onnx')
  const phases = new Set<string>()
  const { onEvent } = options
  const report = await quantize(input, output, {
    to: 'int8-static',
    hashes: true,
    force: true,
    ...options,
    onEvent: (event) => {
      // What only says its name takes no time.
      if (event.total > 0) phases.add(event.phase)
      onEvent?.(event)
    },
  })
  return { report, bytes: new Uint8Array(readFileSync(output)), warnings: report.warnings.join('\n'), phases }
}

const RUNNING = ['calibrate', 'refine', 'ranges', 'bodies', 'samples', 'ends', 'learn']

describe('--statistics', () => {
  test('written by one run; without data the next makes the same bytes of it and runs nothing, as does memory', async () => {
    const statistics = fresh('statistics')
    const first = await made({ calib, statistics })
    expect(first.phases).toContain('refine')
    const file = readFileSync(statistics)
    const known = await statisticsIn(statistics)
    expect([...known.arrays!.keys()].some((name) => name.includes('/codes/'))).toBe(true)
    const again = await made({ statistics, noVerify: true })
    expect(again.bytes).toEqual(first.bytes)
    expect([...again.phases].filter((phase) => RUNNING.includes(phase))).toEqual([])
    expect(again.report.statistics).toEqual(first.report.statistics)
    expect(readFileSync(statistics)).toEqual(file)
    expect(again.warnings).toMatch(/ranges come from .*: 18 samples/)
    const { files, report } = await quantizeBytes(readFileSync(model), { to: 'int8-static', statistics: file })
    expect([...files.values()][0]).toEqual(first.bytes)
    expect(report.statistics).toEqual(first.report.statistics)
  })

  test('the bytes are those of a run without a file, and the same data again change nothing', async () => {
    const statistics = fresh('statistics')
    const plain = await made({ calib })
    const first = await made({ calib, statistics })
    const file = readFileSync(statistics)
    const again = await made({ calib, statistics, noVerify: true })
    expect([first.bytes, again.bytes]).toEqual([plain.bytes, plain.bytes])
    expect(again.phases).not.toContain('calibrate')
    expect(again.phases).not.toContain('refine')
    expect(readFileSync(statistics)).toEqual(file)
    expect(first.report.statistics).toEqual(plain.report.statistics)
  })

  test('more data are added: what is seen then is what one run over both sees', async () => {
    const more = data(10, 50)
    const [apart, alone, both] = [fresh('statistics'), fresh('statistics'), fresh('statistics')]
    await made({ calib, statistics: apart, noVerify: true })
    await made({ calib, statistics: both, noVerify: true })
    await made({ calib: more, statistics: alone, noVerify: true })
    const { warnings, phases } = await made({ calib: more, statistics: both, noVerify: true })
    expect(warnings).toMatch(/8 samples of --calib were added to the 18 in /)
    expect(phases).toContain('refine')
    const [found, wanted] = [await seenIn(both), mergeStatistics(await seenIn(apart), await seenIn(alone))]
    expect({ ...found, values: new Map([...found.values].filter(([name]) => wanted.values.has(name))) }).toEqual({
      ...wanted,
      skipped: found.skipped,
    })
    expect(wanted.values.size).toBeGreaterThan(4)
    const again = await made({ calib: more, statistics: both, noVerify: true })
    expect(again.warnings).toMatch(/ranges come from .*: 26 samples/)
  })

  test('a run that is stopped leaves what it has seen; the next one goes on to the same statistics and bytes', async () => {
    const [whole, parts] = [fresh('statistics'), fresh('statistics')]
    const wanted = await made({ calib, statistics: whole })
    const stop = new AbortController()
    const stopped = made({
      calib,
      statistics: parts,
      signal: stop.signal,
      onEvent: ({ phase, done }) => phase === 'calibrate' && done === 9 && stop.abort(),
    })
    await expect(stopped).rejects.toMatchObject({ code: 'E_ABORTED' })
    expect((await statisticsIn(parts)).unfinished).toBe(true)
    expect(readdirSync(folder.path).filter((name) => name.startsWith('.'))).toEqual([])
    await expect(made({ statistics: parts })).rejects.toMatchObject({
      code: 'E_USAGE',
      message: expect.stringMatching(/ended early/),
      hint: expect.stringMatching(/give its --calib again/),
    })
    const { warnings, bytes } = await made({ calib, statistics: parts })
    expect(warnings).toMatch(/went on from .* after \d+ samples/)
    expect(readFileSync(parts)).toEqual(readFileSync(whole))
    expect(bytes).toEqual(wanted.bytes)
  })

  test('a run that is stopped later leaves what it has seen, and only the rest is done again', async () => {
    const [whole, parts] = [fresh('statistics'), fresh('statistics')]
    const transform = 'none'
    await made({ calib, statistics: whole, transform })
    const stop = new AbortController()
    const onEvent: FileOptions['onEvent'] = ({ phase }) => phase === 'refine' && stop.abort()
    await expect(made({ calib, statistics: parts, transform, signal: stop.signal, onEvent })).rejects.toThrow(
      /abort|stopped/i,
    )
    const again = await made({ calib, statistics: parts, transform })
    expect(again.phases).not.toContain('calibrate')
    expect(readFileSync(parts)).toEqual(readFileSync(whole))
  })

  test('other options: what was seen is used, what was chosen is not; it is said what is left out without data', async () => {
    const statistics = fresh('statistics')
    await made({ calib, statistics })
    const { warnings, bytes, phases } = await made({ statistics, calibrator: 'mse', noVerify: true })
    expect(warnings).toMatch(/nothing was run, and the statistics hold nothing that was chosen/)
    expect(phases).not.toContain('refine')
    const there = await quantizeBytes(readFileSync(model), {
      to: 'int8-static',
      calibrator: 'mse',
      statistics: readFileSync(statistics),
    })
    expect([...there.files.values()][0]).toEqual(bytes)
    expect(there.report.warnings.join('\n')).toMatch(/nothing was run/)
    const refined = await made({ statistics, calib, calibrator: 'mse' })
    expect(refined.phases).toContain('refine')
    expect((await made({ statistics, calibrator: 'mse', noVerify: true })).bytes).toEqual(refined.bytes)
  })

  test('tables for other tools, from the file alone', async () => {
    const [statistics, table, cache] = [fresh('statistics'), fresh('table'), fresh('json')]
    await made({ calib, statistics })
    await made({ statistics, table, noVerify: true })
    await made({ statistics, table: cache, noVerify: true })
    expect(readNcnnTable(readFileSync(table, 'utf8')).map(({ name }) => name)).toEqual([
      ...['plain', 'depthwise', 'pointwise', 'classifier'],
    ])
    expect(readOrtCache(readFileSync(cache, 'utf8')).get('x')?.max).toBe(
      (await statisticsIn(statistics)).values.get('x')?.max,
    )
    await expect(made({ statistics, table: 'x.txt' })).rejects.toThrow(/expected a name that ends in .table or .json/)
    await expect(made({ to: 'int8', table })).rejects.toThrow(/belongs to --to int8-static/)
  })

  test('synthetic inputs give way to data', async () => {
    const statistics = fresh('statistics')
    const first = await made({ statistics, samples: 6 })
    expect((await statisticsIn(statistics)).synthetic).toBe(true)
    expect((await made({ statistics, noVerify: true })).bytes).toEqual(first.bytes)
    const { warnings } = await made({ statistics, calib })
    expect(warnings).toMatch(/were of synthetic inputs: collected again from --calib/)
    expect(await statisticsIn(statistics)).not.toHaveProperty('synthetic')
  })

  test('what is of another model, or is something else, is refused before anything is written', async () => {
    const [statistics, thesis] = [fresh('statistics'), fresh('statistics')]
    await made({ calib, statistics })
    writeFileSync(thesis, 'my thesis')
    const output = fresh('onnx')
    const refused = (options: FileOptions, input = model) =>
      expect(quantize(input, output, { to: 'int8-static', calib, ...options })).rejects
    await refused({ statistics }, other).toMatchObject({
      code: 'E_USAGE',
      message: expect.stringMatching(/statistics: these statistics are of another model/),
      hint: expect.stringMatching(/name another file/),
    })
    await refused({ statistics: thesis }).toMatchObject({ code: 'E_FORMAT' })
    await refused({ statistics: join(folder.path, 'none', 'a') }).toMatchObject({ code: 'E_OUTPUT' })
    await refused({ statistics: thesis, to: 'int8' }).toMatchObject({
      code: 'E_USAGE',
      message: expect.stringMatching(/belong to --to int8-static/),
    })
    expect(existsSync(output)).toBe(false)
    expect(readFileSync(thesis, 'utf8')).toBe('my thesis')
  })
})
