import * as v from 'valibot'
import { TersorError } from '../../errors.ts'
import type { PictureRecipe, Resize } from '../pictures/recipe.ts'
import type { RESAMPLES } from '../pictures/resample.ts'
import type { SoundRecipe } from '../sound/recipe.ts'
import type { Preprocess } from './preprocess.ts'

const length = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(16_384))
const numbers = v.union([v.number(), v.array(v.number())])
const size = v.union([
  length,
  v.pipe(v.array(length), v.length(2)),
  v.looseObject({
    shortest_edge: v.optional(length),
    longest_edge: v.optional(length),
    height: v.optional(length),
    width: v.optional(length),
  }),
])

/** The keys that decide; files hold many others. */
const CONFIG = v.looseObject({
  image_processor_type: v.nullish(v.string()),
  feature_extractor_type: v.nullish(v.string()),
  do_resize: v.nullish(v.boolean()),
  size: v.nullish(size),
  resample: v.nullish(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(5))),
  crop_pct: v.nullish(v.pipe(v.number(), v.gtValue(0), v.maxValue(1))),
  do_center_crop: v.nullish(v.boolean()),
  crop_size: v.nullish(size),
  do_rescale: v.nullish(v.boolean()),
  rescale_factor: v.nullish(v.number()),
  do_normalize: v.nullish(v.boolean()),
  image_mean: v.nullish(numbers),
  image_std: v.nullish(numbers),
  do_flip_channel_order: v.nullish(v.boolean()),
  do_pad: v.nullish(v.boolean()),
  sampling_rate: v.nullish(v.pipe(v.number(), v.integer(), v.minValue(100))),
})
type Config = v.InferOutput<typeof CONFIG>

/**
 * The recipe of a `preprocessor_config.json` of Hugging Face. E_FORMAT for what is not one, E_UNSUPPORTED for steps that are
 * not built: padding to a size, a longest edge, spectrograms.
 */
export function preprocessOfConfig(text: string, path: string): Preprocess {
  const config = configOf(text, path)
  const kind = config.image_processor_type ?? config.feature_extractor_type ?? ''
  const audible = config.sampling_rate !== null && config.sampling_rate !== undefined
  if (audible && config.image_mean === undefined) return { text: path, sound: soundOf(config, kind, path) }
  return { text: path, picture: pictureOf(config, kind, path) }
}

function configOf(text: string, path: string): Config {
  let data: unknown
  try {
    data = JSON.parse(text)
  } catch (cause) {
    throw new TersorError('E_FORMAT', `${path} is not JSON: ${(cause as Error).message}`, { where: path, cause })
  }
  const { success, output, issues } = v.safeParse(CONFIG, data)
  const issue = issues?.[0]
  if (!success) {
    const key = issue?.path?.map((step) => String(step.key)).join('.') ?? ''
    throw new TersorError(
      'E_FORMAT',
      `${path}: expected ${issue?.expected ?? 'another value'} at "${key}", found ${issue?.received}`,
      {
        where: path,
      },
    )
  }
  const known = ['do_resize', 'do_rescale', 'do_normalize', 'image_mean', 'size', 'sampling_rate', 'crop_size']
  if (known.some((key) => Object.hasOwn(output, key))) return output
  throw new TersorError('E_FORMAT', `${path}: expected a preprocessor_config.json, found none of its keys`, {
    where: path,
  })
}

function pictureOf(config: Config, kind: string, path: string): PictureRecipe {
  const asked = (flag: boolean | null | undefined, otherwise: boolean) => flag ?? otherwise
  const cropped = asked(config.do_center_crop, config.crop_size !== null && config.crop_size !== undefined)
  const crop = cropped && config.crop_size ? exactOf(config.crop_size, path) : undefined
  const resize = asked(config.do_resize, config.size !== null && config.size !== undefined)
    ? resizeOf(config, cropped, kind, path)
    : undefined
  const scaled = asked(config.do_rescale, true)
  const normal = asked(config.do_normalize, config.image_mean !== null && config.image_mean !== undefined)
  const list = (values: Config['image_mean'], otherwise: readonly number[]) =>
    values === null || values === undefined ? otherwise : typeof values === 'number' ? [values] : values
  const std = normal ? list(config.image_std, [0.5]) : [1]
  if (std.some((value) => value === 0)) throw new TersorError('E_FORMAT', `${path}: image_std holds 0`, { where: path })
  return {
    ...(resize === undefined ? {} : { resize }),
    ...(crop === undefined ? enlargedCrop(config, resize) : { crop }),
    resample: PILLOW[config.resample ?? 2]!,
    scale: scaled ? (config.rescale_factor ?? 1 / 255) : 1,
    mean: normal ? list(config.image_mean, [0.5]) : [0],
    std,
    ...(config.do_flip_channel_order === true ? { channels: 'bgr' } : {}),
  }
}

/** ConvNeXt says the crop as its size. */
function enlargedCrop({ size: said }: Config, resize: Resize | undefined): Pick<PictureRecipe, 'crop'> {
  const edge = typeof said === 'object' && said !== null && 'shortest_edge' in said ? said.shortest_edge : undefined
  if (typeof edge !== 'number' || resize?.kind !== 'short' || resize.size === edge) return {}
  return { crop: { height: edge, width: edge } }
}

/** Pillow's numbers. */
const PILLOW: readonly (typeof RESAMPLES)[number][] = ['nearest', 'lanczos', 'bilinear', 'bicubic', 'box', 'hamming']

function resizeOf(config: Config, cropped: boolean, kind: string, path: string): Resize | undefined {
  const { size: said, crop_pct: share } = config
  if (said === null || said === undefined) return undefined
  const short = (edge: number): Resize => {
    // ConvNeXt: below 384 the picture is larger by 1 / crop_pct, and the crop is `size`.
    const enlarged = share !== null && share !== undefined && edge < 384
    return { kind: 'short', size: enlarged ? Math.floor(edge / share) : edge }
  }
  if (typeof said === 'number')
    return cropped || /CLIP|ConvN|ResNet/.test(kind) ? short(said) : { kind: 'exact', height: said, width: said }
  if (!Array.isArray(said) && 'shortest_edge' in said && said.shortest_edge !== undefined) {
    if (said.longest_edge === undefined || said.longest_edge === null) return short(said.shortest_edge as number)
  }
  return { kind: 'exact', ...exactOf(said, path) }
}

function exactOf(said: NonNullable<Config['size']>, path: string): { height: number; width: number } {
  if (typeof said === 'number') return { height: said, width: said }
  if (Array.isArray(said)) return { height: said[0]!, width: said[1]! }
  const { height, width, shortest_edge: edge, longest_edge: longest } = said
  if (height !== undefined && width !== undefined) return { height, width }
  if (edge !== undefined && longest === undefined) return { height: edge, width: edge }
  throw new TersorError('E_UNSUPPORTED', `${path}: sizes by a longest edge are not built`, {
    where: path,
    hint: 'give the keys instead, such as --preprocess resize=800x1024,scale=1/255',
  })
}

function soundOf(config: Config, kind: string, path: string): SoundRecipe {
  if (!/Wav2Vec2/.test(kind)) {
    throw new TersorError('E_UNSUPPORTED', `${path}: the features of "${kind}" are not built from a configuration`, {
      where: path,
      hint: 'say them, such as --preprocess logmel,rate=16000,window=400,hop=160,fft=400,mels=80',
    })
  }
  return { rate: config.sampling_rate!, standardize: config.do_normalize ?? true }
}
