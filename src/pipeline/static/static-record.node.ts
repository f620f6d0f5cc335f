import { sampleDigest } from '../../calibration/sample-digest.ts'
import { sha256 } from '../../calibration/statistics.ts'
import { TersorError } from '../../errors.ts'
import type { Model } from '../../model/graph.ts'
import type { Statistics } from '../../model/statistics.ts'
import type { Tools } from '../../model/tools.ts'
import { modelFingerprint } from '../model-fingerprint.ts'
import { openStatistics, saveStatistics } from '../statistics-file.node.ts'
import { dataOf } from '../statistics-need.ts'
import { DATA, StatisticsRecord } from '../statistics-record.ts'
import type { StaticInputOptions, StaticInputs } from './static-inputs.node.ts'

export interface OpenRecord {
  readonly record: StatisticsRecord
  readonly notes: readonly string[]
}

/**
 * What is known before a run and what it finds, kept in the file that `--statistics` names. A file of a finished run is used as it is; samples of
 * `--calib` that it does not come from are added to it. One of a run that ended early is gone on from. E_USAGE for a file of another
 * model, E_FORMAT, E_LIMIT and E_UNSUPPORTED for another file, E_OUTPUT where none could be written.
 */
export async function openRecord(
  model: Model,
  key: string,
  inputs: StaticInputs,
  options: StaticInputOptions,
  tools: Tools,
): Promise<OpenRecord> {
  const { statistics: path, calib } = options
  const synthetic = calib === undefined
  const hashed = modelFingerprint(model, tools.signal)
  const known = { key, hasData: true, synthetic }
  if (path === undefined) {
    hashed.catch(() => undefined)
    return { record: new StatisticsRecord({ ...known, model: hashed, use: 'collect' }), notes: [] }
  }
  const fingerprint = await hashed
  const base = { ...known, model: fingerprint }
  const save = async (statistics: Statistics): Promise<void> => {
    await saveStatistics(path, statistics)
  }
  const saved = await openStatistics(path, { fingerprint, values: [] })
  const anew = async () => new StatisticsRecord({ ...base, use: 'collect', save, data: await dataKey(inputs) })
  if (saved === undefined) return { record: await anew(), notes: [] }
  if (saved.synthetic && !synthetic) {
    const note = `the statistics in ${path} were of synthetic inputs: collected again from --calib`
    return { record: await anew(), notes: [note] }
  }
  if (saved.unfinished) {
    if (synthetic && !saved.synthetic) {
      throw new TersorError('E_USAGE', `${path}: the run that wrote these statistics ended early`, {
        where: path,
        hint: 'give its --calib again: it goes on from there',
      })
    }
    const data = await dataKey(inputs)
    if (saved.choices?.get(DATA) !== data) {
      const note = `the statistics in ${path} were of a run over other data that ended early: collected from the start`
      return { record: await anew(), notes: [note] }
    }
    const seen = saved.labels.length
    const notes = seen === 0 ? [] : [`went on from ${path}, which an earlier run had left after ${seen} samples`]
    return { record: new StatisticsRecord({ ...base, use: 'collect', save, data, saved }), notes }
  }
  const done = { ...base, saved, save }
  const from = `ranges come from ${path}: ${dataOf(saved)}${firstOf(saved)}`
  if (synthetic) return { record: new StatisticsRecord({ ...done, hasData: false, use: 'use' }), notes: [from] }
  const added = await unseen(saved, inputs, tools)
  if (added.length === 0) return { record: new StatisticsRecord({ ...done, use: 'use' }), notes: [from] }
  if (saved.carried.length > 0) {
    throw new TersorError(
      'E_USAGE',
      `${path}: these statistics carry states from sample to sample (${saved.carried[0]}), and --calib has ${added.length} samples that they do not come from: such sequences cannot be put together`,
      { where: path, hint: 'name another file for these data, or leave out --calib to use the file as it is' },
    )
  }
  inputs.addOnly(added)
  const note = `${added.length} samples of --calib were added to the ${saved.labels.length} in ${path}; what was chosen for those alone was chosen again`
  return { record: new StatisticsRecord({ ...done, use: 'add' }), notes: [note] }
}

/** Samples that statistics do not come from, by content. */
async function unseen(saved: Statistics, inputs: StaticInputs, tools: Tools): Promise<readonly number[]> {
  const samples = await inputs.samples()
  const known = new Set(saved.digests ?? [])
  const found: number[] = []
  for (let index = 0; index < samples.count; index++) {
    tools.signal?.throwIfAborted()
    tools.notify({ phase: 'samples', done: index, total: samples.count })
    if (!known.has(await sampleDigest((await samples.at(index)).feeds))) found.push(index)
  }
  return found
}

/** One text for the samples: how many there are, and the contents of the first and the last. */
async function dataKey(inputs: StaticInputs): Promise<string> {
  const samples = await inputs.samples()
  const parts: string[] = [String(samples.count)]
  for (const index of samples.count === 0 ? [] : [0, samples.count - 1])
    parts.push(await sampleDigest((await samples.at(index)).feeds))
  return sha256(new TextEncoder().encode(parts.join(' ')))
}

function firstOf({ labels, synthetic }: Statistics): string {
  return labels[0] === undefined || synthetic ? '' : `, the first ${labels[0]}`
}
