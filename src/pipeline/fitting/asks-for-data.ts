import { TersorError } from '../../errors.ts'
import { tryParseSchemeId } from '../../schemes/index.ts'
import type { Ask } from '../ask.ts'

const PRESETS: ReadonlySet<string> = new Set([
  'int8-weights',
  'int4-weights',
  'int2-weights',
  'q4',
  'q4f16',
  'q2',
  'q2f16',
  'bnb4',
])

/** Whether codes are found on data, where there are any: weight-only presets and schemes, unless a solver without data was asked for. */
export function isFitted({ to, solver, fitting }: Pick<Ask, 'to' | 'solver' | 'fitting'>): boolean {
  if (fitting !== undefined) return fitting !== 'hqq'
  const spec = tryParseSchemeId(to)
  return solver === undefined && (PRESETS.has(to) || (spec !== null && spec.family !== 'half'))
}

/** The same with what data change: a search that was asked for weighs errors by them. */
export function withData(ask: Ask): Ask {
  const { solver, to } = ask
  const weighs = solver === 'search' && (PRESETS.has(to) || tryParseSchemeId(to)?.family === 'integer')
  return weighs ? { ...ask, fitting: 'weighted' } : ask
}

/** Whether a model that can write texts is calibrated on its own. */
export function asksForOwnTexts(
  ask: Ask,
  { calib, effort }: { readonly calib?: unknown; readonly effort?: string },
): boolean {
  return effort === 'best' && calib === undefined && isFitted(ask)
}

/** `why`: no texts of the model's own, either. */
export function withoutData(why?: string): TersorError {
  const none = why === undefined ? 'none are given' : `none are given, and the model writes no texts: ${why}`
  return new TersorError('E_USAGE', `--solver gptq finds codes by what weights do to data, and ${none}`, {
    where: '--solver',
    hint: 'add --calib DATA: texts, .npz, a folder; or use --solver search',
  })
}
