import { TersorError } from '../../errors.ts'
import type { SessionInput } from '../../model/runtime.ts'
import { isFloat } from '../../numbers/dtype.ts'
import { describeShape } from '../dimensions.ts'
import { DEFAULT_RATE } from '../fill.ts'
import { roleOf } from '../input-role.ts'
import type { MelRecipe, SoundRecipe, SpectrumRecipe } from './recipe.ts'

/** Where the values of a chunk go in the input's shape. */
export interface SoundInput {
  readonly input: SessionInput
  /** Integer input that is told the rate. */
  readonly rateInput: SessionInput | undefined
  /** Samples a second. */
  readonly rate: number
  /** Axis of time, and of features where there are any; all others have one element, but the last of a complex spectrum. */
  readonly timeAxis: number
  readonly featureAxis: number | undefined
  /** Samples, or frames of features, in one chunk; undefined: the whole sound. */
  readonly length: number | undefined
  readonly spectrum: SpectrumRecipe | undefined
  readonly mel: MelRecipe | undefined
  readonly coefficients: number | undefined
}

type Size = SessionInput['shape'][number]

/** Finds the input for sound and completes the recipe from its shape. E_UNSUPPORTED, E_USAGE when they do not fit. */
export function soundInputOf(inputs: readonly SessionInput[], recipe: SoundRecipe): SoundInput {
  const input = theOne(inputs)
  const rateInput = inputs.find((other) => roleOf(other) === 'rate')
  const rate = recipe.rate ?? DEFAULT_RATE
  const parts = { input, rateInput, rate }
  if (recipe.spectrum === undefined) return waveform(parts, inputs, recipe)
  return features(parts, recipe, recipe.spectrum)
}

type Parts = Pick<SoundInput, 'input' | 'rateInput' | 'rate'>

function waveform(parts: Parts, inputs: readonly SessionInput[], recipe: SoundRecipe): SoundInput {
  const { shape, name } = parts.input
  // Time is the last axis that is not one: [N, T], [N, 1, T], [T], [N, T, 1].
  const timeAxis = shape.length > 1 && shape.at(-1) === 1 ? shape.length - 2 : shape.length - 1
  const others = shape.filter((_, axis) => axis !== timeAxis)
  if (shape.length > 3 || others.some((size, axis) => typeof size === 'number' && size !== 1 && axis > 0))
    throw unfit(parts.input, 'a waveform')
  const fixed = shape[timeAxis]
  const length = typeof fixed === 'number' ? fixed : recipe.frame
  if (typeof fixed === 'number' && recipe.frame !== undefined && recipe.frame !== fixed) {
    throw new TersorError(
      'E_USAGE',
      `--preprocess says frame=${recipe.frame}, and input "${name}" takes ${fixed} samples`,
      { where: name },
    )
  }
  if (length === undefined && inputs.some((other) => roleOf(other) === 'state')) {
    throw new TersorError(
      'E_USAGE',
      `input "${name}" takes a sound piece by piece, and does not say how many samples a piece has`,
      {
        where: name,
        hint: 'add --preprocess wave,frame=512, or with samples of the chunk before wave,frame=576,step=512 (what the model was made for)',
      },
    )
  }
  return {
    ...parts,
    timeAxis,
    featureAxis: undefined,
    length,
    spectrum: undefined,
    mel: undefined,
    coefficients: undefined,
  }
}

function features(parts: Parts, recipe: SoundRecipe, given: Partial<SpectrumRecipe>): SoundInput {
  const { input, rate } = parts
  const complex = recipe.mel === undefined
  const shape = complex ? withoutPair(input) : input.shape
  const bins = complex ? binsIn(shape, given.fft) : undefined
  const spectrum = completeSpectrum(given, rate, bins === undefined ? undefined : 2 * (bins - 1))
  const wanted = complex
    ? Math.floor(spectrum.fft / 2) + 1
    : recipe.coefficients !== undefined
      ? recipe.coefficients || undefined
      : recipe.mel?.bands
  const { timeAxis, featureAxis, count } = axesOf(input, shape, wanted)
  const mel = complex
    ? undefined
    : completeMel(recipe.mel ?? {}, rate, recipe.coefficients === undefined ? count : undefined)
  const coefficients = recipe.coefficients === undefined ? undefined : count
  if (mel !== undefined && coefficients !== undefined && coefficients > mel.bands) {
    throw new TersorError('E_USAGE', `--preprocess: ${coefficients} coefficients of ${mel.bands} bands`, {
      hint: `say mels=, at least ${coefficients}`,
    })
  }
  const length = shape[timeAxis]
  return {
    ...parts,
    timeAxis,
    featureAxis,
    length: typeof length === 'number' ? length : recipe.frame,
    spectrum,
    mel,
    coefficients,
  }
}

/** A complex spectrum ends in an axis of two: real and imaginary part. */
function withoutPair(input: SessionInput): readonly Size[] {
  if (input.shape.at(-1) !== 2 || input.shape.length < 3) throw unfit(input, 'a complex spectrum')
  return input.shape.slice(0, -1)
}

function binsIn(shape: readonly Size[], fft: number | undefined): number | undefined {
  if (fft !== undefined) return Math.floor(fft / 2) + 1
  return shape.slice(1).find((size): size is number => typeof size === 'number' && size > 2 && size % 2 === 1)
}

/** 25 ms under the window, 10 ms from one to the next, a power of two for the transform; or as said. */
function completeSpectrum(
  given: Partial<SpectrumRecipe>,
  rate: number,
  fftOfModel: number | undefined,
): SpectrumRecipe {
  const fft = given.fft ?? fftOfModel
  const window = given.window ?? fft ?? Math.floor(rate / 40)
  const hop = given.hop ?? (fftOfModel === undefined ? Math.floor(rate / 100) : Math.floor(window / 2))
  const recipe = {
    window,
    hop,
    fft: fft ?? powerAtLeast(window),
    taper: given.taper ?? 'hann',
    centre: given.centre ?? false,
  } as const
  if (recipe.window <= recipe.fft) return recipe
  throw new TersorError(
    'E_USAGE',
    `--preprocess: a window of ${window} samples does not fit a transform of ${recipe.fft}`,
    { hint: 'say fft=, at least the window' },
  )
}

function powerAtLeast(length: number): number {
  let power = 1
  while (power < length) power *= 2
  return power
}

function completeMel(given: Partial<MelRecipe>, rate: number, bandsOfModel: number | undefined): MelRecipe {
  const scale = given.scale ?? 'htk'
  const low = given.low ?? (scale === 'htk' ? 20 : 0)
  const high = given.high ?? (scale === 'htk' ? Math.min(7600, rate / 2) : rate / 2)
  if (!(low >= 0 && low < high && high <= rate / 2)) {
    throw new TersorError(
      'E_USAGE',
      `--preprocess: bands from ${low} to ${high} Hz, and the sound has 0 to ${rate / 2}`,
      { hint: 'say low=, high= or rate=' },
    )
  }
  return {
    scale,
    bands: given.bands ?? bandsOfModel ?? 80,
    low,
    high,
    power: given.power ?? (scale === 'htk' ? 1 : 2),
    log: given.log ?? 'ln',
    floor: given.floor ?? (scale === 'htk' ? 1e-12 : 1e-10),
  }
}

/** Which axis counts frames and which features. Batch first; the axis with as many as wanted has the features, else the shortest. */
function axesOf(
  input: SessionInput,
  shape: readonly Size[],
  wanted: number | undefined,
): { readonly timeAxis: number; readonly featureAxis: number; readonly count: number } {
  const axes = shape
    .map((size, axis) => ({ size, axis }))
    .filter(({ size, axis }) => (axis > 0 || shape.length === 2) && size !== 1)
  const named = axes.findLast(({ size }) => wanted !== undefined && size === wanted)
  const fixed = axes.filter(({ size }) => typeof size === 'number')
  const open = axes.filter(({ size }) => typeof size !== 'number')
  // There are more frames than features, nearly always.
  const smallest = fixed.reduce<(typeof fixed)[number] | undefined>(
    (least, one) => (least === undefined || Number(one.size) <= Number(least.size) ? one : least),
    undefined,
  )
  const feature = named ?? (wanted === undefined ? smallest : open.at(-1))
  // One frame at a time: the axis of time has one element.
  const time =
    axes.find(({ axis }) => axis !== feature?.axis)?.axis ??
    shape.findLastIndex((size, axis) => size === 1 && axis > 0 && axis !== feature?.axis)
  const count = wanted ?? feature?.size
  if (feature === undefined || time < 0 || axes.length > 2 || typeof count !== 'number')
    throw unfit(input, wanted === undefined ? 'frames of features' : `frames of ${wanted} features`)
  return { timeAxis: time, featureAxis: feature.axis, count }
}

function theOne(inputs: readonly SessionInput[]): SessionInput {
  const free = inputs.filter((input) => isFloat(input.dtype) && !['state', 'mask'].includes(roleOf(input)))
  const [only] = free
  if (only !== undefined && free.length === 1) return only
  const words = inputs.map(({ name, dtype, shape }) => `"${name}" ${dtype} ${describeShape(shape)}`).join(', ')
  throw new TersorError(
    'E_UNSUPPORTED',
    `sounds need one input of floats, found ${free.length === 0 ? 'none' : free.length} among ${words}`,
    {
      hint: 'give the values as .npz, keys named like the inputs',
    },
  )
}

function unfit({ name, shape }: SessionInput, what: string): TersorError {
  return new TersorError('E_USAGE', `input "${name}" of shape ${describeShape(shape)} does not take ${what}`, {
    where: name,
    hint: 'for --preprocess there are wave, stft, logmel and mfcc, with keys',
  })
}
