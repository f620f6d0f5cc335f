import { TersorError } from '../../errors.ts'
import { didYouMean } from '../../near-names.ts'
import { PICTURE_PRESETS, type PictureRecipe, type PictureSize } from '../pictures/recipe.ts'
import { RESAMPLES } from '../pictures/resample.ts'
import { type MelRecipe, SOUND_PRESETS, type SoundRecipe, type SpectrumRecipe } from '../sound/recipe.ts'
import { type Entry, entriesOf } from './entries.ts'
import type { Preprocess } from './preprocess.ts'
import { preprocessOfConfig } from './preprocessor-config.ts'

const MOST_PIXELS = 16_384
const MOST_SAMPLES = 1 << 24

/** How each key of pictures changes a recipe. */
const PICTURE_KEYS: ReadonlyMap<string, (entry: Entry) => Partial<PictureRecipe>> = new Map<
  string,
  (entry: Entry) => Partial<PictureRecipe>
>([
  ['resize', (entry) => ({ resize: resizeOf(entry) })],
  ['crop', (entry) => ({ crop: sizeOf(entry) })],
  ['scale', (entry) => ({ scale: entry.number() })],
  ['mean', (entry) => ({ mean: threeOrOne(entry) })],
  ['std', (entry) => ({ std: notZero(threeOrOne(entry), entry) })],
  ['layout', (entry) => ({ layout: entry.oneOf(['nchw', 'nhwc']) })],
  ['channels', (entry) => ({ channels: channelsOf(entry) })],
  ['resample', (entry) => ({ resample: entry.oneOf(RESAMPLES) })],
])

type SoundKey = (entry: Entry, recipe: SoundRecipe) => SoundRecipe
const spectrum =
  (change: (entry: Entry) => Partial<SpectrumRecipe>): SoundKey =>
  (entry, recipe) => ({ ...recipe, spectrum: { ...recipe.spectrum, ...change(entry) } })
const mel =
  (change: (entry: Entry) => Partial<MelRecipe>): SoundKey =>
  (entry, recipe) => ({ ...recipe, spectrum: recipe.spectrum ?? {}, mel: { ...recipe.mel, ...change(entry) } })
const whole = (entry: Entry) => entry.whole(1, MOST_SAMPLES)
const FFT_LONGEST = 65_536

const SOUND_KEYS: ReadonlyMap<string, SoundKey> = new Map<string, SoundKey>([
  ['rate', (entry, recipe) => ({ ...recipe, rate: entry.whole(100, 768_000) })],
  ['frame', (entry, recipe) => ({ ...recipe, frame: whole(entry) })],
  ['step', (entry, recipe) => ({ ...recipe, step: whole(entry) })],
  ['window', spectrum((entry) => ({ window: entry.whole(2, FFT_LONGEST) }))],
  ['hop', spectrum((entry) => ({ hop: whole(entry) }))],
  ['fft', spectrum((entry) => ({ fft: entry.whole(2, FFT_LONGEST) }))],
  ['taper', spectrum((entry) => ({ taper: entry.oneOf(['hann', 'sqrt-hann', 'rect']) }))],
  ['center', spectrum((entry) => ({ centre: entry.oneOf(['yes', 'no']) === 'yes' }))],
  ['mels', mel((entry) => ({ bands: entry.whole(1, 4096) }))],
  ['mel', mel((entry) => ({ scale: entry.oneOf(['htk', 'slaney']) }))],
  ['low', mel((entry) => ({ low: entry.number() }))],
  ['high', mel((entry) => ({ high: entry.number() }))],
  ['power', mel((entry) => ({ power: entry.whole(1, 2) as 1 | 2 }))],
  ['log', mel((entry) => ({ log: entry.oneOf(['ln', 'log10', 'db']) }))],
  ['floor', mel((entry) => ({ floor: positive(entry) }))],
  [
    'coeffs',
    (entry, recipe) => ({
      ...recipe,
      spectrum: recipe.spectrum ?? {},
      mel: recipe.mel ?? {},
      coefficients: entry.whole(1, 4096),
    }),
  ],
])

/**
 * `--preprocess`: a preset, keys, keys after a preset, or the path of a `preprocessor_config.json`, also with keys after it.
 * E_USAGE with near names for what is unknown; `readConfig` gives the text of a file.
 */
export async function parsePreprocess(
  text: string,
  readConfig: (path: string) => Promise<string>,
): Promise<Preprocess> {
  const { name, entries } = entriesOf(text)
  const base: Preprocess = name === undefined ? basedOn(entries, text) : await named(name, text, readConfig)
  let { picture, sound } = base
  for (const entry of entries) {
    const ofPicture = PICTURE_KEYS.get(entry.key)
    const ofSound = SOUND_KEYS.get(entry.key)
    if (ofPicture !== undefined && picture !== undefined)
      picture = withPictureKey(picture, entry, ofPicture(entry), name)
    else if (ofSound !== undefined && sound !== undefined) sound = ofSound(entry, sound)
    else
      throw unknownKey(
        entry,
        picture === undefined ? SOUND_KEYS : PICTURE_KEYS,
        sound === undefined ? 'pictures' : 'sounds',
      )
  }
  return { text, ...(picture === undefined ? {} : { picture }), ...(sound === undefined ? {} : { sound }) }
}

/** Keys alone: pixels as they are, sizes as said; or plain sound. */
function basedOn(entries: readonly Entry[], text: string): Preprocess {
  const ofSound = entries.some(({ key }) => SOUND_KEYS.has(key))
  if (ofSound && !entries.some(({ key }) => PICTURE_KEYS.has(key))) return { text, sound: {} }
  return { text, picture: PICTURE_PRESETS.get('raw')! }
}

async function named(name: string, text: string, readConfig: (path: string) => Promise<string>): Promise<Preprocess> {
  const picture = PICTURE_PRESETS.get(name)
  if (picture !== undefined) return { text, picture }
  const sound = SOUND_PRESETS.get(name)
  if (sound !== undefined) return { text, sound }
  if (/[./\\]/.test(name)) return preprocessOfConfig(await readConfig(name), name)
  const known = [...PICTURE_PRESETS.keys(), ...SOUND_PRESETS.keys()]
  throw new TersorError(
    'E_USAGE',
    `--preprocess: there is no preset "${name.slice(0, 80)}"; there are ${known.join(', ')}`,
    {
      where: '--preprocess',
      hint:
        didYouMean(name, known) ??
        'or give a preprocessor_config.json, or keys such as resize=256,crop=224,scale=1/255',
    },
  )
}

/** Who says a crop and no resize wants no other resize than one that the preset names; who says a resize wants only that. */
function withPictureKey(
  recipe: PictureRecipe,
  { key }: Entry,
  change: Partial<PictureRecipe>,
  preset?: string,
): PictureRecipe {
  const { resize, ...rest } = recipe
  if (key !== 'crop' || resize?.kind !== 'cover') return { ...recipe, ...change }
  return preset === 'imagenet' ? { ...rest, resize: { kind: 'short', size: 256 }, ...change } : { ...rest, ...change }
}

function unknownKey({ key }: Entry, keys: ReadonlyMap<string, unknown>, what: string): TersorError {
  const hint = didYouMean(key, [...keys.keys()])
  return new TersorError(
    'E_USAGE',
    `--preprocess: there is no key "${key.slice(0, 80)}" for ${what}; there are ${[...keys.keys()].join(', ')}`,
    { where: '--preprocess', ...(hint === undefined ? {} : { hint }) },
  )
}

function sizeOf(entry: Entry): PictureSize {
  const found = /^(\d{1,5})(?:x(\d{1,5}))?$/i.exec(entry.text())
  const height = Number(found?.[1])
  const width = Number(found?.[2] ?? found?.[1])
  if (found === null || !(height >= 1 && width >= 1 && height <= MOST_PIXELS && width <= MOST_PIXELS))
    throw entry.wrong('a size such as 224 or 240x320 (height x width)')
  return { height, width }
}

function resizeOf(entry: Entry): NonNullable<PictureRecipe['resize']> {
  const size = sizeOf(entry)
  return /x/i.test(entry.text()) ? { kind: 'exact', ...size } : { kind: 'short', size: size.height }
}

function channelsOf(entry: Entry): NonNullable<PictureRecipe['channels']> {
  const said = entry.oneOf(['rgb', 'bgr', 'grey', 'gray'])
  return said === 'gray' ? 'grey' : said
}

function threeOrOne(entry: Entry): readonly number[] {
  const values = entry.numbers()
  if (values.length !== 1 && values.length !== 3) throw entry.wrong('one number or three')
  return values
}

function notZero(values: readonly number[], entry: Entry): readonly number[] {
  if (values.some((value) => value === 0)) throw entry.wrong('numbers other than 0')
  return values
}

function positive(entry: Entry): number {
  const value = entry.number()
  if (!(value > 0)) throw entry.wrong('a number above 0')
  return value
}
