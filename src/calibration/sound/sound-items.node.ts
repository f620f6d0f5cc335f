import { TersorError } from '../../errors.ts'
import type { Feeds, SessionInput } from '../../model/runtime.ts'
import { isFloat } from '../../numbers/dtype.ts'
import type { SampleItem } from '../arrays-samples.ts'
import { packFloats, packIntegers } from '../convert.ts'
import { fileWindow } from '../file-window.node.ts'
import type { SoundRecipe } from './recipe.ts'
import { resampleSound } from './resample-sound.ts'
import { SoundChunks } from './sound-chunks.ts'
import { type SoundInput, soundInputOf } from './sound-input.ts'
import { openWav, type Wav } from './wav.ts'

/** Frames of one file that are held at once: an hour at 48 kHz. */
const MOST_FRAMES = 3600 * 48_000

/** Chunks of each file, in order. A file that is damaged or empty is refused with its name. */
export async function soundItems(
  paths: readonly string[],
  inputs: readonly SessionInput[],
  recipe: SoundRecipe,
  skipped: string[],
  { skipBad }: { readonly skipBad?: boolean },
): Promise<{ readonly items: readonly SampleItem[]; readonly notes: readonly string[] }> {
  const to = soundInputOf(inputs, recipe)
  const chunks = new SoundChunks(to, recipe)
  const held = new HeldSound(to.rate)
  const items: SampleItem[] = []
  const rates = new Map<number, number>()
  let short = 0
  for (const path of paths) {
    try {
      const wav = await openWav(await fileWindow(path))
      items.push(soundItem(path, wav, to, chunks, held))
      if (Math.floor((wav.frames * to.rate) / wav.rate) < chunks.shortest) short += 1
      rates.set(wav.rate, (rates.get(wav.rate) ?? 0) + 1)
    } catch (thrown) {
      if (skipBad !== true || !(thrown instanceof TersorError)) throw thrown
      skipped.push(thrown.message)
    }
  }
  rates.delete(to.rate)
  const notes = [...rates].map(
    ([rate, count]) => `${count} ${count === 1 ? 'sound' : 'sounds'} resampled from ${rate} to ${to.rate} Hz`,
  )
  if (short > 0) notes.push(`${short} of ${paths.length} sounds are shorter than the model takes and end in silence`)
  return { items, notes }
}

function soundItem(path: string, wav: Wav, to: SoundInput, chunks: SoundChunks, held: HeldSound): SampleItem {
  if (wav.frames > MOST_FRAMES) {
    throw new TersorError('E_LIMIT', `${path}: ${wav.frames} frames of sound; at most ${MOST_FRAMES} are read`, {
      where: path,
      hint: 'cut the file into pieces',
    })
  }
  const samples = Math.floor((wav.frames * to.rate) / wav.rate)
  if (samples === 0) throw new TersorError('E_FORMAT', `${path}: holds no sound`, { where: path })
  // A sound shorter than one chunk is filled up with silence.
  const count = Math.max(1, chunks.count(samples))
  const { input, rateInput } = to
  return {
    label: path,
    count,
    gives: new Map([input, ...(rateInput === undefined ? [] : [rateInput])].map(({ name, dtype }) => [name, dtype])),
    unused: [],
    async read(index) {
      const value = chunks.value(filledUp(await held.of(wav), chunks.shortest), index)
      const feeds: Feeds = { [input.name]: value, ...(rateInput === undefined ? {} : rateFeed(rateInput, to.rate)) }
      return { label: count === 1 ? path : `${path}[${index}]`, feeds }
    },
  }
}

function rateFeed({ name, dtype, shape }: SessionInput, rate: number): Feeds {
  const data = isFloat(dtype) ? packFloats(Float64Array.of(rate), dtype) : packIntegers([rate], dtype)
  return { [name]: { dtype, shape: shape.map(() => 1), data } }
}

function filledUp(sound: Float64Array, least: number): Float64Array {
  if (sound.length >= least) return sound
  const longer = new Float64Array(least)
  longer.set(sound)
  return longer
}

/** The sound read last, at the model's rate: chunks of one file are asked for one after the other. */
class HeldSound {
  readonly #rate: number
  #path: string | undefined
  #sound: Promise<Float64Array> | undefined

  constructor(rate: number) {
    this.#rate = rate
  }

  async of(wav: Wav): Promise<Float64Array> {
    if (this.#path !== wav.label || this.#sound === undefined) {
      this.#path = wav.label
      this.#sound = wav.read(0, wav.frames).then((sound) => resampleSound(sound, wav.rate, this.#rate, wav.label))
    }
    return this.#sound
  }
}
