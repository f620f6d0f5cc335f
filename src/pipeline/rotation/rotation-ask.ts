import { TersorError } from '../../errors.ts'
import { tryParseSchemeId } from '../../schemes/index.ts'
import { HALF_PRESETS } from '../ask.ts'

/** What `--transform` asks for beside the rotation; undefined where nothing is left. */
export interface RotationAsk {
  readonly rotates: boolean
  readonly transform: string | undefined
}

const UNFIT: ReadonlyMap<string, string> = new Map([
  ['fp16-weights', 'floats of 16 bits do not lose by large channels'],
  ['bf16-weights', 'floats of 16 bits do not lose by large channels'],
])

/** Takes `rotate` out of `--transform`. E_USAGE where it has no meaning. */
export function rotationAsk(transform: string | undefined, to: string): RotationAsk {
  const names = transform?.split(',').map((name) => name.trim()) ?? []
  // int8-static has transforms of its own, and says so.
  if (!names.includes('rotate') || to === 'int8-static') return { rotates: false, transform }
  const where = '--transform'
  const half = HALF_PRESETS.has(to) ? 'sums over many channels overflow f16 sooner than before' : undefined
  const why = UNFIT.get(to) ?? half ?? (tryParseSchemeId(to)?.family === 'half' ? UNFIT.get('fp16-weights') : undefined)
  if (why !== undefined)
    throw new TersorError('E_USAGE', `--transform rotate is not for --to ${to.slice(0, 40)}: ${why}`, {
      where,
      hint: 'it is for weights of 8 bits and fewer and for int8',
    })
  const rest = names.filter((name) => name !== 'rotate')
  if (rest.includes('awq'))
    throw new TersorError(
      'E_USAGE',
      '--transform rotate,awq: a rotation leaves no channel larger than the others, and takes the gains into which factors are folded',
      { where, hint: 'give one of them' },
    )
  return { rotates: true, transform: rest.length === 0 ? undefined : rest.join(',') }
}
